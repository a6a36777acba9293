"""Many ridge softmax regressions on the same rows, fitted simultaneously."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch

_SINGLE_THREAD_WORK = 2e8  # multiplications in one matrix product, about 10 ms
_FLOOR = 1e-12  # products of smaller probabilities may be subnormal numbers, which are slow
_MEMORY = 3  # number of steps that L-BFGS stores
_FIRST_STEP_DIVISOR = 2.0  # shortens the first step, because the initial curvature is approximate
_ROUNDING = 1e-6  # relative increase of the loss that is attributed to rounding


class Problem(NamedTuple):
    """One weighted softmax regression for each of M models, on n rows of d features.

    Attributes
    ----------
    X : tensor of shape (n, d)
        Features. An intercept needs a column of ones.
    y : int64 tensor of shape (n,)
        Codes of the labels, 0 .. K-1.
    weight : tensor of shape (n, M)
        Sample weights. A row with weight zero is held out.
    offset : tensor of shape (n, M, K)
        Added to the logits.
    strength : tensor of shape (M,)
        Precision of the Gaussian prior on the coefficients.
    noise_rate : tensor of shape (M,)
        Fraction of labels that are drawn uniformly at random: the likelihood of a row is
        (1 - rate) p_y + rate / K.
    """

    X: torch.Tensor
    y: torch.Tensor
    weight: torch.Tensor
    offset: torch.Tensor
    strength: torch.Tensor
    noise_rate: torch.Tensor


def fit_softmax_path(problem: Problem, n_iter: int) -> torch.Tensor:
    """Maximize every penalized likelihood by L-BFGS, without a line search.

    L-BFGS works in the eigenbasis of X'X, scaled by the curvature at the start for each class. This
    is close to Newton's method while the probabilities are near their initial values. A step needs
    two matrix products for all models together. If a step would increase the loss of a model, the
    coefficients of this model are kept. The step still updates the curvature estimate, so that the
    next step is shorter.

    Parameters
    ----------
    problem : Problem
        The models.
    n_iter : int
        Number of steps. It is fixed, so that equal data give equal results.

    Returns
    -------
    coefficients : tensor of shape (d, M, K)
        Coefficients for the original features, not for the eigenbasis.

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
    memory: list[_Step] = []
    for _ in range(n_iter):
        step = -_inverse_curvature_times(gradient, curvature, memory)
        new_loss, new_gradient = _loss(rotated, current + step)
        memory = [*memory[1 - _MEMORY :], _Step(step, new_gradient - gradient)]
        better = new_loss <= loss + _ROUNDING * loss.abs()
        loss = torch.where(better, new_loss, loss)
        current = torch.where(better[:, None], current + step, current)
        gradient = torch.where(better[:, None], new_gradient, gradient)
    flat = basis @ current.reshape(len(eigenvalues), -1)
    return flat.reshape(len(basis), -1, n_classes)


def _curvature(problem: Problem, eigenvalues: torch.Tensor) -> torch.Tensor:
    """Diagonal approximation of the Hessian of the penalized loss at the start, (d, M, K).

    It neglects that probabilities vary between rows, and the covariances between classes.
    """
    proba = torch.softmax(problem.offset, dim=2)
    variance = (problem.weight[:, :, None] * proba * (1 - proba)).sum(dim=0)
    variance = variance / problem.weight.sum(dim=0)[:, None]
    return eigenvalues[:, None, None] * variance + problem.strength[:, None]


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
    # weighted by the probability that the label is not drawn at random
    residual *= (weight * true / likelihood)[:, :, None]
    gradient = (X.T @ residual.reshape(len(X), -1)).reshape(coefficients.shape)
    return loss, gradient + strength[:, None] * coefficients


class _Step:
    """A step of every model, the change of its gradient, and the inverse of their inner product."""

    def __init__(self, move: torch.Tensor, change: torch.Tensor) -> None:
        self.move = move
        self.change = change
        product = _dot(move, change)
        # 0 excludes steps with no positive curvature
        self.inverse = torch.where(product > _FLOOR, 1 / product, torch.zeros_like(product))


def _inverse_curvature_times(
    gradient: torch.Tensor, curvature: torch.Tensor, memory: list[_Step]
) -> torch.Tensor:
    """Product of the inverse Hessian, as estimated by L-BFGS, and the gradient (two-loop form)."""
    direction, alphas = gradient, []
    for step in reversed(memory):
        alpha = step.inverse * _dot(step.move, direction)
        direction = direction - alpha[:, None] * step.change
        alphas.append(alpha)
    direction = direction / curvature
    if memory:
        last = memory[-1]
        scale = last.inverse * _dot(last.change, last.change / curvature)
        direction = direction / torch.where(scale > 0, scale, torch.ones_like(scale))[:, None]
    else:
        direction = direction / _FIRST_STEP_DIVISOR
    for step, alpha in zip(memory, reversed(alphas), strict=True):
        beta = step.inverse * _dot(step.change, direction)
        direction = direction + (alpha - beta)[:, None] * step.move
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
        The offset is not added.
    """
    return (X @ coefficients.reshape(len(coefficients), -1)).reshape(-1, *coefficients.shape[1:])


def _eigenbasis(X: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Nonzero eigenvalues of X'X, and the eigenvectors as columns."""
    X = X.double()
    n, d = X.shape
    eigenvalues, vectors = torch.linalg.eigh(X @ X.T if n < d else X.T @ X)
    kept = eigenvalues > 1e-12 * eigenvalues[-1]
    eigenvalues, vectors = eigenvalues[kept], vectors[:, kept]
    return eigenvalues, X.T @ vectors / eigenvalues.sqrt() if n < d else vectors


@contextmanager
def _threads_for(work: float) -> Iterator[None]:
    """Use a single thread for small products: more threads are slower on a busy machine."""
    before = torch.get_num_threads()
    if work < _SINGLE_THREAD_WORK:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
