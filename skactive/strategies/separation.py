"""Finding, for one class at a time, where on a line of rows it ends: GALAXY and DIRECT."""

from collections.abc import Generator
from typing import Any, ClassVar

import numpy as np

from skactive.kernels.ranking import highest_first, top_n
from skactive.strategies.base import PoolView, SequentialStrategy
from skactive.strategies.parameters import AT_LEAST_ONE, Constraints
from skactive.strategies.uncertainty import closeness


class Galaxy(SequentialStrategy):
    """Bisection on lines of rows sorted by how likely they are of one class.

    For a random class, the shortest run of unlabeled rows between two labeled ones, of which one
    is of the class and the other is not, is asked at its middle; where there is no such run, the
    unlabeled row next to a place where labels change; where there is none, a random row. Each
    label is heard before the next row is chosen.

    **Use it** for very rare classes and reliable annotators. **Leave it** where labels are noisy:
    each wrong one makes two places to bisect (see `Direct`). Needs probabilities, and those of
    the labeled rows: without them, only labels given on the way count. O(N K log N) to sort, then
    O(L) a row.

    References
    ----------
    .. [1] J. Zhang, J. Katz-Samuels and R. Nowak (2022). GALAXY: graph-based active learning at the
       extreme. ICML. arXiv:2202.01402.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import Galaxy, PoolView
    >>> likely = np.linspace(0.9, 0.1, 9)
    >>> view = PoolView(
    ...     9,
    ...     proba=np.stack([likely, 1 - likely], axis=1),
    ...     labeled_y=np.array([0, 1]),
    ...     labeled_proba=np.array([[0.95, 0.05], [0.05, 0.95]]),
    ... )
    >>> steps = Galaxy().steps(view, 3)
    >>> next(steps), steps.send(np.array([1])), steps.send(np.array([0]))
    (array([4]), array([1]), array([2]))
    """

    def steps(self, view: PoolView, n: int) -> Generator[np.ndarray, np.ndarray, None]:
        lines = _Lines(self.read(view, "proba"), view)
        for _ in range(n):
            line = lines[int(view.rng.integers(lines.n_classes))]
            node = line.middle_of_shortest_run()
            if node is None:
                node = line.next_to_a_cut()
            if node is None:
                node = view.rng.choice(np.flatnonzero(lines.free))
            position = np.array([node], dtype=np.int64)
            lines.hear(position, (yield position))


class Direct(SequentialStrategy):
    """For the rarest classes, the threshold that errs least on a line of rows, and rows around it.

    Rows are sorted by how likely they are of a class. Half of the class's share of the batch is
    spent on finding where it ends: rows are drawn evenly from the stretch that still may hold
    the best threshold, their labels heard, and the stretch shortened from the end at which a
    threshold would err more. The rest is asked on both sides of the best threshold. One wrong label
    hardly moves it.

    **Use it** for rare classes and annotators who err. **Leave it** for small batches, where it
    sees to one or two classes only. Needs probabilities, and those of the labeled rows: without
    them, only labels given on the way count. O(N log N) to sort, for each of those classes, then
    O(L) each time labels are heard.

    Parameters
    ----------
    n_parallel : int, default=20
        How many rows are asked about together.
    min_per_class : int, default=60
        The least that is spent on finding one class's threshold, where the batch allows it: a batch
        of n sees to the n / (2 * min_per_class) classes with the fewest labels, at least one.

    References
    ----------
    .. [1] S. Nuggehalli, J. Zhang, L. Jain and R. Nowak (2025). DIRECT: deep active learning under
       imbalance and label noise. ICML. arXiv:2312.09196.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import Direct, PoolView
    >>> likely = np.linspace(0.9, 0.1, 9)
    >>> view = PoolView(
    ...     9,
    ...     proba=np.stack([likely, 1 - likely], axis=1),
    ...     labeled_y=np.array([0, 0, 1, 1]),
    ...     labeled_proba=np.array([[0.95, 0.05], [0.65, 0.35], [0.55, 0.45], [0.05, 0.95]]),
    ... )
    >>> Direct().select(view, 2)
    array([3, 4])
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "n_parallel": [AT_LEAST_ONE],
        "min_per_class": [AT_LEAST_ONE],
    }

    def __init__(self, n_parallel: int = 20, min_per_class: int = 60) -> None:
        self.n_parallel = n_parallel
        self.min_per_class = min_per_class

    def steps(self, view: PoolView, n: int) -> Generator[np.ndarray, np.ndarray, None]:
        lines = _Lines(self.read(view, "proba"), view)
        rarest = np.argsort(lines.counts(), kind="stable")
        classes = rarest[: np.clip(n // (2 * self.min_per_class), 1, lines.n_classes)]
        left = n
        for k in classes:
            stretch = _Stretch(lines[k])
            budget = n // len(classes) // 2
            while (
                budget > 0 and (batch := stretch.draw(min(budget, self.n_parallel), view.rng)).size
            ):
                lines.hear(batch, (yield batch))
                stretch.shorten(budget // self.n_parallel, view.rng)
                budget, left = budget - len(batch), left - len(batch)
        for turn, k in enumerate(view.rng.permutation(classes)):
            batch = _Stretch(lines[k]).around_threshold(left // (len(classes) - turn))
            if batch.size:
                lines.hear(batch, (yield batch))
                left -= len(batch)
        if left:
            free = np.flatnonzero(lines.free)
            yield free[top_n(closeness(view.proba[free]), left)]


class _Lines:
    """The rows of pool and labeled set (nodes), what is known of them, and a line a class."""

    def __init__(self, proba: np.ndarray, view: PoolView) -> None:
        known = proba[:0] if view.labeled_proba is None else view.labeled_proba
        self.proba, self.known = proba, known
        self.labels = np.full(len(proba) + len(known), -1)
        self.labels[len(proba) :] = view.labeled_y if len(known) else []
        self.heard = np.arange(len(proba), len(self.labels))
        # Two classes have one boundary between them.
        self.n_classes = 1 if proba.shape[1] == 2 else proba.shape[1]
        self._best = np.concatenate([part.max(axis=1, initial=0) for part in (proba, known)])
        self._lines: dict[int, _Line] = {}

    def __getitem__(self, k: int) -> "_Line":
        if k not in self._lines:
            likely = np.concatenate([self.proba[:, k], self.known[:, k]]).astype(np.float64)
            if self.n_classes > 1:
                likely += (1e-8 - 1) * self._best
            self._lines[k] = _Line(self, k, highest_first(likely).astype(np.int32))
        return self._lines[k]

    @property
    def free(self) -> np.ndarray:
        """Which rows of the pool have no label."""
        return self.labels[: len(self.proba)] < 0

    def hear(self, positions: np.ndarray, labels: np.ndarray) -> None:
        self.labels[positions] = labels
        self.heard = np.concatenate([self.heard, positions])

    def counts(self) -> np.ndarray:
        """How many labels there are of each class that has a line."""
        counts = np.bincount(self.labels[self.heard], minlength=self.n_classes)
        return counts[: self.n_classes]


class _Line:
    """All nodes, those most likely of class k first."""

    def __init__(self, lines: _Lines, k: int, order: np.ndarray) -> None:
        self.lines, self.k, self.order = lines, k, order
        self._rank = np.empty_like(order)
        self._rank[order] = np.arange(len(order), dtype=order.dtype)

    def labeled(self) -> tuple[np.ndarray, np.ndarray]:
        """The ranks of the labeled nodes, in order, and which of them are of class k."""
        at = np.sort(self._rank[self.lines.heard])
        return at, self.lines.labels[self.order[at]] == self.k

    def middle_of_shortest_run(self) -> int | None:
        """The middle of the shortest run of free nodes between labels that differ."""
        at, own = self.labeled()
        lengths = np.where(np.diff(own), np.diff(at) - 1, 0)
        if not lengths.any():
            return None
        i = np.where(lengths > 0, lengths, np.inf).argmin()
        return int(self.order[(at[i] + at[i + 1]) // 2])

    def next_to_a_cut(self) -> int | None:
        """The free node nearest to two neighbors whose labels differ."""
        at, own = self.labeled()
        cuts = np.flatnonzero(np.diff(own) & (np.diff(at) == 1))
        if not len(cuts):
            return None
        # Labeled nodes without a gap share a block; the free nodes are at the blocks' ends.
        block = np.cumsum(np.diff(at, prepend=at[0]) > 1)
        starts = at[np.searchsorted(block, block[cuts])]
        ends = at[np.searchsorted(block, block[cuts], side="right") - 1]
        found = np.concatenate([starts - 1, ends + 1])
        away = np.concatenate([at[cuts] - starts, ends - at[cuts + 1]])
        inside = (found >= 0) & (found < len(self.order))
        found, away = found[inside], away[inside]
        return int(self.order[found[np.lexsort((found, away))[0]]]) if len(found) else None


class _Stretch:
    """The part of a line that may hold the threshold that errs least, from rank to rank."""

    def __init__(self, line: _Line) -> None:
        self.line = line
        at, own = line.labeled()
        last = len(line.order) - 1
        self.start = int(at[own & (at < at[~own].min(initial=last + 1))].max(initial=0))
        self.stop = int(at[~own & (at > at[own].max(initial=-1))].min(initial=last))

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Up to n free rows, drawn evenly."""
        free = _Free(self.line.labeled()[0], self.start, self.stop)
        return self._nodes(free[rng.choice(len(free), size=min(n, len(free)), replace=False)])

    def shorten(self, rounds: int, rng: np.random.Generator) -> None:
        """Give up ends where a threshold would err more, so that so many rounds leave one row."""
        at, own = self.line.labeled()
        n_free = len(_Free(at, self.start, self.stop))
        if rounds <= 1 or n_free == 0:
            return
        right = _agreement(own)
        excess = n_free - int(np.ceil(n_free ** (1 - 1 / rounds)))
        while excess > 0:
            first, end = np.searchsorted(at, [self.start, self.stop], side="right")
            if first == end:  # one stretch of equals: both ends alike
                free = _Free(at, self.start, self.stop)
                self.start = free[excess // 2]
                self.stop = free[len(free) - 1 - (excess + 1) // 2]
                return
            if right[first] - right[end] < rng.integers(2):  # equals: a coin decides
                free = _Free(at, self.start, at[first] - 1)
                self.start = free[excess - 1] + 1 if len(free) >= excess else at[first]
            else:
                free = _Free(at, at[end - 1] + 1, self.stop)
                self.stop = (free[len(free) - excess] if len(free) >= excess else at[end - 1]) - 1
            excess -= len(free)

    def around_threshold(self, n: int) -> np.ndarray:
        """Up to n free rows nearest to the best threshold, from its right and left in turn."""
        at, own = self.line.labeled()
        first, end = np.searchsorted(at, [self.start, self.stop], side="right")
        # Every label is a step up or down: the best thresholds lie between two of them.
        best = first + int(_agreement(own)[first : end + 1].argmax())
        left = self.start if best == first else at[best - 1]
        threshold = (left + (self.stop if best == end else at[best] - 1)) // 2
        after = _Free(at, threshold + 1, len(self.line.order) - 1)
        before = _Free(at, 0, threshold)
        ranks = [
            after[np.arange(min(n, len(after)))],
            before[len(before) - 1 - np.arange(min(n, len(before)))],
        ]
        turns = np.concatenate([2 * np.arange(len(side)) + i for i, side in enumerate(ranks)])
        return self._nodes(np.concatenate(ranks)[np.argsort(turns)[:n]])

    def _nodes(self, ranks: np.ndarray) -> np.ndarray:
        return self.line.order[ranks].astype(np.int64)


class _Free:
    """The ranks from start to stop that no label stands at, in order, without writing them down."""

    def __init__(self, at: np.ndarray, start: int, stop: int) -> None:
        first, end = np.searchsorted(at, [start, stop + 1])
        self._start, self._size = start, stop + 1 - start - (end - first)
        self._before = at[first:end] - start - np.arange(end - first)

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, i: Any) -> Any:
        return self._start + i + np.searchsorted(self._before, i, side="right")


def _agreement(own: np.ndarray) -> np.ndarray:
    """For a threshold behind the first 0, 1, ... labels, those it agrees with less its errors.

    But for a constant, and halved.
    """
    return np.cumsum(np.concatenate([[0], np.where(own, 1, -1)]))
