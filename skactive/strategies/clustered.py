"""Unsure rows, one from each of many clusters."""

from numbers import Real
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from skactive._utils.compat import Interval
from skactive.kernels.ranking import top_n
from skactive.strategies.base import PoolView, QueryStrategy
from skactive.strategies.parameters import AT_LEAST_ONE, POSITIVE, Constraints
from skactive.strategies.uncertainty import closeness, entropy

if TYPE_CHECKING:
    from torch import Tensor

    from skactive.kernels.tensor_rows import TensorRows

#: TensorRows that hierarchical clustering is done on, at most: it takes the square of their number.
_TREE = 4_000
#: TensorRows that k-means is fitted on, at least; 32 a cluster where that is more.
_SAMPLE = 10_000
#: TensorRows whose features are dropped at a time.
_SHAKEN = 4_096
#: Rounds of k-means: the batch hardly changes after a few.
_ROUNDS = 10


class ClusterMargin(QueryStrategy):
    """Of the rows of smallest margin, some from each cluster, smallest clusters first.

    Average-linkage clustering of (a sample of) the pool gives n clusters, to the nearest of which
    the `factor` * n rows of smallest margin are counted. The clusters are visited again and again
    in order of their counts, each giving its row of smallest margin that is left (the paper's: a
    random one).

    **Use it** for large batches. **Leave it** for small ones, where it is margin sampling at a
    higher price. Needs probabilities; what is labeled plays no part. O(N K) for the margins,
    O(S² d) to cluster a sample of S = 4,000 rows.

    Parameters
    ----------
    factor : float, default=10
        How many times the batch is looked at.

    References
    ----------
    .. [1] G. Citovsky, G. DeSalvo, C. Gentile, L. Karydas, A. Rajagopalan, A. Rostamizadeh and
       S. Kumar (2021). Batch active learning at scale. NeurIPS. arXiv:2107.14263.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import ClusterMargin, PoolView
    >>> X = np.array([[0.0], [0.1], [0.2], [9.0]])
    >>> proba = np.array([[0.5, 0.5], [0.4, 0.6], [0.9, 0.1], [0.7, 0.3]])
    >>> ClusterMargin().select(PoolView(4, X=X, proba=proba), 2)
    array([3, 0])
    """

    needs: frozenset[str] = frozenset({"proba"})

    _parameter_constraints: ClassVar[Constraints] = {"factor": [POSITIVE]}

    def __init__(self, factor: float = 10) -> None:
        self.factor = factor

    def select(self, view: PoolView, n: int) -> np.ndarray:
        from skactive.kernels.distances import nearest
        from skactive.kernels.tensor_rows import TensorRows

        unsure = top_n(self.score(view), min(len(view), max(n, int(self.factor * n))))
        rows = TensorRows(view.X, view.device, centered=True)
        centers = _tree_centers(rows, n, view.rng)
        cluster = nearest(TensorRows(rows.take(unsure), view.device), centers)[0].cpu().numpy()
        # Rank within the cluster is the lap in which a row comes up; rows are by margin already.
        order = np.argsort(cluster, kind="stable")
        sizes = np.bincount(cluster, minlength=len(centers))
        lap = np.empty(len(unsure), dtype=np.int64)
        lap[order] = np.arange(len(unsure)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return unsure[np.lexsort((cluster, sizes[cluster], lap))[:n]]

    def score(self, view: PoolView) -> np.ndarray:
        return closeness(self.read(view, "proba"))


def _tree_centers(rows: "TensorRows", n_clusters: int, rng: np.random.Generator) -> "Tensor":
    """The means of the clusters that average linkage finds in a sample of the rows."""
    import torch
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(rows) == 1:
        return rows.take([0])
    size = min(len(rows), _TREE)
    points = rows.take(np.sort(rng.choice(len(rows), size=size, replace=False)))
    tree = linkage(torch.pdist(points).cpu().numpy(), method="average")
    labels = torch.from_numpy(fcluster(tree, n_clusters, criterion="maxclust") - 1)
    labels = labels.to(points.device, torch.int64)
    sums = torch.zeros(int(labels.max()) + 1, points.shape[1], dtype=points.dtype).to(points.device)
    return sums.index_add_(0, labels, points) / torch.bincount(labels)[:, None]


class Clue(QueryStrategy):
    """The rows nearest to the centers of n clusters, rows counting by their entropy.

    **Use it** where the pool differs from what the model was trained on. **Leave it** for very few
    labels: its entropies are not to be trusted yet. Needs probabilities; what is labeled plays
    no part. O(S n d) a round of k-means on a sample of S rows, drawn by their entropy, and O(N n d)
    to find the nearest rows.

    References
    ----------
    .. [1] V. Prabhu, A. Chandrasekaran, K. Saenko and J. Hoffman (2021). Active domain adaptation
       via clustering uncertainty-weighted embeddings. ICCV. arXiv:2010.08666.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import Clue, PoolView
    >>> X = np.array([[0.0], [1.0], [2.0], [9.0]])
    >>> proba = np.array([[0.5, 0.5], [1.0, 0.0], [1.0, 0.0], [0.9, 0.1]])
    >>> Clue().select(PoolView(4, X=X, proba=proba), 2)
    array([0, 3])
    """

    needs: frozenset[str] = frozenset({"proba"})

    def select(self, view: PoolView, n: int) -> np.ndarray:
        from skactive.kernels.clustering import representatives
        from skactive.kernels.tensor_rows import TensorRows

        rows = TensorRows(view.X, view.device, centered=True)
        return representatives(rows, _weighted_centers(rows, n, self.score(view), view.rng))

    def score(self, view: PoolView) -> np.ndarray:
        return entropy(self.read(view, "proba"))


def _weighted_centers(
    rows: "TensorRows", n_clusters: int, weights: np.ndarray, rng: np.random.Generator
) -> "Tensor":
    """k-means with weights; on a large pool, without, on a sample drawn by them."""
    from skactive.kernels.clustering import kmeans

    size = max(_SAMPLE, 32 * n_clusters)
    if size >= len(rows):
        return kmeans(rows.all(), n_clusters, rng, weights=weights)
    # The largest of log(weight) + Gumbel noise are a weighted draw without replacement.
    with np.errstate(divide="ignore"):
        keys = np.log(weights) + rng.gumbel(size=len(weights))
    return kmeans(rows.take(np.sort(top_n(keys, size))), n_clusters, rng, max_iter=_ROUNDS)


class DropQuery(QueryStrategy):
    """Rows whose prediction changes when features drop out, one from each of n clusters.

    The candidates are the rows on which more than half of the opinions under dropout name another
    class than the whole head does, or fewer, until there are `factor` * n of them; those nearest to
    the centers of their n clusters, on the unit sphere, are chosen.

    **Use it** on features of a foundation model, from the first label on. **Leave it** where the
    head is neither linear nor able to sample its opinion: it clusters the whole pool then, as it
    does before any label. Needs nothing, gains by a linear head's weights. O(N d n_dropouts) random
    numbers, O(S n d) a round of k-means on S candidates.

    Parameters
    ----------
    n_dropouts : int, default=3
        How many opinions to take.
    dropout : float, default=0.75
        The share of features dropped. Where the head is not linear its own sampled opinions
        stand in, and this plays no part.
    factor : float, default=25
        How many times the batch the candidates are.

    References
    ----------
    .. [1] S. R. Gupte, J. Aklilu, J. J. Nirschl and S. Yeung-Levy (2024). Revisiting active
       learning in the era of vision foundation models. TMLR. arXiv:2401.14555.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import DropQuery, PoolView
    >>> X = np.array([[1.0, 0.1], [2.0, 0.1], [0.0, 1.0], [0.0, 3.0]])
    >>> blob = DropQuery().select(PoolView(4, X=X), 2) // 2
    >>> sorted(blob.tolist())
    [0, 1]
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "n_dropouts": [AT_LEAST_ONE],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "factor": [POSITIVE],
    }

    def __init__(self, n_dropouts: int = 3, dropout: float = 0.75, factor: float = 25) -> None:
        self.n_dropouts = n_dropouts
        self.dropout = dropout
        self.factor = factor

    def select(self, view: PoolView, n: int) -> np.ndarray:
        import torch

        from skactive.kernels.clustering import kmeans, representatives
        from skactive.kernels.tensor_rows import TensorRows

        rows = TensorRows(view.X, view.device)
        shaken = self._shaken(rows, view)
        size = min(len(view), max(n, int(self.factor * n)))
        level = min(
            np.partition(shaken, len(view) - size)[len(view) - size], self.n_dropouts // 2 + 1
        )
        candidates = np.flatnonzero(shaken >= level)
        limit = max(_SAMPLE, 32 * n)
        if len(candidates) > limit:
            candidates = np.sort(view.rng.choice(candidates, size=limit, replace=False))
        points = torch.nn.functional.normalize(rows.take(candidates))
        centers = kmeans(points, n, view.rng, max_iter=_ROUNDS)
        return candidates[representatives(TensorRows(points, view.device), centers)]

    def score(self, view: PoolView) -> np.ndarray:
        """The share of opinions under dropout that name another class: as drawn this time.

        Parameters
        ----------
        view : PoolView
            The pool.

        Returns
        -------
        scores : float64 array of shape (N,)
            Higher is more wanted.
        """
        from skactive.kernels.tensor_rows import TensorRows

        return self._shaken(TensorRows(view.X, view.device), view) / self.n_dropouts

    def _shaken(self, rows: "TensorRows", view: PoolView) -> np.ndarray:
        """How many of the opinions name another class."""
        import torch

        if view.linear is None:
            if view.sample_proba is None:
                return np.zeros(len(view), dtype=np.int64)
            firm = np.asarray(view.proba).argmax(axis=1)
            shaken = np.empty(len(view), dtype=np.int64)
            for where, _ in rows.blocks(self.n_dropouts * view.proba.shape[1]):
                part = view.take(np.arange(where.start, where.stop))
                others = part.sampled_proba(self.n_dropouts).argmax(axis=2) != firm[where]
                shaken[where] = others.sum(axis=0)
            return shaken
        weights, offsets = (torch.as_tensor(w).to(rows.device, rows.dtype) for w in view.linear)
        shaken = np.empty(len(view), dtype=np.int64)
        for start in range(0, len(view), _SHAKEN):  # one chance on any device
            where = slice(start, min(start + _SHAKEN, len(view)))
            block = rows.take(np.arange(where.start, where.stop))
            firm = torch.addmm(offsets, block, weights.T).argmax(dim=1)
            changed = torch.zeros_like(firm)
            for _ in range(self.n_dropouts):
                kept = view.rng.random(block.shape, dtype=np.float32) >= self.dropout
                partial = block * torch.from_numpy(kept).to(block) / (1 - self.dropout)
                changed += torch.addmm(offsets, partial, weights.T).argmax(dim=1) != firm
            shaken[where] = changed.cpu().numpy()
        return shaken
