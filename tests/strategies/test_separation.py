"""Galaxy and Direct: on lines with a known boundary, and against a plain reference."""

import itertools

import numpy as np
import pytest

from skactive.strategies import Direct, Galaxy, PoolView
from tests.support.strategies import drive_steps, make_view


def two_class_line(n_rows, *, ends=True, **changed):
    """Row i is the i-th most likely of class 0; both ends are labeled."""
    likely = np.linspace(0.99, 0.01, n_rows)
    both = np.array([0.995, 0.005]) if ends else np.empty(0)
    everything = {
        "proba": np.stack([likely, 1 - likely], axis=1),
        "labeled_y": np.arange(len(both)),
        "labeled_proba": np.stack([both, 1 - both], axis=1),
        "rng": np.random.default_rng(0),
    }
    return PoolView(n_rows, **(everything | changed))


@pytest.mark.parametrize("boundary", [1, 200, 700, 1000])
def test_galaxy_finds_a_boundary_by_bisection(boundary):
    oracle = (np.arange(1000) >= boundary).astype(int)
    queried = np.concatenate(drive_steps(Galaxy(), two_class_line(1000), 12, oracle))
    assert {boundary - 1, boundary} & set(queried.tolist())
    assert np.abs(queried[10:] - boundary).max() <= 5  # then it queries along the cut


def test_galaxy_queries_at_random_while_labels_agree():
    queried = np.concatenate(
        drive_steps(Galaxy(), two_class_line(50, ends=False), 50, np.zeros(50, int))
    )
    assert sorted(queried) == list(range(50))


def plain_galaxy(view, n, oracle):
    """The algorithm as published, node by node."""
    proba = np.concatenate([view.proba, view.labeled_proba])
    label = [None] * len(view) + view.labeled_y.tolist()
    best, queried = proba.max(axis=1), []
    for _ in range(n):
        k = view.rng.integers(proba.shape[1])
        line = np.argsort(-(proba[:, k] + (1e-8 - 1) * best), kind="stable")
        at = [i for i, node in enumerate(line) if label[node] is not None]
        differ = [
            (a, b)
            for a, b in itertools.pairwise(at)
            if (label[line[a]] == k) != (label[line[b]] == k)
        ]
        runs = [(b - a, a, b) for a, b in differ if b - a > 1]
        if runs:
            _, a, b = min(runs)
            node = line[(a + b) // 2]
        elif differ:
            free = [i for i in range(len(line)) if label[line[i]] is None]
            node = line[min(free, key=lambda i: min(max(a - i, i - b) for a, b in differ))]
        else:
            node = view.rng.choice([i for i in range(len(view)) if label[i] is None])
        label[node] = int(oracle[node])
        queried.append(int(node))
    return queried


@pytest.mark.parametrize("seed", range(5))
def test_galaxy_equals_plain_reference(seed):
    oracle = np.random.default_rng(seed).integers(3, size=60)
    queried = np.concatenate(drive_steps(Galaxy(), make_view(seed=seed), 60, oracle))
    expected = plain_galaxy(make_view(seed=seed), 60, oracle)
    np.testing.assert_array_equal(queried, expected)


@pytest.mark.parametrize(("noise", "off"), [(0.0, 10), (0.15, 25)])
def test_direct_queries_around_the_threshold_with_fewest_errors(noise, off):
    truth, misses = (np.arange(1000) >= 300).astype(int), []
    for seed in range(15):
        rng = np.random.default_rng(seed)
        answers = np.where(rng.random(1000) < noise, 1 - truth, truth)
        queried = drive_steps(Direct(), two_class_line(1000, rng=rng), 120, answers)
        assert [len(batch) for batch in queried[:2]] == [20, 20]
        assert np.ptp(queried[1]) < np.ptp(queried[0])
        assert len(queried[-1]) >= 60
        misses.append(abs(np.median(queried[-1]) - 300))
    assert np.median(misses) < off


class PlainLine:
    """A line as a list of nodes, searched again in each step."""

    def __init__(self, scores, label, k):
        self.order = np.argsort(-scores, kind="stable")
        self.label, self.k = label, k
        signs = self.signs()
        own, other = np.flatnonzero(signs > 0), np.flatnonzero(signs < 0)
        self.start = max([i for i in own if (i < other).all()], default=0)
        self.stop = min([i for i in other if (i > own).all()], default=len(signs) - 1)

    def signs(self):
        label = self.label[self.order]
        return np.where(label < 0, 0, np.where(label == self.k, 1, -1))

    def free(self):
        return [i for i in range(self.start, self.stop + 1) if not self.signs()[i]]

    def right(self, threshold):
        """Labels that agree with a threshold after this rank, minus labels that contradict it."""
        signs = self.signs()
        return signs[: threshold + 1].sum() - signs[threshold + 1 :].sum()

    def shorten(self, rounds, rng):
        free = self.free()
        if rounds <= 1 or not free:
            return
        excess = len(free) - int(np.ceil(len(free) ** (1 - 1 / rounds)))
        while excess > 0:
            free = self.free()
            marks = [i for i in range(self.start + 1, self.stop + 1) if self.signs()[i]]
            if not marks:
                self.start, self.stop = free[excess // 2], free[excess // 2 - excess - 1]
                return
            if self.right(self.start) - self.right(self.stop) < rng.integers(2):
                dropped = [i for i in free if i < marks[0]][:excess]
                self.start = marks[0] if len(dropped) < excess else dropped[-1] + 1
            else:
                dropped = [i for i in free if i > marks[-1]][-excess:]
                self.stop = marks[-1] - 1 if len(dropped) < excess else dropped[0] - 1
            excess -= len(dropped)

    def around_threshold(self, n):
        right = [self.right(i) for i in range(self.start, self.stop + 1)]
        first = last = int(np.argmax(right))
        while last + 1 < len(right) and right[last + 1] == right[first]:
            last += 1
        threshold = self.start + (first + last) // 2
        free = np.flatnonzero(self.signs() == 0)
        sides = free[free > threshold], free[free <= threshold][::-1]
        turns = itertools.chain.from_iterable(itertools.zip_longest(*sides))
        return [i for i in turns if i is not None][:n]


def plain_direct(view, n, oracle, n_parallel, min_per_class):
    """The algorithm as published."""
    proba = np.concatenate([view.proba, view.labeled_proba])
    label = np.concatenate([np.full(len(view), -1), view.labeled_y])
    n_classes = proba.shape[1]
    scores = proba + (1e-8 - 1) * proba.max(axis=1)[:, None]
    classes = np.argsort(-np.bincount(view.labeled_y, minlength=n_classes), kind="stable")
    per_class = min(min_per_class, n // n_classes // 2)
    queried, rng = [], view.rng

    def ask(line, ranks):
        nodes = line.order[ranks]
        label[nodes] = oracle[nodes]
        queried.extend(nodes.tolist())

    for k in classes:
        line, budget = PlainLine(scores[:, k], label, k), per_class
        while budget > 0 and (free := line.free()):
            size = min(budget, n_parallel, len(free))
            ask(line, rng.choice(free, size=size, replace=False))
            line.shorten(budget // n_parallel, rng)
            budget -= size
    for turn, k in enumerate(rng.permutation(classes)):
        line = PlainLine(scores[:, k], label, k)
        ask(line, line.around_threshold((n - len(queried)) // (len(classes) - turn)))
    return queried


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("n", [10, 40])
def test_direct_equals_plain_reference(seed, n):
    rng = np.random.default_rng(seed)
    view = make_view(80, n_labeled=9, seed=seed)
    oracle = np.where(rng.random(80) < 0.7, view.proba.argmax(axis=1), rng.integers(3, size=80))
    options = {"n_parallel": 3, "min_per_class": 5}
    queried = np.concatenate(drive_steps(Direct(**options), view, n, oracle))
    expected = plain_direct(make_view(80, n_labeled=9, seed=seed), n, oracle, **options)
    np.testing.assert_array_equal(queried, expected)


def test_direct_selects_around_the_threshold_of_each_class():
    labeled_y = np.array([0, 0, 0, 1, 1, 2])
    proba = np.random.default_rng(0).dirichlet(np.ones(3), 500)
    view = make_view(500, proba=proba, labeled_y=labeled_y)
    asked = np.concatenate(drive_steps(Direct(min_per_class=10), view, 60, proba.argmax(axis=1)))
    for k in range(3):
        lead = proba[:, k] - np.delete(proba, k, axis=1).max(axis=1)  # the threshold is at 0
        assert (np.sort(np.abs(lead[asked[30:]]))[:10] < 0.1).all()
        assert np.sum(np.abs(lead[asked[:30]]) < 0.1) < 10


@pytest.mark.parametrize("strategy", [Galaxy(), Direct(n_parallel=4, min_per_class=5)])
@pytest.mark.parametrize("n_classes", [1, 2, 3])
@pytest.mark.parametrize("n", [1, 7, 60])
def test_every_row_is_queried_once(strategy, n_classes, n):
    view = make_view(n_classes=n_classes)
    queried = np.concatenate(drive_steps(strategy, view, n, np.zeros(60, int)))
    assert len(queried) == len(set(queried)) == n


def test_stretch_shrinks_from_the_end_with_more_errors():
    """Twelve rows, five of them labeled: 0 . . 0 . . . . 1 . 1 0; the last label is wrong."""
    from skactive.strategies.separation import _LinearGraphs, _ThresholdInterval

    lines = _LinearGraphs(two_class_line(12, ends=False).proba, two_class_line(12, ends=False))
    lines.add_labels(np.array([0, 3, 8, 10, 11]), np.array([0, 0, 1, 1, 0]))
    stretch = _ThresholdInterval(lines[0])
    assert (stretch.start, stretch.stop) == (3, 11)
    stretch.shorten(2, np.random.default_rng(0))
    assert (stretch.start, stretch.stop) == (4, 6)  # the square root of five free rows, rounded up
    assert stretch.around_threshold(2).tolist() == [6, 5]
