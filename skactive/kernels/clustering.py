"""k-means, the rows that stand for its clusters, and how typical rows are of theirs."""

import numpy as np
import torch

from skactive.kernels.distances import nearest
from skactive.kernels.sampling import d2_sample
from skactive.kernels.tensor_rows import TensorRows

#: How often a center that finds its nearest row taken looks for another.
_LOOKS = 8


def kmeans(
    points: torch.Tensor,
    n_clusters: int,
    rng: np.random.Generator,
    *,
    weights: np.ndarray | None = None,
    max_iter: int = 30,
) -> torch.Tensor:
    """Centers of a (weighted) k-means clustering: k-means++ seeds, then Lloyd's rounds.

    Parameters
    ----------
    points : tensor of shape (S, d)
    n_clusters : int, n_clusters <= S
    rng : numpy.random.Generator
    weights : float array of shape (S,), default=None
        How much each point counts; None means all alike.
    max_iter : int, default=30
        Rounds at most; fewer once no point changes sides.

    Returns
    -------
    centers : tensor of shape (n_clusters, d)
        Heaviest cluster first. One that ends up empty keeps its last center.
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
    """The row nearest to each center, distinct: where two centers share it, the later looks on.

    Parameters
    ----------
    rows : TensorRows of shape (N, d)
    centers : tensor of shape (C, d), C <= N

    Returns
    -------
    positions : int64 array of shape (C,)
        In the order of the centers, but for those that found their row taken time and again.
    """
    found = np.full(len(centers), -1)
    taken = torch.zeros(len(rows), dtype=torch.bool, device=rows.device)
    for _ in range(_LOOKS):
        pending = np.flatnonzero(found < 0)
        if not len(pending):
            return found
        nearest_rows = _nearest_row(rows, centers[torch.from_numpy(pending)], taken).cpu().numpy()
        rows_found, owners = np.unique(nearest_rows, return_index=True)
        found[pending[owners]] = rows_found
        taken[torch.from_numpy(rows_found)] = True
    left = np.flatnonzero(~taken.cpu().numpy())
    return np.concatenate([found[found >= 0], left[: (found < 0).sum()]])


def _nearest_row(rows: TensorRows, centers: torch.Tensor, taken: torch.Tensor) -> torch.Tensor:
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
    """The mean distance of each point from its nearest others, shape (S,).

    Parameters
    ----------
    points : tensor of shape (S, d)
    n_neighbors : int
        Counted up to S - 1; a point alone is at distance 0.
    """
    k = min(n_neighbors, len(points) - 1)
    if k == 0:
        return torch.zeros(len(points), dtype=points.dtype, device=points.device)
    # Differences matter, not where the cluster lies, and short rows have exact ones.
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
