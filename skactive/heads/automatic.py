"""Strength, trust in the prior and noise rate, found from the labels themselves."""

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import torch

from skactive.heads.averaging import candidate_shares
from skactive.kernels.softmax_path import Problem, fit_softmax_path, path_logits

_STRENGTHS = (0.1, 1.0)
_ANCHORED_STRENGTHS = (0.3, 1.0)
_PRIOR_SCALES = (0.0, 0.25, 0.5)
NOISE_RATES = (0.0, 0.3)
_N_FOLDS = 4
_N_TRUST_FOLDS = 12
_MANY_ROWS = 300  # from here on one fold will do to choose by
_NEGLIGIBLE = 0.01  # share of a candidate that is not worth fitting to all rows
_BY_LOGITS = 0.7  # how much of the balancing is not done by weights where labels may be wrong
N_ITER = 12
_Parts = list[tuple[np.ndarray, torch.Tensor]]


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
        fitted to all rows, and their coefficients averaged: see `candidate_shares`.

        Parameters
        ----------
        noise_rates : tuple of float
            Candidates' noise rates.

        Returns
        -------
        averaged : AveragedHead
            The averaged head.
        """
        candidates = self._candidates(noise_rates)
        fold = self._folds(_N_FOLDS)
        judged = fold if len(self.X) < _MANY_ROWS else np.where(fold == 0, 0, -1)
        parts = self._fit_without(candidates, judged)
        evidence = self._evidence(self._held_out(candidates, parts), judged, candidates[:, 2])
        agreement = self._agreement()
        share = candidate_shares(evidence, candidates[:, 1] > 0, agreement, self.weight.sum())
        share[share < _NEGLIGIBLE] = 0
        share /= share.sum()
        kept = share > 0
        coefficients = self._fit(candidates[kept], np.ones((len(self.X), 1)))
        return AveragedHead(
            coefficients=_mean(coefficients, share[kept]),
            held_out=[(rows, _mean(each, share)) for rows, each in parts],
            anchor={
                "strength": float(np.exp(share @ np.log(candidates[:, 0]))),
                "prior_scale": float(share @ candidates[:, 1]),
                "noise_rate": float(share @ candidates[:, 2]),
                "agreement": agreement,
                "candidates": candidates,
                "evidence": evidence,
                "share": share,
            },
            rows=self,
        )

    def out_of_fold(self, candidates: np.ndarray, share: np.ndarray) -> np.ndarray:
        """Probabilities for each row by heads that have not seen it.

        Parameters
        ----------
        candidates : array of shape (M, 3)
            Strength, prior scale and noise rate of each head.
        share : array of shape (M,)
            What each counts.

        Returns
        -------
        proba : float64 array of shape (n, K)
            Rows sum to 1.
        """
        parts = self._fit_without(candidates, self._folds(_N_TRUST_FOLDS))
        log_proba = self._held_out(candidates, parts)
        return np.einsum("nmk,m->nk", np.exp(log_proba), share)

    def _folds(self, n_folds: int) -> np.ndarray:
        """Fold of each row; equal rows share one. -1 where there would be but one."""
        _, row = np.unique(self.X, axis=0, return_inverse=True)
        fold = row.ravel() % n_folds
        return fold if fold.max() > 0 else np.full(len(fold), -1)

    def _fit_without(self, candidates: np.ndarray, fold: np.ndarray) -> _Parts:
        """Each fold's rows (n,), and every candidate fitted to the others; none for fold -1."""
        held_out = [fold == k for k in np.unique(fold[fold >= 0])]
        if not held_out:
            return []
        coefficients = self._fit(candidates, ~np.column_stack(held_out))
        return list(zip(held_out, coefficients.split(len(candidates), dim=1), strict=True))

    def _held_out(self, candidates: np.ndarray, parts: _Parts) -> np.ndarray:
        """Log-probabilities (n, M, K) by heads that have not seen the row; else, by unfitted."""
        features, offset = self._features, self._anchor(candidates) + self._tensor(self.log_shares)
        log_proba = torch.log_softmax(offset, dim=2)
        for held_out, coefficients in parts:
            rows = torch.as_tensor(held_out, device=self.device)
            logits = path_logits(features[rows], coefficients) + offset[rows]
            log_proba[rows] = torch.log_softmax(logits, dim=2)
        return log_proba.cpu().double().numpy()

    def _candidates(self, noise_rates: tuple[float, ...]) -> np.ndarray:
        anchored = self.prior_log_proba is not None
        strengths = _ANCHORED_STRENGTHS if anchored else _STRENGTHS
        scales = _PRIOR_SCALES if anchored else (0.0,)
        return np.array(list(product(strengths, scales, noise_rates)))

    def _evidence(
        self, log_proba: np.ndarray, fold: np.ndarray, noise_rate: np.ndarray
    ) -> np.ndarray:
        """Log-likelihood of held-out labels, scaled to what it would be for all of them."""
        judged = fold >= 0 if (fold >= 0).any() else fold < 0
        given = np.exp(log_proba[judged, :, self.codes[judged]])
        likelihood = (1 - noise_rate) * given + noise_rate / len(self.log_shares)
        evidence = self.weight[judged] @ np.log(likelihood)
        return evidence * self.weight.sum() / self.weight[judged].sum()

    def _agreement(self) -> float:
        """By how many standard deviations the prior fits the labels better than shuffled ones."""
        if self.prior_log_proba is None:
            return 0.0
        total = self.weight.sum()
        share = np.bincount(self.codes, self.weight, len(self.log_shares)) / total
        proba = np.exp(self.prior_log_proba)
        proba = proba - self.weight @ proba / total
        proba -= (proba @ share)[:, None]
        fit = self.weight @ proba[np.arange(len(self.codes)), self.codes]
        spread = np.sqrt(self.weight**2 @ proba**2 @ share)
        return float(fit / spread) if spread > 0 else 0.0

    def _fit(self, candidates: np.ndarray, seen: np.ndarray) -> torch.Tensor:
        """Every candidate on every part (n, P) of the rows: (d + 1, P * M, K).

        Classes are balanced by taking their shares out of the logits. Where labels are wrong this
        gives too much to rare classes, so that candidates which reckon with it do only most of it
        that way, and the rest by weights.
        """
        n_parts = seen.shape[1]
        by_logits = np.where(candidates[:, 2] > 0, _BY_LOGITS, 1.0)
        weight = np.exp(self.log_shares[self.codes, None] * (by_logits - 1))
        weight *= self.weight[:, None]
        weight *= self.weight.sum() / weight.sum(axis=0)
        shares = self._tensor(np.outer(by_logits, self.log_shares))
        problem = Problem(
            X=self._features,
            y=torch.as_tensor(self.codes, device=self.device),
            weight=self._tensor((seen[:, :, None] * weight[:, None]).reshape(len(seen), -1)),
            offset=(self._anchor(candidates) + shares).repeat(1, n_parts, 1),
            strength=self._tensor(np.tile(candidates[:, 0], n_parts)),
            noise_rate=self._tensor(np.tile(candidates[:, 2], n_parts)),
        )
        return fit_softmax_path(problem, N_ITER)

    def _anchor(self, candidates: np.ndarray) -> torch.Tensor:
        """What each candidate takes over from the prior: (n, M, K)."""
        if self.prior_log_proba is None:
            return torch.zeros(
                (len(self.X), len(candidates), len(self.log_shares)), device=self.device
            )
        prior = self._tensor(self.prior_log_proba)[:, None, :]
        return self._tensor(candidates[:, 1])[:, None] * prior

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
    held_out : list of (bool array of shape (n,), float64 array of shape (K, d + 1))
        Some parts of the rows, and the coefficients as they are without each.
    anchor : dict
        What each candidate stood for and how much it counts.
    rows : LabelledRows
        What it was fitted to.
    """

    coefficients: np.ndarray
    held_out: list[tuple[np.ndarray, np.ndarray]]
    anchor: dict[str, Any]
    rows: LabelledRows

    @cached_property
    def out_of_fold(self) -> np.ndarray:
        """Probabilities for each row by heads that have not seen it: float64 (n, K)."""
        share = self.anchor["share"]
        return self.rows.out_of_fold(self.anchor["candidates"][share > 0], share[share > 0])


def _mean(coefficients: torch.Tensor, share: np.ndarray) -> np.ndarray:
    """Of the candidates' coefficients (d + 1, M, K): (K, d + 1)."""
    return coefficients.cpu().double().numpy().transpose(2, 0, 1) @ share


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
