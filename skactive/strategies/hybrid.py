"""Unsure and spread out at once."""

import numpy as np

from skactive.strategies.base import PoolView, QueryStrategy


class Badge(QueryStrategy):
    """k-means++ seeding on the gradients that the model's own answers would give.

    The gradient of row i is the outer product of (p - onehot(argmax p)) and its features: long
    where the model is unsure, and its direction says about what. The first row is the one of
    the longest gradient; each next is drawn in proportion to its squared distance to the
    nearest chosen. Gradients are never formed: distances come from the two factors.

    **Use it** as a robust choice for batches of any size. **Leave it** where classes are very rare
    (see GALAXY and DIRECT). Needs probabilities; what is labelled plays no part. O(N n (d + K))
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
        from skactive.kernels.rows import Rows
        from skactive.kernels.sampling import d2_sample

        rows = Rows(view.X, view.device)
        residual = self._residual(view).astype(str(rows.dtype).removeprefix("torch."), copy=False)
        first = int(self.score(view).argmax())
        return d2_sample([Rows(residual, view.device), rows], n, view.rng, first=first)

    def score(self, view: PoolView) -> np.ndarray:
        """The length of the gradient.

        Parameters
        ----------
        view : PoolView
            The pool.

        Returns
        -------
        scores : float64 array of shape (N,)
        """
        from skactive.kernels.rows import Rows

        length = Rows(view.X, view.device).square_norms().sqrt().cpu().numpy()
        return np.linalg.norm(self._residual(view), axis=1) * length.astype(np.float64)

    def _residual(self, view: PoolView) -> np.ndarray:
        residual = np.array(self.read(view, "proba"))
        residual[np.arange(len(residual)), residual.argmax(axis=1)] -= 1
        return residual
