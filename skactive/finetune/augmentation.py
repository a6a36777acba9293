"""Weak and strong augmentation of a batch of texts or images, on the inputs of the model."""

import math
from collections.abc import Mapping

import torch

from skactive.finetune.tuning_data import TensorBatch

_TOKEN_DROPOUT = 0.2  # fraction of the tokens that are dropped from a text
_SHIFT = 0.125  # of the side of an image, in weak and in strong views
_ANGLE = math.pi / 6
_ZOOM, _SHEAR, _CONTRAST, _BRIGHTNESS = 0.2, 0.3, 0.5, 0.5
_CUTOUT = 0.5  # side of the erased square, relative to that of the image


def augment(
    batch: Mapping[str, torch.Tensor], generator: torch.Generator
) -> tuple[TensorBatch, TensorBatch]:
    """A weak and a strong view of each row.

    The weak view of a text is the text, and the strong view lacks a fifth of its tokens. The weak
    view of an image is flipped and shifted. The strong view is also rotated, scaled, sheared,
    changed in contrast and brightness, and a square with half its side is erased [1]_.

    Parameters
    ----------
    batch : dict of str to tensor of shape (n, ...)
        Inputs of a model of texts (``attention_mask``) or of images (``pixels``).
    generator : torch.Generator
        Source of the random numbers, on the CPU.

    Returns
    -------
    weak, strong : dict of str to tensor of shape (n, ...)
        The views; `batch` is not changed.

    Raises
    ------
    ValueError
        If the rows are neither texts nor images.

    References
    ----------
    .. [1] T. DeVries and G. Taylor, "Improved regularization of convolutional neural networks with
       cutout", 2017. arXiv:1708.04552.
    """
    if "pixels" in batch:
        pixels = batch["pixels"]
        weak = _transform(pixels, generator, strong=False)
        strong = _erase(_recolor(_transform(pixels, generator, strong=True), generator), generator)
        return {**batch, "pixels": weak}, {**batch, "pixels": strong}
    if "attention_mask" in batch:
        mask = drop_tokens(batch["attention_mask"], generator)
        return dict(batch), {**batch, "attention_mask": mask}
    raise ValueError(
        "X_unlabeled needs rows that can be augmented, texts or images; the encoder has inputs "
        f"{sorted(batch)}. Fit without X_unlabeled."
    )


def drop_tokens(mask: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Remove tokens from an attention mask, but never the first or last token of a text.

    Parameters
    ----------
    mask : int or bool tensor of shape (n, length)
        Non-zero where there is a token.
    generator : torch.Generator
        Source of the random numbers, on the CPU.

    Returns
    -------
    mask : tensor of shape (n, length)
        A copy, in which each inner token is zero with probability 0.2.
    """
    is_token = mask.bool()
    n_before = is_token.cumsum(dim=1)
    is_inner = (n_before > 1) & (n_before < n_before[:, -1:])
    dropped = torch.rand(mask.shape, generator=generator) < _TOKEN_DROPOUT
    return mask.masked_fill(is_inner & dropped.to(mask.device), 0)


def _transform(pixels: torch.Tensor, generator: torch.Generator, *, strong: bool) -> torch.Tensor:
    """Flip and shift; if `strong`, also rotate, scale and shear. Edges are repeated."""

    def uniform(half_width: float) -> torch.Tensor:
        return (2 * torch.rand(len(pixels), generator=generator) - 1) * half_width

    flip = torch.where(uniform(1) < 0, -1.0, 1.0)
    angle, shear, zoom = uniform(_ANGLE), uniform(_SHEAR), 1 + uniform(_ZOOM)
    if not strong:
        angle, shear, zoom = torch.zeros_like(angle), torch.zeros_like(shear), torch.ones(len(zoom))
    cos, sin = angle.cos() * zoom, angle.sin() * zoom
    # coordinates run from -1 to 1, so that a shift is twice the fraction of the side
    rows = [flip * cos, flip * (shear * cos - sin), uniform(2 * _SHIFT)]
    columns = [sin, shear * sin + cos, uniform(2 * _SHIFT)]
    matrix = torch.stack([torch.stack(rows, 1), torch.stack(columns, 1)], 1).to(pixels)
    grid = torch.nn.functional.affine_grid(matrix, list(pixels.shape), align_corners=False)
    return torch.nn.functional.grid_sample(pixels, grid, padding_mode="border", align_corners=False)


def _recolor(pixels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    factor, shift = (2 * torch.rand(2, len(pixels), 1, 1, 1, generator=generator) - 1).to(pixels)
    mean = pixels.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (pixels - mean) * (1 + _CONTRAST * factor) + _BRIGHTNESS * shift


def _erase(pixels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Erase a square at a random position, partly outside the image perhaps."""
    n, _, height, width = pixels.shape
    center = torch.rand(2, n, 1, generator=generator)
    is_inside = [
        ((torch.arange(size) + 0.5) / size - middle).abs() < _CUTOUT / 2
        for size, middle in zip((height, width), center, strict=True)
    ]
    square = is_inside[0][:, None, :, None] & is_inside[1][:, None, None, :]
    return pixels.masked_fill(square.to(pixels.device), 0.0)
