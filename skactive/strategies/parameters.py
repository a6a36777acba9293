"""Constraints on the parameters of strategies, for scikit-learn's parameter validation."""

from numbers import Integral, Real
from typing import Any

from skactive._utils.compat import HasMethods, Interval, StrOptions

Constraints = dict[str, list[Any]]


class _Strategy(HasMethods):
    """An object with a method ``select``, but not a class."""

    def __init__(self) -> None:
        super().__init__("select")

    def is_satisfied_by(self, value: Any) -> bool:
        return super().is_satisfied_by(value) and not isinstance(value, type)

    def __str__(self) -> str:
        return "a strategy, such as strategies.get('margin')"


class _Strategies(_Strategy):
    """A list or tuple of at least one strategy."""

    def is_satisfied_by(self, value: Any) -> bool:
        is_list = isinstance(value, list | tuple) and len(value) > 0
        return is_list and all(map(super().is_satisfied_by, value))

    def __str__(self) -> str:
        return "a list of strategies, such as [strategies.get('margin')]"


A_STRATEGY, STRATEGIES = _Strategy(), _Strategies()
AT_LEAST_ONE = Interval(Integral, 1, None, closed="left")
NOT_NEGATIVE = Interval(Real, 0, None, closed="left")
POSITIVE = Interval(Real, 0, None, closed="neither")
FRACTION = Interval(Real, 0, 1, closed="both")
AUTO = StrOptions({"auto"})
