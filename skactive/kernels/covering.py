"""Greedy selection of rows that cover a reference sample."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from skactive.kernels.ranking import top_n
from skactive.kernels.tensor_rows import TensorRows

#: Number of candidates whose gains are updated together. It doubles while the best is outdated.
_CHUNK = 32
#: Similarities that are kept in memory, rather than computed for each update.
_MAX_KEPT = 2**25
_KEPT_BLOCK = 256  # rows


def greedy_cover(
    rows: TensorRows,
    n: int,
    reference: torch.Tensor,
    similarity: Callable[[torch.Tensor], torch.Tensor],
    *,
    centers: torch.Tensor | None = None,
    weights: torch.Tensor | None = None,
    n_candidates: int = 512,
) -> np.ndarray:
    """Select n rows greedily, each with the highest gain in coverage.

    The coverage of a reference row is its highest similarity to a center or a selected row. The
    gain of a row is the weighted sum, over the reference, of the increase in coverage. Gains only
    decrease, so an earlier gain is an upper bound (lazy greedy): the best candidate is the best
    of all rows if its gain exceeds the bounds of all other rows. If no gain is left, the cover is
    complete, and a second cover starts with zero coverage.

    Parameters
    ----------
    rows : TensorRows of shape (N, d)
        Rows of the pool.
    n : int, n <= N
        Number of rows to select.
    reference : tensor of shape (R, d)
        Rows to cover.
    similarity : callable
        Maps squared distances to similarities between 0 and 1. It must be decreasing, and may work
        in place.
    centers : tensor of shape (C, d), default=None
        Points that cover the reference from the start.
    weights : tensor of shape (R,), default=None
        Weights of the reference rows. None means equal weights of 1.
    n_candidates : int, default=512
        Number of candidates between two passes over all gains. It affects the speed only.

    Returns
    -------
    positions : int64 array of shape (n,)
        Distinct positions, in the order of selection.

    Notes
    -----
    O(N R d) time for the first gains. If N R <= 2**25, all similarities are kept: O(R) time per
    update of a gain, O(N R) memory. Otherwise O(R d) time per update, O(N + R d) memory.
    """
    cover = Cover(rows, reference, similarity, weights)
    cover.restart(centers)
    return cover.pick(n, n_candidates)


def ball(radius: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """Similarity 1 within the radius, and 0 outside."""
    return lambda square: (square <= radius * radius).to(square.dtype)


def bell(bandwidth: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """Similarity exp(-(distance / bandwidth) ** 2)."""
    return lambda square: square.mul_(-1 / max(bandwidth, 1e-18) ** 2).exp_()


class Cover:
    """A greedy cover that is extended in several steps, and can be restarted with other centers."""

    def __init__(
        self,
        rows: TensorRows,
        reference: torch.Tensor,
        similarity: Callable[[torch.Tensor], torch.Tensor],
        weights: torch.Tensor | None = None,
    ) -> None:
        self.rows = rows
        self.reference = reference
        self.square_norms = (reference * reference).sum(dim=1)
        self.similarity = similarity
        self.weights = torch.ones_like(self.square_norms) if weights is None else weights
        self.min_gain = 1e-6 * float(self.weights.sum())
        # Before the first restart, coverage is complete and all gains are 0.
        self.coverage = torch.ones_like(self.square_norms)
        self.gains = np.zeros(len(rows))
        self.chosen: list[int] = []
        self._kept: torch.Tensor | None = None
        if len(rows) * len(reference) <= _MAX_KEPT:
            self._kept = reference.new_empty((len(rows), len(reference)))
            for where, block in rows.blocks(len(reference)):
                self._kept[where] = self._to(reference, self.square_norms)(block)

    def restart(self, centers: torch.Tensor | None) -> None:
        """Reset the coverage to that of these centers. Selected rows are not selected again.

        Gains are updated by the reference rows whose coverage has decreased.
        """
        before, self.coverage = self.coverage, torch.zeros_like(self.coverage)
        if centers is not None and len(centers):
            to_reference = self._to(self.reference, self.square_norms)
            for part in centers.split(_CHUNK):
                self._cover(to_reference(part))
        changed = (self.coverage < before).nonzero()[:, 0]
        if not len(changed):
            return
        old, new, weights = before[changed], self.coverage[changed], self.weights[changed]
        self.gains += self._increases(changed, old, new, weights).cpu().numpy()
        self.gains = self._rounded(self.gains)

    def pick(self, n: int, n_candidates: int = 512) -> np.ndarray:
        """Select the next n rows."""
        before = len(self.chosen)
        while (left := before + n - len(self.chosen)) > 0:
            if self.gains.max() > self.min_gain:
                self._advance(left, n_candidates)
            else:
                self._start_over(left)
        return np.array(self.chosen[before:], dtype=np.int64)

    def _advance(self, n: int, n_candidates: int) -> None:
        """Select at most n rows among the candidates with the highest gains."""
        candidates = np.sort(top_n(self.gains, min(n_candidates, len(self.gains))))
        others = self.gains.copy()
        others[candidates] = -np.inf
        best_other = int(others.argmax())
        similarities, gains = self._similarities_of(candidates), self.gains[candidates]
        updated = np.zeros(len(candidates), dtype=bool)
        picked, chunk = 0, _CHUNK
        while picked < n:
            best = int(gains.argmax())
            beaten = (-gains[best], candidates[best]) > (-others[best_other], best_other)
            if beaten or gains[best] <= self.min_gain:
                break
            if updated[best]:
                self._cover(similarities(np.array([best])))
                self.chosen.append(int(candidates[best]))
                gains[best], updated[:], picked, chunk = -np.inf, False, picked + 1, _CHUNK
            else:
                outdated = top_n(np.where(updated, -np.inf, gains), min(chunk, len(gains)))
                outdated = outdated[~updated[outdated] & (gains[outdated] > -np.inf)]
                new_gains = self._gains(similarities(outdated)).cpu().numpy()
                gains[outdated], updated[outdated] = self._rounded(new_gains), True
                chunk *= 2
        self.gains[candidates] = gains

    def _start_over(self, n: int) -> None:
        """Start with zero coverage. If this gives no gain either, select rows by position."""
        if float(self.coverage.max()) > 0:
            self.restart(None)
            if self.gains.max() > self.min_gain:
                return
        left = np.flatnonzero(self.gains > -np.inf)[:n]
        if not len(left):
            raise ValueError("The weights of the reference rows, or their distances, are NaN.")
        self.gains[left] = -np.inf
        self.chosen += left.tolist()

    def _rounded(self, gains: np.ndarray) -> np.ndarray:
        """Round gains, so that ties are exact, as between two rows that cover only each other."""
        bits = 14 if self.rows.dtype == torch.float32 else 36
        fraction, exponent = np.frexp(gains.astype(np.float64))
        return np.ldexp(np.round(np.ldexp(fraction, bits)), exponent - bits)

    def _cover(self, similarities: torch.Tensor) -> None:
        self.coverage = torch.maximum(self.coverage, similarities.amax(dim=0))

    def _gains(self, similarities: torch.Tensor) -> torch.Tensor:
        return similarities.sub_(self.coverage).clamp_(min=0) @ self.weights

    def _increases(
        self, columns: torch.Tensor, old: torch.Tensor, new: torch.Tensor, weights: torch.Tensor
    ) -> torch.Tensor:
        """Increase of the gain of each row (N,), where some reference rows lost coverage."""
        if self._kept is None:
            similarities = self._to(self.reference[columns], self.square_norms[columns])
            compute = partial(_increase, similarities, old, new, weights)
            return self.rows.map(compute, width=len(columns))
        kept = partial(torch.index_select, dim=1, index=columns)
        blocks = self._kept.split(_KEPT_BLOCK)
        return torch.cat([_increase(kept, old, new, weights, block) for block in blocks])

    def _similarities_of(self, candidates: np.ndarray) -> Callable[[np.ndarray], torch.Tensor]:
        """A function from positions among the candidates to a new tensor of similarities."""
        kept = self._kept
        if kept is not None:
            return lambda which: kept[torch.from_numpy(candidates[which])]
        points = self.rows.take(candidates)
        to_reference = self._to(self.reference, self.square_norms)
        return lambda which: to_reference(points[which])

    def _to(
        self, reference: torch.Tensor, square_norms: torch.Tensor
    ) -> Callable[[torch.Tensor], torch.Tensor]:
        """A function from points to their similarities; it can be sent to other processes."""
        tolerance = 8 * self.rows.eps
        return partial(_similarities, self.similarity, tolerance, reference, square_norms)


def _similarities(
    similarity: Callable[[torch.Tensor], torch.Tensor],
    tolerance: float,
    reference: torch.Tensor,
    square_norms: torch.Tensor,
    points: torch.Tensor,
) -> torch.Tensor:
    norms = (points * points).sum(dim=1)[:, None] + square_norms
    square = torch.addmm(norms, points, reference.T, alpha=-2)
    return similarity(square.masked_fill_(square <= tolerance * norms, 0))


def _increase(
    similarities: Callable[[torch.Tensor], torch.Tensor],
    old: torch.Tensor,
    new: torch.Tensor,
    weights: torch.Tensor,
    points: torch.Tensor,
) -> torch.Tensor:
    """Increase of the gain of each point, where the coverage was lowered from old to new."""
    return similarities(points).minimum(old).sub_(new).clamp_(min=0) @ weights
