"""Mutual information with posterior samples of the model: of a batch, and with predictions."""

from typing import ClassVar

import numpy as np

from skactive.kernels.ranking import top_n
from skactive.strategies.base import QueryStrategy
from skactive.strategies.herding import draw_reference
from skactive.strategies.parameters import AT_LEAST_ONE, Constraints
from skactive.strategies.uncertainty import Bald, entropy, sampled_blocks
from skactive.strategies.view import PoolView

#: Number of joint probabilities per block.
_BLOCK = 2**21


class BatchBald(QueryStrategy):
    """Select rows whose labels, taken together, say the most about the model (BatchBALD).

    Each step adds the row with the highest mutual information between the model and the labels of
    the whole batch. The model is represented by `n_samples` posterior samples. The labels of the
    batch are enumerated while there are at most `n_configurations` configurations of them. Later,
    this number of configurations is drawn, and each further row extends them by a drawn label. Only
    the `n_candidates` rows with the highest `Bald` scores are compared, or 2 n if this is more. No
    row can add more information to a batch than its `Bald` score.

    **Use when** batches are small and `Bald` selects redundant rows. **Avoid when** batches are
    large: the information that m samples can measure is at most log m, and later rows of the batch
    are arbitrary. Needs predicted probabilities, and a head that can be sampled (see `Bald`). With
    any other head, and before any label, it is `Entropy`. Complexity: O(N K m) for m samples to
    score the pool, O(n C S K m) for C candidates and S configurations.

    Parameters
    ----------
    n_samples : int, default=100
        Number of posterior samples.
    n_candidates : int, default=500
        Number of rows that are compared.
    n_configurations : int, default=500
        Maximum number of configurations of the labels of a batch.

    References
    ----------
    .. [1] A. Kirsch, J. van Amersfoort and Y. Gal (2019). BatchBALD: efficient and diverse batch
       acquisition for deep Bayesian active learning. NeurIPS. arXiv:1906.08158.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import BatchBald, PoolView
    >>> p = np.array([[0.9, 0.9, 0.8], [0.9, 0.9, 0.2], [0.1, 0.1, 0.8], [0.1, 0.1, 0.2]])
    >>> samples = np.stack([p, 1 - p], axis=2)  # rows 0 and 1 are redundant
    >>> view = PoolView(
    ...     3,
    ...     proba=samples.mean(axis=0),
    ...     sample_proba=lambda m, positions: samples[:, positions],
    ... )
    >>> BatchBald(n_samples=4).select(view, 2)
    array([0, 2])
    """

    needs: frozenset[str] = frozenset({"proba"})

    _parameter_constraints: ClassVar[Constraints] = {
        "n_samples": [AT_LEAST_ONE],
        "n_candidates": [AT_LEAST_ONE],
        "n_configurations": [AT_LEAST_ONE],
    }

    def __init__(
        self, n_samples: int = 100, n_candidates: int = 500, n_configurations: int = 500
    ) -> None:
        self.n_samples = n_samples
        self.n_candidates = n_candidates
        self.n_configurations = n_configurations

    def select(self, view: PoolView, n: int) -> np.ndarray:
        scores = self.score(view)
        if view.sample_proba is None:
            return top_n(scores, n)
        candidates = top_n(scores, min(len(view), max(self.n_candidates, 2 * n)))
        samples = _samples(view.take(candidates), self.n_samples)
        known = entropy(samples.reshape(-1, samples.shape[2])).reshape(samples.shape[:2])
        batch = _Batch(self.n_samples, self.n_configurations)
        selected: list[int] = []
        is_left = np.ones(len(candidates), dtype=bool)
        for _ in range(n):
            gain = np.where(is_left, batch.entropy_of(samples) - known.mean(axis=0), -np.inf)
            # Gains that differ by rounding are equal: the higher `Bald` score comes first.
            selected.append(int((gain >= gain.max() - 1e-12).argmax()))
            is_left[selected[-1]] = False
            batch.add(samples[:, selected[-1]], view.rng)
        return candidates[selected]

    def score(self, view: PoolView) -> np.ndarray:
        """Mutual information between the label of each row and the model: see `Bald`.

        Parameters
        ----------
        view : PoolView
            The pool.

        Returns
        -------
        scores : float64 array of shape (N,)
            In nats.
        """
        return Bald(self.n_samples).score(view)


class Epig(QueryStrategy):
    """Select rows whose labels say the most about the predictions for the pool (EPIG).

    The score is the expected predictive information gain: the mutual information between the label
    of the row and the label of a target row, averaged over `n_targets` rows drawn from the pool.
    Unlike that of `Bald`, it is low for rows that inform about the model only where the pool has
    few rows.

    **Use when** the pool contains outliers, or the model has parameters that hardly matter for the
    pool. **Avoid when** there are many classes, or the batch is large: rows are scored one by one,
    unless `Power` wraps the strategy. Needs predicted probabilities, and a head that can be sampled
    (see `Bald`). With any other head, and before any label, it is `Entropy`. Complexity:
    O(N T K² m) for T targets and m samples, in blocks.

    Parameters
    ----------
    n_samples : int, default=50
        Number of posterior samples.
    n_targets : int, default=100
        Number of target rows. All rows are targets if it is N or more.

    References
    ----------
    .. [1] F. Bickford Smith, A. Kirsch, S. Farquhar, Y. Gal, A. Foster and T. Rainforth (2023).
       Prediction-oriented Bayesian active learning. AISTATS. arXiv:2304.08151.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import Epig, PoolView
    >>> p = np.array([[0.9, 0.9, 0.9], [0.9, 0.9, 0.1], [0.1, 0.1, 0.9], [0.1, 0.1, 0.1]])
    >>> samples = np.stack([p, 1 - p], axis=2)  # row 2 says nothing about the other rows
    >>> view = PoolView(
    ...     3,
    ...     proba=samples.mean(axis=0),
    ...     sample_proba=lambda m, positions: samples[:, positions],
    ... )
    >>> Epig(n_samples=4).score(view).round(3)
    array([0.148, 0.148, 0.074])
    """

    needs: frozenset[str] = frozenset({"proba"})

    _parameter_constraints: ClassVar[Constraints] = {
        "n_samples": [AT_LEAST_ONE],
        "n_targets": [AT_LEAST_ONE],
    }

    def __init__(self, n_samples: int = 50, n_targets: int = 100) -> None:
        self.n_samples = n_samples
        self.n_targets = n_targets

    def select(self, view: PoolView, n: int) -> np.ndarray:
        return top_n(self.score(view), n)

    def score(self, view: PoolView) -> np.ndarray:
        """Expected predictive information gain of each row.

        Parameters
        ----------
        view : PoolView
            The pool.

        Returns
        -------
        scores : float64 array of shape (N,)
            In nats. Without posterior samples, the entropy of each row.
        """
        n_classes = self.read(view, "proba").shape[1]
        if view.sample_proba is None:
            return entropy(view.proba)
        targets = _samples(view.take(draw_reference(view, self.n_targets)), self.n_samples)
        result = np.empty(len(view))
        size = max(1, _BLOCK // (n_classes * max(n_classes * targets.shape[1], self.n_samples)))
        for rows, samples in sampled_blocks(view, self.n_samples, size):
            result[rows] = _information(np.asarray(samples, dtype=np.float64), targets)
        return np.maximum(result, 0)  # rounding can make it negative


class _Batch:
    """Configurations of the labels of a batch, each with the posterior samples that explain it.

    Attributes are the probability of each configuration, `_weight` (S,), and the probabilities of
    the m posterior samples given the configuration, `_posterior` (S, m).
    """

    def __init__(self, n_samples: int, n_configurations: int) -> None:
        self._limit = n_configurations
        self._weight = np.ones(1)
        self._posterior = np.full((1, n_samples), 1 / n_samples)

    def entropy_of(self, samples: np.ndarray) -> np.ndarray:
        """Entropy (C,) of the label of each row (m, C, K), given the labels of the batch."""
        n_samples, n_rows, n_classes = samples.shape
        size = max(1, _BLOCK // (len(self._weight) * n_classes))
        result = np.empty(n_rows)
        for start in range(0, n_rows, size):
            block = samples[:, start : start + size]
            predicted = self._posterior @ block.reshape(n_samples, -1)
            entropies = entropy(predicted.reshape(-1, n_classes)).reshape(len(self._weight), -1)
            result[start : start + size] = self._weight @ entropies
        return result

    def add(self, samples: np.ndarray, rng: np.random.Generator) -> None:
        """Add a row (m, K): every label extends every configuration, or one drawn label does."""
        weight = (self._weight[:, None] * (self._posterior @ samples)).ravel()
        extended = np.flatnonzero(weight)
        if len(extended) > self._limit:
            # Systematic sampling: the number of draws of a configuration is its expected number,
            # rounded up or down.
            cumulated = np.cumsum(weight[extended])
            points = (np.arange(self._limit) + rng.random()) / self._limit * cumulated[-1]
            drawn = np.minimum(np.searchsorted(cumulated, points), len(extended) - 1)
            extended, weight = extended[drawn], np.ones(len(weight))
        configuration, label = np.divmod(extended, samples.shape[1])
        posterior = self._posterior[configuration] * samples[:, label].T
        self._posterior = posterior / posterior.sum(axis=1, keepdims=True)
        self._weight = weight[extended] / weight[extended].sum()


def _samples(view: PoolView, n_samples: int) -> np.ndarray:
    """Posterior samples (m, N, K) in double precision: differences of entropies are small."""
    return np.asarray(view.sampled_proba(n_samples), dtype=np.float64)


def _information(rows: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Mean mutual information (B,) between each row (m, B, K) and the targets (m, T, K)."""
    n_samples, n_rows, n_classes = rows.shape
    first = rows.transpose(1, 2, 0).reshape(-1, n_samples)
    size = max(1, _BLOCK // (n_rows * n_classes**2))
    joint = np.zeros(n_rows)
    for start in range(0, targets.shape[1], size):
        second = targets[:, start : start + size].reshape(n_samples, -1)
        joint += entropy((first @ second).reshape(n_rows, -1) / n_samples)
    marginal = entropy(rows.mean(axis=0)) + entropy(targets.mean(axis=0)).mean()
    return marginal - joint / targets.shape[1]
