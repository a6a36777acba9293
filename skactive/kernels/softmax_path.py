"""Many ridge softmax regressions on the same rows, fitted at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch

_LITTLE_WORK = 2e8  # multiplications in one product, about 10 ms
_FLOOR = 1e-12  # below lie subnormal numbers, with which products take many times as long
_MEMORY = 3  # steps that L-BFGS looks back on
_CAUTION = 2.0  # the first step is shortened by this: the start's curvature is a guess
_ROUNDING = 1e-6  # relative; a loss is not worse for that


class Problem(NamedTuple):
    """One weighted softmax regression for each of M models, on n rows of d features.

    Attributes
    ----------
    X : tensor of shape (n, d)
        Features; a bias is a column of ones.
    y : int64 tensor of shape (n,)
        Codes of the labels, 0 .. K-1.
    weight : tensor of shape (n, M)
        Weights of the rows; a row of weight zero is held out.
    offset : tensor of shape (n, M, K)
        Added to the logits.
    strength : tensor of shape (M,)
        Precision of the Gaussian prior on the coefficients.
    noise_rate : tensor of shape (M,)
        Share of the labels that were drawn at random instead of by the model: with it a row's
        likelihood is (1 - rate) p_y + rate / K.
    """

    X: torch.Tensor
    y: torch.Tensor
    weight: torch.Tensor
    offset: torch.Tensor
    strength: torch.Tensor
    noise_rate: torch.Tensor


def fit_softmax_path(problem: Problem, n_iter: int) -> torch.Tensor:
    """Maximize every penalized likelihood by L-BFGS, without a line search.

    It works in the eigenbasis of X'X, scaled by the curvature that the start has there for each
    class: close to Newton's method while probabilities are near the classes' shares. A step costs
    two matrix products for all models. Where one would make a model worse, the model stays where it
    is and takes a shorter one next time, having learned the curvature on the way.

    Parameters
    ----------
    problem : Problem
        The models.
    n_iter : int
        Steps; the same for all, so that equal data give equal results.

    Returns
    -------
    coefficients : tensor of shape (d, M, K)
        For the features as given.

    References
    ----------
    D. Liu and J. Nocedal, "On the limited memory BFGS method for large scale optimization",
    Mathematical Programming 45, 1989.
    """
    with _threads_for(len(problem.X) ** 2 * problem.offset[0].numel()):
        return _fit(problem, n_iter)


def _fit(problem: Problem, n_iter: int) -> torch.Tensor:
    n_classes = problem.offset.shape[2]
    eigenvalues, basis = _eigenbasis(problem.X * problem.weight.amax(dim=1).sqrt()[:, None])
    eigenvalues, basis = eigenvalues.to(problem.X), basis.to(problem.X)
    rotated = problem._replace(X=problem.X @ basis)
    curvature = _curvature(rotated, eigenvalues)
    current = rotated.X.new_zeros(curvature.shape)
    loss, gradient = _loss(rotated, current)
    memory: list[_Move] = []
    for _ in range(n_iter):
        step = -_inverse_curvature_times(gradient, curvature, memory)
        new_loss, new_gradient = _loss(rotated, current + step)
        memory = [*memory[1 - _MEMORY :], _Move(step, new_gradient - gradient)]
        better = new_loss <= loss + _ROUNDING * loss.abs()
        loss = torch.where(better, new_loss, loss)
        current = torch.where(better[:, None], current + step, current)
        gradient = torch.where(better[:, None], new_gradient, gradient)
    flat = basis @ current.reshape(len(eigenvalues), -1)
    return flat.reshape(len(basis), -1, n_classes)


def _curvature(problem: Problem, eigenvalues: torch.Tensor) -> torch.Tensor:
    """Of the penalized loss at the start, as if rows and classes did not depend on each other."""
    proba = torch.softmax(problem.offset, dim=2)
    spread = (problem.weight[:, :, None] * proba * (1 - proba)).sum(dim=0)
    spread = spread / problem.weight.sum(dim=0)[:, None]
    return eigenvalues[:, None, None] * spread + problem.strength[:, None]


def _loss(problem: Problem, coefficients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Penalized loss of every model (M,), and its gradient (d, M, K)."""
    X, y, weight, offset, strength, rate = problem
    rows = torch.arange(len(X), device=X.device)
    residual = torch.softmax(path_logits(X, coefficients) + offset, dim=2).clamp_(min=_FLOOR)
    n_classes = offset.shape[2]
    true = (1 - rate) * residual[rows, :, y]
    likelihood = true + rate / n_classes
    loss = strength / 2 * _dot(coefficients, coefficients) - (weight * likelihood.log()).sum(dim=0)
    residual[rows, :, y] -= 1
    # a noisy label counts as much as it is likely to be a true one
    residual *= (weight * true / likelihood)[:, :, None]
    gradient = (X.T @ residual.reshape(len(X), -1)).reshape(coefficients.shape)
    return loss, gradient + strength[:, None] * coefficients


class _Move:
    """A step of every model, the change of the gradient that came with it, and their product."""

    def __init__(self, step: torch.Tensor, change: torch.Tensor) -> None:
        self.step = step
        self.change = change
        product = _dot(step, change)
        # zero: nothing to be learned from the step
        self.inverse = torch.where(product > _FLOOR, 1 / product, torch.zeros_like(product))


def _inverse_curvature_times(
    gradient: torch.Tensor, curvature: torch.Tensor, memory: list[_Move]
) -> torch.Tensor:
    """The two loops of L-BFGS."""
    direction, shares = gradient, []
    for move in reversed(memory):
        share = move.inverse * _dot(move.step, direction)
        direction = direction - share[:, None] * move.change
        shares.append(share)
    direction = direction / curvature
    if memory:
        last = memory[-1]
        scaled = last.inverse * _dot(last.change, last.change / curvature)
        direction = direction / torch.where(scaled > 0, scaled, torch.ones_like(scaled))[:, None]
    else:
        direction = direction / _CAUTION
    for move, share in zip(memory, reversed(shares), strict=True):
        direction = (
            direction + (share - move.inverse * _dot(move.change, direction))[:, None] * move.step
        )
    return direction


def _dot(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Inner product for each model."""
    return (a * b).sum(dim=(0, 2))


def path_logits(X: torch.Tensor, coefficients: torch.Tensor) -> torch.Tensor:
    """Logits of every model.

    Parameters
    ----------
    X : tensor of shape (n, d)
        Features.
    coefficients : tensor of shape (d, M, K)
        From `fit_softmax_path`.

    Returns
    -------
    logits : tensor of shape (n, M, K)
        Without any offset.
    """
    return (X @ coefficients.reshape(len(coefficients), -1)).reshape(-1, *coefficients.shape[1:])


def _eigenbasis(X: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Nonzero eigenvalues of X'X, and their eigenvectors as columns."""
    X = X.double()
    n, d = X.shape
    eigenvalues, vectors = torch.linalg.eigh(X @ X.T if n < d else X.T @ X)
    kept = eigenvalues > 1e-12 * eigenvalues[-1]
    eigenvalues, vectors = eigenvalues[kept], vectors[:, kept]
    return eigenvalues, X.T @ vectors / eigenvalues.sqrt() if n < d else vectors


@contextmanager
def _threads_for(work: float) -> Iterator[None]:
    """One thread for little work: on a busy machine the others cost more than they bring."""
    before = torch.get_num_threads()
    if work < _LITTLE_WORK:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
