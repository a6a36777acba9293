"""Squared distances between the rows of a pool and a few points, in blocks."""

import torch

from skactive.kernels.tensor_rows import TensorRows


def nearest(
    rows: TensorRows, centers: torch.Tensor, square_norms: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """The nearest center of each row, and the squared distance to it.

    Parameters
    ----------
    rows : TensorRows of shape (N, d)
        Rows of the pool.
    centers : tensor of shape (C, d), C >= 1
        Centers.
    square_norms : tensor of shape (N,), default=None
        Squared norms of the rows. None computes them.

    Returns
    -------
    index : int64 tensor of shape (N,)
        Positions into the centers.
    square_distances : tensor of shape (N,)
        Not negative.
    """
    if square_norms is None:
        square_norms = rows.square_norms()
    offsets = (centers * centers).sum(dim=1)
    index = torch.empty(len(rows), dtype=torch.int64, device=rows.device)
    values = torch.empty(len(rows), dtype=rows.dtype, device=rows.device)
    for where, block in rows.blocks(len(centers)):
        partial = torch.addmm(offsets, block, centers.T, alpha=-2)
        values[where], index[where] = partial.min(dim=1)
    return index, (values + square_norms).clamp_(min=0)


def lower_to(
    bound: torch.Tensor, rows: TensorRows, centers: torch.Tensor, square_norms: torch.Tensor
) -> None:
    """Replace `bound`, in place, by its minimum with the squared distance to the nearest center."""
    offsets = (centers * centers).sum(dim=1)
    for where, block in rows.blocks(len(centers)):
        partial = torch.addmm(offsets, block, centers.T, alpha=-2).amin(dim=1)
        bound[where] = torch.minimum(bound[where], (partial + square_norms[where]).clamp_(min=0))


def nearest_rows(rows: TensorRows, points: torch.Tensor, k: int) -> torch.Tensor:
    """Positions of the k rows nearest to each point, nearest first.

    Parameters
    ----------
    rows : TensorRows of shape (N, d)
        Rows of the pool.
    points : tensor of shape (P, d)
        Points whose neighbors are searched.
    k : int, k <= N
        Number of neighbors.

    Returns
    -------
    positions : int64 tensor of shape (P, k)
        Positions into the rows.
    """
    best = torch.empty((len(points), 0), dtype=rows.dtype, device=rows.device)
    index = torch.empty((len(points), 0), dtype=torch.int64, device=rows.device)
    for where, block in rows.blocks(len(points)):
        norms = (block * block).sum(dim=1)
        partial = torch.addmm(norms, points, block.T, alpha=-2)
        found = partial.topk(min(k, len(block)), dim=1, largest=False)
        values = torch.cat([best, found.values], dim=1)
        positions = torch.cat([index, found.indices + where.start], dim=1)
        best, order = values.topk(min(k, values.shape[1]), dim=1, largest=False)
        index = positions.gather(1, order)
    return index
