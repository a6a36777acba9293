"""As many rows of rare classes as of common ones."""

from typing import ClassVar

import numpy as np

from skactive.kernels.boundaries import nearest_to_boundaries, to_boundaries
from skactive.kernels.ranking import top_n
from skactive.strategies.base import PoolView, QueryStrategy
from skactive.strategies.coverage import labeled_points
from skactive.strategies.parameters import AT_LEAST_ONE, Constraints
from skactive.strategies.uncertainty import closeness

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
        proba = np.asarray(self.read(view, "proba"))
        n_classes = proba.shape[1]
        lengths = _lengths(view, n_classes)
        quotas = n // n_classes + (np.arange(n_classes) < n % n_classes)
        # No more of the rows nearest to a class can be gone than the classes before it took.
        enough = quotas.cumsum()
        picks = _deal(quotas, nearest_to_boundaries(proba, lengths, np.minimum(enough, 4 * quotas)))
        if sum(map(len, picks)) < n:
            picks = _deal(quotas, nearest_to_boundaries(proba, lengths, enough))
        turns = np.concatenate([np.arange(len(chosen)) for chosen in picks])
        return np.concatenate(picks)[np.argsort(turns, kind="stable")]

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
        blocks = (proba[start : start + size] for start in range(0, len(proba), size))
        return -np.concatenate([to_boundaries(block, lengths).min(axis=0) for block in blocks])


def _deal(quotas: np.ndarray, near: list[np.ndarray]) -> list[np.ndarray]:
    """For each class the nearest rows that no class before it has taken."""
    taken: set[int] = set()
    picks = []
    for quota, rows in zip(quotas, near, strict=True):
        chosen = [row for row in rows.tolist() if row not in taken][:quota]
        taken.update(chosen)
        picks.append(np.array(chosen, dtype=np.int64))
    return picks


def _lengths(view: PoolView, n_classes: int) -> np.ndarray:
    """The lengths of the differences between the weights of each two classes."""
    if view.linear is None:
        return np.ones((n_classes, n_classes))
    weights = np.asarray(view.linear[0], dtype=np.float64)
    lengths = np.linalg.norm(weights[:, None] - weights, axis=2)
    return np.maximum(lengths, 1e-12 * (1 + lengths.max()))


class RareNeighbors(QueryStrategy):
    """Margin sampling among the nearest neighbors of labeled rows of rare classes.

    Rare are the labeled classes with no more than their even share of the labels. Up to
    `n_anchors` rows of each are drawn, and the `n_neighbors` rows of the pool nearest to each of
    them are the candidates. Where they are fewer than asked for, the smallest margins of the other
    rows follow.

    **Use it** on very large pools with very rare classes, a few rows of which are known. **Leave
    it** where rare classes are scattered over feature space. Needs probabilities; without labels
    it is margin sampling. O(N A d) for A anchors.

    Parameters
    ----------
    n_anchors : int, default=10
        Labeled rows to search around, for each rare class.
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
    >>> from skactive.strategies import PoolView, RareNeighbors
    >>> view = PoolView(
    ...     4,
    ...     X=np.array([[0.0], [1.0], [8.0], [9.0]]),
    ...     proba=np.array([[0.5, 0.5], [0.9, 0.1], [0.8, 0.2], [0.9, 0.1]]),
    ...     labeled_X=np.array([[0.5], [0.6], [8.5]]),
    ...     labeled_y=np.array([0, 0, 1]),
    ... )
    >>> RareNeighbors(n_neighbors=2).select(view, 3)
    array([2, 3, 0])
    """

    needs: frozenset[str] = frozenset({"proba"})

    _parameter_constraints: ClassVar[Constraints] = {
        "n_anchors": [AT_LEAST_ONE],
        "n_neighbors": [AT_LEAST_ONE],
    }

    def __init__(self, n_anchors: int = 10, n_neighbors: int = 50) -> None:
        self.n_anchors = n_anchors
        self.n_neighbors = n_neighbors

    def select(self, view: PoolView, n: int) -> np.ndarray:
        score = self.score(view)
        near = self._neighbors(view)
        first = near[top_n(score[near], min(n, len(near)))]
        score[near] = np.nan
        return np.concatenate([first, top_n(score, n - len(first))])

    def score(self, view: PoolView) -> np.ndarray:
        return closeness(self.read(view, "proba"))

    def _neighbors(self, view: PoolView) -> np.ndarray:
        from skactive.kernels.distances import nearest_rows
        from skactive.kernels.tensor_rows import TensorRows

        rows = TensorRows(view.X, view.device, centered=True)
        labeled = labeled_points(view, rows)
        if not len(labeled):
            return np.empty(0, dtype=np.int64)
        k = min(self.n_neighbors, len(view))
        return np.unique(nearest_rows(rows, labeled[self._anchors(view)], k).cpu().numpy())

    def _anchors(self, view: PoolView) -> np.ndarray:
        counts = np.bincount(view.labeled_y)
        share = counts.sum() / np.count_nonzero(counts)
        anchors = []
        for c in np.flatnonzero((counts > 0) & (counts <= share)):
            rows = np.flatnonzero(view.labeled_y == c)
            anchors.append(view.rng.permutation(rows)[: self.n_anchors])
        return np.concatenate(anchors)
