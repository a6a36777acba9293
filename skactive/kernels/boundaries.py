"""For every class, the rows nearest to the boundary of its region."""

from collections.abc import Iterator

import numpy as np

from skactive.kernels.ranking import two_largest

#: Probabilities looked at together: a block stays in the processor's cache.
_BLOCK = 2**17
#: Of so many runs of rows one is looked at first: runs, as memory is read by the line.
_SAMPLED, _RUN = 16, 64
#: Rows that are gathered before their distances are worked out.
_GATHERED = 2**13
#: A part of the largest probability too small to rule out anything.
_NONE = 1e-30

#: For each class, rows and how far they are from its boundary, nearest first.
Near = list[tuple[np.ndarray, np.ndarray]]


def nearest_to_boundaries(
    proba: np.ndarray, lengths: np.ndarray, numbers: np.ndarray
) -> list[np.ndarray]:
    """For each class, so many rows nearest to its boundary; see `to_boundaries`.

    Parameters
    ----------
    proba : array of shape (N, K)
        Rows that sum to 1.
    lengths : float64 array of shape (K, K)
        Positive, symmetric.
    numbers : int array of shape (K,)

    Returns
    -------
    near : list of K int64 arrays
        Positions, nearest first, equal ones by position; as many as wanted, or N.

    Notes
    -----
    One pass, but for few rows: how near is near enough is learned from a sample of the rows; where
    that was too near, it is done again with more of the sample.

    Examples
    --------
    >>> import numpy as np
    >>> proba = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    >>> nearest_to_boundaries(proba, np.ones((2, 2)), np.array([1, 2]))
    [array([1]), array([1, 2])]
    """
    return [rows for rows, _ in _nearest(proba, lengths, numbers)]


def _nearest(proba: np.ndarray, lengths: np.ndarray, numbers: np.ndarray) -> Near:
    runs = range(0, len(proba), _SAMPLED * _RUN)
    some = numbers / _SAMPLED
    some = np.ceil(some + 3 * np.sqrt(some) + 3).astype(np.int64)
    while True:
        limits = np.full(len(numbers), np.inf)
        if len(runs) > 1:
            sample = np.concatenate([proba[start : start + _RUN] for start in runs])
            for c, (_, distances) in enumerate(_nearest(sample, lengths, some)):
                if len(distances) == some[c]:
                    limits[c] = distances[-1]
        near = _within(proba, lengths, limits, numbers)
        short = np.array([len(rows) for rows, _ in near]) < np.minimum(numbers, len(proba))
        if not short.any():
            return near
        some[short] *= 4


def to_boundaries(proba: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """How far each row is from the boundary of each class.

    To another class's boundary it is the difference of the logarithms of the row's largest
    probability and that class's, over the length for both; to that of its own class, the smallest
    of these.

    Parameters
    ----------
    proba : array of shape (N, K)
    lengths : float64 array of shape (K, K)

    Returns
    -------
    distances : float64 array of shape (K, N)
    """
    logs = proba.T.astype(np.float64, order="C")
    logs += np.finfo(np.float64).tiny
    np.log(logs, out=logs)
    own, rows = logs.argmax(axis=0), np.arange(len(proba))
    distances = np.subtract(logs[own, rows], logs, out=logs)
    distances /= lengths.take(own, axis=1)
    distances[own, rows] = np.inf
    distances[own, rows] = distances.min(axis=0)
    return distances


def _within(
    proba: np.ndarray, lengths: np.ndarray, limits: np.ndarray, numbers: np.ndarray
) -> Near:
    """For each class, the nearest rows of those within its limit."""
    # What part of the largest probability a class's must be; rounding must not lose a row.
    part = 0.999999 * np.exp(-limits * lengths.max(axis=0)).min()
    near = [(np.empty(0, dtype=np.int64), np.empty(0))] * len(numbers)
    gathered, n_gathered = [], 0
    for where, rows in _doubtful(proba, part):
        gathered.append((rows + where.start, proba[where][rows]))
        n_gathered += len(rows)
        if n_gathered > _GATHERED or where.stop >= len(proba):
            rows, block = map(np.concatenate, zip(*gathered, strict=True))
            kept = _contested(block, part)
            distances = to_boundaries(block[kept], lengths)
            near = _join(near, rows[kept], distances, limits, numbers)
            gathered, n_gathered = [], 0
    return near


def _doubtful(proba: np.ndarray, part: float) -> Iterator[tuple[slice, np.ndarray]]:
    """Of each block the rows that `_contested` names, and some more, sooner.

    The largest probability is no more than 1 / (1 + part) there, and the sum of squares no more
    than if there were two classes.
    """
    n_classes = proba.shape[1]
    largest = 1 / (1 + part)
    error = max(np.finfo(proba.dtype).eps, np.finfo(np.float32).eps) * (8 + 2 * n_classes)
    bound = np.float32(largest**2 + (1 - largest) ** 2 + error)
    ones = np.ones(n_classes, dtype=np.float32)
    size = min(max(1, _BLOCK // n_classes), len(proba))
    # All blocks use the same memory: asking for new takes longer than what is done in it.
    space = np.empty((size, n_classes), dtype=np.float32)
    for start in range(0, len(proba), size):
        where = slice(start, start + size)
        block = space[: len(proba) - start]
        if part < _NONE:
            yield where, np.arange(len(block))
            continue
        block[...] = proba[where]
        np.square(block, out=block)
        # A product with ones adds up short rows many times sooner than a sum does.
        yield where, np.flatnonzero(block @ ones <= bound)


def _contested(proba: np.ndarray, part: float) -> np.ndarray:
    """Rows with a second class of at least this part of the largest probability."""
    if part < _NONE:
        return np.arange(len(proba))
    rows = proba.astype(np.float32)  # which will do to rule out rows
    first, second = two_largest(rows, np.empty_like(rows))
    return np.flatnonzero(second >= first * np.float32(part))


def _join(
    near: Near, rows: np.ndarray, distances: np.ndarray, limits: np.ndarray, numbers: np.ndarray
) -> Near:
    """The nearest of those that were near and the new ones, which come after them."""
    joined = []
    for old, far, limit, number in zip(near, distances, limits, numbers, strict=True):
        new = np.flatnonzero(far <= limit)
        both, far = np.concatenate([old[0], rows[new]]), np.concatenate([old[1], far[new]])
        if len(far) > number:
            new = np.flatnonzero(far <= np.partition(far, number - 1)[number - 1])
            both, far = both[new], far[new]
        order = np.argsort(far, kind="stable")[:number]
        joined.append((both[order], far[order]))
    return joined
