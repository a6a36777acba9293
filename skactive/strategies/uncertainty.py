"""Uncertainty sampling, and random sampling as a baseline."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np

from skactive.kernels.boundaries import to_boundaries
from skactive.kernels.ranking import as_columns, highest, top_n, two_largest
from skactive.strategies.base import QueryStrategy
from skactive.strategies.parameters import AT_LEAST_ONE, Constraints
from skactive.strategies.view import PoolView

#: Bytes of probabilities per block. A block and its intermediate results fit into the cache.
_BLOCK = 300_000
#: Number of sampled probabilities per block.
_SAMPLES = 2**21

#: Probabilities per block of distances to decision boundaries.
_BOUNDARY_BLOCK = 2**16

#: Maps probabilities (M, K) and a work array of the same shape to scores (M,). Overwrites both.
Measure = Callable[[np.ndarray, np.ndarray], np.ndarray]


class RandomSampling(QueryStrategy):
    """Select rows uniformly at random: the baseline of every comparison.

    **Use when** another strategy must be compared with a baseline, or an unbiased sample of the
    pool is needed. **Avoid when** labels are expensive and classes are rare. Needs nothing.
    Complexity: O(N).

    Examples
    --------
    >>> from skactive.strategies import PoolView, RandomSampling
    >>> len(RandomSampling().select(PoolView(10), 3))
    3
    """

    def select(self, view: PoolView, n: int) -> np.ndarray:
        return view.rng.choice(len(view), size=n, replace=False)


class _Uncertainty(QueryStrategy):
    """Select the n rows with the highest scores. Ties are broken by position."""

    needs: frozenset[str] = frozenset({"proba"})

    def select(self, view: PoolView, n: int) -> np.ndarray:
        # Single precision, at half the cost, finds candidates. Double precision ranks them.
        proba = np.asarray(self.read(view, "proba"))
        if proba.dtype != np.float64:
            return top_n(self.score(view), n)
        n_classes = proba.shape[1]
        # An upper bound of the rounding error: K logarithms, products and sums.
        error = (16 + n_classes) * np.finfo(np.float32).eps * (1 + np.log(n_classes))
        candidates = highest(_in_blocks(self._measure, proba, np.float32), n, slack=2 * error)
        if len(candidates) < n:  # some scores are NaN
            candidates = np.arange(len(proba))
        return candidates[top_n(_all_rows(self._measure, proba[candidates]), n)]

    def score(self, view: PoolView) -> np.ndarray:
        return _all_rows(self._measure, self.read(view, "proba"))

    @abstractmethod
    def _measure(self, proba: np.ndarray, work: np.ndarray) -> np.ndarray:
        """Score of each row; see `Measure`."""


class LeastConfident(_Uncertainty):
    """Select rows whose most probable class has the lowest probability: 1 - max p.

    **Use when** there are two classes, or plain accuracy is the goal. **Avoid when** there are many
    classes: margin sampling is better. Needs predicted probabilities; with one class, all scores
    are equal. Complexity: O(N K).

    References
    ----------
    .. [1] D. D. Lewis and W. A. Gale (1994). A sequential algorithm for training text classifiers.
       SIGIR.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import LeastConfident, PoolView
    >>> LeastConfident().select(PoolView(2, proba=np.array([[0.9, 0.1], [0.6, 0.4]])), 1)
    array([1])
    """

    def _measure(self, proba: np.ndarray, work: np.ndarray) -> np.ndarray:
        return 1 - as_columns(proba, work).max(axis=0)


class Margin(_Uncertainty):
    """Select rows with the smallest margin between their two most probable classes: 1 - (p1 - p2).

    **Use when** features come from a foundation model, as the first strategy to try: on balanced
    data it is among the best in most comparisons. **Avoid when** classes are very rare or labels
    are very noisy. Needs predicted probabilities; with one class, all scores are equal. Complexity:
    O(N K).

    References
    ----------
    .. [1] T. Scheffer, C. Decomain and S. Wrobel (2001). Active hidden Markov models for
       information extraction. IDA.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import Margin, PoolView
    >>> Margin().select(PoolView(2, proba=np.array([[0.9, 0.1], [0.6, 0.4]])), 1)
    array([1])
    """

    def _measure(self, proba: np.ndarray, work: np.ndarray) -> np.ndarray:
        return _margin_uncertainty(proba, work)


class Entropy(_Uncertainty):
    """Select rows with the highest entropy of the predicted probabilities: - sum p log p, in nats.

    **Use when** there are few classes. **Avoid when** there are many classes: the entropy is
    dominated by improbable classes, and the strategy is weaker than `Margin` and `LeastConfident`.
    Needs predicted probabilities; with one class, all scores are equal. Complexity: O(N K).

    References
    ----------
    .. [1] B. Settles (2009). Active learning literature survey. University of Wisconsin, TR 1648.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import Entropy, PoolView
    >>> Entropy().score(PoolView(2, proba=np.array([[1.0, 0.0], [0.5, 0.5]])))
    array([0.        , 0.69314718])
    """

    def _measure(self, proba: np.ndarray, work: np.ndarray) -> np.ndarray:
        return _entropy(proba, work)


class Mase(QueryStrategy):
    """Select rows nearest to a decision boundary (MASE).

    For a linear head, the distance to the boundary between two classes is the difference of their
    logits divided by the norm of the difference of their weight vectors. The score is the negative
    distance to the nearest boundary between the predicted class and another one.

    **Use when** the head is linear and weight vectors differ in length, as a baseline of `Base`,
    which selects as many rows for each class. **Avoid when** classes are imbalanced: the nearest
    boundaries are those of the common classes. Needs predicted probabilities; without the weights
    of a linear head, distances are differences of log-probabilities, and the order is nearly that
    of `Margin`. Complexity: O(N K).

    References
    ----------
    .. [1] Z. A. S. Emam, H.-M. Chu, P.-Y. Chiang, W. Czaja, R. Leapman, M. Goldblum and T.
       Goldstein (2021). Active learning at the ImageNet scale. arXiv:2111.12880.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import Mase, PoolView
    >>> logits = np.array([[2.0, 0.0, -9.0], [1.5, 0.0, -9.0], [-9.0, 0.0, 4.0]])
    >>> proba = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    >>> weights = np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 9.0]])
    >>> Mase().score(PoolView(3, proba=proba, linear=(weights, np.zeros(3)))).round(3)
    array([-1.215, -1.16 , -0.444])
    """

    needs: frozenset[str] = frozenset({"proba"})

    def select(self, view: PoolView, n: int) -> np.ndarray:
        return top_n(self.score(view), n)

    def score(self, view: PoolView) -> np.ndarray:
        """Negative distance to the nearest decision boundary.

        Parameters
        ----------
        view : PoolView
            The pool.

        Returns
        -------
        scores : float64 array of shape (N,)
            A higher score is better.
        """
        proba = np.asarray(self.read(view, "proba"))
        norms = weight_difference_norms(view, proba.shape[1])
        size = max(1, _BOUNDARY_BLOCK // proba.shape[1])
        blocks = (proba[start : start + size] for start in range(0, len(proba), size))
        return -np.concatenate([to_boundaries(block, norms).min(axis=0) for block in blocks])


def weight_difference_norms(view: PoolView, n_classes: int) -> np.ndarray:
    """Norms of the differences between the weight vectors of all pairs of classes.

    Parameters
    ----------
    view : PoolView
        The pool.
    n_classes : int
        K.

    Returns
    -------
    norms : float64 array of shape (K, K)
        Positive. Ones if the head is not linear.
    """
    if view.linear is None:
        return np.ones((n_classes, n_classes))
    weights = np.asarray(view.linear[0], dtype=np.float64)
    norms = np.linalg.norm(weights[:, None] - weights, axis=2)
    return np.maximum(norms, 1e-12 * (1 + norms.max()))


class Bald(QueryStrategy):
    """Select rows on which posterior samples of the predicted probabilities disagree.

    The score is the mutual information between the label and the model: the entropy of the mean of
    `n_samples` sampled probabilities, minus the mean of their entropies.

    **Use when** some rows are ambiguous and stay uncertain with any number of labels. **Avoid
    when** batches are large: they become redundant, unless `Power` wraps the strategy. Needs
    predicted probabilities, and a head that can be sampled: a `SoftmaxHead` or LogisticRegression
    (Gaussian approximation of the posterior of the last layer), a random forest, BaggingClassifier
    or VotingClassifier (subsets of their members), or a head with a method ``sample_proba`` (a net
    or a tuned encoder with dropout). With any other head, and before any label, it is `Entropy`.
    Complexity: O(N K m) for m samples, in blocks of rows, and O(N K m d) to sample the last layer.

    Parameters
    ----------
    n_samples : int, default=20
        Number of posterior samples.

    References
    ----------
    .. [1] N. Houlsby, F. Huszár, Z. Ghahramani and M. Lengyel (2011). Bayesian active learning for
       classification and preference learning. arXiv:1112.5745.
    .. [2] Y. Gal, R. Islam and Z. Ghahramani (2017). Deep Bayesian active learning with image data.
       ICML. arXiv:1703.02910.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import Bald, PoolView
    >>> samples_of_row_0 = [[0.5, 0.5], [0.5, 0.5]]  # the samples agree
    >>> samples_of_row_1 = [[1.0, 0.0], [0.0, 1.0]]  # the samples disagree
    >>> samples = np.stack([samples_of_row_0, samples_of_row_1], axis=1)
    >>> view = PoolView(
    ...     2,
    ...     proba=samples.mean(axis=0),
    ...     sample_proba=lambda m, positions: samples[:, positions],
    ... )
    >>> Bald(n_samples=2).score(view).round(3)
    array([0.   , 0.693])
    """

    needs: frozenset[str] = frozenset({"proba"})

    _parameter_constraints: ClassVar[Constraints] = {"n_samples": [AT_LEAST_ONE]}

    def __init__(self, n_samples: int = 20) -> None:
        self.n_samples = n_samples

    def select(self, view: PoolView, n: int) -> np.ndarray:
        return top_n(self.score(view), n)

    def score(self, view: PoolView) -> np.ndarray:
        n_classes = self.read(view, "proba").shape[1]
        if view.sample_proba is None:
            return entropy(view.proba)
        size = max(1, _SAMPLES // (self.n_samples * n_classes))
        result = np.empty(len(view))
        for rows, samples in sampled_blocks(view, self.n_samples, size):
            mean_entropy = np.mean([entropy(sample) for sample in samples], axis=0)
            result[rows] = entropy(samples.mean(axis=0)) - mean_entropy
        # For equal samples, the result is not exactly 0 because of rounding.
        return np.where(result > 1e-12, result, 0)


def sampled_blocks(
    view: PoolView, n_samples: int, size: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Posterior samples of the predicted probabilities, block by block.

    Parameters
    ----------
    view : PoolView
        The pool.
    n_samples : int
        Number of samples, m.
    size : int
        Number of rows in a block, B.

    Yields
    ------
    positions : int64 array of shape (B,)
        Positions of the rows.
    proba : array of shape (m, B, K)
        See `PoolView.sampled_proba`.
    """
    for start in range(0, len(view), size):
        positions = np.arange(start, min(start + size, len(view)))
        yield positions, view.take(positions).sampled_proba(n_samples)


def entropy(proba: np.ndarray) -> np.ndarray:
    """Entropy of each row in nats, with 0 log 0 = 0: (N, K) to float64 (N,)."""
    return _all_rows(_entropy, proba)


def margin_uncertainty(proba: np.ndarray) -> np.ndarray:
    """1 - (p1 - p2) of the two largest probabilities of each row: (N, K) to float64 (N,)."""
    return _all_rows(_margin_uncertainty, proba)


def _all_rows(measure: Measure, proba: np.ndarray) -> np.ndarray:
    result, start = np.empty(len(proba)), 0
    for part in _in_blocks(measure, proba, proba.dtype):
        result[start : start + len(part)] = part
        start += len(part)
    return result


def _in_blocks(measure: Measure, proba: np.ndarray, dtype: Any) -> Iterator[np.ndarray]:
    """Scores of the rows, a block at a time.

    All blocks use the same memory, because allocating memory takes longer than the computation.
    """
    n_classes = proba.shape[1]
    size = max(1, _BLOCK // (n_classes * np.dtype(dtype).itemsize))
    block, work = np.empty((2, min(size, len(proba)), n_classes), dtype=dtype)
    for start in range(0, len(proba), size):
        rows = proba[start : start + size]
        block[: len(rows)] = rows
        yield measure(block[: len(rows)], work[: len(rows)])


def _entropy(proba: np.ndarray, work: np.ndarray) -> np.ndarray:
    np.add(proba, np.finfo(proba.dtype).tiny, out=work)
    np.log(work, out=work)
    work *= proba
    # For short rows, a product with ones is many times faster than a sum.
    return np.maximum(0 - work @ np.ones(proba.shape[1], dtype=proba.dtype), 0)


def _margin_uncertainty(proba: np.ndarray, work: np.ndarray) -> np.ndarray:
    first, second = two_largest(proba, work)
    return 1 - (first - second)
