"""Greedy choice of the rows that stand best for a reference sample."""

from collections.abc import Callable

import numpy as np
import torch

from skactive.kernels.ranking import top_n
from skactive.kernels.tensor_rows import TensorRows

#: Candidates whose gain is brought up to date together.
_CHUNK = 32


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
    """n rows, each gaining most: sum over the reference of weight * (similarity not yet reached).

    Gains only shrink, so the best of a set of candidates is the best of all while it beats the
    stale gain of every row outside (lazy greedy). Once nothing is left to gain, the cover is
    complete and a second one is begun.

    Parameters
    ----------
    rows : TensorRows of shape (N, d)
    n : int, n <= N
    reference : tensor of shape (R, d)
    similarity : callable
        Squared distances to similarities between 0 and 1, falling; may work in place.
    centers : tensor of shape (C, d), default=None
        What covers the reference already.
    weights : tensor of shape (R,), default=None
        What each row of the reference counts; None means one.
    n_candidates : int, default=512
        Rows looked at between two looks at all gains: a matter of speed alone.

    Returns
    -------
    positions : int64 array of shape (n,)

    Notes
    -----
    O(N R d) for the first gains, O(R d) for each that is brought up to date; O(N + R d) memory.
    """
    cover = Cover(rows, reference, similarity, weights)
    cover.restart(centers)
    return cover.pick(n, n_candidates)


def ball(radius: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """Similarity 1 up to the radius, and 0 beyond."""
    return lambda square: (square <= radius * radius).to(square.dtype)


def bell(bandwidth: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """Similarity exp(-(distance / bandwidth) ** 2)."""
    return lambda square: square.mul_(-1 / max(bandwidth, 1e-18) ** 2).exp_()


class Cover:
    """A greedy cover that can be picked from bit by bit, and begun again with other centers."""

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
        self.nothing = 1e-6 * float(self.weights.sum())
        # Before the first restart all is covered, and nothing to be gained.
        self.reached = torch.ones_like(self.square_norms)
        self.gains = np.zeros(len(rows))
        self.chosen: list[int] = []

    def restart(self, centers: torch.Tensor | None) -> None:
        """Count these centers as all there is; rows picked before are not picked again.

        Gains grow where less is covered than before, and only that is computed.
        """
        before, self.reached = self.reached, torch.zeros_like(self.reached)
        if centers is not None and len(centers):
            for part in centers.split(_CHUNK):
                self._reach(part)
        opened = (self.reached < before).nonzero()[:, 0]
        if not len(opened):
            return
        was, now, weights = before[opened], self.reached[opened], self.weights[opened]
        reference, square_norms = self.reference[opened], self.square_norms[opened]
        for where, block in self.rows.blocks(len(opened)):
            similar = self._similar(block, reference, square_norms)
            more = similar.minimum(was).sub_(now).clamp_(min=0) @ weights
            self.gains[where] += more.cpu().numpy()
        self.gains = self._rounded(self.gains)

    def pick(self, n: int, n_candidates: int = 512) -> np.ndarray:
        """The next n rows."""
        before = len(self.chosen)
        while (left := before + n - len(self.chosen)) > 0:
            if self.gains.max() > self.nothing:
                self._advance(left, n_candidates)
            else:
                self._begin_again(left)
        return np.array(self.chosen[before:], dtype=np.int64)

    def _advance(self, n: int, n_candidates: int) -> None:
        """Choose no more than n rows among the candidates of highest gain."""
        candidates = np.sort(top_n(self.gains, min(n_candidates, len(self.gains))))
        others = self.gains.copy()
        others[candidates] = -np.inf
        rival = int(others.argmax())
        points, gains = self.rows.take(candidates), self.gains[candidates]
        fresh = np.zeros(len(candidates), dtype=bool)
        picked = 0
        while picked < n:
            best = int(gains.argmax())
            beaten = (-gains[best], candidates[best]) > (-others[rival], rival)
            if beaten or gains[best] <= self.nothing:
                break
            if fresh[best]:
                self._reach(points[best][None])
                self.chosen.append(int(candidates[best]))
                gains[best], fresh[:], picked = -np.inf, False, picked + 1
            else:
                stale = top_n(np.where(fresh, -np.inf, gains), min(_CHUNK, len(gains)))
                stale = stale[~fresh[stale] & (gains[stale] > -np.inf)]
                now = self._gains(points[stale]).cpu().numpy()
                gains[stale], fresh[stale] = self._rounded(now), True
        self.gains[candidates] = gains

    def _begin_again(self, n: int) -> None:
        """All is covered: forget it, or, where a fresh cover gains nothing, go by position."""
        if float(self.reached.max()) > 0:
            self.restart(None)
            if self.gains.max() > self.nothing:
                return
        left = np.flatnonzero(self.gains > -np.inf)[:n]
        self.gains[left] = -np.inf
        self.chosen += left.tolist()

    def _rounded(self, gains: np.ndarray) -> np.ndarray:
        """Equal gains made equal: two rows that cover only each other are common, and tie."""
        bits = 14 if self.rows.dtype == torch.float32 else 36
        fraction, exponent = np.frexp(gains.astype(np.float64))
        return np.ldexp(np.round(np.ldexp(fraction, bits)), exponent - bits)

    def _reach(self, points: torch.Tensor) -> None:
        similar = self._similar(points, self.reference, self.square_norms)
        self.reached = torch.maximum(self.reached, similar.amax(dim=0))

    def _gains(self, points: torch.Tensor) -> torch.Tensor:
        similar = self._similar(points, self.reference, self.square_norms)
        return similar.sub_(self.reached).clamp_(min=0) @ self.weights

    def _similar(
        self, points: torch.Tensor, reference: torch.Tensor, square_norms: torch.Tensor
    ) -> torch.Tensor:
        norms = (points * points).sum(dim=1)[:, None] + square_norms
        square = torch.addmm(norms, points, reference.T, alpha=-2)
        tolerance = 8 * self.rows.eps
        return self.similarity(square.masked_fill_(square <= tolerance * norms, 0))
