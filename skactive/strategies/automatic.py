"""Strategies that choose among strategies."""

from collections.abc import Generator, Sequence
from numbers import Integral, Real
from typing import ClassVar

import numpy as np

from skactive._utils.compat import Interval
from skactive.strategies.base import PoolView, QueryStrategy, SequentialStrategy
from skactive.strategies.coverage import TypiClust
from skactive.strategies.herding import UHerding
from skactive.strategies.hybrid import Badge
from skactive.strategies.parameters import AT_LEAST_ONE, SHARE, STRATEGIES, Constraints
from skactive.strategies.uncertainty import LeastConfident, Margin, RandomSampling

#: Rows that one strategy is shown at once, and rows left after a round, at most: as published.
_PART, _KEPT = 5_000, 10_000


class Refine(QueryStrategy):
    """The pool is cut down, round by round, to what several strategies want; then `UHerding`.

    In each round every strategy chooses a batch from each of `n_subsets` random parts of what
    is left, and all they chose is what is left for the next round.

    **Use it** where no one strategy is known to suit the data. **Leave it** where queries must be
    fast: it takes `n_rounds` * `n_subsets` batches of every strategy. Needs probabilities. O(N)
    and those batches, each from no more than 5,000 rows or n.

    Parameters
    ----------
    strategies : sequence of QueryStrategy, default=None
        None takes random, margin, badge and typiclust.
    n_rounds : int, default=3
        How often the pool is cut down.
    n_subsets : int, default=5
        Random parts that each strategy is shown in a round (about 100 over all strategies in
        the paper).
    share : float, default=0.4
        How much of what is left one part holds.

    References
    ----------
    .. [1] D. Huseljic, M. Herde, L. Rauch, P. Hahn and B. Sick (2025). Cleaning the pool:
       progressive filtering of unlabeled pools in deep active learning. arXiv:2511.22344.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import PoolView, Refine
    >>> rng = np.random.default_rng(0)
    >>> view = PoolView(50, X=rng.normal(size=(50, 2)), proba=rng.dirichlet([1, 1], 50))
    >>> len(Refine().select(view, 3))
    3
    """

    needs: frozenset[str] = frozenset({"proba"})

    _parameter_constraints: ClassVar[Constraints] = {
        "strategies": [STRATEGIES, None],
        "n_rounds": [Interval(Integral, 0, None, closed="left")],
        "n_subsets": [AT_LEAST_ONE],
        "share": [Interval(Real, 0, 1, closed="right")],
    }

    def __init__(
        self,
        strategies: Sequence[QueryStrategy] | None = None,
        n_rounds: int = 3,
        n_subsets: int = 5,
        share: float = 0.4,
    ) -> None:
        self.strategies = strategies
        self.n_rounds = n_rounds
        self.n_subsets = n_subsets
        self.share = share

    def select(self, view: PoolView, n: int) -> np.ndarray:
        self.read(view, "proba")
        left = np.arange(len(view))
        for _ in range(self.n_rounds):
            left = self._cut(view, left, n)
        return left[UHerding().select(view.take(left), n)]

    def _cut(self, view: PoolView, left: np.ndarray, n: int) -> np.ndarray:
        default = [RandomSampling(), Margin(), Badge(), TypiClust()]
        size = min(len(left), max(n, min(_PART, int(np.ceil(self.share * len(left))))))
        wanted = []
        for strategy in default if self.strategies is None else self.strategies:
            for _ in range(self.n_subsets):
                part = np.sort(view.rng.choice(left, size=size, replace=False))
                wanted.append(part[strategy.select(view.take(part), n)])
        kept = np.unique(np.concatenate(wanted))
        if len(kept) > max(n, _KEPT):
            kept = np.sort(view.rng.choice(kept, size=max(n, _KEPT), replace=False))
        return kept


class Tailor(SequentialStrategy):
    """Thompson sampling over strategies, rewarded for rows of classes with few labels.

    Every strategy ranks its rows. For each row to ask, a class mix is drawn for every strategy from
    its Dirichlet posterior, and the strategy whose mix is worth most gives its next row; a label is
    worth 1 / (labels of its class), and minus that for a class with more than half of all labels.
    What strategies fetched so far is discounted each time labels are heard.

    Nothing is kept from one query to the next (the paper does): each posterior begins as the mean
    opinion on the rows that the strategy ranks, worth as many labels as there are classes.

    **Use it** for large batches under imbalance, where the better strategy is not known. **Leave
    it** for batches of a few rows, too few to tell strategies apart. Needs probabilities. O(N) and
    the cost of one batch of every strategy.

    Parameters
    ----------
    strategies : sequence of QueryStrategy, default=None
        None takes margin, least_confident and badge.
    n_parallel : int, default=10
        How many rows are asked about together.
    discount : float, default=0.9
        What earlier labels count when new ones are heard.

    References
    ----------
    .. [1] J. Zhang, S. Shao, S. Verma and R. Nowak (2023). Algorithm selection for deep active
       learning with imbalanced datasets. NeurIPS. arXiv:2302.07317.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import PoolView, Tailor
    >>> rng = np.random.default_rng(0)
    >>> view = PoolView(50, X=rng.normal(size=(50, 2)), proba=rng.dirichlet([1, 1], 50))
    >>> len(Tailor().select(view, 15))
    15
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "strategies": [STRATEGIES, None],
        "n_parallel": [AT_LEAST_ONE],
        "discount": [SHARE],
    }

    def __init__(
        self,
        strategies: Sequence[QueryStrategy] | None = None,
        n_parallel: int = 10,
        discount: float = 0.9,
    ) -> None:
        self.strategies = strategies
        self.n_parallel = n_parallel
        self.discount = discount

    def steps(self, view: PoolView, n: int) -> Generator[np.ndarray, np.ndarray, None]:
        proba = np.asarray(self.read(view, "proba"))
        default = [Margin(), LeastConfident(), Badge()]
        arms = default if self.strategies is None else self.strategies
        queues = [arm.select(view, n) for arm in arms]
        fetched = np.stack([proba.shape[1] * proba[queue].mean(axis=0) for queue in queues])
        given = np.zeros(0, dtype=np.int64) if view.labeled_y is None else view.labeled_y
        counts = np.bincount(given, minlength=proba.shape[1])
        free = np.ones(len(view), dtype=bool)
        for start in range(0, n, self.n_parallel):
            worth = np.where(2 * counts > counts.sum(), -1, 1) / np.maximum(counts, 1)
            batch, chosen = [], []
            for _ in range(min(self.n_parallel, n - start)):
                mixes = np.stack([view.rng.dirichlet(1 + f) for f in fetched])
                chosen.append(int((mixes @ worth).argmax()))
                queue = queues[chosen[-1]]
                batch.append(queue[free[queue].argmax()])
                free[batch[-1]] = False
            labels = yield np.array(batch, dtype=np.int64)
            counts += np.bincount(labels, minlength=len(counts))
            fetched *= self.discount
            np.add.at(fetched, (np.array(chosen), labels), 1)
