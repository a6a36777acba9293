"""The best n of many scores."""

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
    front = highest(scores, n)
    positions = front[np.argsort(-scores[front], kind="stable")][:n]
    if len(positions) < n:
        unknown = np.flatnonzero(np.isnan(scores))
        positions = np.concatenate([positions, unknown[: n - len(positions)]])
    return positions


def highest(scores: np.ndarray, n: int, slack: float = 0.0) -> np.ndarray:
    """Positions, in order, of all scores no more than `slack` below the n-th highest; no NaN.

    Parameters
    ----------
    scores : array of shape (N,)
    n : int, 0 <= n <= N
    slack : float, default=0.0
        Not negative.

    Returns
    -------
    positions : int64 array of shape (M,)
        M >= n, or all that are not NaN.

    Notes
    -----
    One pass: what is below the n-th highest of the scores seen so far is dropped at once.
    """
    if n == 0:
        return np.empty(0, dtype=np.int64)
    found, values, bar = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=scores.dtype)], -np.inf
    held, enough = 0, 2 * n
    for start in range(0, len(scores), _CHUNK):
        part = scores[start : start + _CHUNK]
        near = np.flatnonzero(part >= bar)
        if not len(near):
            continue
        found.append(near + start)
        values.append(part[near])
        held += len(near)
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
