"""The prior's opinion, made fit for anchoring a head to it."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from skactive._rows import Selection, by_blocks, row_blocks

_FLOOR = 1e-6  # no prior is so sure that labels could not change its mind
_DEBIASING = 0.5
_CONCENTRATION = 8.0


class PoolSummary(NamedTuple):
    """What a pool without labels tells about a prior: a few numbers for each class.

    Attributes
    ----------
    shares : array of shape (K,)
        The prior's mean probabilities over the pool.
    center : array of shape (d,) or None
        Mean of the pool's rows; None where rows are not directions.
    prototypes : array of shape (K, d) or None
        For each class the direction, from the centre, in which the rows lie that the prior puts
        there; of unit length.
    """

    shares: np.ndarray
    center: np.ndarray | None
    prototypes: np.ndarray | None


def summarise_pool(proba: np.ndarray, rows: Any) -> PoolSummary:
    """One step of a mixture of von Mises-Fisher distributions, started at the prior's opinion.

    Parameters
    ----------
    proba : array of shape (N, K)
        What the prior says of the pool.
    rows : array of shape (N, d), or any other container of N rows
        The representation.

    Returns
    -------
    summary : PoolSummary
        Without prototypes where `rows` is not an array of vectors of one length.

    References
    ----------
    A. Banerjee, I. Dhillon, J. Ghosh and S. Sra, "Clustering on the unit hypersphere using von
    Mises-Fisher distributions", JMLR 6, 2005.
    """
    shares = proba.mean(axis=0)
    if not _are_directions(rows):
        return PoolSummary(shares, None, None)
    blocks = row_blocks(rows)  # sums first: neither a centred nor a wider copy of a large pool
    center = sum(rows[block].sum(axis=0, dtype=np.float64) for block in blocks) / len(rows)
    weight = _debiased(proba, shares) ** 2  # the prior's sure rows say most
    lengths = by_blocks(lambda block: _distances(block, center), rows)[:, None]
    weight = np.divide(weight, lengths, out=np.zeros_like(weight), where=lengths > 0)
    prototypes = sum(weight[block].T @ rows[block] for block in blocks)
    prototypes = prototypes - weight.sum(axis=0)[:, None] * center
    return PoolSummary(shares, center, _unit(prototypes))


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
        if pool.center is not None and pool.prototypes is not None:
            closeness = by_blocks(partial(_closeness, pool.center, pool.prototypes), rows)
            proba = np.maximum(_normalised(proba * closeness), _FLOOR)
    known = len(prior_classes) / len(classes)
    spread = np.full((len(proba), len(classes)), 1 / len(classes))
    columns = np.searchsorted(classes, prior_classes)
    spread[:, columns] = known * _normalised(proba)
    return spread


def _debiased(proba: np.ndarray, shares: np.ndarray) -> np.ndarray:
    return _normalised(np.maximum(proba, _FLOOR) / np.maximum(shares, _FLOOR) ** _DEBIASING)


def _closeness(center: np.ndarray, prototypes: np.ndarray, rows: np.ndarray) -> np.ndarray:
    along = rows @ prototypes.T - center @ prototypes.T
    lengths = _distances(rows, center)[:, None]
    cosine = np.divide(along, lengths, out=np.zeros_like(along), where=lengths > 0)
    return np.exp(_CONCENTRATION * cosine)


def _distances(rows: np.ndarray, center: np.ndarray) -> np.ndarray:
    """Of the rows from the centre, without a centred copy of them."""
    squared = _square_norms(rows) - 2 * (rows @ center) + center @ center
    return np.sqrt(np.maximum(squared, 0.0))


def _square_norms(rows: np.ndarray) -> np.ndarray:
    return np.einsum("nd,nd->n", rows, rows, dtype=np.float64)


def _unit(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)


def _normalised(proba: np.ndarray) -> np.ndarray:
    return proba / proba.sum(axis=1, keepdims=True)


def _are_directions(rows: Any) -> bool:
    """Whether rows are vectors of one length, as a foundation model's embeddings are."""
    if not (isinstance(rows, np.ndarray | Selection) and rows.ndim == 2 and rows.dtype.kind == "f"):
        return False
    lengths = np.sqrt(by_blocks(_square_norms, rows))
    return bool(np.ptp(lengths) <= 0.02 * lengths.mean())  # False for NaN
