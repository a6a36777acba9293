"""Label savings of one learning curve over another, with bootstrap intervals."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import isotonic_regression

from skactive._utils.validation import check_count

TARGET_FRACTION = 0.95  # of the baseline's gain
MIN_GAIN = 0.03  # below it, savings are not reported


@dataclass(frozen=True)
class Runs:
    """All repeats of one strategy, measured at the same numbers of labels.

    Attributes
    ----------
    repeats : array of shape (R,)
        Identifiers of the repeats.
    n_labels : array of shape (M,)
        Number of labels at each measurement, increasing.
    cost : float64 array of shape (R, M)
        Total cost at each measurement: number of labels, or money.
    score : float64 array of shape (R, M)
        Score at each measurement; higher is better.
    """

    repeats: np.ndarray
    n_labels: np.ndarray
    cost: np.ndarray
    score: np.ndarray

    def in_common_with(self, other: "Runs") -> "Runs":
        """Runs of the repeats that both strategies have, sorted by repeat."""
        repeats, own, _ = np.intersect1d(self.repeats, other.repeats, return_indices=True)
        return Runs(repeats, self.n_labels, self.cost[own], self.score[own])

    def mean_curves(self, weights: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Weighted mean cost and monotone weighted mean score, for each row of `weights`."""
        for cost, score in zip(weights @ self.cost, weights @ self.score, strict=True):
            yield cost, isotonic_regression(score).x


def savings_per_strategy(
    runs: dict[str, Runs],
    baseline: str,
    zero_shot: float | None,
    n_resamples: int,
    random_state: int,
) -> list[dict[str, Any]]:
    """Rows of the table that `LearningCurves.savings` returns.

    Parameters
    ----------
    runs : dict of str to Runs
        Runs of each strategy.
    baseline : str
        Name of the strategy to compare with.
    zero_shot : float or None
        Score of the prior alone.
    n_resamples, random_state : int
        Number of bootstrap resamples of the repeats, and their seed.

    Returns
    -------
    rows : list of dict
        One row per strategy, in the order of `runs`.
    """
    if baseline not in runs:
        raise ValueError(
            f"baseline={baseline!r} is not among the strategies. Give one of {', '.join(runs)}."
        )
    check_count(n_resamples, "n_resamples")
    rows = []
    for strategy, all_own in runs.items():
        own = all_own.in_common_with(runs[baseline])
        reference = runs[baseline].in_common_with(all_own)
        n_repeats = len(own.repeats)
        if n_repeats == 0:
            raise ValueError(
                f"strategy {strategy!r} has no repeat in common with {baseline!r}. Give records "
                "with equal values of 'repeat'."
            )
        rng = np.random.default_rng(random_state)
        n_drawn = n_resamples if n_repeats > 1 else 0
        weights = resampling_weights(n_repeats, n_drawn, rng)
        # for the null, the baseline is compared with an independent resample of itself
        is_null = strategy == baseline
        own_weights = resampling_weights(n_repeats, n_drawn, rng) if is_null else weights
        comparison = compare(own, reference, own_weights, weights)
        rows.append({"strategy": strategy, **_row(comparison, own, zero_shot)})
    return rows


def _row(comparison: "Comparison", own: Runs, zero_shot: float | None) -> dict[str, Any]:
    savings, lead = comparison.savings, comparison.lead
    gain, target = comparison.gain[0], comparison.target[0]
    prior_scores = [] if zero_shot is None else [zero_shot]
    if own.n_labels[0] == 0:
        prior_scores.append(own.score[:, 0].mean())
    apart = ""
    if gain < MIN_GAIN:
        apart = f"the baseline gains {gain:.3f} only"
    elif max(prior_scores, default=-np.inf) >= target:
        apart = f"the prior alone scores {max(prior_scores):.3f}"
    savings_ends = (np.nan, np.nan) if apart else interval(savings[1:])
    lead_ends = interval(lead[1:])
    return {
        "n_repeats": len(own.repeats),
        "gain": gain,
        "target": target,
        "cost": comparison.cost[0],
        "baseline_cost": comparison.baseline_cost[0],
        "last_cost": own.cost[:, -1].mean(),
        "savings": np.nan if apart else savings[0],
        "savings_low": savings_ends[0],
        "savings_high": savings_ends[1],
        "apart": apart,
        "lead": lead[0],
        "lead_low": lead_ends[0],
        "lead_high": lead_ends[1],
    }


@dataclass(frozen=True)
class Comparison:
    """One strategy against a baseline, for each of B weightings of the repeats.

    Attributes
    ----------
    gain, target : float64 arrays of shape (B,)
        Total gain of the baseline, and its first score plus `TARGET_FRACTION` of that gain.
    cost, baseline_cost : float64 arrays of shape (B,)
        Cost to reach the target; infinite where the target is not reached.
    lead : float64 array of shape (B,)
        Mean score of the strategy minus mean score of the baseline, over the costs that both
        curves cover.
    """

    gain: np.ndarray
    target: np.ndarray
    cost: np.ndarray
    baseline_cost: np.ndarray
    lead: np.ndarray

    @property
    def savings(self) -> np.ndarray:
        """Fraction of the baseline's cost that is saved; -inf where the target is not reached."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = self.cost / self.baseline_cost
        return 1 - np.where(self.cost == self.baseline_cost, 1.0, ratio)


def compare(
    own: Runs, baseline: Runs, own_weights: np.ndarray, baseline_weights: np.ndarray
) -> Comparison:
    """Compare two sets of runs, once for each row of weights.

    Parameters
    ----------
    own, baseline : Runs
        Runs of the strategy and of the baseline, R repeats each.
    own_weights, baseline_weights : float64 arrays of shape (B, R)
        Weights of the repeats. Rows sum to 1.

    Returns
    -------
    comparison : Comparison
        One entry per row of weights.
    """
    rows = []
    pairs = zip(own.mean_curves(own_weights), baseline.mean_curves(baseline_weights), strict=True)
    for curve, reference in pairs:
        start, end = reference[1][[0, -1]]
        target = start + TARGET_FRACTION * (end - start)
        costs = cost_to_reach(target, *curve), cost_to_reach(target, *reference)
        rows.append((end - start, target, *costs, mean_lead(curve, reference)))
    return Comparison(*np.array(rows).T)


def cost_to_reach(target: float, cost: np.ndarray, score: np.ndarray) -> float:
    """Cost at which a monotone curve reaches a target, by linear interpolation.

    Parameters
    ----------
    target : float
        Score to reach.
    cost, score : float64 arrays of shape (M,)
        Points of the curve; both arrays are non-decreasing.

    Returns
    -------
    cost : float
        Cost of the first point if the curve starts above the target, inf if it ends below.
    """
    after = int(np.searchsorted(score, target))
    if after == 0:
        return float(cost[0])
    if after == len(score):
        return np.inf
    step = slice(after - 1, after + 1)
    return float(np.interp(target, score[step], cost[step]))


def mean_lead(
    curve: tuple[np.ndarray, np.ndarray], reference: tuple[np.ndarray, np.ndarray]
) -> float:
    """Mean difference between two curves over the costs that both cover.

    Parameters
    ----------
    curve, reference : (costs, scores), each a pair of float64 arrays
        Two piecewise linear curves.

    Returns
    -------
    lead : float
        Mean of `curve` minus `reference`; NaN if no cost is covered by both.
    """
    low, high = max(curve[0][0], reference[0][0]), min(curve[0][-1], reference[0][-1])
    if low > high:
        return np.nan
    grid = np.unique(np.clip(np.concatenate([curve[0], reference[0]]), low, high))
    lead = np.interp(grid, *curve) - np.interp(grid, *reference)
    return float(lead[0] if low == high else np.trapezoid(lead, grid) / (high - low))


def resampling_weights(n_repeats: int, n_resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Weights of the repeats: first equal weights, then bootstrap resamples.

    Parameters
    ----------
    n_repeats : int
        Number R of repeats.
    n_resamples : int
        Number B - 1 of bootstrap resamples.
    rng : Generator
        Random generator.

    Returns
    -------
    weights : float64 array of shape (B, R)
        Rows sum to 1.
    """
    drawn = rng.multinomial(n_repeats, np.full(n_repeats, 1 / n_repeats), size=n_resamples)
    return np.vstack([np.ones(n_repeats), drawn]) / n_repeats


def interval(values: np.ndarray) -> tuple[float, float]:
    """Central 95 % interval of bootstrap resamples.

    Parameters
    ----------
    values : array of shape (B - 1,)
        Values of the resamples, possibly infinite.

    Returns
    -------
    low, high : float
        Members of `values`, so that infinite values are not interpolated. NaN if there are fewer
        than two values.
    """
    if len(values) < 2:
        return np.nan, np.nan
    low, high = np.quantile(values, [0.025, 0.975], method="inverted_cdf")
    return float(low), float(high)
