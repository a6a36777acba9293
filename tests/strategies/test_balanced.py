"""base, rare_neighbors: against brute force."""

import numpy as np
import pytest
from scipy.special import softmax
from test_strategies import make_view

from skactive.kernels import boundaries
from skactive.kernels.boundaries import nearest_to_boundaries, to_boundaries
from skactive.strategies import Base, PoolView, RareNeighbors


def linear_pool(n_classes, n_rows=150):
    rng = np.random.default_rng(0)
    X, weights = rng.normal(size=(n_rows, 4)), rng.normal(size=(n_classes, 4))
    offsets = rng.normal(size=n_classes)
    return X, weights, offsets, softmax(X @ weights.T + offsets, axis=1)


def distances_to_boundaries(X, weights, offsets):
    """Row by row, from the geometry of hyperplanes."""
    logits = X @ weights.T + offsets
    predicted = logits.argmax(axis=1)
    result = np.full(logits.shape, np.inf)
    for i, p in enumerate(predicted):
        for c in range(len(weights)):
            if c != p:
                gap = np.linalg.norm(weights[p] - weights[c])
                result[i, c] = (logits[i, p] - logits[i, c]) / gap
        result[i, p] = result[i].min()
    return result


def look_in_small_pieces(monkeypatch):
    """So that a small pool is sampled, and goes through many blocks."""
    for name, value in {"_BLOCK": 100, "_SAMPLED": 4, "_RUN": 2, "_GATHERED": 10}.items():
        monkeypatch.setattr(boundaries, name, value)


@pytest.mark.parametrize("n", [3, 20, 150])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_base_equals_brute_force(n_classes, n, monkeypatch):
    look_in_small_pieces(monkeypatch)
    X, weights, offsets, proba = linear_pool(n_classes)
    distances = distances_to_boundaries(X, weights, offsets)
    left, by_class = set(range(150)), []
    for c in range(n_classes):
        nearest = sorted(left, key=lambda i, c=c: distances[i, c])
        by_class.append(nearest[: n // n_classes + (c < n % n_classes)])
        left -= set(by_class[-1])
    expected = [rows[turn] for turn in range(n) for rows in by_class if turn < len(rows)]
    view = PoolView(150, proba=proba, linear=(weights, offsets))
    assert Base().select(view, n).tolist() == expected
    np.testing.assert_allclose(Base().score(view), -distances.min(axis=1), rtol=1e-6)


def test_base_without_weights_compares_log_probabilities():
    proba = np.array([[0.5, 0.3, 0.2], [0.4, 0.1, 0.5]])
    expected = -np.log([5 / 3, 5 / 4])
    np.testing.assert_allclose(Base().score(PoolView(2, proba=proba)), expected)


def test_base_with_equal_weights_of_two_classes():
    view = make_view(linear=(np.ones((3, 4)), np.zeros(3)))
    assert len(set(Base().select(view, 20))) == 20


POOLS = {
    "sure": lambda rng, k: rng.dirichlet(np.full(k, 0.1), 300),
    "unsure": lambda rng, k: rng.dirichlet(np.full(k, 20.0), 300),
    "long-tailed": lambda rng, k: rng.dirichlet(3.0 / np.arange(1, k + 1) ** 2, 300),
    "votes of trees": lambda rng, k: rng.multinomial(5, np.full(k, 1 / k), 300) / 5,
    "all alike": lambda rng, k: np.full((300, k), 1 / k),
    "certain": lambda rng, k: np.eye(k)[rng.integers(k, size=300)],
}


@pytest.mark.parametrize("kind", POOLS)
@pytest.mark.parametrize("n_classes", [1, 2, 7, 300])
@pytest.mark.parametrize("sort", [False, True])
def test_nearest_to_boundaries_are_those_of_a_full_sort(kind, n_classes, sort, monkeypatch):
    look_in_small_pieces(monkeypatch)
    rng = np.random.default_rng(0)
    proba = POOLS[kind](rng, n_classes)
    if sort:  # the sample then says little of the rest
        proba = proba[np.argsort(proba[:, 0])]
    weights = rng.normal(size=(n_classes, 3))
    lengths = np.linalg.norm(weights[:, None] - weights, axis=2) + np.eye(n_classes)
    numbers = rng.integers(0, 40, size=n_classes)
    found = nearest_to_boundaries(proba, lengths, numbers)
    for rows, far, number in zip(found, to_boundaries(proba, lengths), numbers, strict=True):
        np.testing.assert_array_equal(rows, np.argsort(far, kind="stable")[:number])


def test_nearest_to_boundaries_of_rows_that_do_not_sum_to_1():
    """They may not be the nearest, but they are as many as asked for."""
    proba = 2 * np.random.default_rng(0).dirichlet(np.full(3, 0.5), 5000)
    found = nearest_to_boundaries(proba, np.ones((3, 3)), np.array([10, 0, 5000]))
    assert [len(set(rows)) for rows in found] == [10, 0, 5000]


def test_rare_neighbors_are_the_nearest_of_rare_rows():
    labeled_y = np.array([0, 0, 0, 0, 1, 2])  # even share: two labels
    view = make_view(labeled_y=labeled_y)
    anchors = view.labeled_X[labeled_y > 0]
    distance = np.linalg.norm(anchors[:, None] - view.X, axis=2)
    near = np.unique(np.argsort(distance, axis=1)[:, :4])
    strategy = RareNeighbors(n_neighbors=4)
    order = np.argsort(-strategy.score(view))
    expected = [i for i in order if i in near] + [i for i in order if i not in near]
    np.testing.assert_array_equal(strategy.select(view, 20), expected[:20])


def test_rare_neighbors_search_around_a_few_rows_of_a_class():
    view = make_view(n_labeled=60, labeled_y=np.repeat([0, 1], [40, 20]))
    assert len(RareNeighbors(n_anchors=3)._anchors(view)) == 3
