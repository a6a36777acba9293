"""Unsure and spread out at once."""

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from skactive.strategies.base import PoolView, QueryStrategy
from skactive.strategies.parameters import NOT_NEGATIVE, Constraints
from skactive.strategies.uncertainty import closeness

if TYPE_CHECKING:
    from torch import Tensor

#: Distances worked out together: new memory for more of them costs more than they do.
_BLOCK = 2**13


class Badge(QueryStrategy):
    """k-means++ seeding on the gradients that the model's own answers would give.

    The gradient of row i is the outer product of (p - onehot(argmax p)) and its features: long
    where the model is unsure, and its direction says about what. The first row is the one of
    the longest gradient; each next is drawn in proportion to its squared distance to the
    nearest chosen. Gradients are never formed: distances come from the two factors.

    **Use it** as a robust choice for batches of any size. **Leave it** where classes are very rare
    (see GALAXY and DIRECT). Needs probabilities; what is labeled plays no part. O(N n (d + K))
    multiplications, O(N K) memory.

    References
    ----------
    .. [1] J. T. Ash, C. Zhang, A. Krishnamurthy, J. Langford and A. Agarwal (2020). Deep batch
       active learning by diverse, uncertain gradient lower bounds. ICLR. arXiv:1906.03671.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import Badge, PoolView
    >>> X = np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    >>> Badge().select(PoolView(3, X=X, proba=np.full((3, 2), 0.5)), 2)
    array([0, 2])
    """

    needs: frozenset[str] = frozenset({"proba"})

    def select(self, view: PoolView, n: int) -> np.ndarray:
        from skactive.kernels.sampling import d2_sample
        from skactive.kernels.tensor_rows import TensorRows

        rows = TensorRows(view.X, view.device)
        residual = self._residual(view).astype(str(rows.dtype).removeprefix("torch."), copy=False)
        first = int(self.score(view).argmax())
        return d2_sample([TensorRows(residual, view.device), rows], n, view.rng, first=first)

    def score(self, view: PoolView) -> np.ndarray:
        """The length of the gradient.

        Parameters
        ----------
        view : PoolView
            The pool.

        Returns
        -------
        scores : float64 array of shape (N,)
            Higher is more wanted.
        """
        from skactive.kernels.tensor_rows import TensorRows

        length = TensorRows(view.X, view.device).square_norms().sqrt().cpu().numpy()
        return np.linalg.norm(self._residual(view), axis=1) * length.astype(np.float64)

    def _residual(self, view: PoolView) -> np.ndarray:
        residual = np.array(self.read(view, "proba"))
        residual[np.arange(len(residual)), residual.argmax(axis=1)] -= 1
        return residual


class Falcun(QueryStrategy):
    """Draws by (doubt + distance) to a high power, distances being between opinions.

    Doubt is 1 - (p1 - p2). A row's distance is the smallest L1 distance of its opinion to those
    of the chosen rows, scaled to [0, 1] after each pick; it starts as the doubt.

    **Use it** where features are costly or missing: it reads opinions only. **Leave it** for two
    classes, where opinions lie on a line. Needs probabilities; what is labeled plays no part.
    O(N K n).

    Parameters
    ----------
    gamma : float, default=10
        The power: 0 draws evenly, more is greedier.

    References
    ----------
    .. [1] S. Gilhuber, A. Beer, Y. Ma and T. Seidl (2024). FALCUN: a simple and efficient deep
       active learning strategy. ECML PKDD.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import Falcun, PoolView
    >>> proba = np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.0, 0.5, 0.5]])
    >>> 2 in Falcun().select(PoolView(3, proba=proba), 2)
    True
    """

    needs: frozenset[str] = frozenset({"proba"})

    _parameter_constraints: ClassVar[Constraints] = {"gamma": [NOT_NEGATIVE]}

    def __init__(self, gamma: float = 10) -> None:
        self.gamma = gamma

    def select(self, view: PoolView, n: int) -> np.ndarray:
        import torch

        from skactive.kernels.tensor_rows import TensorRows

        opinions = TensorRows(self.read(view, "proba"), view.device).all()
        doubt = torch.from_numpy(self.score(view)).to(opinions)
        distance, left = doubt.clone(), torch.ones_like(doubt)
        # In place: new arrays of the pool's length cost more than the sums that go into them.
        mass, cumulative = torch.empty_like(doubt), torch.empty_like(doubt, dtype=torch.float64)
        picks, tiny = torch.empty(n, dtype=torch.int64), torch.finfo(doubt.dtype).tiny
        for i, uniform in enumerate(view.rng.random(n)):
            # The power by way of the logarithm, which is at times many times faster than pow.
            torch.add(doubt, distance, out=mass).clamp_(min=tiny)
            mass.log_().mul_(self.gamma).exp_().mul_(left)
            torch.cumsum(mass, 0, dtype=torch.float64, out=cumulative)
            if not cumulative[-1] > 0:
                torch.cumsum(left, 0, dtype=torch.float64, out=cumulative)
            picks[i] = pick = _invert(cumulative, uniform)
            left[pick] = 0
            for near, block in zip(distance.split(_BLOCK), opinions.split(_BLOCK), strict=True):
                apart = torch.cdist(block, opinions[pick][None], p=1)[:, 0]
                torch.minimum(near, apart, out=near)
            mass.copy_(distance)[picks[: i + 1]] = torch.inf
            lowest = mass.min()
            mass[picks[: i + 1]] = -torch.inf
            distance.sub_(lowest).clamp_(min=0).div_((mass.max() - lowest).clamp(min=1e-12))
        return picks.numpy()

    def score(self, view: PoolView) -> np.ndarray:
        return closeness(self.read(view, "proba"))


def _invert(cumulative: "Tensor", uniform: float) -> int:
    """The position where the cumulative mass first exceeds a share of its total."""
    import torch

    share = uniform * cumulative[-1]
    position = int(torch.searchsorted(cumulative, share, right=True))
    # Where rounding makes the share the whole, it is the last row of any mass.
    return position if position < len(cumulative) else int(torch.searchsorted(cumulative, share))
