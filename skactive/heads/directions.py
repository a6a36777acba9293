"""Classes as directions: rows that are alike sharpen an opinion, though nobody labelled them."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from skactive._rows import by_blocks, n_rows, row_blocks, take
from skactive._selection import Selection

_N_GROUPS = 256
_GROUPED = 2048  # rows, of however large a pool
_LEAST = 2  # rows in a group
_ROUNDS = 3
_SAMPLED = 300  # rows, where they make no groups,
_NUMBERS = 2**20  # if they do not hold more than this,
_FEWEST = 50  # but not fewer


class Directions(NamedTuple):
    """Where, seen from the centre of the rows, each class lies.

    Attributes
    ----------
    center : array of shape (d,)
        The mean row.
    prototypes : array of shape (K, d)
        Of unit length.
    """

    center: np.ndarray
    prototypes: np.ndarray


class Groups(NamedTuple):
    """A pool as small groups of rows that are alike, or as some of its rows, each a group.

    Attributes
    ----------
    centers : array of shape (M, d), or container of M rows
        The mean row of each group.
    sizes : array of shape (M,)
        How many rows it has.
    prior_proba : array of shape (M, K) or None
        The mean of a prior's opinion on them.
    n_pool : int
        How many rows the pool has.
    alike : bool
        Whether the rows of a group are likely to be of one class.
    """

    centers: Any
    sizes: np.ndarray
    prior_proba: np.ndarray | None
    n_pool: int
    alike: bool


def are_directions(rows: Any) -> bool:
    """Whether rows are vectors of unit length, as a foundation model's embeddings are.

    One-hot rows of a table have one length too, but another after standardising.

    Parameters
    ----------
    rows : any container

    Returns
    -------
    are_directions : bool
    """
    if not (isinstance(rows, np.ndarray | Selection) and rows.ndim == 2 and rows.dtype.kind == "f"):
        return False
    return bool((np.abs(np.sqrt(by_blocks(_square_norms, rows)) - 1) < 0.01).all())


def positions_to_group(n: int, rng: np.random.Generator) -> np.ndarray:
    """Which rows of a pool are enough to see how it falls into groups.

    Parameters
    ----------
    n : int
        Rows of the pool.
    rng : numpy.random.Generator

    Returns
    -------
    positions : int64 array
        Increasing.
    """
    return np.sort(rng.permutation(n)[:_GROUPED])


def group_rows(
    rows: np.ndarray, prior_proba: np.ndarray | None, rng: np.random.Generator
) -> Groups:
    """A few rounds of k-means; what stays alone is left out.

    Parameters
    ----------
    rows : array of shape (N, d)
    prior_proba : array of shape (N, K) or None
    rng : numpy.random.Generator
        Draws the first centres.

    Returns
    -------
    groups : Groups
        Of single precision.
    """
    rows = np.asarray(rows, dtype=np.float32)
    n_groups = max(1, min(_N_GROUPS, len(rows) // 4))
    centers = rows[rng.permutation(len(rows))[:n_groups]]
    for _ in range(_ROUNDS):
        nearest = (rows @ centers.T - (centers**2).sum(axis=1) / 2).argmax(axis=1)
        sizes = np.bincount(nearest, minlength=n_groups)
        kept = sizes >= _LEAST
        member = np.zeros((n_groups, len(rows)), dtype=rows.dtype)
        member[nearest, np.arange(len(rows))] = 1 / sizes[nearest]
        centers = np.where(kept[:, None], member @ rows, centers)
    opinion = None if prior_proba is None else (member @ prior_proba)[kept]
    return Groups(centers[kept], sizes[kept], opinion, len(rows), alike=True)


def sample_rows(
    rows: Any, prior_proba: np.ndarray | None, rng: np.random.Generator
) -> Groups | None:
    """Some rows, each a group of its own.

    Parameters
    ----------
    rows : container of N rows
    prior_proba : array of shape (N, K) or None
    rng : numpy.random.Generator
        Draws them.

    Returns
    -------
    groups : Groups or None
        No more than 300, of a million numbers in all; None where these are fewer than 50 rows.
    """
    n = n_rows(rows)
    width = rows.nnz / n if sparse.issparse(rows) else np.prod(getattr(rows, "shape", ())[1:])
    size = min(_SAMPLED, int(_NUMBERS / max(width, 1)))
    if size < min(n, _FEWEST):
        return None
    chosen = rng.permutation(n)[:size]
    opinion = None if prior_proba is None else prior_proba[chosen]
    return Groups(take(rows, chosen), np.ones(len(chosen)), opinion, n, alike=False)


def class_directions(proba: np.ndarray, rows: Any, sizes: np.ndarray | None = None) -> Directions:
    """One step of a mixture of von Mises-Fisher distributions, started at an opinion on the rows.

    Parameters
    ----------
    proba : array of shape (N, K)
        The opinion. Rows that it is sure of say most.
    rows : array of shape (N, d)
    sizes : array of shape (N,), default=None
        How often each row counts; once if None.

    Returns
    -------
    directions : Directions

    References
    ----------
    A. Banerjee, I. Dhillon, J. Ghosh and S. Sra, "Clustering on the unit hypersphere using von
    Mises-Fisher distributions", JMLR 6, 2005.
    """
    sizes = np.ones(len(rows)) if sizes is None else sizes
    blocks = row_blocks(rows)  # sums first: neither a centred nor a wider copy of a large pool
    center = sum(sizes[block] @ rows[block] for block in blocks) / sizes.sum()
    lengths = by_blocks(partial(_distances, center), rows)[:, None]
    weight = sizes[:, None] * proba**2
    weight = np.divide(weight, lengths, out=np.zeros_like(weight), where=lengths > 0)
    prototypes = sum(weight[block].T @ rows[block] for block in blocks)
    return Directions(center, _unit(prototypes - weight.sum(axis=0)[:, None] * center))


def sharpened(
    proba: np.ndarray, directions: Directions, rows: Any, concentration: float
) -> np.ndarray:
    """The opinion on rows, where one in the direction of a class is more likely to be of it.

    Parameters
    ----------
    proba : array of shape (n, K)
        The opinion before.
    directions : Directions
        Of the K classes.
    rows : array of shape (n, d)
    concentration : float
        How much more: probabilities are multiplied by exp(concentration * cosine).

    Returns
    -------
    proba : array of shape (n, K)
        Rows sum to 1.
    """
    cosine = by_blocks(partial(_cosine, directions), rows)
    return normalised(proba * np.exp(concentration * cosine))


def normalised(proba: np.ndarray) -> np.ndarray:
    """Rows that sum to 1.

    Parameters
    ----------
    proba : array of shape (n, K)
        Not negative.

    Returns
    -------
    proba : array of shape (n, K)
        In proportion.
    """
    return proba / proba.sum(axis=1, keepdims=True)


def _cosine(directions: Directions, rows: np.ndarray) -> np.ndarray:
    center, prototypes = directions
    along = rows @ prototypes.T - center @ prototypes.T
    lengths = _distances(center, rows)[:, None]
    return np.divide(along, lengths, out=np.zeros_like(along), where=lengths > 0)


def _distances(center: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Of the rows from the centre, without a centred copy of them."""
    squared = _square_norms(rows) - 2 * (rows @ center) + center @ center
    return np.sqrt(np.maximum(squared, 0.0))


def _square_norms(rows: np.ndarray) -> np.ndarray:
    return np.einsum("nd,nd->n", rows, rows, dtype=np.float64)


def _unit(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
