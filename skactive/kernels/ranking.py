"""The best n of many scores."""

import numpy as np


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
    scores = np.where(np.isnan(scores), -np.inf, scores)
    if n == 0:
        return np.empty(0, dtype=np.int64)
    threshold = np.partition(scores, len(scores) - n)[len(scores) - n]
    above = np.flatnonzero(scores > threshold)
    level = np.flatnonzero(scores == threshold)[: n - len(above)]
    positions = np.sort(np.concatenate([above, level]))
    return positions[np.argsort(-scores[positions], kind="stable")]
