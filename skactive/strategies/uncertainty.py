"""Where the model is unsure; and chance, to compare with."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np

from skactive.kernels.ranking import as_columns, highest, top_n, two_largest
from skactive.strategies.base import PoolView, QueryStrategy
from skactive.strategies.parameters import AT_LEAST_ONE, Constraints

#: Bytes of probabilities looked at together: a block and what is made of it stay in the cache.
_BLOCK = 300_000
#: Numbers in the sampled opinions looked at together.
_OPINIONS = 2**21

#: What scores rows; both arrays, of one shape, may be overwritten.
Measure = Callable[[np.ndarray, np.ndarray], np.ndarray]


class RandomSampling(QueryStrategy):
    """Rows drawn evenly, without looking at them: the control of every comparison.

    **Use it** to measure what another strategy is worth, and for a sample that stands for the pool.
    **Leave it** where labels are dear and classes rare. Needs nothing. O(N).

    Examples
    --------
    >>> from skactive.strategies import PoolView, RandomSampling
    >>> len(RandomSampling().select(PoolView(10), 3))
    3
    """

    def select(self, view: PoolView, n: int) -> np.ndarray:
        return view.rng.choice(len(view), size=n, replace=False)


class _Uncertainty(QueryStrategy):
    """The n rows of highest score; equal scores go by position."""

    needs: frozenset[str] = frozenset({"proba"})

    def select(self, view: PoolView, n: int) -> np.ndarray:
        # screened in single precision, which is half the work, and decided in double
        proba = np.asarray(self.read(view, "proba"))
        if proba.dtype != np.float64:
            return top_n(self.score(view), n)
        n_classes = proba.shape[1]
        # Each of K terms rounds its logarithm, its product and its sum: nothing is off by more.
        error = (16 + n_classes) * np.finfo(np.float32).eps * (1 + np.log(n_classes))
        near = highest(_in_blocks(self._measure, proba, np.float32), n, slack=2 * error)
        if len(near) < n:  # some are NaN
            near = np.arange(len(proba))
        return near[top_n(_all_rows(self._measure, proba[near]), n)]

    def score(self, view: PoolView) -> np.ndarray:
        return _all_rows(self._measure, self.read(view, "proba"))

    @abstractmethod
    def _measure(self, proba: np.ndarray, spare: np.ndarray) -> np.ndarray:
        """The score of each row; both arrays, of one shape, may be overwritten."""


class LeastConfident(_Uncertainty):
    """Rows whose likeliest class is least likely: 1 - max p.

    **Use it** for two classes, or to raise plain accuracy. **Leave it** for many classes: margin
    serves better. Needs probabilities; with one class all rows are equal. O(N K).

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

    def _measure(self, proba: np.ndarray, spare: np.ndarray) -> np.ndarray:
        return 1 - as_columns(proba, spare).max(axis=0)


class Margin(_Uncertainty):
    """Rows whose two likeliest classes are closest: 1 - (p1 - p2).

    **Use it** as the first thing to try on features of a foundation model: on balanced data it is
    at or near the top of most comparisons. **Leave it** where classes are very rare or labels very
    noisy. Needs probabilities; with one class all rows are equal. O(N K).

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

    def _measure(self, proba: np.ndarray, spare: np.ndarray) -> np.ndarray:
        return _closeness(proba, spare)


class Entropy(_Uncertainty):
    """Rows whose opinion is most spread over the classes: - sum p log p, in nats.

    **Use it** for few classes. **Leave it** for many, where unlikely classes swamp it: it is the
    weakest of the three there. Needs probabilities; with one class all rows are equal. O(N K).

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

    def _measure(self, proba: np.ndarray, spare: np.ndarray) -> np.ndarray:
        return _entropy(proba, spare)


class Bald(QueryStrategy):
    """Rows on which plausible opinions of the head contradict each other.

    The mutual information of label and opinion: the entropy of the mean of `n_samples` sampled
    opinions less the mean of their entropies.

    **Use it** where some rows stay uncertain whatever their labels. **Leave it** for large batches,
    which come out redundant, or put `Power` around it. Needs probabilities, and a head whose
    opinions can be sampled: a `SoftmaxHead` or LogisticRegression, by a Gaussian around the weights
    of the last layer, or a random forest, by parts of it; with any other, and before any label, it
    is `Entropy`. O(N K m) for m samples, which are read a block of rows at a time, and for a last
    layer O(N K m d) to make them.

    Parameters
    ----------
    n_samples : int, default=20
        Opinions to sample.

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
    >>> unsure, torn = [[0.5, 0.5], [0.5, 0.5]], [[1.0, 0.0], [0.0, 1.0]]
    >>> opinions = np.stack([unsure, torn], axis=1)
    >>> view = PoolView(
    ...     2, proba=opinions[0], sample_proba=lambda m, rows: opinions[:, rows]
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
        size = max(1, _OPINIONS // (self.n_samples * n_classes))
        result = np.empty(len(view))
        for start in range(0, len(view), size):
            rows = np.arange(start, min(start + size, len(view)))
            opinions = view.take(rows).sampled_proba(self.n_samples)
            doubt = np.mean([entropy(opinion) for opinion in opinions], axis=0)
            result[rows] = entropy(opinions.mean(axis=0)) - doubt
        # Opinions that are all alike differ by rounding, which is no reason to ask.
        return np.where(result > 1e-12, result, 0)


def entropy(proba: np.ndarray) -> np.ndarray:
    """Entropy of each row in nats, 0 log 0 being 0: (N, K) to float64 (N,)."""
    return _all_rows(_entropy, proba)


def closeness(proba: np.ndarray) -> np.ndarray:
    """One less the lead of the likeliest class over the next: (N, K) to float64 (N,)."""
    return _all_rows(_closeness, proba)


def _all_rows(measure: Measure, proba: np.ndarray) -> np.ndarray:
    result, start = np.empty(len(proba)), 0
    for part in _in_blocks(measure, proba, proba.dtype):
        result[start : start + len(part)] = part
        start += len(part)
    return result


def _in_blocks(measure: Measure, proba: np.ndarray, dtype: Any) -> Iterator[np.ndarray]:
    """The measure of as many rows at a time as stay in the processor's cache.

    All blocks use the same memory: asking for new takes longer than what is done in it.
    """
    n_classes = proba.shape[1]
    size = max(1, _BLOCK // (n_classes * np.dtype(dtype).itemsize))
    block, spare = np.empty((2, min(size, len(proba)), n_classes), dtype=dtype)
    for start in range(0, len(proba), size):
        rows = proba[start : start + size]
        block[: len(rows)] = rows
        yield measure(block[: len(rows)], spare[: len(rows)])


def _entropy(proba: np.ndarray, spare: np.ndarray) -> np.ndarray:
    np.add(proba, np.finfo(proba.dtype).tiny, out=spare)
    np.log(spare, out=spare)
    spare *= proba
    # A product with ones adds up short rows many times sooner than a sum does.
    return np.maximum(0 - spare @ np.ones(proba.shape[1], dtype=proba.dtype), 0)


def _closeness(proba: np.ndarray, spare: np.ndarray) -> np.ndarray:
    first, second = two_largest(proba, spare)
    return 1 - (first - second)
