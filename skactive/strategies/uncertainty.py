"""Where the model is unsure; and chance, to compare with."""

from abc import abstractmethod
from collections.abc import Callable
from functools import wraps

import numpy as np

from skactive.kernels.ranking import top_n
from skactive.strategies.base import PoolView, QueryStrategy

#: Probabilities looked at together: one block stays in the processor's cache.
_BLOCK = 2**17
#: Up to so many classes, going through the columns finds the two largest sooner than partitioning.
_FEW = 64


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
        return top_n(self.score(view), n)

    @abstractmethod
    def score(self, view: PoolView) -> np.ndarray: ...


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

    def score(self, view: PoolView) -> np.ndarray:
        return remainder(self.read(view, "proba"))


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

    def score(self, view: PoolView) -> np.ndarray:
        return closeness(self.read(view, "proba"))


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

    def score(self, view: PoolView) -> np.ndarray:
        return entropy(self.read(view, "proba"))


class Bald(_Uncertainty):
    """Rows on which plausible opinions of the head contradict each other.

    The mutual information of label and opinion: the entropy of the mean of `n_samples` sampled
    opinions less the mean of their entropies.

    **Use it** where some rows stay uncertain whatever their labels. **Leave it** for large batches,
    which come out redundant, or put `Power` around it. Needs a head that can sample its opinion;
    where it cannot, or nothing is labelled, all rows are equal. O(N K m) for m samples; all the
    samples are in memory at once.

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
    >>> view = PoolView(2, proba=opinions[0], sample_proba=lambda m: opinions)
    >>> Bald(n_samples=2).score(view).round(3)
    array([0.   , 0.693])
    """

    def __init__(self, n_samples: int = 20) -> None:
        self.n_samples = n_samples

    def score(self, view: PoolView) -> np.ndarray:
        self.read(view, "proba")
        opinions = view.sampled_proba(self.n_samples)
        mean, doubt = np.zeros(opinions.shape[1:]), np.zeros(opinions.shape[1])
        for opinion in opinions:
            mean += opinion
            doubt += entropy(opinion)
        return np.maximum(entropy(mean / len(opinions)) - doubt / len(opinions), 0)


def _in_blocks(function: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """The same function of rows, on as many of them at a time as stay in the processor's cache."""

    @wraps(function)
    def apply(proba: np.ndarray) -> np.ndarray:
        result = np.empty(len(proba))
        size = max(1, _BLOCK // max(1, proba.shape[1]))
        for start in range(0, len(proba), size):
            result[start : start + size] = function(np.asarray(proba[start : start + size]))
        return result

    return apply


@_in_blocks
def entropy(proba: np.ndarray) -> np.ndarray:
    """Entropy of each row in nats, 0 log 0 being 0: (N, K) to float64 (N,)."""
    tiny = np.finfo(proba.dtype).tiny
    return np.maximum(0.0 - np.einsum("ij,ij->i", proba, np.log(np.maximum(proba, tiny))), 0)


@_in_blocks
def remainder(proba: np.ndarray) -> np.ndarray:
    """What is left to all but the likeliest class: (N, K) to float64 (N,)."""
    return 1 - np.ascontiguousarray(proba.T).max(axis=0)


@_in_blocks
def closeness(proba: np.ndarray) -> np.ndarray:
    """One less the lead of the likeliest class over the next: (N, K) to float64 (N,)."""
    if proba.shape[1] > _FEW:
        top = np.partition(proba, -2, axis=1)
        return 1 - (top[:, -1] - top[:, -2])
    columns = np.ascontiguousarray(proba.T)
    first, second = columns[0].copy(), np.zeros_like(columns[0])
    for column in columns[1:]:
        np.maximum(second, np.minimum(first, column), out=second)
        np.maximum(first, column, out=first)
    return 1 - (first - second)
