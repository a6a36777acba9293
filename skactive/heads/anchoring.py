"""The prior's opinion, made fit for anchoring a head to it."""

from typing import Any, NamedTuple

import numpy as np

from skactive.heads.directions import (
    Directions,
    are_directions,
    class_directions,
    normalised,
    sharpened,
)

_FLOOR = 1e-6  # no prior is so sure that labels could not change its mind
_DEBIASING = 0.5
_CONCENTRATION = 8.0


class PoolSummary(NamedTuple):
    """What a pool without labels tells about a prior: a few numbers for each class.

    Attributes
    ----------
    shares : array of shape (K,)
        The prior's mean probabilities over the pool.
    directions : Directions or None
        In which the rows lie that the prior puts into each class; None where rows are not
        directions.
    """

    shares: np.ndarray
    directions: Directions | None


def summarise_pool(proba: np.ndarray, rows: Any) -> PoolSummary:
    """What a prior's opinion on a pool tells about the prior.

    Parameters
    ----------
    proba : array of shape (N, K)
        What the prior says of the pool.
    rows : array of shape (N, d), or any other container of N rows
        The representation.

    Returns
    -------
    summary : PoolSummary
        Without directions where `rows` is not an array of vectors of unit length.
    """
    shares = proba.mean(axis=0)
    if not are_directions(rows):
        return PoolSummary(shares, None)
    return PoolSummary(shares, class_directions(_debiased(proba, shares), rows))


def calibrated_prior(
    proba: np.ndarray,
    prior_classes: np.ndarray,
    classes: np.ndarray,
    pool: PoolSummary | None,
    rows: Any,
) -> np.ndarray:
    """Sharpen a prior's probabilities by what a pool told, and spread them over all classes.

    A class that the prior sees everywhere in the pool is discounted: probabilities are divided by
    the square root of the class's share. A row in the direction of a class's prototype is more
    likely to be of that class: probabilities are multiplied by exp(8 cosine). A class that the
    prior does not know gets the probability that it would have if all were equally likely.

    Parameters
    ----------
    proba : array of shape (n, K_prior)
        What the prior says.
    prior_classes : array of shape (K_prior,)
        Its classes.
    classes : array of shape (K,)
        All classes, sorted; the prior's among them.
    pool : PoolSummary or None
        None where no pool was seen.
    rows : container of n rows
        The representation.

    Returns
    -------
    proba : float64 array of shape (n, K)
        Positive; rows sum to 1.
    """
    proba = np.maximum(np.asarray(proba, dtype=np.float64), _FLOOR)
    if pool is not None:
        proba = _debiased(proba, pool.shares)
        if pool.directions is not None:
            proba = np.maximum(sharpened(proba, pool.directions, rows, _CONCENTRATION), _FLOOR)
    known = len(prior_classes) / len(classes)
    spread = np.full((len(proba), len(classes)), 1 / len(classes))
    columns = np.searchsorted(classes, prior_classes)
    spread[:, columns] = known * normalised(proba)
    return spread


def _debiased(proba: np.ndarray, shares: np.ndarray) -> np.ndarray:
    return normalised(np.maximum(proba, _FLOOR) / np.maximum(shares, _FLOOR) ** _DEBIASING)
