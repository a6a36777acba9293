"""The kernels, where the strategies' tests do not reach."""

import numpy as np
import pytest
import scipy.sparse
import torch
from scipy.stats import chisquare
from sklearn.cluster import KMeans

from skactive.kernels import ranking, tensor_rows
from skactive.kernels.clustering import kmeans, mean_neighbor_distance, representatives
from skactive.kernels.distances import nearest
from skactive.kernels.farthest import farthest_first
from skactive.kernels.ranking import highest, highest_first, top_n, two_largest
from skactive.kernels.sampling import d2_sample
from skactive.kernels.tensor_rows import TensorRows


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setitem(tensor_rows.BLOCK_ELEMENTS, "cpu", 100)


def test_top_n_puts_nan_last_and_keeps_positions_in_order():
    scores = np.array([np.nan, 1.0, 2.0, np.nan, 2.0])
    assert top_n(scores, 5).tolist() == [2, 4, 1, 0, 3]
    assert top_n(scores, 0).tolist() == []


@pytest.mark.parametrize("order", ["random", "rising", "falling", "level"])
@pytest.mark.parametrize("n", [1, 7, 300])
def test_highest_in_chunks_equals_sorting(order, n, monkeypatch):
    monkeypatch.setattr(ranking, "_CHUNK", 16)
    scores = np.random.default_rng(0).integers(0, 50, 300).astype(float)
    scores = {"rising": np.sort(scores), "falling": -np.sort(-scores), "level": 0 * scores}.get(
        order, scores
    )
    expected = np.argsort(-scores, kind="stable")[:n]
    np.testing.assert_array_equal(top_n(scores, n), expected)
    near = np.flatnonzero(scores >= scores[expected[-1]] - 2.5)
    np.testing.assert_array_equal(highest(np.array_split(scores, 19), n, slack=2.5), near)


@pytest.mark.parametrize("n_values", [1, 5, 10_000])
def test_highest_first_equals_a_stable_sort(n_values):
    scores = np.random.default_rng(0).integers(n_values, size=3000) / 7
    np.testing.assert_array_equal(highest_first(scores), np.argsort(-scores, kind="stable"))
    assert highest_first(scores[:0]).tolist() == []


@pytest.mark.parametrize("n_columns", [1, 2, 3, 8, 11])
def test_two_largest_of_each_row(n_columns):
    rows = np.random.default_rng(0).integers(0, 5, size=(40, n_columns)).astype(np.float32)
    expected = np.sort(np.column_stack([rows, np.zeros(40, dtype=np.float32)]), axis=1)
    first, second = two_largest(rows.copy(), np.empty_like(rows))
    np.testing.assert_array_equal(first, expected[:, -1])
    np.testing.assert_array_equal(second, expected[:, -2])


@pytest.mark.parametrize(
    "convert",
    [
        np.asarray,
        np.asfortranarray,
        lambda X: X[::-1][::-1].copy()[::-1][::-1],
        lambda X: X.astype(">f8"),
        scipy.sparse.csr_matrix,
        scipy.sparse.csc_array,
        torch.from_numpy,
    ],
)
def test_rows_of_any_kind(convert, small_blocks):
    X = np.random.default_rng(0).normal(size=(57, 7))
    rows = TensorRows(convert(X))
    assert len(rows) == 57
    np.testing.assert_array_equal(torch.cat([block for _, block in rows.blocks()]), X)
    np.testing.assert_array_equal(rows.take([5, 2]), X[[5, 2]])
    np.testing.assert_allclose(rows.mean(), X.mean(axis=0))
    np.testing.assert_allclose(rows.square_norms(), (X**2).sum(axis=1))


@pytest.mark.parametrize(
    ("given", "used"),
    [("f2", "float32"), ("f4", "float32"), ("f8", "float64"), ("i4", "float64")],
)
def test_rows_are_worked_on_in_single_or_double_precision(given, used):
    assert TensorRows(np.ones((2, 2), dtype=given)).dtype == getattr(torch, used)


def test_a_pool_far_from_the_origin_is_moved_there():
    X = np.random.default_rng(0).normal(loc=[1e5, 0, 0], size=(50, 3))
    rows = TensorRows(X.astype(np.float32), centered=True)
    assert rows.square_norms().max() < 100
    np.testing.assert_array_equal(rows.place(X[:5].astype(np.float32)), rows.take(range(5)))
    assert TensorRows(X - X.mean(axis=0), centered=True).origin is None


def test_a_reversed_array_is_read_forwards():
    X = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(TensorRows(X[::-1]).take([0]), [[4.0, 5.0]])


def test_nearest(small_blocks):
    rng = np.random.default_rng(0)
    X, centers = rng.normal(size=(90, 5)), rng.normal(size=(6, 5))
    distance = ((X[:, None] - centers) ** 2).sum(axis=2)
    index, value = nearest(TensorRows(X), torch.from_numpy(centers))
    np.testing.assert_array_equal(index, distance.argmin(axis=1))
    np.testing.assert_allclose(value, distance.min(axis=1))


def test_farthest_first_does_not_depend_on_the_number_of_candidates(small_blocks):
    X = np.random.default_rng(0).normal(size=(400, 5)).astype(np.float32)
    X[200:300] = X[:100]
    centers = torch.from_numpy(X[:2])
    expected = farthest_first(TensorRows(X), 400, centers, n_candidates=400)
    for n_candidates in (1, 2, 17):
        picks = farthest_first(TensorRows(X), 400, centers, n_candidates=n_candidates)
        np.testing.assert_array_equal(picks, expected)


@pytest.mark.parametrize("n_proposals", [1, 16])
@pytest.mark.parametrize("weighted", [False, True])
def test_d2_sample_draws_by_the_law_of_kmeans_plus_plus(n_proposals, weighted):
    """Every ordered pair after a fixed first row, against its probability."""
    X = np.random.default_rng(0).normal(size=(5, 2))
    weights = np.array([1.0, 2.0, 0.5, 1.0, 3.0]) if weighted else np.ones(5)
    square = ((X[:, None] - X) ** 2).sum(axis=2)
    expected = np.zeros((5, 5))
    first = square[0] * weights
    for i in range(1, 5):
        second = np.minimum(square[0], square[i]) * weights
        expected[i] = first[i] / first.sum() * second / second.sum()
    rng, seen, n_draws = np.random.default_rng(1), np.zeros((5, 5)), 4000
    for _ in range(n_draws):
        _, i, j = d2_sample(
            [TensorRows(X)], 3, rng, first=0, weights=weights, n_proposals=n_proposals
        )
        seen[i, j] += 1
    possible = expected > 0
    assert seen[~possible].sum() == 0
    assert chisquare(seen[possible], n_draws * expected[possible]).pvalue > 1e-3


def test_d2_sample_on_nothing_but_duplicates_draws_evenly():
    picks = d2_sample([TensorRows(np.ones((9, 2)))], 9, np.random.default_rng(0))
    assert sorted(picks) == list(range(9))


def test_d2_sample_with_no_weight_at_all_draws_evenly():
    rng = np.random.default_rng(0)
    picks = d2_sample([TensorRows(rng.normal(size=(9, 2)))], 4, rng, weights=np.zeros(9))
    assert len(set(picks)) == 4


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


def test_duplicates_are_no_distance_apart():
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


def test_representatives_of_one_spot():
    picks = representatives(TensorRows(np.ones((40, 2))), torch.ones(30, 2, dtype=torch.float64))
    assert len(set(picks)) == 30


def test_blocks_of_a_mapped_file_are_small_and_no_copies(tmp_path):
    np.save(tmp_path / "X.npy", np.zeros((100_000, 64), dtype=np.float32))
    rows = TensorRows(np.load(tmp_path / "X.npy", mmap_mode="r"))
    blocks = [block for _, block in rows.blocks()]
    assert len(blocks) > 1
    assert all(np.shares_memory(block.numpy(), rows._data.numpy()) for block in blocks)
