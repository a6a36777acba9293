"""As many rows of rare classes as of common ones."""

from collections.abc import Iterator

import numpy as np

from skactive.kernels.ranking import top_n
from skactive.strategies.base import PoolView, QueryStrategy
from skactive.strategies.coverage import labelled_points
from skactive.strategies.uncertainty import closeness

#: Probabilities looked at together: one block stays in the processor's cache.
_BLOCK = 2**17


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
        for quota, nearest in zip(quotas, self._nearest(view, n), strict=True):
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
        """
        own = [
            distances[np.arange(len(predicted)), predicted]
            for distances, predicted in self._distances(view)
        ]
        return -np.concatenate(own)

    def _nearest(self, view: PoolView, n: int) -> list[np.ndarray]:
        """For each class the n rows nearest to its boundary, nearest first."""
        n_classes = view.proba.shape[1]
        values = [np.empty(0)] * n_classes
        rows = [np.empty(0, dtype=np.int64)] * n_classes
        limit, start = np.full(n_classes, np.inf), 0
        for distances, predicted in self._distances(view):
            closer = (distances < limit) | (np.isinf(limit) & np.isinf(distances))
            for c in np.flatnonzero(closer.any(axis=0)):
                found = np.flatnonzero(closer[:, c])
                both = np.concatenate([values[c], distances[found, c]])
                best = top_n(-both, min(n, len(both)))
                rows[c] = np.concatenate([rows[c], found + start])[best]
                values[c] = both[best]
                limit[c] = values[c][-1] if len(best) == n else np.inf
            start += len(predicted)
        return rows

    def _distances(self, view: PoolView) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Blocks of the distance of each row to the boundary of each class, and its prediction."""
        proba = self.read(view, "proba")
        lengths = _lengths(view, proba.shape[1])
        size = max(1, _BLOCK // proba.shape[1])
        for start in range(0, len(proba), size):
            block = np.asarray(proba[start : start + size])
            logs = np.log(np.maximum(block, np.finfo(block.dtype).tiny))
            rows, predicted = np.arange(len(block)), logs.argmax(axis=1)
            distances = (logs[rows, predicted][:, None] - logs) / lengths[predicted]
            distances[rows, predicted] = np.inf
            distances[rows, predicted] = distances.min(axis=1)
            yield distances, predicted


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
