"""k-means, representative rows of clusters, and distances to neighbors."""

import numpy as np
import torch

from skactive.kernels.distances import nearest
from skactive.kernels.sampling import d2_sample
from skactive.kernels.tensor_rows import TensorRows

#: Number of attempts to find an untaken nearest row for each center.
_ATTEMPTS = 8


def kmeans(
    points: torch.Tensor,
    n_clusters: int,
    rng: np.random.Generator,
    *,
    weights: np.ndarray | None = None,
    max_iter: int = 30,
) -> torch.Tensor:
    """Centers of a (weighted) k-means clustering: k-means++ seeds and Lloyd's iterations.

    Parameters
    ----------
    points : tensor of shape (S, d)
        Points to cluster.
    n_clusters : int, n_clusters <= S
        Number of clusters.
    rng : numpy.random.Generator
        Random generator for the seeds.
    weights : float array of shape (S,), default=None
        Weights of the points. None means equal weights.
    max_iter : int, default=30
        Maximum number of iterations. It stops earlier if no point changes its cluster.

    Returns
    -------
    centers : tensor of shape (n_clusters, d)
        Sorted by the total weight of the cluster, descending. An empty cluster keeps its last
        center.
    """
    rows = TensorRows(points, str(points.device))
    weight = torch.ones(len(points), dtype=points.dtype, device=points.device)
    if weights is not None:
        weight = torch.as_tensor(weights).to(weight)
    centers = points[torch.from_numpy(d2_sample([rows], n_clusters, rng, weights=weights))]
    square_norms, labels = rows.square_norms(), None
    for _ in range(max_iter):
        previous, (labels, _) = labels, nearest(rows, centers, square_norms)
        if previous is not None and torch.equal(labels, previous):
            break
        mass = torch.zeros(n_clusters, dtype=points.dtype, device=points.device)
        mass.index_add_(0, labels, weight)
        sums = torch.zeros_like(centers).index_add_(0, labels, points * weight[:, None])
        centers = torch.where(mass[:, None] > 0, sums / mass.clamp(min=1e-30)[:, None], centers)
    return centers[mass.argsort(descending=True, stable=True)]


def representatives(rows: TensorRows, centers: torch.Tensor) -> np.ndarray:
    """Distinct rows, one for each center: the nearest that no earlier center has taken.

    Parameters
    ----------
    rows : TensorRows of shape (N, d)
        Rows of the pool.
    centers : tensor of shape (C, d), C <= N
        Centers of clusters.

    Returns
    -------
    positions : int64 array of shape (C,)
        In the order of the centers. Centers whose nearest rows are taken in all attempts get
        arbitrary rows, which come last.
    """
    found = np.full(len(centers), -1)
    taken = torch.zeros(len(rows), dtype=torch.bool, device=rows.device)
    for _ in range(_ATTEMPTS):
        pending = np.flatnonzero(found < 0)
        if not len(pending):
            return found
        index = _nearest_row(rows, centers[torch.from_numpy(pending)], taken).cpu().numpy()
        distinct, first = np.unique(index, return_index=True)
        found[pending[first]] = distinct
        taken[torch.from_numpy(distinct)] = True
    left = np.flatnonzero(~taken.cpu().numpy())
    return np.concatenate([found[found >= 0], left[: (found < 0).sum()]])


def _nearest_row(rows: TensorRows, centers: torch.Tensor, taken: torch.Tensor) -> torch.Tensor:
    """Position of the nearest row that is not taken, for each center."""
    best = torch.full((len(centers),), torch.inf, dtype=rows.dtype, device=rows.device)
    index = torch.zeros(len(centers), dtype=torch.int64, device=rows.device)
    for where, block in rows.blocks(len(centers)):
        norms = (block * block).sum(dim=1)[:, None]
        partial = torch.addmm(norms, block, centers.T, alpha=-2)
        values, within = partial.masked_fill_(taken[where, None], torch.inf).min(dim=0)
        closer = values < best
        best[closer], index[closer] = values[closer], within[closer] + where.start
    return index


def mean_neighbor_distance(points: torch.Tensor, n_neighbors: int) -> torch.Tensor:
    """Mean distance of each point to its nearest neighbors.

    Parameters
    ----------
    points : tensor of shape (S, d)
        Points of one cluster.
    n_neighbors : int
        Number of neighbors, at most S - 1 are used.

    Returns
    -------
    distances : tensor of shape (S,)
        0 for a single point.
    """
    k = min(n_neighbors, len(points) - 1)
    if k == 0:
        return torch.zeros(len(points), dtype=points.dtype, device=points.device)
    # Centering does not change distances, and makes their rounding errors smaller.
    centered = points - points.mean(dim=0)
    square_norms = (centered * centered).sum(dim=1)
    tolerance = 8 * torch.finfo(points.dtype).eps
    result = torch.empty_like(square_norms)
    for where in torch.arange(len(points), device=points.device).split(1024):
        norms = square_norms[where, None] + square_norms
        square = norms - 2 * centered[where] @ centered.T
        square = torch.where(square > tolerance * norms, square, 0)
        square[torch.arange(len(where)), where] = torch.inf
        result[where] = square.topk(k, dim=1, largest=False).values.sqrt().mean(dim=1)
    return result
