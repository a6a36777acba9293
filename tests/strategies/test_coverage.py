"""KCenter and TypiClust: against brute force and by hand."""

import numpy as np
import pytest

from skactive.strategies import KCenter, PoolView, TypiClust
from tests.support.strategies import blobs, make_view


def one_by_one(X, n, centers):
    """Farthest-first traversal by differences in double precision, one row at a time."""
    X, centers = X.astype(np.float64), centers.astype(np.float64)
    distance = ((X[:, None] - centers[None]) ** 2).sum(axis=2).min(axis=1)
    picks = []
    for _ in range(n):
        distance[picks] = -1
        picks.append(int(distance.argmax()))
        distance = np.minimum(distance, ((X - X[picks[-1]]) ** 2).sum(axis=1))
    return picks


@pytest.mark.parametrize(
    ("dtype", "shift"),
    [(np.float16, 0), (np.float16, 30), (np.float32, 0), (np.float32, 1e4), (np.float64, 1e6)],
)
def test_k_center_equals_one_by_one(dtype, shift):
    rng = np.random.default_rng(1)
    X = (rng.normal(size=(3000, 8)) + shift).astype(dtype)
    known = (rng.normal(size=(10, 8)) + shift).astype(dtype)
    picks = KCenter().select(PoolView(3000, X=X, labeled_X=known), 300)
    assert picks.tolist() == one_by_one(X, 300, known)


def test_k_center_on_a_grid_full_of_ties():
    X = np.stack(np.meshgrid(np.arange(30.0), np.arange(30.0)), axis=-1).reshape(-1, 2)
    picks = KCenter().select(PoolView(900, X=X.astype(np.float32), labeled_X=X[:1]), 900)
    assert picks.tolist() == one_by_one(X, 900, X[:1])


def test_k_center_starts_in_the_middle_without_labels():
    X = np.random.default_rng(0).normal(size=(200, 3))
    picks = KCenter().select(PoolView(200, X=X), 20)
    start = ((X - X.mean(axis=0)) ** 2).sum(axis=1).argmin()
    assert picks.tolist() == [start, *one_by_one(X, 19, X[[start]])]


def test_k_center_leaves_duplicates_for_last():
    X = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32) + 5
    pool = np.concatenate([X, X, X])
    picks = KCenter().select(PoolView(60, X=pool, labeled_X=X[:3]), 60)
    assert set(picks[:17]) == set(range(3, 20))
    np.testing.assert_array_equal(picks[17:], [*range(3), *range(20, 60)])


def test_k_center_score_is_the_distance_to_the_nearest_labeled_row():
    view = make_view()
    expected = np.linalg.norm(view.X[:, None] - view.labeled_X, axis=2).min(axis=1)
    np.testing.assert_allclose(KCenter().score(view), expected)


def most_typical(X, n_neighbors):
    """By brute force: the mean distance to the nearest others."""
    distance = np.sort(np.linalg.norm(X[:, None] - X, axis=2), axis=1)
    return int(distance[:, 1 : n_neighbors + 1].mean(axis=1).argmin())


def test_typiclust_picks_the_most_typical_of_each_cluster_largest_first():
    X, blob = blobs([40, 90, 60])
    picks = TypiClust().select(PoolView(190, X=X), 3)
    expected = [np.flatnonzero(blob == b)[most_typical(X[blob == b], 20)] for b in (1, 2, 0)]
    assert picks.tolist() == expected


def test_typiclust_selects_labeled_clusters_last():
    X, blob = blobs([40, 90, 60])
    known = X[blob == 1][:1]
    picks = TypiClust(max_clusters=3).select(PoolView(190, X=X, labeled_X=known), 3)
    assert blob[picks].tolist() == [2, 0, 1]


def test_typiclust_selects_tiny_clusters_last():
    X, blob = blobs([4, 30, 20])
    assert blob[TypiClust().select(PoolView(54, X=X), 3)].tolist() == [1, 2, 0]


def test_typiclust_cycles_through_the_clusters():
    X, blob = blobs([40, 30])
    picks = TypiClust(max_clusters=2, n_neighbors=5).select(PoolView(70, X=X), 6)
    assert blob[picks].tolist() == [0, 1, 0, 1, 0, 1]


def test_typiclust_ranks_a_sample_of_a_large_cluster(monkeypatch):
    monkeypatch.setattr("skactive.strategies.coverage._MAX_RANKED", 10)
    X, _ = blobs([40])
    picks = TypiClust(max_clusters=1).select(PoolView(40, X=X), 40)
    assert sorted(picks) == list(range(40))
