"""Farthest-first traversal, exact, at nearly the cost of one matrix product."""

import torch

from skactive.kernels.distances import lower_to
from skactive.kernels.tensor_rows import TensorRows

#: A squared distance from norms and a product may be off by so many units in the last place.
ULPS = 8
#: More rows than this within rounding of each other are not told apart by exact differences.
MAX_NEAR = 4096


def farthest_first(
    rows: TensorRows, n: int, centers: torch.Tensor, *, n_candidates: int = 2048
) -> torch.Tensor:
    """n rows, each the farthest from the centers and from the rows chosen before it.

    The picks are those of the one-by-one rule. Distances only shrink, so the farthest of a set of
    candidates is the farthest of all while it beats the stale distance of every row outside: many
    rows are chosen between two passes over the pool. The rows' own precision screens; where its
    rounding could decide, differences in double precision do, and then the lowest position.

    Parameters
    ----------
    rows : TensorRows of shape (N, d)
    n : int, n <= N
    centers : tensor of shape (C, d), C >= 1
    n_candidates : int, default=2048
        Rows looked at between two passes: a matter of speed alone.

    Returns
    -------
    positions : int64 tensor of shape (n,), on the CPU

    Notes
    -----
    O(N (C + n) d) multiplications, O(N + n_candidates d) memory beside the rows.
    """
    traversal = _Traversal(rows, centers, min(n_candidates, len(rows)))
    while len(traversal.chosen) < n:
        traversal.advance(n - len(traversal.chosen))
    return torch.tensor(traversal.chosen, dtype=torch.int64)


class _Traversal:
    """Squared distances of all rows, -inf for those chosen, as of the last pass over the pool."""

    def __init__(self, rows: TensorRows, centers: torch.Tensor, n_candidates: int) -> None:
        self.rows = rows
        self.n_candidates = n_candidates
        self.square_norms = rows.square_norms()
        self.bound = torch.full_like(self.square_norms, torch.inf)
        self.centers = [centers]
        self.chosen: list[int] = []
        self._lower(centers)

    def advance(self, n: int) -> None:
        """Choose between one and n more rows, then bring all distances up to date."""
        if not self.bound.max() > 0:
            self.chosen += (self.bound == 0).nonzero()[:n, 0].tolist()
            return
        picks = self._race(n)
        self.chosen += picks
        self.bound[picks] = -torch.inf
        self.centers.append(self.rows.take(picks))
        self._lower(self.centers[-1])

    def _race(self, n: int) -> list[int]:
        """The next picks, for as long as no row outside the candidates could be one."""
        candidates = self.bound.topk(self.n_candidates).indices.sort().values
        upper = self.bound + self._error(self.bound, self.square_norms)
        outside = upper.index_fill(0, candidates, -torch.inf).max()
        points, square_norms = self.rows.take(candidates), self.square_norms[candidates]
        bound = self.bound[candidates]
        picks: list[int] = []
        new: list[torch.Tensor] = []
        while len(picks) < n:
            error = self._error(bound, square_norms)
            lower = (bound - error).max()
            if picks and not lower > outside:
                break
            near = (bound + error >= lower).nonzero()[:, 0]
            if not picks and lower <= outside:
                position = self._farthest_of((upper >= lower).nonzero()[:, 0], new)
            elif len(near) > 1:
                position = self._farthest_of(candidates[near], new)
            else:
                position = int(candidates[near[0]])
            picks.append(position)
            new.append(self.rows.take([position]))
            products = points @ new[-1][0]
            distances = square_norms + (new[-1] * new[-1]).sum() - 2 * products
            bound = torch.minimum(bound, distances.clamp_(min=0))
            bound[candidates == position] = -torch.inf
            bound[(bound <= self._error(bound, square_norms)) & (bound > 0)] = 0
        return picks

    def _farthest_of(self, positions: torch.Tensor, new: list[torch.Tensor]) -> int:
        """Of rows that rounding cannot tell apart, the farthest; of equals, the first."""
        if len(positions) > MAX_NEAR:
            return int(positions[0])
        wide = torch.float32 if self.rows.device.type == "mps" else torch.float64
        exact = torch.cdist(
            self.rows.take(positions).to(wide),
            torch.cat([*self.centers, *new]).to(wide),
            compute_mode="donot_use_mm_for_euclid_dist",
        ).amin(dim=1)
        return int(positions[(exact >= exact.max() * (1 - 1e-12)).nonzero()[0, 0]])

    def _lower(self, centers: torch.Tensor) -> None:
        lower_to(self.bound, self.rows, centers, self.square_norms)
        error = self._error(self.bound, self.square_norms)
        self.bound[(self.bound <= error) & (self.bound > 0)] = 0  # duplicates are at distance 0

    def _error(self, bound: torch.Tensor, square_norms: torch.Tensor) -> torch.Tensor:
        return ULPS * self.rows.eps * (square_norms + bound.clamp(min=0))
