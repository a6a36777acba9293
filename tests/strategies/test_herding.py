"""ProbCover, MaxHerding, UHerding and BalancedHerding: against brute force over all pairs."""

import numpy as np
import pytest
import torch

from skactive.strategies import BalancedHerding, MaxHerding, Nas, PoolView, ProbCover, UHerding
from tests.support.strategies import blobs, make_view


def one_by_one(similarity, n, reached, weights):
    """A greedy cover of all rows by all rows, with ties by position."""
    picks = []
    for _ in range(n):
        gains = (np.maximum(similarity - reached, 0) * weights).sum(axis=1).round(9)
        gains[picks] = -1
        picks.append(int(gains.argmax()))
        reached = np.maximum(reached, similarity[picks[-1]])
    return picks


def pairs(A, B):
    return np.linalg.norm(A[:, None] - B, axis=2)


def test_prob_cover_equals_brute_force():
    view = make_view(300, n_features=3)
    balls = (pairs(view.X, view.X) <= 0.7).astype(float)
    reached = (pairs(view.labeled_X, view.X) <= 0.7).max(axis=0).astype(float)
    picks = ProbCover(radius=0.7).select(view, 60)
    assert picks.tolist() == one_by_one(balls, 60, reached, np.ones(300))


def test_prob_cover_begins_a_second_cover_once_all_is_covered():
    X, blob = blobs([5, 4, 3])
    picks = ProbCover(radius=2.0).select(PoolView(12, X=X), 6)
    assert blob[picks].tolist() == [0, 1, 2, 0, 1, 2]


def test_prob_cover_finds_the_largest_pure_radius():
    X, blob = blobs([30, 30, 30])
    view = PoolView(90, X=X, classes=np.arange(3))
    foreign = pairs(X, X)[blob[:, None] != blob].reshape(90, 60).min(axis=1)
    radius = ProbCover(purity=0.9)._auto_radius(torch.from_numpy(X), view)
    assert (foreign > radius).mean() >= 0.9
    assert (foreign > radius * 1.01).mean() < 0.9 + 2 / 90


@pytest.mark.parametrize("labeled", [0, 6])
def test_max_herding_equals_brute_force(labeled):
    view = make_view(200, n_labeled=labeled)
    similarity = np.exp(-((pairs(view.X, view.X) / 1.3) ** 2))
    reached = np.exp(-((pairs(view.labeled_X, view.X) / 1.3) ** 2)).max(axis=0, initial=0)
    picks = MaxHerding(bandwidth=1.3).select(view, 40)
    assert picks.tolist() == one_by_one(similarity, 40, reached, np.ones(200))


def test_max_herding_takes_bandwidth_one_on_rows_of_length_one():
    X = np.random.default_rng(0).normal(size=(200, 64))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    auto = MaxHerding().select(PoolView(200, X=X), 30)
    np.testing.assert_array_equal(auto, MaxHerding(bandwidth=0.996).select(PoolView(200, X=X), 30))


@pytest.mark.parametrize("bandwidth", ["auto", 0.7])
def test_u_herding_equals_brute_force(bandwidth):
    view = make_view(200)
    closest = pairs(view.labeled_X, view.labeled_X)[np.triu_indices(6, 1)].min()
    sigma = closest if bandwidth == "auto" else bandwidth
    top = np.sort(view.proba, axis=1)
    doubt = 1 - top[:, -1] + top[:, -2]
    similarity = np.exp(-((pairs(view.X, view.X) / sigma) ** 2))
    reached = np.exp(-((pairs(view.labeled_X, view.X) / sigma) ** 2)).max(axis=0)
    picks = UHerding(bandwidth=bandwidth).select(view, 40)
    assert picks.tolist() == one_by_one(similarity, 40, reached, doubt)


@pytest.mark.parametrize("balance", [0.5, 1.0, 0.0])
def test_balanced_herding_equals_brute_force(balance):
    view = make_view(200)
    view.label_trust = np.array([0.9, 0.2, 1.0, 0.4, 0.6, 0.7])
    top = np.sort(view.proba, axis=1)
    doubt = 1 - top[:, -1] + top[:, -2]
    frequency = view.proba.mean(axis=0) + 1e-3 / view.proba.shape[1]
    weights = doubt * (view.proba / frequency**balance).sum(axis=1)
    trusted = view.labeled_X[[0, 2, 4, 5]]
    similarity = np.exp(-((pairs(view.X, view.X) / 1.3) ** 2))
    reached = np.exp(-((pairs(trusted, view.X) / 1.3) ** 2)).max(axis=0)
    picks = BalancedHerding(bandwidth=1.3, balance=balance).select(view, 40)
    assert picks.tolist() == one_by_one(similarity, 40, reached, weights)


def test_balanced_herding_without_proba_is_max_herding_with_a_wider_kernel():
    X, _ = blobs([30, 20, 10])
    spread = np.sqrt(((X - X.mean(axis=0)) ** 2).sum(axis=1).mean())
    wide = MaxHerding(bandwidth=2.5 * spread).select(PoolView(60, X=X), 10)
    for proba in (None, np.tile([1.0, 0.0], (60, 1))):
        picks = BalancedHerding().select(PoolView(60, X=X, proba=proba), 10)
        np.testing.assert_array_equal(picks, wide)


@pytest.mark.parametrize("seed", range(3))
def test_balanced_herding_selects_far_rows_before_max_herding(seed):
    X = np.random.default_rng(seed).normal(size=(306, 8))
    X[300:, 0] += 6
    balanced, plain = (
        strategy.select(PoolView(306, X=X), 20) >= 300
        for strategy in (BalancedHerding(), MaxHerding())
    )
    assert balanced.argmax() < plain.argmax()


def test_balanced_herding_finds_a_rare_class_that_a_plain_sample_misses():
    X, blob = blobs([3000, 6])
    proba = np.where(blob[:, None] == [0, 1], 0.7, 0.3)
    proba[blob == 0] = [0.999, 0.001]
    view = PoolView(3006, X=X, proba=proba)
    assert blob[BalancedHerding(n_reference=40).select(view, 2)].max() == 1


@pytest.mark.parametrize(
    "strategy",
    [
        MaxHerding(n_reference=60),
        UHerding(n_reference=60),
        ProbCover(radius=3.0, n_reference=60),
        Nas(n_reference=60),
    ],
)
def test_reference_sample_stands_for_the_pool(strategy):
    X, blob = blobs([300, 200, 100])
    picks = strategy.select(PoolView(600, X=X, proba=np.full((600, 3), 1 / 3)), 3)
    assert blob[picks].tolist() == [0, 1, 2]
