"""The best n of many scores, and the best two of every row."""

from collections.abc import Iterable

import numpy as np

#: Scores compared together: few enough to stay in the processor's nearest cache.
_CHUNK = 2**14


def top_n(scores: np.ndarray, n: int) -> np.ndarray:
    """Positions of the n highest scores, highest first, equal ones by position; NaN comes last.

    Parameters
    ----------
    scores : array of shape (N,)
    n : int, 0 <= n <= N

    Returns
    -------
    positions : int64 array of shape (n,)

    Examples
    --------
    >>> import numpy as np
    >>> top_n(np.array([1.0, 3.0, 3.0, 2.0]), 3)
    array([1, 2, 3])
    """
    chunks = (scores[start : start + _CHUNK] for start in range(0, len(scores), _CHUNK))
    front = highest(chunks, n)
    positions = front[np.argsort(-scores[front], kind="stable")][:n]
    if len(positions) < n:
        unknown = np.flatnonzero(np.isnan(scores))
        positions = np.concatenate([positions, unknown[: n - len(positions)]])
    return positions


def highest_first(scores: np.ndarray) -> np.ndarray:
    """Positions of all scores, highest first, equal ones by position.

    Several times as fast as a stable sort.

    Parameters
    ----------
    scores : array of shape (N,)
        No NaN.

    Returns
    -------
    positions : int64 array of shape (N,)
    """
    order = np.argsort(-scores)
    ranked = scores[order]
    falls = ranked[1:] < ranked[:-1]
    if not falls.all():  # runs of equals are sorted by one number for run and position
        run = np.concatenate([[0], np.cumsum(falls)])
        order = np.sort(run * len(scores) + order) - run * len(scores)
    return order


def highest(parts: Iterable[np.ndarray], n: int, slack: float = 0.0) -> np.ndarray:
    """Positions, in order, of all scores no more than `slack` below the n-th highest; no NaN.

    Parameters
    ----------
    parts : iterable of arrays
        The scores, a part at a time; looked at once.
    n : int, 0 <= n
    slack : float, default=0.0
        Not negative.

    Returns
    -------
    positions : int64 array of shape (M,)
        M >= n, or all that are not NaN.

    Notes
    -----
    What is below the n-th highest of the scores seen so far is dropped at once.
    """
    if n == 0:
        return np.empty(0, dtype=np.int64)
    found: list[np.ndarray] = []
    values: list[np.ndarray] = []
    start, held, enough, bar = 0, 0, 2 * n, -np.inf
    for part in parts:
        near = np.flatnonzero(part >= bar)
        found.append(near + start)
        values.append(part[near])
        start, held = start + len(part), held + len(near)
        if held > enough:
            found, values, bar = _cut(found, values, n, slack)
            held = len(found[0])
            enough = 2 * max(n, held)
    return _cut(found, values, n, slack)[0][0]


def _cut(
    found: list[np.ndarray], values: list[np.ndarray], n: int, slack: float
) -> tuple[list[np.ndarray], list[np.ndarray], float]:
    """What is still among the highest, in one piece, and the bar that the next must reach."""
    positions, scores = np.concatenate(found), np.concatenate(values)
    if len(scores) < n:
        return [positions], [scores], -np.inf
    nth = np.partition(scores, len(scores) - n)[len(scores) - n]
    bar = float(nth) - slack
    kept = np.flatnonzero(scores >= bar)
    return [positions[kept]], [scores[kept]], bar


def two_largest(rows: np.ndarray, spare: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The largest number of each row, and the next.

    Parameters
    ----------
    rows : array of shape (N, K), K >= 1
        Not negative. Both arrays are overwritten, so that no memory is asked for.
    spare : array of shape (N, K)

    Returns
    -------
    first, second : array of shape (N,)
        For K = 1 the second is 0.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.array([[0.2, 0.7, 0.1], [0.5, 0.0, 0.5]])
    >>> two_largest(rows, np.empty_like(rows))
    (array([0.7, 0.5]), array([0.2, 0.5]))
    """
    columns = as_columns(rows, spare)
    losers, lost = rows.reshape(columns.shape), 0
    while len(columns) > 1:  # column against column, as in a tournament
        half = len(columns) // 2
        one, other = columns[:half], columns[-half:]
        np.minimum(one, other, out=losers[lost : lost + half])
        np.maximum(one, other, out=one)
        columns, lost = columns[: len(columns) - half], lost + half
    return columns[0], losers[:lost].max(axis=0, initial=0)


def as_columns(rows: np.ndarray, spare: np.ndarray) -> np.ndarray:
    """The rows (N, K) as columns (K, N), in the memory of a spare array of their shape."""
    columns = spare.reshape(rows.shape[::-1])
    columns[...] = rows.T
    return columns
