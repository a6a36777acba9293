"""Strength, trust in the prior and noise rate, found from the labels themselves."""

from itertools import product
from typing import Any, NamedTuple

import numpy as np
import torch

from skactive.kernels.softmax_path import Problem, fit_softmax_path, path_logits

_STRENGTHS = (0.1, 0.3, 1.0)
_ANCHORED_STRENGTHS = (0.3, 1.0, 4.0)
_PRIOR_SCALES = (0.0, 0.5)
NOISE_RATES = (0.0, 0.3)
_N_FOLDS = 4
_MANY_ROWS = 300  # from here on two folds will do
N_ITER = 30
_TEMPERING = 2.0


class Automatic(NamedTuple):
    """The average of the candidates, and how it came about.

    Attributes
    ----------
    coefficients : float64 array of shape (K, d + 1)
        For the features and a column of ones.
    out_of_fold : float64 array of shape (n, K)
        Probabilities for each row by models that have not seen it.
    anchor : dict
        What each candidate stood for and how much it counts.
    """

    coefficients: np.ndarray
    out_of_fold: np.ndarray
    anchor: dict[str, Any]


def fit_automatic(
    X: np.ndarray,
    codes: np.ndarray,
    weight: np.ndarray,
    log_shares: np.ndarray,
    prior_log_proba: np.ndarray | None,
    noise_rates: tuple[float, ...] = NOISE_RATES,
    device: str = "cpu",
) -> Automatic:
    """Average a few linear heads by how well each foretells labels that it has not seen.

    The candidates differ in three things: how strongly they are shrunk, how far they follow the
    prior ("not at all" included), and how many labels they take to be wrong. Each is fitted to all
    rows, and to all but one fold for every fold. Its evidence is the log-likelihood of the
    held-out labels, under its own noise rate. Coefficients are averaged with weights proportional
    to exp(evidence / 2): few labels, and all candidates have their say; many, and the best decides.

    Parameters
    ----------
    X : float array of shape (n, d)
        Features, centred and scaled; distinct rows in an order that is not that of the classes.
    codes : int array of shape (n,)
        Labels, 0 .. K-1.
    weight : array of shape (n,)
        Weights of the rows.
    log_shares : array of shape (K,)
        Logarithms of the classes' shares among the labels, taken out of the head so that no class
        is favoured for being labelled often.
    prior_log_proba : array of shape (n, K) or None
        The prior's log-probabilities.
    noise_rates : tuple of float
        Candidates' noise rates.
    device : str
        A torch device.

    Returns
    -------
    automatic : Automatic
        The averaged head.

    References
    ----------
    Y. Yao, A. Vehtari, D. Simpson and A. Gelman, "Using stacking to average Bayesian predictive
    distributions", Bayesian Analysis 13, 2018 (pseudo Bayesian model averaging).
    """
    anchored = prior_log_proba is not None
    strengths = _ANCHORED_STRENGTHS if anchored else _STRENGTHS
    scales = _PRIOR_SCALES if anchored else (0.0,)
    candidates = np.array(list(product(strengths, scales, noise_rates)))
    n_models, n_classes = len(candidates), len(log_shares)
    folds = _folds(X)
    n_parts = 1 + (folds.max() + 1 if folds.max() > 0 else 0)

    def tensor(array: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(array, dtype=torch.float32, device=device)

    features = tensor(np.column_stack([X, np.ones(len(X))]))
    offset = tensor(log_shares).expand(len(X), n_models, n_classes)
    if prior_log_proba is not None:
        offset = offset + tensor(candidates[:, 1])[:, None] * tensor(prior_log_proba)[:, None, :]
    # the first part sees all rows, each of the others all but one fold
    seen = np.column_stack([np.ones(len(X)), *(folds != k for k in range(n_parts - 1))])
    problem = Problem(
        X=features,
        y=torch.as_tensor(codes, device=device),
        weight=tensor(np.repeat(seen * weight[:, None], n_models, axis=1)),
        offset=offset.repeat(1, n_parts, 1),
        strength=tensor(np.tile(candidates[:, 0], n_parts)),
        noise_rate=tensor(np.tile(candidates[:, 2], n_parts)),
    )
    coefficients = fit_softmax_path(problem, N_ITER)
    held_out = torch.log_softmax(offset, dim=2)  # where there is nothing to hold out
    for k in range(n_parts - 1):
        rows = torch.as_tensor(folds == k, device=device)
        part = coefficients[:, (k + 1) * n_models : (k + 2) * n_models]
        held_out[rows] = torch.log_softmax(path_logits(features[rows], part) + offset[rows], dim=2)
    log_proba = held_out.cpu().double().numpy()
    given = np.exp(log_proba[np.arange(len(X)), :, codes])
    rates = candidates[:, 2]
    evidence = weight @ np.log((1 - rates) * given + rates / n_classes)
    share = evidence_shares(evidence)
    averaged = coefficients[:, :n_models].cpu().double().numpy().transpose(2, 0, 1) @ share
    out_of_fold = np.einsum("nmk,m->nk", np.exp(log_proba), share)
    return Automatic(
        coefficients=averaged,
        out_of_fold=out_of_fold,
        anchor={
            "strength": float(np.exp(share @ np.log(candidates[:, 0]))),
            "prior_scale": float(share @ candidates[:, 1]),
            "noise_rate": float(share @ rates),
            "candidates": candidates,
            "evidence": evidence,
            "share": share,
        },
    )


def _folds(X: np.ndarray) -> np.ndarray:
    """Fold of each row; equal rows share one."""
    _, row = np.unique(X, axis=0, return_inverse=True)
    return row.ravel() % (_N_FOLDS if len(X) < _MANY_ROWS else 2)


def evidence_shares(evidence: np.ndarray) -> np.ndarray:
    """What each candidate counts in the average.

    Parameters
    ----------
    evidence : array of shape (M,)
        Log-likelihoods of held-out labels.

    Returns
    -------
    shares : array of shape (M,)
        Proportional to exp(evidence / 2); they sum to 1.
    """
    shares = np.exp((evidence - evidence.max()) / _TEMPERING)
    return shares / shares.sum()


def merge_rows(
    X: np.ndarray, codes: np.ndarray, weight: np.ndarray, prior: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None, np.ndarray]:
    """Equal rows of equal label as one, in an order that the rows decide.

    So the order of the rows does not matter, and a row of weight 2 is a row given twice.

    Parameters
    ----------
    X : array of shape (n, d)
        Features.
    codes : int array of shape (n,)
        Labels.
    weight : array of shape (n,)
        Weights.
    prior : array of shape (n, K) or None
        Prior log-probabilities.

    Returns
    -------
    X, codes, weight, prior
        Of the m distinct rows.
    entry : int array of shape (n,)
        Which of them each row became.
    """
    columns = [X, codes[:, None]] if prior is None else [X, codes[:, None], prior]
    _, first, entry = np.unique(
        np.column_stack(columns), axis=0, return_index=True, return_inverse=True
    )
    entry = entry.ravel()
    total = np.bincount(entry, weight)
    return X[first], codes[first], total, None if prior is None else prior[first], entry
