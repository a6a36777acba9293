"""Forecast of a score after further labels, from a family of power laws."""

from collections.abc import Iterable, Sequence
from itertools import product
from numbers import Real
from typing import Any

import numpy as np
from scipy.stats import norm

from skactive._utils.compat import Interval, validate_parameter_constraints
from skactive._utils.validation import check_count
from skactive.evaluation.performance import CONFIDENCE, Estimate

_POWERS = (0.1, 0.25, 0.5, 1.0, 2.0)
_DEVIATIONS = (0.005, 0.01, 0.02, 0.04, 0.08)  # standard deviations of scores from the law
_LENGTHS = (100.0, 300.0, 1000.0)  # numbers of labels after which deviations are forgotten
_NOISE = 0.003  # standard deviation that is not remembered
_FIRST = 0.5, 0.3  # prior mean and standard deviation of the first score
_GAIN = 0.3, 0.3  # of the gain until there are 50 times as many labels
_GAIN_FACTOR = 50
_N_DRAWS = 2000
_CONSTRAINTS: dict[str, Any] = {
    "n_more": [Interval(Real, 1, None, closed="left")],
    "confidence": [CONFIDENCE],
}


def forecast(
    n_labels: Any,
    scores: Sequence[Estimate | float],
    n_more: int = 100,
    *,
    confidence: float = 0.9,
) -> Estimate:
    """Forecast the score that further labels will bring.

    The score after n labels is taken to be a - b n^-c, with normal distributions for a and b, plus
    a deviation, whose correlation decreases exponentially with the difference in labels: real
    curves wander. The forecast is an average over c, the size of the deviations and their
    correlation, weighted by the evidence of each (Bayesian model averaging of Gaussian processes).
    The error of an audit is taken to be the same in all scores, because its rows are the same.

    Parameters
    ----------
    n_labels : array-like of shape (m,)
        Numbers of labels at which scores are known, increasing.
    scores : sequence of m Estimate or float
        Scores between 0 and 1: estimates of one metric, or numbers such as scores on test rows.
    n_more : int, default=100
        Number of further labels.
    confidence : float in (0, 1), default=0.9
        Probability with which the interval is to contain the score.

    Returns
    -------
    estimate : Estimate
        Median and interval of the score at ``n_labels[-1] + n_more``.

    Raises
    ------
    ValueError
        If lengths differ, there are no scores, numbers of labels do not increase, or estimates are
        of different metrics.

    References
    ----------
    T. Domhan, J. T. Springenberg and F. Hutter, "Speeding up automatic hyperparameter optimization
    of deep neural networks by extrapolation of learning curves", IJCAI 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.evaluation import forecast
    >>> n = np.arange(20, 201, 20)
    >>> expected = forecast(n, 0.9 - 2 * n**-0.5, n_more=100)
    >>> abs(expected.value - (0.9 - 2 * 300**-0.5)) < 0.01
    True
    """
    validate_parameter_constraints(_CONSTRAINTS, locals(), caller_name="forecast")
    check_count(n_more, "n_more")
    draws = draw_curve(n_labels, scores, [n_more])[:, 0]
    tail = (1 - confidence) / 2
    low, middle, high = np.quantile(draws, [tail, 0.5, 1 - tail])
    return Estimate(float(middle), np.array([low, high]), confidence, common_metric(scores))


def draw_curve(n_labels: Any, scores: Sequence[Estimate | float], n_more: Any) -> np.ndarray:
    """Draw scores after further labels.

    Parameters
    ----------
    n_labels : array-like of shape (m,)
        As in `forecast`.
    scores : sequence of m Estimate or float
        As in `forecast`.
    n_more : array-like of shape (h,)
        Numbers of further labels, which may be 0.

    Returns
    -------
    draws : float64 array of shape (n_draws, h)
        Scores between 0 and 1.
    """
    n = np.asarray(n_labels, dtype=np.float64)
    if n.shape != (len(scores),) or len(n) == 0 or n[0] <= 0 or (np.diff(n) <= 0).any():
        raise ValueError(
            f"n_labels must hold {len(scores)} positive, increasing numbers, one for each score; "
            f"got {n.tolist()}."
        )
    values = np.array([score_value(score) for score in scores])
    common_metric(scores)
    shared = _standard_error(scores[-1])
    ahead = n[-1] + np.asarray(n_more, dtype=np.float64)
    grid = list(product(_POWERS, _DEVIATIONS, _LENGTHS))
    components = [_condition(n, values, ahead, *parameters) for parameters in grid]
    evidence = np.array([component[2] for component in components])
    weight = np.exp(evidence - evidence.max())
    rng = np.random.default_rng(0)
    sizes = rng.multinomial(_N_DRAWS, weight / weight.sum())
    draws = [
        mean + rng.standard_normal((size, len(ahead))) @ root.T
        for (mean, root, _), size in zip(components, sizes, strict=True)
    ]
    level = shared * rng.standard_normal((_N_DRAWS, 1))
    return np.clip(np.concatenate(draws) + level, 0, 1)


def score_value(score: Estimate | float) -> float:
    """Value of a score.

    Parameters
    ----------
    score : Estimate or float
        A fraction.

    Returns
    -------
    value : float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If it is not one number between 0 and 1.
    """
    value = np.asarray(score.value if isinstance(score, Estimate) else score)
    if value.ndim or value.dtype.kind not in "fiu" or not 0 <= value <= 1:
        raise ValueError(
            f"A score must be one number between 0 and 1, got {value}. Give an estimate of one "
            "number, such as metric='balanced_accuracy', and fractions instead of percentages."
        )
    return float(value)


def common_metric(scores: Iterable[Estimate | float]) -> str | None:
    """Metric of scores that are to be compared.

    Parameters
    ----------
    scores : iterable of Estimate or float
        The scores. Numbers, and estimates whose metric is None, fit any metric.

    Returns
    -------
    metric : str or None
        None if no metric is known.

    Raises
    ------
    ValueError
        If there are several metrics.
    """
    known = [score.metric for score in scores if isinstance(score, Estimate) and score.metric]
    metrics = list(dict.fromkeys(known))
    if len(metrics) > 1:
        raise ValueError(
            f"Scores of different metrics cannot be compared: {metrics[0]!r} and {metrics[1]!r}. "
            f"Give estimates of one metric, such as estimate_performance(..., "
            f"metric={metrics[0]!r})."
        )
    return metrics[0] if metrics else None


def _condition(
    n: np.ndarray,
    values: np.ndarray,
    ahead: np.ndarray,
    power: float,
    deviation: float,
    length: float,
) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean (h,) of later scores, root (h, h) of their covariance, and the log evidence."""
    m, at = len(n), np.concatenate([n, ahead])
    gained = (1 - (at / n[0]) ** -power) / (1 - _GAIN_FACTOR**-power)
    design = np.column_stack([np.ones(len(at)), gained])
    mean = design @ [_FIRST[0], _GAIN[0]]
    covariance = design @ np.diag([_FIRST[1] ** 2, _GAIN[1] ** 2]) @ design.T
    covariance += deviation**2 * np.exp(-np.abs(at[:, None] - at) / length)
    noisy = covariance[:m, :m] + _NOISE**2 * np.eye(m)
    residual = values - mean[:m]
    gain = np.linalg.solve(noisy, covariance[:m, m:])
    root = np.linalg.cholesky(noisy)
    evidence = -0.5 * residual @ np.linalg.solve(noisy, residual) - np.log(np.diag(root)).sum()
    rest = covariance[m:, m:] - covariance[m:, :m] @ gain
    jitter = 1e-10 * np.eye(len(ahead))
    return mean[m:] + gain.T @ residual, np.linalg.cholesky(rest + jitter), evidence


def _standard_error(score: Estimate | float) -> float:
    if not isinstance(score, Estimate):
        return 0.0
    low, high = score.interval
    return float((high - low) / 2 / norm.ppf((1 + score.confidence) / 2))
