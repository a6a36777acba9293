"""As many rows of rare classes as of common ones."""

import numpy as np

from skactive.kernels.ranking import top_n
from skactive.strategies.base import PoolView, QueryStrategy
from skactive.strategies.coverage import labelled_points
from skactive.strategies.uncertainty import closeness, two_largest

#: Probabilities looked at together: a block stays in the processor's cache.
_BLOCK = 2**16


class Base(QueryStrategy):
    """For every class alike, the rows nearest to the boundary of its region.

    A row's distance to its own class's boundary is that to the nearest other class; to any other
    class's, that to where its prediction would turn into it. On a linear head these are distances
    in feature space: differences of log-probabilities over the lengths of differences of weights.

    **Use it** where all classes count alike and all do turn up in the pool. **Leave it** where
    predictions of rare classes are not yet any good: GALAXY and DIRECT find them sooner. Needs
    probabilities; without a linear head's weights all lengths are taken as equal. O(N K).

    References
    ----------
    .. [1] Z. A. S. Emam, H.-M. Chu, P.-Y. Chiang, W. Czaja, R. Leapman, M. Goldblum and T.
       Goldstein (2021). Active learning at the ImageNet scale. arXiv:2111.12880.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import Base, PoolView
    >>> proba = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.1, 0.9]])
    >>> Base().select(PoolView(4, proba=proba), 2)
    array([2, 1])
    """

    needs: frozenset[str] = frozenset({"proba"})

    def select(self, view: PoolView, n: int) -> np.ndarray:
        n_classes = self.read(view, "proba").shape[1]
        quotas = n // n_classes + (np.arange(n_classes) < n % n_classes)
        turns, picks = [], []
        free = np.ones(len(view), dtype=bool)
        # No more of the rows nearest to a class can be gone than the classes before it took.
        for quota, nearest in zip(quotas, self._nearest(view, quotas.cumsum()), strict=True):
            chosen = nearest[free[nearest]][:quota]
            free[chosen] = False
            picks.append(chosen)
            turns.append(np.arange(len(chosen)))
        return np.concatenate(picks)[np.argsort(np.concatenate(turns), kind="stable")]

    def score(self, view: PoolView) -> np.ndarray:
        """Less the distance to the nearest boundary.

        Parameters
        ----------
        view : PoolView
            The pool.

        Returns
        -------
        scores : float64 array of shape (N,)
            Higher is more wanted.
        """
        proba = np.asarray(self.read(view, "proba"))
        lengths, size = _lengths(view, proba.shape[1]), max(1, _BLOCK // proba.shape[1])
        starts = range(0, len(proba), size)
        return -np.concatenate([_own(proba[start : start + size], lengths) for start in starts])

    def _nearest(self, view: PoolView, numbers: np.ndarray) -> list[np.ndarray]:
        """For each class so many rows nearest to its boundary, nearest first."""
        proba = np.asarray(view.proba)
        lengths = _lengths(view, len(numbers))
        nearest = [(np.empty(0, dtype=np.int64), np.empty(0))] * len(numbers)
        ratios, pending = np.zeros(len(numbers)), []
        start = held = 0
        while start < len(proba):
            # Blocks that grow leave few rows to look at before the limits are of use.
            stop = start + min(max(1, _BLOCK // len(numbers)), max(start, 2 * int(numbers[-1])))
            rows, classes, distances = _pairs(proba[start:stop], lengths, ratios)
            pending.append((rows + start, classes, distances))
            start = stop
            held += len(rows)
            if held > numbers.sum() or start >= len(proba):
                limits = _merge(nearest, pending, numbers)
                pending, held = [], 0
                # Rounding must not lose a row.
                ratios = 0.999999 * np.exp(-limits * lengths.max(axis=0))
        return [rows[np.argsort(distances, kind="stable")] for rows, distances in nearest]


def _pairs(
    proba: np.ndarray, lengths: np.ndarray, ratios: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows and classes whose probability is at least this part of the row's largest.

    For the row's own class the second largest probability counts. With them their distances.
    """
    # Single precision will do to rule out rows.
    first, second = two_largest(proba.astype(np.float32))
    first *= np.float32(ratios.min())
    near = np.flatnonzero(second >= first)
    part = proba[near]
    largest, runner_up = two_largest(part)
    hits = np.flatnonzero(part >= largest[:, None] * ratios)
    rows, classes = np.divmod(hits, part.shape[1])
    values = part.ravel()[hits]
    # A class level with the largest is at distance 0 either way.
    own = values == largest[rows]
    kept = ~own | (runner_up[rows] >= largest[rows] * ratios[classes])
    rows, classes, values, own = rows[kept], classes[kept], values[kept], own[kept]
    tiny = np.finfo(part.dtype).tiny
    distances = np.log(largest[rows] + tiny) - np.log(values + tiny)
    if lengths.min() < lengths.max():
        distances /= lengths[part[rows].argmax(axis=1), classes] + own
        distances[own] = _own(part[rows[own]], lengths)
    else:
        distances[own] = np.log(largest[rows[own]] + tiny) - np.log(runner_up[rows[own]] + tiny)
        distances /= lengths[0, 0]
    return near[rows], classes, distances


def _own(proba: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """How far each row is from the boundary of the class it is predicted to be of."""
    logs = np.log(proba + np.finfo(proba.dtype).tiny)
    rows, predicted = np.arange(len(logs)), logs.argmax(axis=1)
    distances = logs[rows, predicted][:, None] - logs
    distances /= lengths[predicted]
    distances[rows, predicted] = np.inf
    return distances.min(axis=1)


def _merge(
    nearest: list[tuple[np.ndarray, np.ndarray]],
    pending: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
    numbers: np.ndarray,
) -> np.ndarray:
    """Let what is pending in; the distance, for each class, beyond which no row is wanted."""
    rows, classes, distances = (np.concatenate(parts) for parts in zip(*pending, strict=True))
    order = np.argsort(classes, kind="stable")
    ends = np.searchsorted(classes[order], np.arange(len(numbers) + 1))
    limits = np.full(len(numbers), np.inf)
    for c, number in enumerate(numbers):
        new = order[ends[c] : ends[c + 1]]
        both = np.concatenate([nearest[c][0], rows[new]])
        far = np.concatenate([nearest[c][1], distances[new]])
        if len(far) >= number:
            limits[c] = np.partition(far, number - 1)[number - 1]
        kept = far <= limits[c]
        nearest[c] = both[kept], far[kept]
    return limits


def _lengths(view: PoolView, n_classes: int) -> np.ndarray:
    """The lengths of the differences between the weights of each two classes."""
    if view.linear is None:
        return np.ones((n_classes, n_classes))
    weights = np.asarray(view.linear[0], dtype=np.float64)
    lengths = np.linalg.norm(weights[:, None] - weights, axis=2)
    return np.maximum(lengths, 1e-12 * (1 + lengths.max()))


class RareNeighbours(QueryStrategy):
    """Margin sampling among the nearest neighbours of labelled rows of rare classes.

    Rare are the labelled classes with no more than their even share of the labels. Up to
    `n_anchors` rows of each are drawn, and the `n_neighbors` rows of the pool nearest to each of
    them are the candidates. Where they are fewer than asked for, the smallest margins of the other
    rows follow.

    **Use it** on very large pools with very rare classes, a few rows of which are known. **Leave
    it** where rare classes are scattered over feature space. Needs probabilities; without labels
    it is margin sampling. O(N A d) for A anchors.

    Parameters
    ----------
    n_anchors : int, default=10
        Labelled rows to search around, for each rare class.
    n_neighbors : int, default=50
        Rows to look at around each.

    References
    ----------
    .. [1] C. Coleman, E. Chou, J. Katz-Samuels, S. Culatana, P. Bailis, A. C. Berg, R. Nowak, R.
       Sumbaly, M. Zaharia and I. Z. Yalniz (2022). Similarity search for efficient active learning
       and search of rare concepts. AAAI. arXiv:2007.00077.
    .. [2] P. Lesci and A. Vlachos (2024). AnchorAL: computationally efficient active learning for
       large and imbalanced datasets. NAACL. arXiv:2404.05623.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import PoolView, RareNeighbours
    >>> view = PoolView(
    ...     4,
    ...     X=np.array([[0.0], [1.0], [8.0], [9.0]]),
    ...     proba=np.array([[0.5, 0.5], [0.9, 0.1], [0.8, 0.2], [0.9, 0.1]]),
    ...     labelled_X=np.array([[0.5], [0.6], [8.5]]),
    ...     labelled_y=np.array([0, 0, 1]),
    ... )
    >>> RareNeighbours(n_neighbors=2).select(view, 3)
    array([2, 3, 0])
    """

    needs: frozenset[str] = frozenset({"proba"})

    def __init__(self, n_anchors: int = 10, n_neighbors: int = 50) -> None:
        self.n_anchors = n_anchors
        self.n_neighbors = n_neighbors

    def select(self, view: PoolView, n: int) -> np.ndarray:
        score = self.score(view)
        near = self._neighbours(view)
        first = near[top_n(score[near], min(n, len(near)))]
        score[near] = np.nan
        return np.concatenate([first, top_n(score, n - len(first))])

    def score(self, view: PoolView) -> np.ndarray:
        return closeness(self.read(view, "proba"))

    def _neighbours(self, view: PoolView) -> np.ndarray:
        from skactive.kernels.distances import nearest_rows
        from skactive.kernels.rows import Rows

        rows = Rows(view.X, view.device, centred=True)
        labelled = labelled_points(view, rows)
        if not len(labelled):
            return np.empty(0, dtype=np.int64)
        k = min(self.n_neighbors, len(view))
        return np.unique(nearest_rows(rows, labelled[self._anchors(view)], k).cpu().numpy())

    def _anchors(self, view: PoolView) -> np.ndarray:
        counts = np.bincount(view.labelled_y)
        share = counts.sum() / np.count_nonzero(counts)
        anchors = []
        for c in np.flatnonzero((counts > 0) & (counts <= share)):
            rows = np.flatnonzero(view.labelled_y == c)
            anchors.append(view.rng.permutation(rows)[: self.n_anchors])
        return np.concatenate(anchors)
