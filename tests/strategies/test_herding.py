"""ProbCover, MaxHerding, UHerding and BalancedHerding: against brute force over all pairs."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skactive.strategies import BalancedHerding, MaxHerding, Nas, PoolView, ProbCover, UHerding
from skactive.strategies import herding as family
from tests.support.strategies import blobs, make_view


@pytest.fixture
def few_candidates():
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"_ALL_CANDIDATES": 60, "_N_CANDIDATES": 40}.items():
            patch.setattr(family, name, value)
        yield


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


def coverage(view, picks):
    """Mean weighted similarity of all rows to the nearest of these rows, for rows of norm 1."""
    weight = BalancedHerding().score(view)
    spread = np.sqrt(((view.X - view.X.mean(axis=0)) ** 2).sum(axis=1).mean())
    return weight @ np.exp(-((pairs(view.X, view.X[picks]) / spread) ** 2)).max(axis=1)


def test_balanced_herding_selects_among_candidates_like_brute_force(monkeypatch):
    view = make_view(200)
    candidates = np.arange(3, 200, 4)
    monkeypatch.setattr(BalancedHerding, "_sample_sizes", lambda *_: (200, len(candidates)))
    monkeypatch.setattr(family, "_draw_candidates", lambda *_: candidates)
    picks = BalancedHerding(bandwidth=1.3).select(view, 12)
    similarity = np.exp(-((pairs(view.X, view.X) / 1.3) ** 2))
    trusted = view.labeled_X[view.label_trust > 0.5]
    reached = np.exp(-((pairs(trusted, view.X) / 1.3) ** 2)).max(axis=0, initial=0)
    weights = BalancedHerding().score(view)
    expected = one_by_one(similarity[candidates], 12, reached, weights)
    assert picks.tolist() == candidates[expected].tolist()


def test_candidates_of_balanced_herding_are_half_reference_rows():
    reference = np.arange(0, 5000, 50)
    candidates = family._draw_candidates(make_view(5000), 40, reference)
    assert (np.diff(candidates) > 0).all()
    assert 20 <= np.isin(candidates, reference).sum() <= 24  # 20, and a few by accident


@pytest.mark.parametrize(
    ("n_reference", "n_rows", "n", "expected"),
    [
        ("auto", 8192, 20, (4000, 8192)),
        ("auto", 8193, 20, (2000, 4000)),
        ("auto", 100_000, 1000, (5000, 10_000)),
        ("auto", 9000, 1000, (4000, 9000)),
        (3000, 100_000, 20, (3000, 4000)),
        (100_000, 100_000, 20, (100_000, 100_000)),
    ],
)
def test_samples_follow_the_pool_and_n(n_reference, n_rows, n, expected):
    assert BalancedHerding(n_reference=n_reference)._sample_sizes(n_rows, n) == expected


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_candidates_cover_almost_as_much_as_all_rows(dtype, monkeypatch):
    view = make_view(1500, n_features=4)
    view.X = view.X.astype(dtype)
    everything = BalancedHerding().select(view, 10)
    monkeypatch.setattr(family, "_ALL_CANDIDATES", 1000)
    monkeypatch.setattr(family, "_N_CANDIDATES", 500)
    sampled = BalancedHerding(n_reference=400).select(view, 10)
    assert coverage(view, sampled) > 0.97 * coverage(view, everything)


@settings(max_examples=15, deadline=None)
@given(
    n_rows=st.integers(61, 150),
    n=st.integers(1, 150),
    kind=st.sampled_from(["distinct", "constant", "repeated", "one class", "certain"]),
)
@pytest.mark.usefixtures("few_candidates")
def test_balanced_herding_with_candidates_selects_n_rows(n_rows, n, kind):
    def select():
        view = make_view(n_rows)
        if kind == "constant":
            view.X = np.ones_like(view.X)
        elif kind == "repeated":
            view.X = view.X[np.arange(n_rows) % 5]
        elif kind == "one class":
            view.proba = np.ones((n_rows, 1))
        elif kind == "certain":
            view.proba = np.eye(2)[np.arange(n_rows) // 3 % 2]
        return BalancedHerding(n_reference=50).select(view, min(n, n_rows))

    picks = select()
    assert len(np.unique(picks)) == len(picks) == min(n, n_rows)
    assert picks.min() >= 0
    assert picks.max() < n_rows
    np.testing.assert_array_equal(picks, select())
