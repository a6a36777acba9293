"""The rows nearest to the decision boundary of each class."""

from collections.abc import Iterator

import numpy as np

from skactive.kernels.ranking import two_largest

#: Probabilities per block. A block fits into the processor's cache.
_BLOCK = 2**17
#: The sample is every 16th run of 64 rows. Runs are faster to read than single rows.
_SAMPLED, _RUN = 16, 64
#: Number of candidate rows that are collected before their distances are computed.
_GATHERED = 2**13
#: A minimum ratio of two probabilities below this value excludes no rows.
_NO_LIMIT = 1e-30

#: For each class, positions of rows and their distances to its boundary, nearest first.
Near = list[tuple[np.ndarray, np.ndarray]]


def nearest_to_boundaries(
    proba: np.ndarray, norms: np.ndarray, numbers: np.ndarray
) -> list[np.ndarray]:
    """Rows nearest to the boundary of each class; see `to_boundaries`.

    Parameters
    ----------
    proba : array of shape (N, K)
        Each row sums to 1.
    norms : float64 array of shape (K, K)
        Positive and symmetric; see `to_boundaries`.
    numbers : int array of shape (K,)
        Number of rows for each class.

    Returns
    -------
    near : list of K int64 arrays
        Positions of min(number, N) rows for each class, nearest first. Ties are broken by position.

    Notes
    -----
    A sample of the rows gives an upper limit of the distance for each class. One pass over all rows
    then finds the rows within these limits. If a limit was too small, the search is repeated with a
    larger limit.

    Examples
    --------
    >>> import numpy as np
    >>> proba = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    >>> nearest_to_boundaries(proba, np.ones((2, 2)), np.array([1, 2]))
    [array([1]), array([1, 2])]
    """
    return [rows for rows, _ in _nearest(proba, norms, numbers)]


def _nearest(proba: np.ndarray, norms: np.ndarray, numbers: np.ndarray) -> Near:
    runs = range(0, len(proba), _SAMPLED * _RUN)
    # the expected number of nearest rows in the sample, and a margin of three standard deviations
    n_sampled = numbers / _SAMPLED
    n_sampled = np.ceil(n_sampled + 3 * np.sqrt(n_sampled) + 3).astype(np.int64)
    while True:
        limits = np.full(len(numbers), np.inf)
        if len(runs) > 1:
            sample = np.concatenate([proba[start : start + _RUN] for start in runs])
            for c, (_, distances) in enumerate(_nearest(sample, norms, n_sampled)):
                if len(distances) == n_sampled[c]:
                    limits[c] = distances[-1]
        near = _within(proba, norms, limits, numbers)
        short = np.array([len(rows) for rows, _ in near]) < np.minimum(numbers, len(proba))
        if not short.any():
            return near
        n_sampled[short] *= 4


def to_boundaries(proba: np.ndarray, norms: np.ndarray) -> np.ndarray:
    """Distance of each row to the boundary of each class.

    The own class of a row is its most probable class. The distance to the boundary of another class
    is the difference of the log-probabilities of the two classes, divided by their norm. The
    distance to the boundary of the own class is the smallest of these distances.

    Parameters
    ----------
    proba : array of shape (N, K)
        Each row sums to 1.
    norms : float64 array of shape (K, K)
        Norms of the differences between the weight vectors of all pairs of classes.

    Returns
    -------
    distances : float64 array of shape (K, N)
        Not negative.
    """
    logs = proba.T.astype(np.float64, order="C")
    logs += np.finfo(np.float64).tiny
    np.log(logs, out=logs)
    own, rows = logs.argmax(axis=0), np.arange(len(proba))
    distances = np.subtract(logs[own, rows], logs, out=logs)
    distances /= norms.take(own, axis=1)
    distances[own, rows] = np.inf
    distances[own, rows] = distances.min(axis=0)
    return distances


def _within(proba: np.ndarray, norms: np.ndarray, limits: np.ndarray, numbers: np.ndarray) -> Near:
    """For each class, the nearest of the rows whose distance is within its limit."""
    # A row is within a limit only if the ratio of its second largest to its largest probability is
    # at least `ratio`. The factor allows for rounding.
    ratio = 0.999999 * np.exp(-limits * norms.max(axis=0)).min()
    near = [(np.empty(0, dtype=np.int64), np.empty(0))] * len(numbers)
    gathered, n_gathered = [], 0
    for where, rows in _screen(proba, ratio):
        gathered.append((rows + where.start, proba[where][rows]))
        n_gathered += len(rows)
        if n_gathered > _GATHERED or where.stop >= len(proba):
            rows, block = map(np.concatenate, zip(*gathered, strict=True))
            kept = _with_ratio(block, ratio)
            distances = to_boundaries(block[kept], norms)
            near = _merge(near, rows[kept], distances, limits, numbers)
            gathered, n_gathered = [], 0
    return near


def _screen(proba: np.ndarray, ratio: float) -> Iterator[tuple[slice, np.ndarray]]:
    """Blocks, and in each block a superset of the rows that `_with_ratio` finds, at lower cost.

    In these rows, the largest probability is at most 1 / (1 + ratio). The sum of squares is then at
    most as large as for two classes with this ratio.
    """
    n_classes = proba.shape[1]
    largest = 1 / (1 + ratio)
    error = max(np.finfo(proba.dtype).eps, np.finfo(np.float32).eps) * (8 + 2 * n_classes)
    bound = np.float32(largest**2 + (1 - largest) ** 2 + error)
    ones = np.ones(n_classes, dtype=np.float32)
    size = min(max(1, _BLOCK // n_classes), len(proba))
    # All blocks use the same memory, because allocating memory takes longer than the computation.
    work = np.empty((size, n_classes), dtype=np.float32)
    for start in range(0, len(proba), size):
        where = slice(start, start + size)
        block = work[: len(proba) - start]
        if ratio < _NO_LIMIT:
            yield where, np.arange(len(block))
            continue
        block[...] = proba[where]
        np.square(block, out=block)
        # For short rows, a product with ones is many times faster than a sum.
        yield where, np.flatnonzero(block @ ones <= bound)


def _with_ratio(proba: np.ndarray, ratio: float) -> np.ndarray:
    """Rows whose second largest probability is at least `ratio` times the largest."""
    if ratio < _NO_LIMIT:
        return np.arange(len(proba))
    rows = proba.astype(np.float32)  # sufficient to exclude rows
    first, second = two_largest(rows, np.empty_like(rows))
    return np.flatnonzero(second >= first * np.float32(ratio))


def _merge(
    near: Near, rows: np.ndarray, distances: np.ndarray, limits: np.ndarray, numbers: np.ndarray
) -> Near:
    """For each class, the nearest of the rows found so far and new rows of higher position."""
    merged = []
    for old, distance, limit, number in zip(near, distances, limits, numbers, strict=True):
        kept = np.flatnonzero(distance <= limit)
        positions = np.concatenate([old[0], rows[kept]])
        distance = np.concatenate([old[1], distance[kept]])
        if len(distance) > number:
            kept = np.flatnonzero(distance <= np.partition(distance, number - 1)[number - 1])
            positions, distance = positions[kept], distance[kept]
        order = np.argsort(distance, kind="stable")[:number]
        merged.append((positions[order], distance[order]))
    return merged
