"""Audit: rows of a pool that are drawn at random, with known probabilities."""

from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from skactive._utils.compat import StrOptions, n_rows, validate_parameter_constraints
from skactive._utils.random import draw_seed
from skactive._utils.validation import check_count, check_positions
from skactive.evaluation.pool_predictions import pool_predictions
from skactive.evaluation.strata import confidence_strata
from skactive.pools.pool import as_pool

_LEAST_DOUBT = 0.05  # a probability of 1 is not believed
_CONSTRAINTS: dict[str, Any] = {
    "n": [Integral],
    "design": [StrOptions({"stratified", "uniform"})],
    "random_state": ["random_state"],
}


@dataclass(frozen=True, eq=False)
class Audit:
    """Rows of a pool that were drawn at random, to be labeled for an estimate of performance.

    `audit` draws it.

    Parameters
    ----------
    positions : int64 array of shape (n,)
        Positions of the drawn rows in the pool, in random order.
    inclusion : float64 array of shape (N,)
        Probability of each row of the pool to be drawn. It is 0 for excluded rows, which
        estimates do not refer to.
    X_pool : container of N rows or None
        The pool, kept to predict it again with a classifier that has learned more.

    Attributes
    ----------
    weights : float64 array of shape (n,)
        Importance weights of the drawn rows: 1 / (probability to be drawn).

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.evaluation import Audit
    >>> drawn = Audit(np.array([3]), np.full(4, 0.25), None)
    >>> drawn.weights
    array([4.])
    """

    positions: np.ndarray
    inclusion: np.ndarray
    X_pool: Any

    @property
    def weights(self) -> np.ndarray:
        return 1 / self.inclusion[self.positions]


def audit(
    clf: Any,
    X_pool: Any,
    n: int,
    *,
    exclude: Any = None,
    design: str = "stratified",
    random_state: int | np.random.RandomState | None = None,
) -> Audit:
    """Draw rows to be labeled for an estimate of performance.

    Strata are formed by predicted class and confidence. The expected number of rows of a stratum
    is proportional to the square root of its size and to the standard deviation of correctness
    that the probabilities predict: Neyman allocation, with a power of the size so that a class
    that is rarely predicted gets its rows. The sample is systematic within the sorted strata, so
    the probability of each row to be drawn is known exactly.

    Parameters
    ----------
    clf : classifier, or float array of shape (N, K)
        A classifier with ``predict_proba``, or its probabilities for the rows of the pool.
    X_pool : container of N rows, or None
        The pool. It may be None where probabilities are given.
    n : int
        Number of rows; at most as many as are not excluded.
    exclude : int array, or bool array of shape (N,), default=None
        Positions, or a mask, of rows that do not belong to the audited population: rows whose
        labels are known already.
    design : {"stratified", "uniform"}, default="stratified"
        Whether rows are drawn by strata, or all with the same probability.
    random_state : int, RandomState instance or None, default=None
        Seed of the sample.

    Returns
    -------
    audit : Audit
        The drawn rows, ``audit.positions``, and their probabilities.

    Raises
    ------
    ValueError
        If n is less than 1 or exceeds the number of rows, or the probabilities are invalid.

    References
    ----------
    J. Neyman, "On the two different aspects of the representative method", JRSS 97, 1934.

    M. D. Bankier, "Power allocations: determining sample sizes for subnational areas", The
    American Statistician 42, 1988.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skactive.evaluation import audit, estimate_performance
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = GaussianNB().fit(X[::10], y[::10])
    >>> drawn = audit(clf, X, 30, random_state=0)
    >>> estimate = estimate_performance(clf, drawn, y[drawn.positions])
    >>> bool(estimate.interval[0] < clf.score(X, y) < estimate.interval[1])
    True
    """
    validate_parameter_constraints(_CONSTRAINTS, locals(), caller_name="audit")
    X_pool = as_pool(X_pool)
    n = check_count(n)
    proba = pool_predictions(clf, X_pool).proba
    if X_pool is not None and n_rows(X_pool) != len(proba):
        raise ValueError(
            f"clf holds probabilities of {len(proba)} rows, but X_pool has {n_rows(X_pool)} rows. "
            "Give one row of probabilities for each row of the pool."
        )
    kept = np.ones(len(proba), dtype=bool)
    if exclude is not None:
        kept[check_positions(exclude, len(proba), "exclude")] = False
    rows = np.flatnonzero(kept)
    if n > len(rows):
        raise ValueError(f"n={n}, but only {len(rows)} rows of the pool are not excluded. Lower n.")
    rng = np.random.default_rng(draw_seed(random_state))
    rows = rng.permutation(rows)
    if design == "uniform":
        probability = np.full(len(rows), n / len(rows))
    else:
        stratum = confidence_strata(proba[rows])
        confidence = proba[rows].max(axis=1)
        order = np.lexsort([confidence, stratum])
        rows, stratum, confidence = rows[order], stratum[order], confidence[order]
        probability = _allocate(stratum, confidence, n)[stratum]
    drawn = rows[_systematic(probability, rng.uniform())]
    inclusion = np.zeros(len(proba))
    inclusion[rows] = probability
    return Audit(rng.permutation(drawn), inclusion, X_pool)


def _allocate(stratum: np.ndarray, confidence: np.ndarray, n: int) -> np.ndarray:
    """Sampling fraction of each stratum; no more rows are drawn than there are."""
    size = np.bincount(stratum)
    p = np.minimum(confidence, 1 - _LEAST_DOUBT)
    spread = np.sqrt(np.bincount(stratum, p * (1 - p)) / size)
    fraction = np.zeros(len(size))
    while n - size[fraction == 1].sum() > 0:
        free = fraction < 1
        need = np.sqrt(size[free]) * spread[free]
        wanted = (n - size[~free].sum()) * need / need.sum() / size[free]
        fraction[free] = np.minimum(wanted, 1)
        if (wanted <= 1).all():
            break
        fraction[free & (fraction < 1)] = 0  # their part grows when others are full
    return fraction


def _systematic(probability: np.ndarray, start: float) -> np.ndarray:
    """Positions where the cumulated probabilities pass start, start + 1, and so on."""
    total = np.cumsum(probability)
    n = round(total[-1])
    total *= n / total[-1]  # exact, in spite of rounding errors
    return np.searchsorted(total, start + np.arange(n), side="right")
