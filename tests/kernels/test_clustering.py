"""k-means, neighbor distances and representatives of clusters."""

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans

from skactive.kernels.clustering import kmeans, mean_neighbor_distance, representatives
from skactive.kernels.distances import nearest
from skactive.kernels.tensor_rows import TensorRows


def test_kmeans_is_as_good_as_scikit_learns():
    X = np.random.default_rng(0).normal(size=(600, 4))
    ours = min(
        float(
            nearest(TensorRows(X), kmeans(torch.from_numpy(X), 12, np.random.default_rng(s)))[
                1
            ].sum()
        )
        for s in range(5)
    )
    assert ours < 1.05 * KMeans(12, n_init=5, random_state=0).fit(X).inertia_


def test_kmeans_follows_weights():
    X = torch.tensor([[0.0], [1.0], [10.0]], dtype=torch.float64)
    centers = kmeans(X, 2, np.random.default_rng(0), weights=np.array([3.0, 1.0, 9.0]))
    np.testing.assert_allclose(sorted(centers[:, 0].tolist()), [0.25, 10.0])


def test_kmeans_on_fewer_distinct_points_than_clusters():
    X = torch.tensor([[0.0], [0.0], [5.0], [5.0]])
    centers = kmeans(X, 4, np.random.default_rng(0))
    assert sorted(centers[:, 0].tolist()) == [0.0, 0.0, 5.0, 5.0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_mean_neighbor_distance(dtype):
    X = np.random.default_rng(0).normal(size=(1500, 3)) + 100
    X[700] = X[3]
    distance = np.sort(np.linalg.norm(X[:, None] - X, axis=2), axis=1)
    result = mean_neighbor_distance(torch.from_numpy(X.astype(dtype)), 5)
    np.testing.assert_allclose(result, distance[:, 1:6].mean(axis=1), rtol=1e-3)


def test_duplicates_have_distance_zero():
    points = torch.full((7, 3), 0.1) * 1e4
    np.testing.assert_array_equal(mean_neighbor_distance(points, 20), np.zeros(7))


def test_representatives_are_the_nearest_rows_and_distinct(small_blocks):
    rng = np.random.default_rng(0)
    X, centers = rng.normal(size=(80, 3)), rng.normal(size=(30, 3))
    distance = ((X[:, None] - centers) ** 2).sum(axis=2)
    picks = representatives(TensorRows(X), torch.from_numpy(centers))
    assert len(set(picks)) == 30
    nearest_rows, firsts = np.unique(distance.argmin(axis=0), return_index=True)
    np.testing.assert_array_equal(picks[firsts], nearest_rows)


def test_representatives_of_equal_rows():
    picks = representatives(TensorRows(np.ones((40, 2))), torch.ones(30, 2, dtype=torch.float64))
    assert len(set(picks)) == 30
