"""What stands for the pool, whatever the model thinks of it."""

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from skactive.strategies.base import PoolView, QueryStrategy
from skactive.strategies.parameters import AT_LEAST_ONE, Constraints

if TYPE_CHECKING:
    from torch import Tensor

    from skactive.kernels.tensor_rows import TensorRows

#: Clusters of so few rows are more often outliers than groups; TypiClust comes to them last.
_TINY = 5
#: TensorRows that k-means is fitted on, at least; 32 a cluster where that is more.
_SAMPLE = 10_000
#: TensorRows of one cluster that are ranked, at most: ranking costs the square of their number.
_MAX_RANKED = 2_500


class KCenter(QueryStrategy):
    """The row farthest from all that is labeled or chosen, again and again (core-set).

    Without labels it starts at the row nearest to the pool's mean. Rows at equal distance go by
    position; the choice is that of the one-by-one rule, found in a few passes over the pool.

    **Use it** to cover clean, balanced data with no outliers. **Leave it** on features of a
    foundation model with many classes: it seeks outliers and falls behind random there. Needs
    nothing. O(N (L + n) d) multiplications, O(N) memory.

    References
    ----------
    .. [1] O. Sener and S. Savarese (2018). Active learning for convolutional neural networks: a
       core-set approach. ICLR. arXiv:1708.00489.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import KCenter, PoolView
    >>> KCenter().select(PoolView(4, X=np.array([[0.0], [1.0], [2.0], [9.0]])), 2)
    array([2, 3])
    """

    def select(self, view: PoolView, n: int) -> np.ndarray:
        from skactive.kernels.farthest import farthest_first
        from skactive.kernels.tensor_rows import TensorRows

        rows = TensorRows(view.X, view.device, centered=True)
        labeled = labeled_points(view, rows)
        if len(labeled):
            return farthest_first(rows, n, labeled).numpy()
        start = int(self.score(view).argmax())
        others = farthest_first(rows, n, rows.take([start]))
        return np.concatenate([[start], others[others != start][: n - 1].numpy()])

    def score(self, view: PoolView) -> np.ndarray:
        """The distance to the nearest labeled row; with none, nearness to the pool's mean.

        Parameters
        ----------
        view : PoolView
            The pool.

        Returns
        -------
        scores : float64 array of shape (N,)
            Higher is more wanted.
        """
        from skactive.kernels.distances import nearest
        from skactive.kernels.tensor_rows import TensorRows

        rows = TensorRows(view.X, view.device, centered=True)
        labeled = labeled_points(view, rows)
        centers = labeled if len(labeled) else rows.mean()[None].to(rows.dtype)
        distance = nearest(rows, centers)[1].sqrt().cpu().numpy().astype(np.float64)
        return distance if len(labeled) else -distance


class TypiClust(QueryStrategy):
    """The most typical row of each cluster that holds no label yet, largest clusters first.

    k-means parts pool and labeled rows into as many clusters as there will be labels; the clusters
    are visited by (labels inside, size), those of five rows or fewer last, and give their most
    typical row, the one nearest to its `n_neighbors` nearest in the cluster. Once all have been
    visited, they give their second, and so on.

    **Use it** for the first labels of all: it needs none, and starts well on features of a
    foundation model. **Leave it** once labels are plenty: it does not look at the model. Needs
    nothing. O(k S d) a round of k-means on a sample of S rows, O(N k d) to assign the pool, and
    for each cluster visited the square of its size, up to 2,500 rows drawn from it.

    Parameters
    ----------
    max_clusters : int, default=500
        The most clusters to form.
    n_neighbors : int, default=20
        Neighbors that make a row typical; half the cluster where that is fewer.

    References
    ----------
    .. [1] G. Hacohen, A. Dekel and D. Weinshall (2022). Active learning on a budget: opposite
       strategies suit high and low budgets. ICML. arXiv:2202.02794.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import PoolView, TypiClust
    >>> X = np.array([[0.0], [0.3], [0.5], [0.9], [8.0], [9.0], [9.2], [9.3], [9.6]])
    >>> TypiClust().select(PoolView(9, X=X), 2)
    array([6, 1])
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "max_clusters": [AT_LEAST_ONE],
        "n_neighbors": [AT_LEAST_ONE],
    }

    def __init__(self, max_clusters: int = 500, n_neighbors: int = 20) -> None:
        self.max_clusters = max_clusters
        self.n_neighbors = n_neighbors

    def select(self, view: PoolView, n: int) -> np.ndarray:
        from skactive.kernels.tensor_rows import TensorRows

        rows = TensorRows(view.X, view.device, centered=True)
        assigned, n_labeled = self._cluster(rows, view, n)
        sizes = np.bincount(assigned, minlength=len(n_labeled))
        order = np.lexsort((-sizes, n_labeled, sizes <= _TINY))
        members = np.split(np.argsort(assigned, kind="stable"), np.cumsum(sizes)[:-1])
        rankings: dict[int, np.ndarray] = {}
        picks: list[int] = []
        for depth in range(sizes.max()):
            order = order[sizes[order] > depth]
            for cluster in order[: n - len(picks)]:
                if cluster not in rankings:
                    rankings[cluster] = self._rank(rows, members[cluster], view.rng)
                picks.append(rankings[cluster][depth])
        return np.array(picks, dtype=np.int64)

    def _cluster(self, rows: "TensorRows", view: PoolView, n: int) -> tuple[np.ndarray, np.ndarray]:
        """The cluster of each row of the pool, and the number of labeled rows in each cluster."""
        import torch

        from skactive.kernels.clustering import kmeans
        from skactive.kernels.distances import nearest

        known = labeled_points(view, rows)
        n_clusters = min(len(known) + n, self.max_clusters)
        size = min(len(rows), max(_SAMPLE, 32 * n_clusters))
        sample = np.sort(view.rng.choice(len(rows), size=size, replace=False))
        points = torch.cat([rows.take(sample), known])
        centers = kmeans(points, n_clusters, view.rng)
        inside = (torch.cdist(known, centers)).argmin(dim=1).cpu().numpy()
        return nearest(rows, centers)[0].cpu().numpy(), np.bincount(inside, minlength=n_clusters)

    def _rank(
        self, rows: "TensorRows", members: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """The members of a cluster, most typical first; of a very large one, a sample before."""
        from skactive.kernels.clustering import mean_neighbor_distance

        shown = members
        if len(members) > _MAX_RANKED:
            shown = np.sort(rng.choice(members, size=_MAX_RANKED, replace=False))
        k = min(self.n_neighbors, max(1, len(shown) // 2))
        spread = mean_neighbor_distance(rows.take(shown), k).cpu().numpy()
        ranked = shown[np.argsort(spread, kind="stable")]
        return np.concatenate([ranked, np.setdiff1d(members, shown)])


def labeled_points(view: PoolView, rows: "TensorRows") -> "Tensor":
    """The labeled rows, shape (L, d), as the rows of the pool are; L may be 0."""
    if view.labeled_X is None or view.labeled_X.shape[0] == 0:
        return rows.take([])
    return rows.place(view.labeled_X)
