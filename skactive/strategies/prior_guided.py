"""Asking where a foundation model and the model being trained are not sure together."""

from typing import ClassVar

import numpy as np

from skactive.kernels.ranking import top_n
from skactive.strategies.base import PoolView, QueryStrategy
from skactive.strategies.parameters import SHARE, Constraints
from skactive.strategies.uncertainty import closeness, entropy

#: Probabilities looked at together: a block and what is made of it stay in the cache.
_BLOCK = 2**14


class CoDecision(QueryStrategy):
    """PriorAL as published: both models decide what is worth asking, the smaller one asks.

    The product of both opinions gives each row an entropy, weighted by how many rows the prior
    puts in the row's class. The `noise_ratio` of the pool where it is highest is the noise set;
    the n rows of it where the head's own entropy is highest are asked about. The rest, the clean
    set, keeps the prior's labels for free: see `clean_set`.

    **Use it** with a prior of use, on a pool where it puts rare classes right. **Leave it** where
    the prior misses rare classes or overestimates them: a row that it puts in a rare class is
    hardly ever asked about. Needs a prior; before any label the prior stands in for the head.
    O(N K + N log N).

    Parameters
    ----------
    noise_ratio : float, default=0.5
        The share of the pool in the noise set, between 0 and 1. The paper gives no value. The
        noise set never has fewer rows than are asked for.

    References
    ----------
    .. [1] J. Zhang, M. Li, Q. Zhang and Y. Zhu (2026). Active learning with foundation model
       priors: efficient learning under class imbalance. ICML. arXiv:2606.07630.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import CoDecision, PoolView
    >>> prior = np.array([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2], [0.0, 1.0]])
    >>> head = np.array([[0.7, 0.3], [0.8, 0.2], [0.5, 0.5], [0.5, 0.5]])
    >>> view = PoolView(4, prior_proba=prior, head_proba=head)
    >>> CoDecision().select(view, 1)
    array([2])
    >>> CoDecision().clean_set(view)
    (array([0, 3]), array([0, 1]))
    """

    needs: frozenset[str] = frozenset({"prior"})

    _parameter_constraints: ClassVar[Constraints] = {"noise_ratio": [SHARE]}

    def __init__(self, noise_ratio: float = 0.5) -> None:
        self.noise_ratio = noise_ratio

    def select(self, view: PoolView, n: int) -> np.ndarray:
        noise = self._noise_set(view, n)
        return noise[top_n(entropy(self._head(view)[noise]), n)]

    def score(self, view: PoolView) -> np.ndarray:
        """The weighted entropy of both opinions: what puts a row in the noise set.

        Parameters
        ----------
        view : PoolView
            The pool.

        Returns
        -------
        scores : float64 array of shape (N,)
            Higher is more wanted.
        """
        prior, head = np.asarray(self.read(view, "prior_proba")), self._head(view)
        scores, decided = np.empty(len(view)), np.empty(len(view), dtype=np.int64)
        size = max(1, _BLOCK // prior.shape[1])
        tiny = np.finfo(np.float64).tiny
        for start in range(0, len(view), size):
            where = slice(start, start + size)
            joint = np.log(prior[where].astype(np.float64) + tiny)
            joint += np.log(head[where].astype(np.float64) + tiny)
            joint = np.exp(joint - joint.max(axis=1, keepdims=True))
            joint /= joint.sum(axis=1, keepdims=True)
            scores[where], decided[where] = entropy(joint), prior[where].argmax(axis=1)
        weights = np.bincount(decided, minlength=prior.shape[1])
        return scores * weights[decided] / weights.max()

    def clean_set(self, view: PoolView) -> tuple[np.ndarray, np.ndarray]:
        """The rows that the prior labels for free.

        Parameters
        ----------
        view : PoolView
            The pool. A batch larger than `noise_ratio` of it is asked about outside of the noise
            set too: take the labels first, and then the clean set of the rows that are left.

        Returns
        -------
        positions : int64 array of shape (M,)
            The rows outside the noise set, in ascending order.
        codes : int64 array of shape (M,)
            The prior's labels of them, as positions into ``view.classes``.
        """
        positions = np.setdiff1d(np.arange(len(view)), self._noise_set(view, 0))
        return positions, np.asarray(view.prior_proba)[positions].argmax(axis=1)

    def _noise_set(self, view: PoolView, n: int) -> np.ndarray:
        scores = self.score(view)
        return np.sort(top_n(scores, max(n, int(np.ceil(self.noise_ratio * len(view))))))

    def _head(self, view: PoolView) -> np.ndarray:
        opinion = view.prior_proba if view.head_proba is None else view.head_proba
        return np.asarray(opinion, dtype=np.float64)


class Selective(QueryStrategy):
    """Rows of which the prior is less sure than it usually is of their class.

    Each class's threshold is the prior's mean confidence in the rows it puts there. Of the rows
    below their threshold, those of the smallest margin of the joint opinion are asked about; where
    they are too few, the rows least above theirs follow. The others keep the prior's labels for
    free: see `clean_set`.

    **Use it** with a prior that is right where it is sure, and more sure of some classes than of
    others. **Leave it** with a prior that is sure and wrong. Needs a prior; before any label its
    margin counts. O(N K + N log N).

    References
    ----------
    .. [1] H. Kim, S. Jin, C. Sung, J. Kim and J. Ok (2025). Active prompt learning with
       vision-language model priors. TMLR. arXiv:2411.16722. (Of it, selective querying; the
       thresholds' form is ours.)

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import PoolView, Selective
    >>> prior = np.array([[0.9, 0.1], [0.7, 0.3], [0.4, 0.6], [0.45, 0.55]])
    >>> view = PoolView(4, prior_proba=prior, proba=prior)
    >>> Selective().select(view, 3)
    array([3, 1, 2])
    >>> Selective().clean_set(view)
    (array([0, 2]), array([0, 1]))
    """

    needs: frozenset[str] = frozenset({"prior"})

    def select(self, view: PoolView, n: int) -> np.ndarray:
        doubt = self.score(view)
        opinion = view.prior_proba if view.proba is None else view.proba
        return top_n(np.where(doubt > 0, 1 + closeness(opinion), doubt), n)

    def score(self, view: PoolView) -> np.ndarray:
        """How far the prior's confidence is below the threshold of the class it names.

        Parameters
        ----------
        view : PoolView
            The pool.

        Returns
        -------
        scores : float64 array of shape (N,)
            Higher is more wanted.
        """
        prior = np.asarray(self.read(view, "prior_proba"), dtype=np.float64)
        named, confidence = prior.argmax(axis=1), prior.max(axis=1)
        counts = np.maximum(np.bincount(named, minlength=prior.shape[1]), 1)
        thresholds = np.bincount(named, weights=confidence, minlength=prior.shape[1]) / counts
        doubt = thresholds[named] - confidence
        return np.where(np.abs(doubt) < 1e-12, 0, doubt)

    def clean_set(self, view: PoolView) -> tuple[np.ndarray, np.ndarray]:
        """The rows that the prior labels for free: those not below their threshold.

        Parameters
        ----------
        view : PoolView
            The pool.

        Returns
        -------
        positions : int64 array of shape (M,)
            In ascending order.
        codes : int64 array of shape (M,)
            The prior's labels of them, as positions into ``view.classes``.
        """
        positions = np.flatnonzero(self.score(view) <= 0)
        return positions, np.asarray(view.prior_proba)[positions].argmax(axis=1)
