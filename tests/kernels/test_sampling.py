"""D² sampling: against its distribution."""

import numpy as np
import pytest
from scipy.stats import chisquare

from skactive.kernels.sampling import d2_sample
from skactive.kernels.tensor_rows import TensorRows


@pytest.mark.parametrize("n_proposals", [1, 16])
@pytest.mark.parametrize("weighted", [False, True])
def test_d2_sample_has_the_distribution_of_kmeans_plus_plus(n_proposals, weighted):
    """The frequency of every ordered pair after a fixed first row, against its probability."""
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
