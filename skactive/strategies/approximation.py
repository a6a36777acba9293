"""Batches that approximate the whole pool: its log-posterior, or the model trained on it."""

from typing import Any, ClassVar

import numpy as np

from skactive._data.containers import row_blocks
from skactive.kernels.ranking import top_n
from skactive.strategies.base import QueryStrategy
from skactive.strategies.parameters import AT_LEAST_ONE, POSITIVE, Constraints
from skactive.strategies.uncertainty import entropy, sampled_blocks
from skactive.strategies.view import PoolView

#: Number of sampled probabilities per block.
_BLOCK = 2**21


class SparseApproximation(QueryStrategy):
    """Approximate the log-likelihood of the labels of the whole pool by that of n weighted rows.

    Each row is a vector of `n_samples` numbers, one for each posterior sample of the model: its
    expected log-likelihood under the mean prediction, plus the entropy of the mean prediction. Each
    Frank-Wolfe step selects the row whose direction is closest to what the weighted rows lack of
    the sum over the pool. A row is selected only once, which the published steps do not demand.

    **Use when** batches must be diverse and the model can be sampled. **Avoid when** labels are
    very few: posterior samples are unreliable. Needs predicted probabilities, and a head that can
    be sampled (see `Bald`). With any other head, and before any label, it is `Entropy`. Complexity:
    O(N m (K + n)) for m samples.

    Parameters
    ----------
    n_samples : int, default=100
        Number of posterior samples.

    References
    ----------
    .. [1] R. Pinsler, J. Gordon, E. Nalisnick and J. M. Hernández-Lobato (2019). Bayesian batch
       active learning as sparse subset approximation. NeurIPS. arXiv:1908.02144.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import PoolView, SparseApproximation
    >>> p = np.array([[0.99, 0.99, 0.9], [0.9, 0.9, 0.2], [0.1, 0.1, 0.8], [0.1, 0.1, 0.2]])
    >>> samples = np.stack([p, 1 - p], axis=2)  # rows 0 and 1 are redundant
    >>> view = PoolView(
    ...     3,
    ...     proba=samples.mean(axis=0),
    ...     sample_proba=lambda m, positions: samples[:, positions],
    ... )
    >>> SparseApproximation(n_samples=4).select(view, 2)
    array([0, 2])
    """

    needs: frozenset[str] = frozenset({"proba"})

    _parameter_constraints: ClassVar[Constraints] = {"n_samples": [AT_LEAST_ONE]}

    def __init__(self, n_samples: int = 100) -> None:
        self.n_samples = n_samples

    def select(self, view: PoolView, n: int) -> np.ndarray:
        proba = self.read(view, "proba")
        if view.sample_proba is None:
            return top_n(entropy(proba), n)
        vectors = self._vectors(view, proba.shape[1])
        norms = np.linalg.norm(vectors, axis=1)
        directions = vectors / np.where(norms > 0, norms, 1)[:, None]
        missing, approximation = vectors.sum(axis=0), np.zeros(self.n_samples)
        selected: list[int] = []
        is_left = np.ones(len(view), dtype=bool)
        for _ in range(n):
            aligned = np.where(is_left, directions @ missing, -np.inf)
            selected.append(int(aligned.argmax()))
            is_left[selected[-1]] = False
            step = norms.sum() * directions[selected[-1]] - approximation
            length = float(step @ step)
            size = np.clip(step @ missing / length, 0, 1) if length > 0 else 0.0
            approximation, missing = approximation + size * step, missing - size * step
        return np.array(selected, dtype=np.int64)

    def _vectors(self, view: PoolView, n_classes: int) -> np.ndarray:
        """Expected log-likelihood plus entropy of each row, for each posterior sample: (N, m)."""
        result = np.empty((len(view), self.n_samples))
        size = max(1, _BLOCK // (self.n_samples * n_classes))
        for rows, sampled in sampled_blocks(view, self.n_samples, size):
            samples = np.asarray(sampled, dtype=np.float64)
            mean = samples.mean(axis=0)
            log_samples = np.log(np.maximum(samples, np.finfo(np.float64).tiny))
            result[rows] = np.einsum("mnk,nk->nm", log_samples, mean) + entropy(mean)[:, None]
        return result


class Bilevel(QueryStrategy):
    """Select rows that train a linear model to predict the pool as the classifier does.

    The inner problem fits a ridge regression to the labels, one-hot, and to the predicted
    probabilities of the selected rows. The outer loss is the mean squared difference between its
    predictions and the predicted probabilities of the whole pool: the pool is summarized. Each step
    selects the candidate whose weight in the inner problem lowers the outer loss the fastest, by
    its exact derivative. This is the matching pursuit of the authors with a ridge regression, which
    has a closed form, in place of a logistic regression on kernel features, and without optimized
    weights.

    **Use when** the final model is trained on labels and predictions of the pool together
    (semi-supervised), and labels are few. **Avoid when** the model learns from labels only: in the
    benchmarks, it was then behind `Margin` on most data. Needs predicted probabilities. Complexity:
    O(N d (d + K) + n C (d + K)) for C candidates.

    Parameters
    ----------
    n_candidates : int, default=2000
        Number of rows that are compared, drawn at random; 10 n if this is more.
    regularization : float, default=0.1
        Penalty of the ridge regression, relative to the mean squared norm of the rows.

    References
    ----------
    .. [1] Z. Borsos, M. Tagliasacchi and A. Krause (2021). Semi-supervised batch active learning
       via bilevel optimization. ICASSP. arXiv:2010.09654.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import Bilevel, PoolView
    >>> X = np.array([[2.0, 0.0], [2.1, 0.0], [0.0, 1.0]])
    >>> proba = np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8]])
    >>> Bilevel().select(PoolView(3, X=X, proba=proba), 2)
    array([1, 2])
    """

    needs: frozenset[str] = frozenset({"proba"})

    _parameter_constraints: ClassVar[Constraints] = {
        "n_candidates": [AT_LEAST_ONE],
        "regularization": [POSITIVE],
    }

    def __init__(self, n_candidates: int = 2000, regularization: float = 0.1) -> None:
        self.n_candidates = n_candidates
        self.regularization = regularization

    def select(self, view: PoolView, n: int) -> np.ndarray:
        proba = np.asarray(self.read(view, "proba"), dtype=np.float64)
        candidates = np.arange(len(view))
        if len(view) > max(self.n_candidates, 10 * n):
            size = max(self.n_candidates, 10 * n)
            candidates = np.sort(view.rng.choice(len(view), size=size, replace=False))
        moments, targets = _pool_moments(view.X, proba)
        # Inner problem: (penalty + rows of labels and batch) coefficients = their targets.
        inner = self.regularization * np.trace(moments) * np.eye(len(moments))
        inner_targets = np.zeros_like(targets)
        if view.labeled_X is not None and len(view.labeled_y):
            labeled = _with_ones(np.asarray(view.labeled_X))
            inner += labeled.T @ labeled
            inner_targets += labeled.T @ np.eye(proba.shape[1])[view.labeled_y]
        inverse = np.linalg.inv(inner)
        coefficients = inverse @ inner_targets
        rows = _with_ones(np.asarray(view.X[candidates]))
        # For each candidate: what the model predicts too much, and what its row can change.
        residual = rows @ coefficients - proba[candidates]
        change = rows @ (inverse @ (moments @ coefficients - targets))
        selected: list[int] = []
        is_left = np.ones(len(rows), dtype=bool)
        for _ in range(n):
            gain = np.where(is_left, np.einsum("ij,ij->i", residual, change), -np.inf)
            row = int(gain.argmax())
            selected.append(row)
            is_left[row] = False
            # The formula of Sherman and Morrison, for all candidates at once.
            direction = inverse @ rows[row]
            scale = 1 / (1 + float(rows[row] @ direction))
            inverse -= scale * np.outer(direction, direction)
            error, changed = -residual[row], change[row].copy()
            steps = np.stack([scale * direction, inverse @ (moments @ (scale * direction))], axis=1)
            along, across = (rows @ steps).T
            residual += np.outer(along, error)
            change += np.outer(across, error) - np.outer(along, changed)
        return candidates[selected]


def _pool_moments(X: Any, proba: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean products of the rows of the pool with themselves (d + 1, d + 1) and with proba."""
    moments = np.zeros((X.shape[1] + 1, X.shape[1] + 1))
    targets = np.zeros((X.shape[1] + 1, proba.shape[1]))
    for block in row_blocks(X):
        rows = _with_ones(np.asarray(X[block]))
        moments += rows.T @ rows / X.shape[0]
        targets += rows.T @ proba[block] / X.shape[0]
    return moments, targets


def _with_ones(rows: np.ndarray) -> np.ndarray:
    return np.column_stack([rows.astype(np.float64, copy=False), np.ones(len(rows))])
