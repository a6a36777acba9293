"""The n highest scores, and the two largest values of each row."""

from collections.abc import Iterable

import numpy as np

#: Scores per chunk. A chunk fits into the fastest cache of the processor.
_CHUNK = 2**14


def top_n(scores: np.ndarray, n: int) -> np.ndarray:
    """Positions of the n highest scores, highest first.

    Parameters
    ----------
    scores : array of shape (N,)
        NaN ranks below all other scores.
    n : int, 0 <= n <= N
        Number of positions.

    Returns
    -------
    positions : int64 array of shape (n,)
        Ties are broken by position.

    Examples
    --------
    >>> import numpy as np
    >>> top_n(np.array([1.0, 3.0, 3.0, 2.0]), 3)
    array([1, 2, 3])
    """
    chunks = (scores[start : start + _CHUNK] for start in range(0, len(scores), _CHUNK))
    candidates = highest(chunks, n)
    positions = candidates[np.argsort(-scores[candidates], kind="stable")][:n]
    if len(positions) < n:
        missing = np.flatnonzero(np.isnan(scores))
        positions = np.concatenate([positions, missing[: n - len(positions)]])
    return positions


def highest_first(scores: np.ndarray) -> np.ndarray:
    """Positions of all scores, highest first.

    It is several times as fast as a stable sort.

    Parameters
    ----------
    scores : array of shape (N,)
        Must not contain NaN.

    Returns
    -------
    positions : int64 array of shape (N,)
        Ties are broken by position.
    """
    order = np.argsort(-scores)
    ranked = scores[order]
    decreases = ranked[1:] < ranked[:-1]
    if not decreases.all():  # sort ties by position: one integer encodes run and position
        run = np.concatenate([[0], np.cumsum(decreases)])
        order = np.sort(run * len(scores) + order) - run * len(scores)
    return order


def highest(parts: Iterable[np.ndarray], n: int, slack: float = 0.0) -> np.ndarray:
    """Positions of all scores that are at most `slack` below the n-th highest score.

    Parameters
    ----------
    parts : iterable of arrays
        Consecutive parts of the scores; iterated over once. NaN is ignored.
    n : int, 0 <= n
        Rank of the score that sets the limit.
    slack : float, default=0.0
        Not negative.

    Returns
    -------
    positions : int64 array of shape (M,)
        In ascending order. M >= n, if at least n scores are not NaN.

    Notes
    -----
    Scores below the limit of the parts read so far are dropped early, which saves memory.
    """
    if n == 0:
        return np.empty(0, dtype=np.int64)
    found: list[np.ndarray] = []
    values: list[np.ndarray] = []
    start, n_kept, max_kept, limit = 0, 0, 2 * n, -np.inf
    for part in parts:
        kept = np.flatnonzero(part >= limit)
        found.append(kept + start)
        values.append(part[kept])
        start, n_kept = start + len(part), n_kept + len(kept)
        if n_kept > max_kept:
            found, values, limit = _drop_low(found, values, n, slack)
            n_kept = len(found[0])
            max_kept = 2 * max(n, n_kept)
    return _drop_low(found, values, n, slack)[0][0]


def _drop_low(
    found: list[np.ndarray], values: list[np.ndarray], n: int, slack: float
) -> tuple[list[np.ndarray], list[np.ndarray], float]:
    """Positions and scores at or above the limit, each as a single array, and the limit."""
    positions, scores = np.concatenate(found), np.concatenate(values)
    if len(scores) < n:
        return [positions], [scores], -np.inf
    nth = np.partition(scores, len(scores) - n)[len(scores) - n]
    limit = float(nth) - slack
    kept = np.flatnonzero(scores >= limit)
    return [positions[kept]], [scores[kept]], limit


def two_largest(rows: np.ndarray, work: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The largest and the second largest value of each row.

    Parameters
    ----------
    rows : array of shape (N, K), K >= 1
        Not negative. It is overwritten.
    work : array of shape (N, K)
        Work array. It is overwritten, so that no memory is allocated.

    Returns
    -------
    first, second : array of shape (N,)
        For K = 1, the second is 0.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.array([[0.2, 0.7, 0.1], [0.5, 0.0, 0.5]])
    >>> two_largest(rows, np.empty_like(rows))
    (array([0.7, 0.5]), array([0.2, 0.5]))
    """
    columns = as_columns(rows, work)
    smaller, n_smaller = rows.reshape(columns.shape), 0
    while len(columns) > 1:  # compare pairs of columns, and keep the larger values
        half = len(columns) // 2
        left, right = columns[:half], columns[-half:]
        np.minimum(left, right, out=smaller[n_smaller : n_smaller + half])
        np.maximum(left, right, out=left)
        columns, n_smaller = columns[: len(columns) - half], n_smaller + half
    return columns[0], smaller[:n_smaller].max(axis=0, initial=0)


def as_columns(rows: np.ndarray, work: np.ndarray) -> np.ndarray:
    """Transpose of the rows (N, K) as a contiguous array (K, N) in the memory of the work array."""
    columns = work.reshape(rows.shape[::-1])
    columns[...] = rows.T
    return columns
