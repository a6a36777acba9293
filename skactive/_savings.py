"""How many labels one learning curve saves over another, and how sure that is."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import isotonic_regression

from skactive._utils.validation import check_count

SHARE_OF_GAIN = 0.95
LEAST_GAIN = 0.03


@dataclass(frozen=True)
class Runs:
    """Every repeat of one strategy, measured at the same numbers of labels.

    Attributes
    ----------
    repeats : array of shape (R,)
        Which repeats.
    n_labels : array of shape (M,)
        Labels at each measurement, rising.
    cost : float64 array of shape (R, M)
        What had been paid until then: labels, or money.
    score : float64 array of shape (R, M)
        Higher is better.
    """

    repeats: np.ndarray
    n_labels: np.ndarray
    cost: np.ndarray
    score: np.ndarray

    def shared_with(self, other: "Runs") -> "Runs":
        """The repeats that the other one has too, in sorted order."""
        shared, own, _ = np.intersect1d(self.repeats, other.repeats, return_indices=True)
        return Runs(shared, self.n_labels, self.cost[own], self.score[own])

    def curves(self, weights: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Mean cost and monotone mean score, for each row of weights over the repeats."""
        for cost, score in zip(weights @ self.cost, weights @ self.score, strict=True):
            yield cost, isotonic_regression(score).x


def savings_of_all(
    runs: dict[str, Runs],
    baseline: str,
    zero_shot: float | None,
    n_resamples: int,
    random_state: int,
) -> list[dict[str, Any]]:
    """What `LearningCurves.savings` tells, one row for each strategy.

    Parameters
    ----------
    runs : dict of str to Runs
        The strategies.
    baseline : str
        One of them.
    zero_shot : float or None
        The prior's own score.
    n_resamples, random_state : int
        How often, and by what chance, the repeats are drawn again.

    Returns
    -------
    rows : list of dict
        In the order of `runs`.
    """
    if baseline not in runs:
        raise ValueError(f"baseline={baseline!r} was not run; take one of {', '.join(runs)}.")
    check_count(n_resamples, "n_resamples")
    rows = []
    for strategy, all_own in runs.items():
        own, reference = all_own.shared_with(runs[baseline]), runs[baseline].shared_with(all_own)
        n_repeats = len(own.repeats)
        if n_repeats == 0:
            raise ValueError(f"strategy {strategy!r} shares no repeat with {baseline!r}.")
        rng = np.random.default_rng(random_state)
        n_drawn = n_resamples if n_repeats > 1 else 0
        weights = resampling_weights(n_repeats, n_drawn, rng)
        # the baseline against itself is the null, so the two draws of it must not be the same
        is_null = strategy == baseline
        own_weights = resampling_weights(n_repeats, n_drawn, rng) if is_null else weights
        outcome = compare(own, reference, own_weights, weights)
        rows.append({"strategy": strategy, **_row(outcome, own, zero_shot)})
    return rows


def _row(outcome: "Comparison", own: Runs, zero_shot: float | None) -> dict[str, Any]:
    savings, lead = outcome.savings, outcome.lead
    gain, target = outcome.gain[0], outcome.target[0]
    known = [] if zero_shot is None else [zero_shot]
    if own.n_labels[0] == 0:
        known.append(own.score[:, 0].mean())
    apart = ""
    if gain < LEAST_GAIN:
        apart = f"the baseline gains {gain:.3f} only"
    elif max(known, default=-np.inf) >= target:
        apart = f"the prior alone scores {max(known):.3f}"
    savings_ends = (np.nan, np.nan) if apart else interval(savings[1:])
    lead_ends = interval(lead[1:])
    return {
        "n_repeats": len(own.repeats),
        "gain": gain,
        "target": target,
        "cost": outcome.cost[0],
        "baseline_cost": outcome.baseline_cost[0],
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
    """One strategy against a baseline, for each of B ways to weigh the repeats.

    Attributes
    ----------
    gain, target : float64 arrays of shape (B,)
        How much the baseline rises in all, and the score at `SHARE_OF_GAIN` of that.
    cost, baseline_cost : float64 arrays of shape (B,)
        Cost to the target; infinite where it is not reached.
    lead : float64 array of shape (B,)
        Mean of the strategy's score less the baseline's, over the costs at which both are known.
    """

    gain: np.ndarray
    target: np.ndarray
    cost: np.ndarray
    baseline_cost: np.ndarray
    lead: np.ndarray

    @property
    def savings(self) -> np.ndarray:
        """The share of the baseline's cost that is saved, -inf where the target is not reached."""
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
        R runs each.
    own_weights, baseline_weights : float64 arrays of shape (B, R)
        Rows sum to 1.

    Returns
    -------
    comparison : Comparison
        B of them.
    """
    rows = []
    pairs = zip(own.curves(own_weights), baseline.curves(baseline_weights), strict=True)
    for curve, reference in pairs:
        start, end = reference[1][[0, -1]]
        target = start + SHARE_OF_GAIN * (end - start)
        costs = cost_to_reach(target, *curve), cost_to_reach(target, *reference)
        rows.append((end - start, target, *costs, mean_lead(curve, reference)))
    return Comparison(*np.array(rows).T)


def cost_to_reach(target: float, cost: np.ndarray, score: np.ndarray) -> float:
    """Where a monotone curve meets the target, on straight lines between its points.

    Parameters
    ----------
    target : float
        A score.
    cost, score : float64 arrays of shape (M,)
        The curve; neither ever falls.

    Returns
    -------
    cost : float
        The first point's where the curve starts over the target, inf where it ends below.
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
    """The area between two curves over its width: how far the first is above the second.

    Parameters
    ----------
    curve, reference : (costs, scores), each a pair of float64 arrays
        Two curves, straight between their points.

    Returns
    -------
    lead : float
        In units of the score; NaN where no cost is on both curves.
    """
    low, high = max(curve[0][0], reference[0][0]), min(curve[0][-1], reference[0][-1])
    if low > high:
        return np.nan
    grid = np.unique(np.clip(np.concatenate([curve[0], reference[0]]), low, high))
    lead = np.interp(grid, *curve) - np.interp(grid, *reference)
    return float(lead[0] if low == high else np.trapezoid(lead, grid) / (high - low))


def resampling_weights(n_repeats: int, n_resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Weights of bootstrap resamples, below one row for the repeats as they are.

    Parameters
    ----------
    n_repeats : int
        R.
    n_resamples : int
        B - 1.
    rng : Generator
        Chance.

    Returns
    -------
    weights : float64 array of shape (B, R)
        Rows sum to 1.
    """
    drawn = rng.multinomial(n_repeats, np.full(n_repeats, 1 / n_repeats), size=n_resamples)
    return np.vstack([np.ones(n_repeats), drawn]) / n_repeats


def interval(values: np.ndarray) -> tuple[float, float]:
    """The middle 95 % of resamples; NaN where there are fewer than two.

    Parameters
    ----------
    values : array of shape (B - 1,)
        Possibly infinite.

    Returns
    -------
    low, high : float
        Members of `values`, so that an infinite one is not averaged with another.
    """
    if len(values) < 2:
        return np.nan, np.nan
    low, high = np.quantile(values, [0.025, 0.975], method="inverted_cdf")
    return float(low), float(high)
