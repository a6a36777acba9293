"""Stopping rules, from predictions: when further labels no longer change them."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from itertools import pairwise
from numbers import Integral, Real
from typing import Any

import numpy as np

from skactive._utils.compat import Interval, validate_parameter_constraints
from skactive.evaluation.labeling_progress import LabelingProgress

_FRACTION: Any = Interval(Real, 0, 1, closed="both")
_COUNT: Any = Interval(Integral, 1, None, closed="left")


class StoppingRule(ABC):
    """Base class of stopping rules. A subclass defines `should_stop`.

    Examples
    --------
    >>> from skactive.evaluation import StoppingRule
    >>> class AfterHundred(StoppingRule):
    ...     def should_stop(self, progress):
    ...         return progress.n_labels[-1] >= 100
    """

    needs_estimates = False
    _parameter_constraints: dict[str, Any] = {}  # noqa: RUF012

    @abstractmethod
    def should_stop(self, progress: LabelingProgress) -> bool:
        """Whether to stop labeling.

        Parameters
        ----------
        progress : LabelingProgress
            All fits so far, the last one included.

        Returns
        -------
        stop : bool
            True if no further labels should be asked for.
        """

    def _check(self) -> None:
        name = type(self).__name__
        validate_parameter_constraints(self._parameter_constraints, vars(self), caller_name=name)


class StabilizingPredictions(StoppingRule):
    """Stop when predictions hardly change: Cohen's kappa of consecutive fits is high.

    Parameters
    ----------
    kappa : float in [0, 1], default=0.9
        Least mean agreement. The original rule takes 0.99, with a window of 3.
    window : int, default=2
        Number of pairs of consecutive fits whose agreement is averaged.

    References
    ----------
    M. Bloodgood and K. Vijay-Shanker, "A method for stopping active learning based on stabilizing
    predictions and the need for user-adjustable stopping", CoNLL 2009.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.evaluation import LabelingProgress, StabilizingPredictions
    >>> progress = LabelingProgress()
    >>> for n_labels in (10, 20, 30):
    ...     progress.add(np.eye(2), None, n_labels=n_labels)
    >>> StabilizingPredictions().should_stop(progress)
    True
    """

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012
        "kappa": [_FRACTION],
        "window": [_COUNT],
    }

    def __init__(self, kappa: float = 0.9, window: int = 2) -> None:
        self.kappa = kappa
        self.window = window

    def should_stop(self, progress: LabelingProgress) -> bool:
        self._check()
        last = progress.predicted[-self.window - 1 :]
        if len(last) <= self.window:
            return False
        pairs = pairwise(last)
        return float(np.mean([_cohen_kappa(*pair) for pair in pairs])) >= self.kappa


class StationaryPredictions(StoppingRule):
    """Stop when changes of the predictions no longer accumulate.

    Predictions of rows near the decision boundary change with every fit, also where the score no
    longer rises: then kappa of consecutive fits stays low. If the classifier still learns, the
    changes accumulate: fits two batches apart differ twice as much as consecutive ones, or 1.4
    times as much in a random walk. If predictions fluctuate around a limit, the ratio is about 1.

    Where almost no prediction changes, the ratio says little. Combine the rule with
    ``StabilizingPredictions(kappa=0.97, window=3)``, see `RuleCombination`.

    Parameters
    ----------
    ratio : float, default=1.5
        Largest ratio of the fraction of predictions that differ two fits apart to the fraction that
        differs between consecutive fits.
    kappa : float in [0, 1], default=0.8
        Least mean kappa of consecutive fits. Classifiers of few labels change erratically.
    window : int, default=3
        Number of pairs of fits that are averaged.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.evaluation import LabelingProgress, StationaryPredictions
    >>> progress = LabelingProgress()
    >>> for first in (0, 1, 0, 1, 0):  # one of ten predictions goes back and forth
    ...     predicted = [first, 0, 0, 0, 0, 1, 1, 1, 1, 1]
    ...     progress.add(np.eye(2)[predicted], None, n_labels=len(progress.n_labels) + 1)
    >>> StationaryPredictions(kappa=0.7).should_stop(progress)
    True
    """

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012
        "ratio": [Interval(Real, 1, None, closed="left")],
        "kappa": [_FRACTION],
        "window": [_COUNT],
    }

    def __init__(self, ratio: float = 1.5, kappa: float = 0.8, window: int = 3) -> None:
        self.ratio = ratio
        self.kappa = kappa
        self.window = window

    def should_stop(self, progress: LabelingProgress) -> bool:
        self._check()
        last = progress.predicted[-self.window - 2 :]
        if len(last) < self.window + 2:
            return False
        near = list(pairwise(last))[1:]
        far = list(zip(last, last[2:], strict=False))
        kappa = np.mean([_cohen_kappa(*pair) for pair in near])
        changed_near, changed_far = (
            np.mean([(before != now).mean() for before, now in pairs]) for pairs in (near, far)
        )
        return bool(kappa >= self.kappa and changed_far <= self.ratio * changed_near)


class OverallUncertainty(StoppingRule):
    """Stop when the mean entropy of the unlabeled rows is low.

    Parameters
    ----------
    threshold : float in [0, 1], default=0.05
        Largest mean entropy, as a fraction of that of equal probabilities.

    References
    ----------
    J. Zhu, H. Wang and E. Hovy, "Multi-criteria-based strategy to stop active learning for data
    annotation", COLING 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.evaluation import LabelingProgress, OverallUncertainty
    >>> progress = LabelingProgress()
    >>> progress.add(np.eye(2), None, n_labels=10)
    >>> OverallUncertainty().should_stop(progress)
    True
    """

    _parameter_constraints: dict[str, Any] = {"threshold": [_FRACTION]}  # noqa: RUF012

    def __init__(self, threshold: float = 0.05) -> None:
        self.threshold = threshold

    def should_stop(self, progress: LabelingProgress) -> bool:
        self._check()
        return bool(progress.uncertainty) and progress.uncertainty[-1] <= self.threshold


class ClassificationChange(StoppingRule):
    """Stop when no prediction has changed since the previous fit, or only few have.

    Parameters
    ----------
    threshold : float in [0, 1], default=0.0
        Largest fraction of the pool whose prediction has changed.

    References
    ----------
    J. Zhu, H. Wang and E. Hovy, "Multi-criteria-based strategy to stop active learning for data
    annotation", COLING 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.evaluation import ClassificationChange, LabelingProgress
    >>> progress = LabelingProgress()
    >>> progress.add(np.eye(2), None, n_labels=10)
    >>> progress.add(np.eye(2)[::-1], None, n_labels=20)
    >>> ClassificationChange().should_stop(progress)
    False
    """

    _parameter_constraints: dict[str, Any] = {"threshold": [_FRACTION]}  # noqa: RUF012

    def __init__(self, threshold: float = 0.0) -> None:
        self.threshold = threshold

    def should_stop(self, progress: LabelingProgress) -> bool:
        self._check()
        if len(progress.predicted) < 2:
            return False
        before, now = progress.predicted[-2:]
        return float((before != now).mean()) <= self.threshold


class RuleCombination(StoppingRule):
    """Stop when several of the given rules say so at the same time.

    It needs estimates, `needs_estimates`, if any of its rules does.

    Parameters
    ----------
    rules : list of StoppingRule
        The rules.
    n_agree : int, default=1
        Number of rules that must say stop: 1 for any of them, ``len(rules)`` for all.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.evaluation import (
    ...     ClassificationChange, LabelingProgress, OverallUncertainty, RuleCombination,
    ... )
    >>> progress = LabelingProgress()
    >>> progress.add(np.eye(2), None, n_labels=10)
    >>> rules = [OverallUncertainty(), ClassificationChange()]
    >>> [RuleCombination(rules, n_agree=n).should_stop(progress) for n in (1, 2)]
    [True, False]
    """

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012
        "rules": [Iterable],
        "n_agree": [_COUNT],
    }

    def __init__(self, rules: Iterable[StoppingRule], n_agree: int = 1) -> None:
        self.rules = list(rules)
        self.n_agree = n_agree

    @property
    def needs_estimates(self) -> bool:  # type: ignore[override]
        """Whether any of the rules needs estimates."""
        return any(rule.needs_estimates for rule in self.rules)

    def should_stop(self, progress: LabelingProgress) -> bool:
        self._check()
        if self.n_agree > len(self.rules):
            raise ValueError(
                f"n_agree={self.n_agree}, but there are {len(self.rules)} rules. Lower n_agree."
            )
        return sum(rule.should_stop(progress) for rule in self.rules) >= self.n_agree


def _cohen_kappa(first: np.ndarray, second: np.ndarray) -> float:
    """Agreement of two predictions, corrected for chance; 1 for equal predictions."""
    observed = float((first == second).mean())
    if observed == 1:
        return 1.0
    n_classes = int(max(first.max(), second.max())) + 1
    frequencies = [
        np.bincount(codes, minlength=n_classes) / len(codes) for codes in (first, second)
    ]
    by_chance = float(frequencies[0] @ frequencies[1])
    return (observed - by_chance) / (1 - by_chance)
