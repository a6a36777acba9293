"""The batch that stands best for the pool: greedy covers of a reference sample."""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from skactive.strategies.base import PoolView, QueryStrategy
from skactive.strategies.coverage import labeled_points
from skactive.strategies.parameters import (
    AT_LEAST_ONE,
    AUTO,
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    Constraints,
)
from skactive.strategies.uncertainty import closeness

if TYPE_CHECKING:
    from torch import Tensor

_TRUSTED = 0.5  # a label below is likelier wrong than right
_REACH = 2.5  # of similarities, in spreads of the rows
_DISTANCES = 2**22  # computed at a time
_LEAST_SHARE = 1e-3  # a class that is expected nowhere has a finite weight


class ProbCover(QueryStrategy):
    """The rows whose balls of one radius hold most of the pool that no other ball holds yet.

    The pool is represented by `n_reference` rows of it. Once every one of them is covered, a second
    cover is begun.

    **Use it** for the first labels of all. **Leave it** at larger budgets, where it falls behind
    random. Needs nothing; labeled rows cover their balls. O(N R d) for R reference rows, O(R d)
    for each gain brought up to date.

    Parameters
    ----------
    radius : float or "auto", default="auto"
        "auto" takes the largest one at which `purity` of the balls around reference rows hold rows
        of one k-means cluster only, with as many clusters as there are classes.
    purity : float, default=0.95
        See `radius`.
    n_reference : int, default=4000
        Exact when it is N or more.

    References
    ----------
    .. [1] O. Yehuda, A. Dekel, G. Hacohen and D. Weinshall (2022). Active learning through a
       covering lens. NeurIPS. arXiv:2205.11320.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import PoolView, ProbCover
    >>> X = np.array([[0.0], [1.0], [2.0], [9.0], [9.5]])
    >>> ProbCover(radius=1.5).select(PoolView(5, X=X), 2)
    array([1, 3])
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "radius": [AUTO, POSITIVE],
        "purity": [SHARE],
        "n_reference": [AT_LEAST_ONE],
    }

    def __init__(
        self, radius: float | str = "auto", purity: float = 0.95, n_reference: int = 4000
    ) -> None:
        self.radius = radius
        self.purity = purity
        self.n_reference = n_reference

    def select(self, view: PoolView, n: int) -> np.ndarray:
        from skactive.kernels.covering import ball, greedy_cover
        from skactive.kernels.tensor_rows import TensorRows

        rows = TensorRows(view.X, view.device, centered=True)
        reference = rows.take(draw_reference(view, self.n_reference))
        radius = self._auto_radius(reference, view) if self.radius == "auto" else self.radius
        known = labeled_points(view, rows)
        return greedy_cover(rows, n, reference, ball(float(radius)), centers=known)

    def _auto_radius(self, reference: "Tensor", view: PoolView) -> float:
        """A ball is pure while it is smaller than the distance to the next foreign row."""
        import torch

        from skactive.kernels.clustering import kmeans
        from skactive.kernels.distances import nearest
        from skactive.kernels.tensor_rows import TensorRows

        n_classes = 10 if view.classes is None else max(2, len(view.classes))
        centers = kmeans(reference, min(n_classes, len(reference)), view.rng)
        cluster = nearest(TensorRows(reference, view.device), centers)[0]
        foreign = torch.full_like(reference[:, 0], torch.inf)
        for i in cluster.unique():
            inside, outside = cluster == i, reference[cluster != i]
            if len(outside):
                own = TensorRows(reference[inside], view.device)
                foreign[inside] = nearest(own, outside)[1].sqrt()
        radius = float(foreign.cpu().quantile(1 - self.purity, interpolation="lower"))
        return radius * (1 - 1e-6) if np.isfinite(radius) else 1.0


class MaxHerding(QueryStrategy):
    """The rows that bring a Gaussian kernel nearest to every row of the pool.

    Each pick gains the most of: mean over the pool of the highest similarity to a labeled or
    chosen row, similarity being exp(-(distance / bandwidth)²). The pool is represented by
    `n_reference` rows of it.

    **Use it** for few labels; unlike ProbCover it needs no radius that fits. **Leave it** once the
    model is good: it does not look at it. Needs nothing; labeled rows count as chosen. O(N R d)
    for R reference rows, O(R d) for each gain brought up to date.

    Parameters
    ----------
    bandwidth : float or "auto", default="auto"
        "auto" is the root of the mean squared distance from the mean row: about 1, the paper's
        value, on rows of length 1.
    n_reference : int, default=4000
        Exact when it is N or more.

    References
    ----------
    .. [1] W. Bae, J. Noh and D. J. Sutherland (2024). Generalized coverage for more robust
       low-budget active learning. ECCV. arXiv:2407.12212.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import MaxHerding, PoolView
    >>> X = np.array([[0.0], [0.5], [1.0], [9.0], [9.5]])
    >>> MaxHerding(bandwidth=1.0).select(PoolView(5, X=X), 2)
    array([1, 3])
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "bandwidth": [AUTO, POSITIVE],
        "n_reference": [AT_LEAST_ONE],
    }

    def __init__(self, bandwidth: float | str = "auto", n_reference: int = 4000) -> None:
        self.bandwidth = bandwidth
        self.n_reference = n_reference

    def select(self, view: PoolView, n: int) -> np.ndarray:
        from skactive.kernels.covering import bell, greedy_cover
        from skactive.kernels.tensor_rows import TensorRows

        rows = TensorRows(view.X, view.device, centered=True)
        reference = rows.take(draw_reference(view, self.n_reference))
        bandwidth = _given(self.bandwidth, lambda: spread(reference))
        known = labeled_points(view, rows)
        return greedy_cover(rows, n, reference, bell(bandwidth), centers=known)


class UHerding(QueryStrategy):
    """MaxHerding over the rows that the model is unsure of: from coverage to margin as labels grow.

    Every reference row counts by 1 - (p1 - p2), and similarities reach as far as the two nearest
    labeled rows are apart (with fewer than two, as in `MaxHerding`): with few labels it covers the
    pool, with many it is margin sampling.

    **Use it** as one strategy for all budgets. **Leave it** where near-duplicates are labeled,
    which shrink its reach too early. Needs probabilities, and trusts them: the paper's temperature,
    found on held-out labels, is left to the model here. O(N R d) for R reference rows, O(R d) for
    each gain brought up to date.

    Parameters
    ----------
    bandwidth : float or "auto", default="auto"
        How far similarities reach; "auto" is as above.
    n_reference : int, default=4000
        Exact when it is N or more.

    References
    ----------
    .. [1] W. Bae, G. L. Oliveira and D. J. Sutherland (2025). Uncertainty herding: one active
       learning method for all label budgets. ICLR. arXiv:2412.20644.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import PoolView, UHerding
    >>> X = np.array([[0.0], [1.0], [2.0], [9.0], [9.5]])
    >>> proba = np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.4, 0.6]])
    >>> UHerding(bandwidth=1.0).select(PoolView(5, X=X, proba=proba), 2)
    array([3, 1])
    """

    needs: frozenset[str] = frozenset({"proba"})

    _parameter_constraints: ClassVar[Constraints] = {
        "bandwidth": [AUTO, POSITIVE],
        "n_reference": [AT_LEAST_ONE],
    }

    def __init__(self, bandwidth: float | str = "auto", n_reference: int = 4000) -> None:
        self.bandwidth = bandwidth
        self.n_reference = n_reference

    def select(self, view: PoolView, n: int) -> np.ndarray:
        import torch

        from skactive.kernels.covering import bell, greedy_cover
        from skactive.kernels.tensor_rows import TensorRows

        rows = TensorRows(view.X, view.device, centered=True)
        drawn = draw_reference(view, self.n_reference)
        doubt = closeness(self.read(view, "proba")[drawn])
        reference, known = rows.take(drawn), labeled_points(view, rows)
        bandwidth = _given(self.bandwidth, lambda: _closest(known, spread(reference)))
        return greedy_cover(
            rows,
            n,
            reference,
            bell(bandwidth),
            centers=known,
            weights=torch.from_numpy(doubt).to(reference),
        )


class BalancedHerding(QueryStrategy):
    """MaxHerding over the rows in doubt, in which rare classes weigh more: ``strategy="auto"``.

    A reference row counts by its doubt, 1 - (p1 - p2) of the joint opinion of prior and head, times
    the mean of 1 / (share of the class in the pool) under that opinion. Rows whose label
    is trusted cover what is near them; where a label is likely to be wrong, the region stays open.
    A large pool is represented by rows drawn in proportion to what they count, so that rare
    classes have their part.

    **Use it** from the first label on: without opinions it is a `MaxHerding` of wider reach, which
    finds what is far from the crowd sooner. **Leave it** where all classes are of one size and the
    model is good, where `Margin` is as good and costs less. Needs nothing. O(N R d) for R reference
    rows, O(R d) for each gain brought up to date.

    Parameters
    ----------
    bandwidth : float or "auto", default="auto"
        How far similarities reach; "auto" is 2.5 times that of `MaxHerding`.
    balance : float, default=1.0
        The power of a class's share by which its rows count less; 0 lets all count alike, 1 lets
        all classes weigh the same.
    n_reference : int, default=4000
        Exact when it is N or more.

    References
    ----------
    .. [1] W. Bae, G. L. Oliveira and D. J. Sutherland (2025). Uncertainty herding: one active
       learning method for all label budgets. ICLR. arXiv:2412.20644. (The objective; the balance
       of classes and the trust in labels are ours.)

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import BalancedHerding, PoolView
    >>> X = np.array([[0.0], [1.0], [2.0], [9.0], [9.5]])
    >>> proba = np.array([[0.7, 0.3], [0.7, 0.3], [0.7, 0.3], [0.3, 0.7], [0.9, 0.1]])
    >>> BalancedHerding(bandwidth=1.0).select(PoolView(5, X=X, proba=proba), 2)
    array([1, 3])
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "bandwidth": [AUTO, POSITIVE],
        "balance": [NOT_NEGATIVE],
        "n_reference": [AT_LEAST_ONE],
    }

    def __init__(
        self, bandwidth: float | str = "auto", balance: float = 1.0, n_reference: int = 4000
    ) -> None:
        self.bandwidth = bandwidth
        self.balance = balance
        self.n_reference = n_reference

    def select(self, view: PoolView, n: int) -> np.ndarray:
        import torch

        from skactive.kernels.covering import bell, greedy_cover
        from skactive.kernels.tensor_rows import TensorRows

        rows = TensorRows(view.X, view.device, centered=True)
        drawn, counts = self._reference(view)
        reference, known = rows.take(drawn), labeled_points(view, rows)
        if len(known) and view.label_trust is not None:
            known = known[
                torch.from_numpy(np.asarray(view.label_trust) > _TRUSTED).to(known.device)
            ]
        bandwidth = _given(self.bandwidth, lambda: _REACH * spread(reference))
        return greedy_cover(
            rows,
            n,
            reference,
            bell(bandwidth),
            centers=known,
            weights=torch.from_numpy(counts).to(reference),
        )

    def score(self, view: PoolView) -> np.ndarray:
        """What each row counts for: its doubt, times the weight of the classes it may be of.

        Parameters
        ----------
        view : PoolView
            The pool.

        Returns
        -------
        scores : float64 array of shape (N,)
            All 1 where there is no opinion, or no doubt.
        """
        if view.proba is None:
            return np.ones(len(view))
        proba = np.asarray(view.proba, dtype=np.float64)
        shares = proba.mean(axis=0) + _LEAST_SHARE / proba.shape[1]
        scores = closeness(proba) * (proba @ shares**-self.balance)
        return scores if scores.any() else np.ones(len(view))

    def _reference(self, view: PoolView) -> tuple[np.ndarray, np.ndarray]:
        """Distinct rows that stand for the pool, and what each counts for."""
        scores = self.score(view)
        if self.n_reference >= len(view):
            return np.arange(len(view)), scores
        chance = scores / scores.sum()
        drawn = view.rng.choice(len(view), size=self.n_reference, p=chance)
        rows, counts = np.unique(drawn, return_counts=True)
        return rows, counts.astype(np.float64)


def draw_reference(view: PoolView, size: int) -> np.ndarray:
    """Positions of rows that stand for the pool, in ascending order; all, where that is fewer."""
    if size >= len(view):
        return np.arange(len(view))
    return np.sort(view.rng.choice(len(view), size=size, replace=False))


def spread(points: "Tensor") -> float:
    return float(((points - points.mean(dim=0)) ** 2).sum(dim=1).mean().sqrt())


def _given(bandwidth: float | str, auto: Callable[[], float]) -> float:
    return auto() if bandwidth == "auto" else float(bandwidth)


def _closest(points: "Tensor", otherwise: float) -> float:
    """The smallest distance, other than zero, between two of the points."""
    import torch

    closest = torch.inf
    if len(points) < 2:
        return otherwise
    for block in points.split(max(1, _DISTANCES // max(1, len(points)))):
        # by differences: products would not tell near rows from equal ones
        distances = torch.cdist(block, points, compute_mode="donot_use_mm_for_euclid_dist")
        closest = min(closest, float(distances.where(distances > 0, torch.inf).min()))
    return closest if closest < torch.inf else otherwise
