"""Squared distances between many rows and few, in blocks."""

import torch

from skactive.kernels.rows import Rows


def nearest(
    rows: Rows, centres: torch.Tensor, square_norms: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """The nearest centre of each row, and the squared distance to it.

    Parameters
    ----------
    rows : Rows of shape (N, d)
    centres : tensor of shape (C, d), C >= 1
    square_norms : tensor of shape (N,), default=None
        Those of the rows, where they are known already.

    Returns
    -------
    index : int64 tensor of shape (N,)
    square_distances : tensor of shape (N,), never negative
    """
    if square_norms is None:
        square_norms = rows.square_norms()
    offsets = (centres * centres).sum(dim=1)
    index = torch.empty(len(rows), dtype=torch.int64, device=rows.device)
    values = torch.empty(len(rows), dtype=rows.dtype, device=rows.device)
    for where, block in rows.blocks(len(centres)):
        partial = torch.addmm(offsets, block, centres.T, alpha=-2)
        values[where], index[where] = partial.min(dim=1)
    return index, (values + square_norms).clamp_(min=0)


def lower_to(
    bound: torch.Tensor, rows: Rows, centres: torch.Tensor, square_norms: torch.Tensor
) -> None:
    """Lower `bound`, in place, to the squared distance to the nearest of the centres."""
    offsets = (centres * centres).sum(dim=1)
    for where, block in rows.blocks(len(centres)):
        partial = torch.addmm(offsets, block, centres.T, alpha=-2).amin(dim=1)
        bound[where] = torch.minimum(bound[where], (partial + square_norms[where]).clamp_(min=0))
