"""Coverage that does not count on labels that look wrong."""

from collections.abc import Generator
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from skactive.strategies.base import PoolView, SequentialStrategy
from skactive.strategies.coverage import labeled_points
from skactive.strategies.herding import draw_reference, spread
from skactive.strategies.parameters import AT_LEAST_ONE, Constraints

if TYPE_CHECKING:
    from torch import Tensor


class Nas(SequentialStrategy):
    """`MaxHerding` in which a row whose label looks wrong covers nothing.

    The batch is asked for in shares of one row a class. After each share every label is held
    against those of its nearest labeled rows; where most of them name another class, the row
    no longer counts as chosen, and its surroundings are open again.

    **Use it** for few labels by annotators who often err. **Leave it** for reliable labels, where
    it opens regions of rare classes again and again. Needs probabilities, to answer in the
    annotator's place, but does not choose by them. O(N R d) for R reference rows at each share
    that changes a verdict.

    Parameters
    ----------
    n_neighbors : int, default=5
        Labeled rows that a label is held against.
    n_reference : int, default=2000
        Rows that stand for the pool; exact when it is N or more.

    References
    ----------
    .. [1] N. Shafir, G. Hacohen and D. Weinshall (2025). Active learning with a noisy annotator.
       arXiv:2504.04506. (With max-herding for coverage and neighbors for a filter.)

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import Nas, PoolView
    >>> rng = np.random.default_rng(0)
    >>> view = PoolView(50, X=rng.normal(size=(50, 2)), proba=rng.dirichlet([1, 1], 50))
    >>> len(Nas().select(view, 5))
    5
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "n_neighbors": [AT_LEAST_ONE],
        "n_reference": [AT_LEAST_ONE],
    }

    def __init__(self, n_neighbors: int = 5, n_reference: int = 2000) -> None:
        self.n_neighbors = n_neighbors
        self.n_reference = n_reference

    def steps(self, view: PoolView, n: int) -> Generator[np.ndarray, np.ndarray, None]:
        import torch

        from skactive.kernels.covering import Cover, bell
        from skactive.kernels.tensor_rows import TensorRows

        rows = TensorRows(view.X, view.device, centered=True)
        reference = rows.take(draw_reference(view, self.n_reference))
        cover = Cover(rows, reference, bell(spread(reference)))
        points = labeled_points(view, rows)
        labels = np.asarray(view.labeled_y if len(points) else [], dtype=np.int64)
        good = self._credible(points, labels)
        cover.restart(points[good])
        share = 1 if view.classes is None else max(1, len(view.classes))
        while n > 0:
            batch = cover.pick(min(n, share))
            n -= len(batch)
            heard = yield batch
            points = torch.cat([points, rows.take(batch)])
            labels = np.concatenate([labels, heard])
            before, good = good, self._credible(points, labels)
            if not good[len(before) :].all() or (good[: len(before)] != before).any():
                cover.restart(points[good])

    def _credible(self, points: "Tensor", labels: np.ndarray) -> np.ndarray:
        """Which labels no majority of the nearest other labeled rows contradicts."""
        import torch

        k = min(self.n_neighbors, len(labels) - 1)
        if k < 1:
            return np.ones(len(labels), dtype=bool)
        distance = torch.cdist(points, points).fill_diagonal_(torch.inf)
        near = labels[distance.topk(k, dim=1, largest=False).indices.cpu().numpy()]
        same_other = (near[:, :, None] == near[:, None, :]) & (near != labels[:, None])[:, :, None]
        return same_other.sum(axis=2).max(axis=1) * 2 <= k
