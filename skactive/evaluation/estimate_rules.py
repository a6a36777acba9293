"""Stopping rules, from estimates of the score."""

from numbers import Integral, Real
from typing import Any

from scipy.stats import norm

from skactive._utils.compat import Interval
from skactive.evaluation.forecasts import draw_curve
from skactive.evaluation.labeling_progress import LabelingProgress
from skactive.evaluation.performance import Estimate
from skactive.evaluation.stopping import StoppingRule

_FRACTION: Any = Interval(Real, 0, 1, closed="both")
_PROBABILITY: Any = Interval(Real, 0, 1, closed="neither")
_COUNT: Any = Interval(Integral, 1, None, closed="left")
_POSITIVE: Any = Interval(Real, 0, None, closed="neither")


class TargetReached(StoppingRule):
    """Stop when the score is at the target with a given probability.

    The last estimate is taken to be normally distributed, with the mean and the width of its
    interval. `LabelingProgress.add` has to be given estimates.

    Parameters
    ----------
    target : float in [0, 1]
        The score to be reached.
    probability : float in (0, 1), default=0.9
        Least probability that it is reached.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.evaluation import Estimate, LabelingProgress, TargetReached
    >>> progress = LabelingProgress()
    >>> estimate = Estimate(0.85, np.array([0.82, 0.88]))
    >>> progress.add(np.eye(2), None, n_labels=10, estimate=estimate)
    >>> TargetReached(0.8).should_stop(progress), TargetReached(0.84).should_stop(progress)
    (True, False)
    """

    needs_estimates = True
    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012
        "target": [_FRACTION],
        "probability": [_PROBABILITY],
    }

    def __init__(self, target: float, probability: float = 0.9) -> None:
        self.target = target
        self.probability = probability

    def should_stop(self, progress: LabelingProgress) -> bool:
        self._check()
        estimates = _known_estimates(progress, type(self).__name__)[1]
        if not estimates:
            return False
        last = estimates[-1]
        if not isinstance(last, Estimate):
            return bool(last >= self.target)
        low, high = last.interval
        error = (high - low) / 2 / norm.ppf((1 + last.confidence) / 2)
        return bool(last.value - norm.ppf(self.probability) * error >= self.target)


class GainBelowPrice(StoppingRule):
    """Stop when the expected gain of the next batch is below its price.

    The gain is forecast from the estimates so far, see `forecast`. `LabelingProgress.add` has to be
    given estimates.

    Parameters
    ----------
    price : float, default=0.0001
        Price of a label, in units of the score: the gain per label for which you would just pay.
        The default is one point for a hundred labels.
    batch_size : int, default=100
        Number of labels in the next batch.
    min_rounds : int, default=4
        Least number of estimates. With fewer, the rule does not stop.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.evaluation import GainBelowPrice, LabelingProgress
    >>> progress = LabelingProgress()
    >>> for i, score in enumerate([0.5, 0.68, 0.7, 0.7, 0.7, 0.7]):
    ...     progress.add(np.eye(2), None, n_labels=20 * (i + 1), estimate=score)
    >>> GainBelowPrice().should_stop(progress)
    True
    """

    needs_estimates = True
    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012
        "price": [_POSITIVE],
        "batch_size": [_COUNT],
        "min_rounds": [_COUNT],
    }

    def __init__(self, price: float = 0.0001, batch_size: int = 100, min_rounds: int = 4) -> None:
        self.price = price
        self.batch_size = batch_size
        self.min_rounds = min_rounds

    def should_stop(self, progress: LabelingProgress) -> bool:
        self._check()
        n_labels, estimates = _known_estimates(progress, type(self).__name__)
        if len(estimates) < self.min_rounds:
            return False
        now, later = draw_curve(n_labels, estimates, [0, self.batch_size]).mean(axis=0)
        return bool(later - now < self.price * self.batch_size)


def _known_estimates(progress: LabelingProgress, rule: str) -> tuple[list[int], list[Any]]:
    known = progress.known_estimates()
    if progress.n_labels and not known:
        raise ValueError(
            f"{rule} needs estimates. Give LabelingProgress.add an estimate: draw an audit, and "
            "call estimate_performance after each fit."
        )
    return [n for n, _ in known], [estimate for _, estimate in known]
