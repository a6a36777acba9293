"""Finding, for one class at a time, where on a line of rows it ends: GALAXY and DIRECT."""

from collections.abc import Generator

import numpy as np

from skactive.kernels.ranking import top_n
from skactive.strategies.base import PoolView, SequentialStrategy
from skactive.strategies.uncertainty import closeness


class Galaxy(SequentialStrategy):
    """Bisection on lines of rows sorted by how likely they are of one class.

    For a random class, the shortest run of unlabelled rows between two labelled ones, of which one
    is of the class and the other is not, is asked at its middle; where there is no such run, the
    unlabelled row next to a place where labels change; where there is none, a random row. Each
    label is heard before the next row is chosen.

    **Use it** for very rare classes and reliable annotators. **Leave it** where labels are noisy:
    each wrong one makes two places to bisect (see `Direct`). Needs probabilities, and those of
    the labelled rows: without them, only labels given on the way count. O(N K log N) to sort, then
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
    ...     labelled_y=np.array([0, 1]),
    ...     labelled_proba=np.array([[0.95, 0.05], [0.05, 0.95]]),
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
    sees to one or two classes only. Needs probabilities, and those of the labelled rows: without
    them, only labels given on the way count. O(N K log N) to sort, O(N) each time labels are heard.

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
    ...     labelled_y=np.array([0, 0, 1, 1]),
    ...     labelled_proba=np.array([[0.95, 0.05], [0.65, 0.35], [0.55, 0.45], [0.05, 0.95]]),
    ... )
    >>> Direct().select(view, 2)
    array([3, 4])
    """

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
    """The rows of pool and labelled set (nodes), what is known of them, and a line a class."""

    def __init__(self, proba: np.ndarray, view: PoolView) -> None:
        known = proba[:0] if view.labelled_proba is None else view.labelled_proba
        self.proba, self.known = proba, known
        self.labels = np.full(len(proba) + len(known), -1)
        self.labels[len(proba) :] = view.labelled_y if len(known) else []
        # Two classes have one boundary between them.
        self.n_classes = 1 if proba.shape[1] == 2 else proba.shape[1]
        self._best = np.concatenate([part.max(axis=1, initial=0) for part in (proba, known)])
        self._lines: dict[int, _Line] = {}

    def __getitem__(self, k: int) -> "_Line":
        if k not in self._lines:
            likely = np.concatenate([self.proba[:, k], self.known[:, k]]).astype(np.float64)
            if self.n_classes > 1:
                likely += (1e-8 - 1) * self._best
            self._lines[k] = _Line(self, k, np.argsort(-likely, kind="stable").astype(np.int32))
        return self._lines[k]

    @property
    def free(self) -> np.ndarray:
        """Which rows of the pool have no label."""
        return self.labels[: len(self.proba)] < 0

    def hear(self, positions: np.ndarray, labels: np.ndarray) -> None:
        self.labels[positions] = labels

    def counts(self) -> np.ndarray:
        """How many labels there are of each class that has a line."""
        return np.bincount(self.labels[self.labels >= 0], minlength=self.n_classes)[
            : self.n_classes
        ]


class _Line:
    """All nodes, those most likely of class k first."""

    def __init__(self, lines: _Lines, k: int, order: np.ndarray) -> None:
        self.lines, self.k, self.order = lines, k, order
        self._rank = np.empty_like(order)
        self._rank[order] = np.arange(len(order), dtype=order.dtype)

    def signs(self) -> np.ndarray:
        """Along the line: 1 for a label k, -1 for another, 0 for none."""
        labels = self.lines.labels[self.order]
        return np.where(labels < 0, 0, np.where(labels == self.k, 1, -1))

    def middle_of_shortest_run(self) -> int | None:
        """The middle of the shortest run of free nodes between labels that differ."""
        at, differ = self._labelled()
        lengths = np.where(differ, np.diff(at) - 1, 0)
        if not lengths.any():
            return None
        i = np.where(lengths > 0, lengths, np.inf).argmin()
        return int(self.order[(at[i] + at[i + 1]) // 2])

    def next_to_a_cut(self) -> int | None:
        """The free node nearest to two neighbours whose labels differ."""
        at, differ = self._labelled()
        cuts = np.flatnonzero(differ & (np.diff(at) == 1))
        if not len(cuts):
            return None
        # Labelled nodes without a gap share a block; the free nodes are at the blocks' ends.
        block = np.cumsum(np.diff(at, prepend=at[0]) > 1)
        starts = at[np.searchsorted(block, block[cuts])]
        ends = at[np.searchsorted(block, block[cuts], side="right") - 1]
        found = np.concatenate([starts - 1, ends + 1])
        away = np.concatenate([at[cuts] - starts, ends - at[cuts + 1]])
        inside = (found >= 0) & (found < len(self.order))
        found, away = found[inside], away[inside]
        return int(self.order[found[np.lexsort((found, away))[0]]]) if len(found) else None

    def _labelled(self) -> tuple[np.ndarray, np.ndarray]:
        """The ranks of the labelled nodes, and between which of them the label changes."""
        labels = self.lines.labels
        at = np.sort(self._rank[np.flatnonzero(labels >= 0)])
        return at, np.diff(labels[self.order[at]] == self.k)


class _Stretch:
    """The part of a line that may hold the threshold that errs least."""

    def __init__(self, line: _Line) -> None:
        self.line = line
        signs = line.signs()
        own, other = np.flatnonzero(signs > 0), np.flatnonzero(signs < 0)
        sure = own[own < other.min(initial=len(signs))]
        self.start = int(sure.max(initial=0))
        sure = other[other > own.max(initial=-1)]
        self.stop = int(sure.min(initial=len(signs) - 1))

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Up to n free rows, drawn evenly."""
        free = self._free(self.line.signs())
        return self._nodes(rng.choice(free, size=min(n, len(free)), replace=False))

    def shorten(self, rounds: int, rng: np.random.Generator) -> None:
        """Give up ends where a threshold would err more, so that so many rounds leave one row."""
        signs = self.line.signs()
        n_free = len(self._free(signs))
        if rounds <= 1 or n_free == 0:
            return
        right = _agreement(signs)
        excess = n_free - int(np.ceil(n_free ** (1 - 1 / rounds)))
        while excess > 0:
            free = self._free(signs)
            marks = np.flatnonzero(signs[self.start + 1 : self.stop + 1]) + self.start + 1
            if not len(marks):  # one stretch of equals: both ends alike
                self.start, self.stop = free[excess // 2], free[excess // 2 - excess - 1]
                return
            if right[self.start] - right[self.stop] < rng.integers(2):  # equals: a coin decides
                dropped = free[free < marks[0]][:excess]
                self.start = marks[0] if len(dropped) < excess else dropped[-1] + 1
            else:
                dropped = free[free > marks[-1]][-excess:]
                self.stop = marks[-1] - 1 if len(dropped) < excess else dropped[0] - 1
            excess -= len(dropped)

    def around_threshold(self, n: int) -> np.ndarray:
        """Up to n free rows nearest to the best threshold, from its right and left in turn."""
        signs = self.line.signs()
        right = _agreement(signs)[self.start : self.stop + 1]
        first = int(right.argmax())
        level = np.flatnonzero(right[first:] != right[first])
        last = first + (level[0] - 1 if len(level) else len(right) - 1 - first)
        threshold = self.start + (first + last) // 2
        free = np.flatnonzero(signs == 0)
        after, before = free[free > threshold], free[free <= threshold][::-1]
        turns = np.concatenate([2 * np.arange(len(after)), 2 * np.arange(len(before)) + 1])
        return self._nodes(np.concatenate([after, before])[np.argsort(turns)[:n]])

    def _free(self, signs: np.ndarray) -> np.ndarray:
        return np.flatnonzero(signs[self.start : self.stop + 1] == 0) + self.start

    def _nodes(self, ranks: np.ndarray) -> np.ndarray:
        return self.line.order[ranks].astype(np.int64)


def _agreement(signs: np.ndarray) -> np.ndarray:
    """For each threshold, the labels it agrees with less those it errs on."""
    return 2 * np.cumsum(signs) - signs.sum()
