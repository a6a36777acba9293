"""Where the model is unsure; and chance, to compare with."""

from typing import ClassVar

import numpy as np

from skactive.kernels.ranking import top_n
from skactive.strategies.base import PoolView, QueryStrategy

#: Probabilities looked at together: one block stays in the processor's cache.
_BLOCK = 2**17


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

    needs: ClassVar[frozenset[str]] = frozenset({"proba"})

    def select(self, view: PoolView, n: int) -> np.ndarray:
        return top_n(self.score(view), n)

    def score(self, view: PoolView) -> np.ndarray:
        proba = self.read(view, "proba")
        scores = np.empty(len(proba))
        size = max(1, _BLOCK // max(1, proba.shape[1]))
        for start in range(0, len(proba), size):
            block = np.asarray(proba[start : start + size])
            scores[start : start + size] = self._of_block(block)
        return scores

    @staticmethod
    def _of_block(proba: np.ndarray) -> np.ndarray:
        raise NotImplementedError


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

    @staticmethod
    def _of_block(proba: np.ndarray) -> np.ndarray:
        return 1 - proba.max(axis=1)


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

    @staticmethod
    def _of_block(proba: np.ndarray) -> np.ndarray:
        if proba.shape[1] == 1:
            return 1 - proba[:, 0]
        top = np.partition(proba, -2, axis=1)
        return 1 - (top[:, -1] - top[:, -2])


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

    @staticmethod
    def _of_block(proba: np.ndarray) -> np.ndarray:
        return entropy(proba)


def entropy(proba: np.ndarray) -> np.ndarray:
    """Entropy of each row in nats, 0 log 0 being 0; shape (N, K) to (N,)."""
    tiny = np.finfo(proba.dtype).tiny
    return np.maximum(0.0 - np.einsum("ij,ij->i", proba, np.log(np.maximum(proba, tiny))), 0)
