"""Clusters and samples of a pool."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.preprocessing import normalize

from skactive._learner.class_prototypes import fit_class_prototypes
from skactive._learner.pool_clusters import cluster_rows, positions_to_cluster, sample_rows

RNG = np.random.default_rng(0)
CODES = RNG.integers(3, size=600)
ROWS = normalize(RNG.normal(scale=0.35, size=(600, 12)) + np.eye(3, 12)[CODES] + 1)


def test_clusters_contain_no_single_row_and_lose_little():
    proba = np.eye(3)[CODES]
    clusters = cluster_rows(ROWS, proba, np.random.default_rng(0))
    assert clusters.sizes.min() >= 2
    assert 0.5 * len(ROWS) < clusters.sizes.sum() <= len(ROWS)
    apart = np.linalg.norm(clusters.centers[:, None] - ROWS, axis=2).min(axis=1)
    assert apart.min() > 0.01
    np.testing.assert_allclose(clusters.prior_proba.sum(axis=1), 1)
    of_clusters = fit_class_prototypes(
        clusters.prior_proba, clusters.centers, clusters.sizes
    ).directions
    of_rows = fit_class_prototypes(proba, ROWS).directions
    assert (of_clusters * of_rows).sum(axis=1).min() > 0.95


@pytest.mark.parametrize("rows", [ROWS[:1], ROWS[:5], np.repeat(ROWS[:1], 50, axis=0)])
def test_small_pools_and_equal_rows_make_few_clusters(rows):
    clusters = cluster_rows(rows, None, np.random.default_rng(0))
    assert len(clusters.centers) == len(clusters.sizes) <= max(1, len(rows) // 4)
    assert clusters.prior_proba is None


def test_positions_of_the_clustered_rows():
    few = positions_to_cluster(10, np.random.default_rng(0))
    np.testing.assert_array_equal(few, np.arange(10))
    many = positions_to_cluster(5000, np.random.default_rng(0))
    assert len(set(many.tolist())) == 2048
    assert (np.diff(many) > 0).all()


def test_the_number_of_sampled_rows():
    rng = np.random.default_rng(0)
    assert len(sample_rows(np.ones((5, 2)), None, rng).centers) == 5
    assert len(sample_rows(np.ones((1000, 2)), None, rng).centers) == 300
    assert len(sample_rows(np.ones((300, 2**14)), None, rng).centers) == 64
    assert sample_rows(np.ones((300, 2**15)), None, rng) is None  # too few to represent the pool
    assert len(sample_rows(np.ones((20, 2**15)), None, rng).centers) == 20
    wide = sparse.random(
        400, 2**21, density=1e-5, format="csr", random_state=np.random.default_rng(0)
    )
    assert sample_rows(wide, None, rng).centers.shape[0] == 300
    assert len(sample_rows([f"text {i}" for i in range(400)], None, rng).centers) == 300
    proba = np.arange(1000)[:, None]
    some = sample_rows(np.arange(1000)[:, None], proba, rng)
    np.testing.assert_array_equal(some.centers, some.prior_proba)
