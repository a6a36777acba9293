"""Base and RareNeighbors: against brute force."""

import numpy as np
import pytest
from scipy.special import softmax

from skactive.kernels import boundaries
from skactive.strategies import Base, PoolView, RareNeighbors
from tests.support.strategies import make_view


def linear_pool(n_classes, n_rows=150):
    rng = np.random.default_rng(0)
    X, weights = rng.normal(size=(n_rows, 4)), rng.normal(size=(n_classes, 4))
    offsets = rng.normal(size=n_classes)
    return X, weights, offsets, softmax(X @ weights.T + offsets, axis=1)


def distances_to_boundaries(X, weights, offsets):
    """Distances by the geometry of hyperplanes, row by row."""
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
    """Sample a small pool, and divide it into many blocks."""
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


def test_rare_neighbors_are_the_nearest_of_rare_rows():
    labeled_y = np.array([0, 0, 0, 0, 1, 2])  # two labels per class on average
    view = make_view(labeled_y=labeled_y)
    anchors = view.labeled_X[labeled_y > 0]
    distance = np.linalg.norm(anchors[:, None] - view.X, axis=2)
    near = np.unique(np.argsort(distance, axis=1)[:, :4])
    strategy = RareNeighbors(n_neighbors=4)
    order = np.argsort(-strategy.score(view))
    expected = [i for i in order if i in near] + [i for i in order if i not in near]
    np.testing.assert_array_equal(strategy.select(view, 20), expected[:20])


def test_rare_neighbors_search_around_few_rows_per_class():
    view = make_view(n_labeled=60, labeled_y=np.repeat([0, 1], [40, 20]))
    assert len(RareNeighbors(n_anchors=3)._anchors(view)) == 3
