"""Strength, trust in the prior and noise rate, found from the labels themselves."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import torch

from skactive.kernels.softmax_path import Problem, fit_softmax_path, path_logits

_STRENGTHS = (0.1, 0.3, 1.0)
_ANCHORED_STRENGTHS = (0.3, 1.0, 4.0)
_PRIOR_SCALES = (0.0, 0.5)
NOISE_RATES = (0.0, 0.3)
_N_FOLDS = 4
_MANY_ROWS = 300  # from here on one fold will do to choose by
_NEGLIGIBLE = 0.01  # share of a candidate that is not worth fitting to all rows
N_ITER = 12
_TEMPERING = 2.0


@dataclass(frozen=True)
class LabelledRows:
    """What linear heads are fitted to.

    Attributes
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
    device : str
        A torch device.
    """

    X: np.ndarray
    codes: np.ndarray
    weight: np.ndarray
    log_shares: np.ndarray
    prior_log_proba: np.ndarray | None
    device: str = "cpu"

    def average(self, noise_rates: tuple[float, ...] = NOISE_RATES) -> "AveragedHead":
        """Average a few linear heads by how well each foretells labels that it has not seen.

        The candidates differ in three things: how strongly they are shrunk, how far they follow the
        prior ("not at all" included), and how many labels they take to be wrong. Each is fitted to
        all but one fold for every fold; where rows are many, one fold is enough. Its evidence is
        the log-likelihood of the held-out labels, under its own noise rate. Those that count are
        fitted to all rows, and their coefficients averaged with weights proportional to
        exp(evidence / 2): few labels, and all have their say; many, and the best decides.

        Parameters
        ----------
        noise_rates : tuple of float
            Candidates' noise rates.

        Returns
        -------
        averaged : AveragedHead
            The averaged head.

        References
        ----------
        Y. Yao, A. Vehtari, D. Simpson and A. Gelman, "Using stacking to average Bayesian predictive
        distributions", Bayesian Analysis 13, 2018 (pseudo Bayesian model averaging).
        """
        candidates = self._candidates(noise_rates)
        judged = range(self.n_folds if len(self.X) < _MANY_ROWS else min(1, self.n_folds))
        held_out = self.held_out(candidates, judged)
        evidence = self._evidence(held_out, candidates[:, 2])
        share = evidence_shares(evidence)
        share[share < _NEGLIGIBLE] = 0
        share /= share.sum()
        kept = share > 0
        coefficients = self._fit(candidates[kept], np.ones((len(self.X), 1)))
        return AveragedHead(
            coefficients=coefficients.cpu().double().numpy().transpose(2, 0, 1) @ share[kept],
            anchor={
                "strength": float(np.exp(share @ np.log(candidates[:, 0]))),
                "prior_scale": float(share @ candidates[:, 1]),
                "noise_rate": float(share @ candidates[:, 2]),
                "candidates": candidates,
                "evidence": evidence,
                "share": share,
            },
            rows=self,
            held_out=held_out[:, kept],
        )

    @cached_property
    def fold(self) -> np.ndarray:
        """Fold of each row; equal rows share one."""
        _, row = np.unique(self.X, axis=0, return_inverse=True)
        return row.ravel() % _N_FOLDS

    @property
    def n_folds(self) -> int:
        """Zero where there is nothing to hold out."""
        n_folds = int(self.fold.max()) + 1
        return n_folds if n_folds > 1 else 0

    def held_out(self, candidates: np.ndarray, folds: Iterable[int]) -> np.ndarray:
        """Log-probabilities for the rows of some folds, by heads that have not seen them.

        Parameters
        ----------
        candidates : array of shape (M, 3)
            Strength, prior scale and noise rate of each head.
        folds : iterable of int
            The folds.

        Returns
        -------
        log_proba : float64 array of shape (n, M, K)
            NaN for other folds; where there are no folds at all, what an unfitted head says.
        """
        folds = list(folds)
        offset = self._offset(candidates)
        log_proba = torch.log_softmax(offset, dim=2)
        if self.n_folds:
            log_proba[:] = torch.nan
            seen = np.column_stack([self.fold != k for k in folds])
            parts = self._fit(candidates, seen).split(len(candidates), dim=1)
            for k, coefficients in zip(folds, parts, strict=True):
                rows = torch.as_tensor(self.fold == k, device=self.device)
                logits = path_logits(self._features[rows], coefficients) + offset[rows]
                log_proba[rows] = torch.log_softmax(logits, dim=2)
        return log_proba.cpu().double().numpy()

    def _candidates(self, noise_rates: tuple[float, ...]) -> np.ndarray:
        anchored = self.prior_log_proba is not None
        strengths = _ANCHORED_STRENGTHS if anchored else _STRENGTHS
        scales = _PRIOR_SCALES if anchored else (0.0,)
        return np.array(list(product(strengths, scales, noise_rates)))

    def _evidence(self, log_proba: np.ndarray, noise_rate: np.ndarray) -> np.ndarray:
        judged = np.flatnonzero(~np.isnan(log_proba[:, 0, 0]))
        given = np.exp(log_proba[judged, :, self.codes[judged]])
        likelihood = (1 - noise_rate) * given + noise_rate / len(self.log_shares)
        return self.weight[judged] @ np.log(likelihood)

    def _fit(self, candidates: np.ndarray, seen: np.ndarray) -> torch.Tensor:
        """Every candidate on every part (n, P) of the rows: (d + 1, P * M, K)."""
        n_parts, n_models = seen.shape[1], len(candidates)
        problem = Problem(
            X=self._features,
            y=torch.as_tensor(self.codes, device=self.device),
            weight=self._tensor(np.repeat(seen * self.weight[:, None], n_models, axis=1)),
            offset=self._offset(candidates).repeat(1, n_parts, 1),
            strength=self._tensor(np.tile(candidates[:, 0], n_parts)),
            noise_rate=self._tensor(np.tile(candidates[:, 2], n_parts)),
        )
        return fit_softmax_path(problem, N_ITER)

    def _offset(self, candidates: np.ndarray) -> torch.Tensor:
        shape = (len(self.X), len(candidates), len(self.log_shares))
        offset = self._tensor(self.log_shares).expand(shape)
        if self.prior_log_proba is None:
            return offset
        prior = self._tensor(self.prior_log_proba)[:, None, :]
        return offset + self._tensor(candidates[:, 1])[:, None] * prior

    @property
    def _features(self) -> torch.Tensor:
        return self._tensor(np.column_stack([self.X, np.ones(len(self.X))]))

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(array, dtype=torch.float32, device=self.device)


@dataclass(frozen=True)
class AveragedHead:
    """The average of the candidates, and how it came about.

    Attributes
    ----------
    coefficients : float64 array of shape (K, d + 1)
        For the features and a column of ones.
    anchor : dict
        What each candidate stood for and how much it counts.
    rows : LabelledRows
        What it was fitted to.
    held_out : float64 array of shape (n, M, K)
        Held-out log-probabilities of those that count; NaN for rows of folds not needed so far.
    """

    coefficients: np.ndarray
    anchor: dict[str, Any]
    rows: LabelledRows
    held_out: np.ndarray

    @cached_property
    def out_of_fold(self) -> np.ndarray:
        """Probabilities for each row by heads that have not seen it: float64 (n, K)."""
        share = self.anchor["share"]
        log_proba = self.held_out
        missing = np.isnan(log_proba[:, 0, 0])
        if missing.any():
            folds = np.unique(self.rows.fold[missing])
            rest = self.rows.held_out(self.anchor["candidates"][share > 0], folds)
            log_proba = np.where(missing[:, None, None], rest, log_proba)
        return np.einsum("nmk,m->nk", np.exp(log_proba), share[share > 0])


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
