"""Strategies that maximize a coverage of the pool greedily, measured on a reference sample."""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from skactive.strategies.base import QueryStrategy
from skactive.strategies.coverage import labeled_points
from skactive.strategies.parameters import (
    AT_LEAST_ONE,
    AUTO,
    FRACTION,
    NOT_NEGATIVE,
    POSITIVE,
    Constraints,
)
from skactive.strategies.uncertainty import margin_uncertainty
from skactive.strategies.view import PoolView

if TYPE_CHECKING:
    from torch import Tensor

_MIN_TRUST = 0.5  # a label of lower trust is more likely wrong than right
_BANDWIDTH_FACTOR = 2.5  # automatic bandwidth of BalancedHerding, as a multiple of `spread`
_DISTANCES = 2**22  # computed per block
_MIN_CLASS_FREQUENCY = 1e-3  # keeps the weight of a class finite that is predicted nowhere
_ALL_CANDIDATES = 2**13  # rows of the largest pool whose rows BalancedHerding compares all,
_N_CANDIDATES = 4000  # rows that it compares of a larger pool,
_CANDIDATES_PER_PICK = 10  # or this multiple of n, if it is more
_N_REFERENCE = 4000  # rows of the reference sample of a small pool


class ProbCover(QueryStrategy):
    """Repeatedly select the row whose ball covers the most rows that are not covered yet.

    All balls have the same radius. The pool is represented by a sample of `n_reference` rows. After
    the whole sample is covered, the algorithm starts again with an empty cover.

    **Use when** there are no labels yet. **Avoid when** budgets are larger: it performs worse than
    random. Needs nothing; the balls of labeled rows are covered from the start. Complexity:
    O(N R d) for R reference rows, O(R d) per update of a gain.

    Parameters
    ----------
    radius : float or "auto", default="auto"
        Radius of the balls. "auto" clusters the reference sample by k-means, with one cluster per
        class, and takes the largest radius at which a fraction `purity` of the balls around
        reference rows contain rows of one cluster only.
    purity : float, default=0.95
        Fraction of pure balls that determines the automatic radius.
    n_reference : int, default=4000
        Size of the reference sample. The objective is exact if it is N or more.

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
        "purity": [FRACTION],
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
        labeled = labeled_points(view, rows)
        return greedy_cover(rows, n, reference, ball(float(radius)), centers=labeled)

    def _auto_radius(self, reference: "Tensor", view: PoolView) -> float:
        """Quantile of the distance to the nearest row of another cluster, slightly reduced.

        A ball is pure if its radius is smaller than this distance.
        """
        import torch

        from skactive.kernels.clustering import kmeans
        from skactive.kernels.distances import nearest
        from skactive.kernels.tensor_rows import TensorRows

        n_classes = 10 if view.classes is None else max(2, len(view.classes))
        centers = kmeans(reference, min(n_classes, len(reference)), view.rng)
        cluster = nearest(TensorRows(reference, view.device), centers)[0]
        distance = torch.full_like(reference[:, 0], torch.inf)
        for i in cluster.unique():
            inside, outside = cluster == i, reference[cluster != i]
            if len(outside):
                members = TensorRows(reference[inside], view.device)
                distance[inside] = nearest(members, outside)[1].sqrt()
        radius = float(distance.cpu().quantile(1 - self.purity, interpolation="lower"))
        return radius * (1 - 1e-6) if np.isfinite(radius) else 1.0


class MaxHerding(QueryStrategy):
    """Greedily maximize the coverage of the pool, measured by a Gaussian kernel.

    The similarity of two rows is exp(-(distance / bandwidth)²). The coverage of a pool row is its
    highest similarity to a labeled or selected row. Each step selects the row that increases the
    mean coverage of the pool the most. The pool is represented by a sample of `n_reference` rows.

    **Use when** there are few labels; in contrast to `ProbCover`, there is no radius to tune.
    **Avoid when** the model is already good: its predictions are not used. Needs nothing; labeled
    rows count as selected. Complexity: O(N R d) for R reference rows, O(R d) per update of a gain.

    Parameters
    ----------
    bandwidth : float or "auto", default="auto"
        Bandwidth of the kernel. "auto" takes the root mean squared distance of the rows from their
        mean. For rows of unit length this is about 1, the value in the paper.
    n_reference : int, default=4000
        Size of the reference sample. The objective is exact if it is N or more.

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
        bandwidth = _resolve(self.bandwidth, lambda: spread(reference))
        labeled = labeled_points(view, rows)
        return greedy_cover(rows, n, reference, bell(bandwidth), centers=labeled)


class UHerding(QueryStrategy):
    """MaxHerding with uncertainty weights, and a bandwidth that shrinks as labels are added.

    The weight of a reference row is 1 - (p1 - p2), where p1 and p2 are its two largest
    probabilities. The bandwidth is the smallest positive distance between two labeled rows; with
    fewer than two, it is the bandwidth of `MaxHerding`. With few labels, the strategy covers the
    pool; with many labels, it is close to margin sampling.

    **Use when** one strategy is needed for all budgets. **Avoid when** near-duplicates are labeled:
    they shrink the bandwidth too early. Needs predicted probabilities, which should be calibrated:
    the paper fits a temperature on held-out labels, here calibration is left to the model.
    Complexity: O(N R d) for R reference rows, O(R d) per update of a gain.

    Parameters
    ----------
    bandwidth : float or "auto", default="auto"
        Bandwidth of the kernel. "auto" takes the smallest positive distance between two labeled
        rows.
    n_reference : int, default=4000
        Size of the reference sample. The objective is exact if it is N or more.

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
        uncertainty = margin_uncertainty(self.read(view, "proba")[drawn])
        reference, labeled = rows.take(drawn), labeled_points(view, rows)
        bandwidth = _resolve(self.bandwidth, lambda: _smallest_distance(labeled, spread(reference)))
        return greedy_cover(
            rows,
            n,
            reference,
            bell(bandwidth),
            centers=labeled,
            weights=torch.from_numpy(uncertainty).to(reference),
        )


class BalancedHerding(QueryStrategy):
    """MaxHerding with more weight on uncertain rows and on rare classes: ``strategy="auto"``.

    The weight of a reference row is its margin uncertainty 1 - (p1 - p2), times the mean inverse
    class frequency under its predicted probabilities. Class frequencies are the mean predicted
    probabilities of the pool. Labeled rows cover their surroundings if their label trust is above
    0.5. Around a label that is probably wrong, rows can be selected again. A large pool is
    represented by reference rows that are drawn in proportion to their weights, so that rare
    classes are represented. Of more than 8,192 rows, 10 n and at least 4,000 are compared: one
    half are reference rows, the other half are drawn from the pool.

    **Use when** classes are imbalanced or labels are noisy, from the first batch on: without
    predicted probabilities, it is `MaxHerding` with a wider bandwidth, which finds rows outside of
    dense regions sooner. **Avoid when** all classes have about the same size and the model is good:
    `Margin` is as good and costs less. Needs nothing. Complexity: O(C R d) for R reference rows and
    C compared rows, O(R d) per update of a gain, O(N K) for the weights.

    Parameters
    ----------
    bandwidth : float or "auto", default="auto"
        Bandwidth of the kernel. "auto" takes 2.5 times the bandwidth of `MaxHerding`.
    balance : float, default=1.0
        Exponent of the inverse class frequency. 0 gives all rows the same weight, 1 gives all
        classes the same total weight; uncertainty multiplies these weights.
    n_reference : int or "auto", default="auto"
        Size of the reference sample. If it is N or more, the objective is exact, and all rows are
        compared. "auto" is 4,000 for at most 8,192 rows, otherwise 5 n and at least 2,000.

    References
    ----------
    .. [1] W. Bae, G. L. Oliveira and D. J. Sutherland (2025). Uncertainty herding: one active
       learning method for all label budgets. ICLR. arXiv:2412.20644. (Only the objective; class
       balance and label trust are additions.)

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
        "n_reference": [AUTO, AT_LEAST_ONE],
    }

    def __init__(
        self, bandwidth: float | str = "auto", balance: float = 1.0, n_reference: int | str = "auto"
    ) -> None:
        self.bandwidth = bandwidth
        self.balance = balance
        self.n_reference = n_reference

    def select(self, view: PoolView, n: int) -> np.ndarray:
        import torch

        from skactive.kernels.covering import bell, greedy_cover
        from skactive.kernels.tensor_rows import TensorRows

        rows = TensorRows(view.X, view.device, centered=True)
        n_reference, n_candidates = self._sample_sizes(len(view), n)
        drawn, weights = self._draw_weighted_reference(view, n_reference)
        reference, labeled = rows.take(drawn), labeled_points(view, rows)
        if len(labeled) and view.label_trust is not None:
            trusted = np.asarray(view.label_trust) > _MIN_TRUST
            labeled = labeled[torch.from_numpy(trusted).to(labeled.device)]
        bandwidth = _resolve(self.bandwidth, lambda: _BANDWIDTH_FACTOR * spread(reference))
        candidates = None
        if n_candidates < len(view):
            candidates = _draw_candidates(view, n_candidates, drawn)
            rows = TensorRows(rows.take(candidates), view.device)
        selected = greedy_cover(
            rows,
            n,
            reference,
            bell(bandwidth),
            centers=labeled,
            weights=torch.from_numpy(weights).to(reference),
        )
        return selected if candidates is None else candidates[selected]

    def score(self, view: PoolView) -> np.ndarray:
        """Weight of each row: margin uncertainty times the mean inverse class frequency.

        Parameters
        ----------
        view : PoolView
            The pool.

        Returns
        -------
        scores : float64 array of shape (N,)
            All 1 if there are no predicted probabilities, or no row is uncertain.
        """
        if view.proba is None:
            return np.ones(len(view))
        proba = np.asarray(view.proba, dtype=np.float64)
        class_frequency = proba.mean(axis=0) + _MIN_CLASS_FREQUENCY / proba.shape[1]
        scores = margin_uncertainty(proba) * (proba @ class_frequency**-self.balance)
        return scores if scores.any() else np.ones(len(view))

    def _sample_sizes(self, n_rows: int, n: int) -> tuple[int, int]:
        """Numbers of reference rows and of candidates."""
        n_candidates = max(_N_CANDIDATES, _CANDIDATES_PER_PICK * n)
        n_reference = n_candidates // 2
        if n_rows <= max(_ALL_CANDIDATES, n_candidates):
            n_reference, n_candidates = _N_REFERENCE, n_rows
        if self.n_reference != "auto":
            n_reference = int(self.n_reference)
        return n_reference, n_candidates if n_reference < n_rows else n_rows

    def _draw_weighted_reference(self, view: PoolView, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Positions (R,) of distinct reference rows, and their weights (R,)."""
        scores = self.score(view)
        if size >= len(view):
            return np.arange(len(view)), scores
        drawn = view.rng.choice(len(view), size=size, p=scores / scores.sum())
        rows, counts = np.unique(drawn, return_counts=True)
        return rows, counts.astype(np.float64)


def _draw_candidates(view: PoolView, size: int, reference: np.ndarray) -> np.ndarray:
    """Positions of rows that may be selected, in ascending order.

    Half of them are drawn from the reference rows, half from the pool.
    """
    weighted = view.rng.choice(reference, min(size // 2, len(reference)), replace=False)
    return np.union1d(weighted, view.rng.choice(len(view), size // 2, replace=False))


def draw_reference(view: PoolView, size: int) -> np.ndarray:
    """Positions of a random sample of the pool, in ascending order; all rows if N <= size."""
    if size >= len(view):
        return np.arange(len(view))
    return np.sort(view.rng.choice(len(view), size=size, replace=False))


def spread(points: "Tensor") -> float:
    """Root mean squared distance of the points from their mean."""
    return float(((points - points.mean(dim=0)) ** 2).sum(dim=1).mean().sqrt())


def _resolve(bandwidth: float | str, auto: Callable[[], float]) -> float:
    return auto() if bandwidth == "auto" else float(bandwidth)


def _smallest_distance(points: "Tensor", default: float) -> float:
    """The smallest positive distance between two points; the default if there is none."""
    import torch

    smallest = torch.inf
    if len(points) < 2:
        return default
    for block in points.split(max(1, _DISTANCES // max(1, len(points)))):
        # Matrix products are not exact enough: rounding errors hide small distances.
        distances = torch.cdist(block, points, compute_mode="donot_use_mm_for_euclid_dist")
        smallest = min(smallest, float(distances.where(distances > 0, torch.inf).min()))
    return smallest if smallest < torch.inf else default
