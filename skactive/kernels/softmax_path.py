"""Many ridge softmax regressions on the same rows, fitted at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch

_LITTLE_WORK = 2e8  # multiplications in one product, about 10 ms
_FLOOR = 1e-12  # below lie subnormal numbers, with which products take many times as long


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
    """Maximise every penalised likelihood, by majorisation with Nesterov's momentum.

    The softmax's curvature is at most 1/2 in every direction, so in the eigenbasis of X'X one
    diagonal bounds the Hessian of every model, and a step costs two matrix products. A noisy
    label's likelihood is bounded likewise, by the EM weight of its being a true one.

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
    D. Böhning, "Multinomial logistic regression algorithm", Annals of the Institute of Statistical
    Mathematics 44, 1992.
    """
    with _threads_for(len(problem.X) ** 2 * problem.offset[0].numel()):
        return _fit(problem, n_iter)


def _fit(problem: Problem, n_iter: int) -> torch.Tensor:
    X, y, weight, offset, strength, rate = problem
    n, n_models, n_classes = offset.shape
    eigenvalues, basis = _eigenbasis(X * weight.amax(dim=1).sqrt()[:, None])
    eigenvalues, basis = eigenvalues.to(X), basis.to(X)
    Z = X @ basis
    curvature = (eigenvalues[:, None] / 2 + strength)[:, :, None]
    rows = torch.arange(n, device=X.device)
    current = ahead = Z.new_zeros(len(eigenvalues), n_models, n_classes)
    speed = 1.0
    for _ in range(n_iter):
        residual = torch.softmax(path_logits(Z, ahead) + offset, dim=2).clamp_(min=_FLOOR)
        given = residual[rows, :, y]
        true = (1 - rate) * given / ((1 - rate) * given + rate / n_classes)
        residual[rows, :, y] -= 1
        residual *= (weight * true)[:, :, None]
        gradient = (Z.T @ residual.reshape(n, -1)).reshape(ahead.shape)
        gradient += strength[:, None] * ahead
        following = ahead - gradient / curvature
        faster = (1 + (1 + 4 * speed**2) ** 0.5) / 2
        ahead = following + (speed - 1) / faster * (following - current)
        current, speed = following, faster
    return (basis @ ahead.reshape(len(eigenvalues), -1)).reshape(X.shape[1], n_models, n_classes)


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
