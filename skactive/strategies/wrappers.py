"""Strategies around a strategy."""

from abc import abstractmethod
from numbers import Integral
from typing import ClassVar

import numpy as np

from skactive._utils.compat import Interval
from skactive.kernels.ranking import top_n
from skactive.strategies.base import PoolView, QueryStrategy
from skactive.strategies.coverage import labeled_points
from skactive.strategies.parameters import A_STRATEGY, AT_LEAST_ONE, NOT_NEGATIVE, Constraints


class ClassBalanced(QueryStrategy):
    """Any strategy, with a quota for every predicted class.

    The quotas bring labels given and rows asked for, taken together, as near to equal numbers for
    all classes as the predictions allow. The strategy fills each quota from the rows predicted
    to be of that class.

    **Use it** around strategies that know nothing of classes. **Leave it** where predictions of
    rare classes are no better than chance, or rows of the batch should be seen together: every
    class is chosen from by itself. Needs probabilities, and what the strategy needs. O(N K) and
    the strategy's cost.

    Parameters
    ----------
    strategy : QueryStrategy
        What fills the quotas.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import ClassBalanced, Margin, PoolView
    >>> proba = np.array([[0.6, 0.4], [0.7, 0.3], [0.8, 0.2], [0.1, 0.9]])
    >>> ClassBalanced(Margin()).select(PoolView(4, proba=proba), 2)
    array([0, 3])
    """

    _parameter_constraints: ClassVar[Constraints] = {"strategy": [A_STRATEGY]}

    def __init__(self, strategy: QueryStrategy) -> None:
        self.strategy = strategy

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        return self.strategy.needs | {"proba"}

    def select(self, view: PoolView, n: int) -> np.ndarray:
        predicted = np.asarray(self.read(view, "proba")).argmax(axis=1)
        picks, turns = [], []
        for c, quota in enumerate(self._quotas(view, predicted, n)):
            if quota:
                rows = np.flatnonzero(predicted == c)
                picks.append(rows[self.strategy.select(view.take(rows), int(quota))])
                turns.append(np.arange(quota))
        return np.concatenate(picks)[np.argsort(np.concatenate(turns), kind="stable")]

    def score(self, view: PoolView) -> np.ndarray:
        return self.strategy.score(view)

    def _quotas(self, view: PoolView, predicted: np.ndarray, n: int) -> np.ndarray:
        n_classes = view.proba.shape[1]
        left = np.bincount(predicted, minlength=n_classes)
        quotas = np.zeros(n_classes, dtype=np.int64)
        held = np.zeros(n_classes)
        if view.labeled_y is not None and len(view.labeled_y):
            held += np.bincount(view.labeled_y, minlength=n_classes)
        for _ in range(n):
            poorest = np.where(quotas < left, held + quotas, np.inf).argmin()
            quotas[poorest] += 1
        return quotas


class Power(QueryStrategy):
    """Draws in proportion to a power of a strategy's scores, instead of the highest ones.

    Draws are without replacement, by adding Gumbel noise to beta * log(score): redundant rows of
    high score no longer fill the batch.

    **Use it** around `Bald`, `Margin` or `Entropy` for batches. **Leave it** for single rows, and
    around strategies that spread their batches already. Needs what the strategy needs, and scores
    that are not negative. O(N log N) and the cost of the scores.

    Parameters
    ----------
    strategy : QueryStrategy
        What scores rows.
    beta : float, default=1
        The power: 0 draws evenly, more is greedier.

    References
    ----------
    .. [1] A. Kirsch, S. Farquhar, P. Atighehchian, A. Jesson, F. Branchaud-Charron and Y. Gal
       (2023). Stochastic batch acquisition: a simple baseline for deep active learning. TMLR.
       arXiv:2106.12059.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import Margin, PoolView, Power
    >>> proba = np.array([[1.0, 0.0], [0.5, 0.5], [1.0, 0.0]])
    >>> Power(Margin()).select(PoolView(3, proba=proba), 1)
    array([1])
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "strategy": [A_STRATEGY],
        "beta": [NOT_NEGATIVE],
    }

    def __init__(self, strategy: QueryStrategy, beta: float = 1) -> None:
        self.strategy = strategy
        self.beta = beta

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        return self.strategy.needs

    def select(self, view: PoolView, n: int) -> np.ndarray:
        scores = self.score(view)
        if not (scores >= 0).all():
            raise ValueError(
                f"strategy={self.strategy} gives scores that are negative or NaN, of which there "
                "are no powers: take one that scores rows from 0 up, such as Margin, Entropy or "
                "Bald."
            )
        tiny = np.finfo(np.float64).tiny
        keys = self.beta * np.log(np.maximum(scores, tiny)) + view.rng.gumbel(size=len(view))
        return top_n(keys, n)

    def score(self, view: PoolView) -> np.ndarray:
        return self.strategy.score(view)


class Schedule(QueryStrategy):
    """One strategy while labels are few, then another.

    TypiClust first and margin then (TCM) starts well without labels and goes on well with them.

    **Use it** where the budget is known to cross from few labels to many. **Leave it** where one
    strategy serves both, as `UHerding` is meant to. Needs what the first strategy needs. O(N) and
    the cost of whichever strategy is at work.

    Parameters
    ----------
    first : QueryStrategy
        At work while fewer than `switch_at` labels are known, or there are no probabilities.
    then : QueryStrategy
        At work from then on.
    switch_at : int
        See `first`. With a foundation model's features few are enough: 3 batches in the paper.

    References
    ----------
    .. [1] P. Doucet, B. Estermann, T. Aczel and R. Wattenhofer (2024). Bridging diversity and
       uncertainty in active learning with self-supervised pre-training. arXiv:2403.03728.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import Margin, PoolView, Schedule, TypiClust
    >>> tcm = Schedule(TypiClust(), Margin(), switch_at=2)
    >>> tcm.select(PoolView(3, X=np.array([[0.0], [1.0], [5.0]]), labeled_y=np.array([0])), 1)
    array([0])
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "first": [A_STRATEGY],
        "then": [A_STRATEGY],
        "switch_at": [Interval(Integral, 0, None, closed="left")],
    }

    def __init__(self, first: QueryStrategy, then: QueryStrategy, switch_at: int) -> None:
        self.first = first
        self.then = then
        self.switch_at = switch_at

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        return self.first.needs

    def select(self, view: PoolView, n: int) -> np.ndarray:
        return self._at_work(view).select(view, n)

    def score(self, view: PoolView) -> np.ndarray:
        return self._at_work(view).score(view)

    def _at_work(self, view: PoolView) -> QueryStrategy:
        few = view.labeled_y is None or len(view.labeled_y) < self.switch_at
        return self.first if few or view.proba is None else self.then


class _Candidates(QueryStrategy):
    """A strategy that sees only some rows of the pool, never fewer than it is asked for."""

    strategy: QueryStrategy

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        return self.strategy.needs

    def select(self, view: PoolView, n: int) -> np.ndarray:
        rows = self._candidates(view, n)
        return rows[self.strategy.select(view.take(rows), n)]

    def score(self, view: PoolView) -> np.ndarray:
        return self.strategy.score(view)

    @abstractmethod
    def _candidates(self, view: PoolView, n: int) -> np.ndarray: ...


class RandomCandidates(_Candidates):
    """Any strategy on a part of the pool that is drawn anew each time.

    The paper goes on to draw candidates by what they last scored. That needs a number for every row
    of the pool kept from query to query, where `ActiveClassifier.query` answers from the labels
    alone, so that asked twice it answers the same; and where opinions on the whole pool cost one
    product with the head, there is little to save.

    **Use it** around strategies too slow for the whole pool; what is left out now can be drawn the
    next time. **Leave it** where the rows worth asking about are very few. Needs what the strategy
    needs. O(N) and the strategy's cost on the candidates.

    Parameters
    ----------
    strategy : QueryStrategy
        What chooses among the candidates.
    n_candidates : int, default=10000
        How many there are.

    References
    ----------
    .. [1] G. Németh and T. Matuszka (2024). Compute-efficient active learning. arXiv:2401.07639.
       (Of it, the random pool.)

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import KCenter, PoolView, RandomCandidates
    >>> view = PoolView(100, X=np.arange(100.0)[:, None])
    >>> len(RandomCandidates(KCenter(), n_candidates=10).select(view, 3))
    3
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "strategy": [A_STRATEGY],
        "n_candidates": [AT_LEAST_ONE],
    }

    def __init__(self, strategy: QueryStrategy, n_candidates: int = 10_000) -> None:
        self.strategy = strategy
        self.n_candidates = n_candidates

    def _candidates(self, view: PoolView, n: int) -> np.ndarray:
        size = min(len(view), max(n, self.n_candidates))
        return np.sort(view.rng.choice(len(view), size=size, replace=False))


class NearCandidates(_Candidates):
    """Any strategy on the rows nearest to the labeled ones; random rows where they are too few.

    **Use it** around slow strategies on very large pools, once some rows of every class are known.
    **Leave it** while classes may still be undiscovered. Needs what the strategy needs; without
    labels all candidates are random. O(N L d) and the strategy's cost on the candidates.

    Parameters
    ----------
    strategy : QueryStrategy
        What chooses among the candidates.
    n_candidates : int, default=10000
        How many there are, at least; each labeled row brings its even share of them.

    References
    ----------
    .. [1] C. Coleman, E. Chou, J. Katz-Samuels, S. Culatana, P. Bailis, A. C. Berg, R. Nowak, R.
       Sumbaly, M. Zaharia and I. Z. Yalniz (2022). Similarity search for efficient active learning
       and search of rare concepts. AAAI. arXiv:2007.00077.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import KCenter, NearCandidates, PoolView
    >>> X = np.arange(100.0)[:, None]
    >>> view = PoolView(100, X=X, labeled_X=np.array([[50.2]]))
    >>> NearCandidates(KCenter(), n_candidates=5).select(view, 1)
    array([48])
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "strategy": [A_STRATEGY],
        "n_candidates": [AT_LEAST_ONE],
    }

    def __init__(self, strategy: QueryStrategy, n_candidates: int = 10_000) -> None:
        self.strategy = strategy
        self.n_candidates = n_candidates

    def _candidates(self, view: PoolView, n: int) -> np.ndarray:
        from skactive.kernels.distances import nearest_rows
        from skactive.kernels.tensor_rows import TensorRows

        size = min(len(view), max(n, self.n_candidates))
        near = np.empty(0, dtype=np.int64)
        rows = TensorRows(view.X, view.device, centered=True)
        labeled = labeled_points(view, rows)
        if len(labeled):
            k = -(-size // len(labeled))
            near = np.unique(nearest_rows(rows, labeled, k).cpu().numpy())
        others = np.setdiff1d(np.arange(len(view)), near)
        more = view.rng.permutation(others)[: max(0, size - len(near))]
        return np.sort(np.concatenate([near, more]))
