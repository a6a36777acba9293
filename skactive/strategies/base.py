"""The interface of query strategies: QueryStrategy and SequentialStrategy."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from functools import wraps
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator

from skactive.strategies.parameters import Constraints
from skactive.strategies.view import PoolView

_LABEL = "label some rows first"
_REMEDIES = {
    "proba": f"{_LABEL}, or give ActiveClassifier a prior",
    "head_proba": _LABEL,
    "prior_proba": "give ActiveClassifier a prior, such as ZeroShotClassifier",
    "labeled_proba": _LABEL,
    "linear": f"{_LABEL}, and use a linear head on dense features",
}
#: What messages of Python and numpy say if None is used like an array.
_USES_OF_NONE = ("NoneType", "array of dimension 0", "array is 0-dimensional")


class QueryStrategy(BaseEstimator, ABC):
    """Base class of all query strategies.

    A subclass takes its parameters in ``__init__`` and implements `select`. It may implement
    `score`, too. It reads a `PoolView` and draws random numbers from ``view.rng`` only. It keeps no
    state between queries: what a later query needs, it leaves on the rows with `PoolView.note`.

    The class attribute `needs` names the inputs that the strategy requires: ``"proba"`` for
    predicted probabilities, ``"prior"`` for a prior. Without a prior, and until labels of two
    classes are known, `ActiveClassifier.query` uses `TypiClust` instead of a strategy that needs
    probabilities. It raises an error if a strategy needs a prior and there is none. An input that
    the strategy uses but does not declare may be None; an error then names it.

    The class attribute ``_parameter_constraints`` may declare valid parameter values, as in
    scikit-learn's own estimators. They are checked at each call of `select`, ``steps`` and `score`.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import PoolView, QueryStrategy
    >>> class Shortest(QueryStrategy):
    ...     def select(self, view, n):
    ...         return np.linalg.norm(view.X, axis=1).argsort()[:n]
    >>> Shortest().select(PoolView(3, X=np.array([[3.0], [-1.0], [2.0]])), 2)
    array([1, 2])
    """

    needs: frozenset[str] = frozenset()

    _parameter_constraints: ClassVar[Constraints] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in ("select", "steps", "score"):
            if name in vars(cls):
                setattr(cls, name, _with_checked_params(vars(cls)[name]))

    def _validate_params(self) -> None:
        """Check the parameters of this strategy and of nested strategies."""
        super()._validate_params()
        for value in self.get_params(deep=False).values():
            if isinstance(value, QueryStrategy):
                value._validate_params()

    def read(self, view: PoolView, attribute: str) -> Any:
        """Read a required attribute of the view.

        Parameters
        ----------
        view : PoolView
            The pool.
        attribute : str
            Name of the attribute.

        Returns
        -------
        value : object
            Value of the attribute; never None.

        Raises
        ------
        ValueError
            If the attribute is None.
        """
        value = getattr(view, attribute)
        if value is None:
            raise self._missing(attribute)
        return value

    def _missing(self, attribute: str) -> ValueError:
        remedy = f"{_REMEDIES.get(attribute, f'give PoolView {attribute}')}."
        if attribute == "proba" and "proba" not in self.needs:
            remedy += (
                " If the strategy always needs them, set needs = frozenset({'proba'}) in the class:"
                " until there are probabilities, query then uses TypiClust."
            )
        what = "the predicted probabilities, " if attribute.endswith("proba") else ""
        return ValueError(f"{type(self).__name__} needs {attribute}, {what}and got None: {remedy}")

    @abstractmethod
    def select(self, view: PoolView, n: int) -> np.ndarray:
        """Choose the rows to label next.

        Parameters
        ----------
        view : PoolView
            The pool. All its rows may be selected.
        n : int
            Number of rows, 1 <= n <= len(view).

        Returns
        -------
        positions : int64 array of shape (n,)
            Distinct positions into the view, best first.
        """

    def score(self, view: PoolView) -> np.ndarray:
        """Score each row by itself, independent of the other rows of a batch.

        Parameters
        ----------
        view : PoolView
            The pool.

        Returns
        -------
        scores : float64 array of shape (N,)
            A higher score is better. Scores are comparable within one view only. They are NaN if
            the strategy does not define them.
        """
        return np.full(len(view), np.nan)


def _with_checked_params(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def checked(self: QueryStrategy, *args: Any, **kwargs: Any) -> Any:
        self._validate_params()
        try:
            return method(self, *args, **kwargs)
        except (AttributeError, TypeError, IndexError) as error:
            views = (value for value in (*args, *kwargs.values()) if isinstance(value, PoolView))
            missing = next((view._read_as_none for view in views), None)
            if missing is None or not any(text in str(error) for text in _USES_OF_NONE):
                raise
            raise self._missing(missing) from error

    return checked


class SequentialStrategy(QueryStrategy):
    """Base class of strategies that use labels within a batch: each step sees the earlier labels.

    A subclass implements `steps`. `select` runs these steps without an annotator: it uses the
    predicted class of each row as its label.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import PoolView, SequentialStrategy
    >>> class UntilTheClassChanges(SequentialStrategy):
    ...     def steps(self, view, n):
    ...         rows, step = list(range(len(view))), 0
    ...         for _ in range(n):
    ...             row = rows.pop(step)
    ...             label = yield np.array([row])
    ...             step = 0 if label[0] == 0 else -1
    >>> proba = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.6, 0.4]])
    >>> UntilTheClassChanges().select(PoolView(4, proba=proba), 3)
    array([0, 1, 3])
    """

    needs: frozenset[str] = frozenset({"proba"})

    @abstractmethod
    def steps(self, view: PoolView, n: int) -> Generator[np.ndarray, np.ndarray, None]:
        """Choose the rows in several steps, and receive the labels after each step.

        Parameters
        ----------
        view : PoolView
            The pool.
        n : int
            Number of rows in all steps together, 1 <= n <= len(view).

        Yields
        ------
        positions : int64 array of shape (m,), m >= 1
            The next rows. The ``yield`` expression evaluates to the int64 array of their m labels,
            as positions into ``view.classes``. The labels of the last step may not be sent.
        """

    def select(self, view: PoolView, n: int) -> np.ndarray:
        predicted = np.asarray(self.read(view, "proba")).argmax(axis=1)
        return self.ask(view, n, predicted.__getitem__)

    def ask(self, view: PoolView, n: int, answer: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Run all steps, and get the labels from a function.

        Parameters
        ----------
        view : PoolView
            The pool.
        n : int
            Number of rows in all steps together, 1 <= n <= len(view).
        answer : callable
            Takes positions into the view, and returns their labels as positions into
            ``view.classes``.

        Returns
        -------
        positions : int64 array of shape (n,)
            Distinct positions into the view, in the order in which the steps chose them.
        """
        steps = self.steps(view, n)
        picks = [next(steps)]
        while sum(map(len, picks)) < n:
            picks.append(steps.send(answer(picks[-1])))
        return np.concatenate(picks)
