"""Uncertainty sampling: against the definitions of the scores."""

import numpy as np
import pytest

from skactive import strategies
from skactive.strategies import PoolView
from skactive.strategies import uncertainty as family
from tests.support.strategies import make_view

FORMULAS = {
    "least_confident": lambda p: 1 - max(p),
    "margin": lambda p: 1 - (sorted(p)[-1] - sorted(p)[-2]),
    "entropy": lambda p: -sum(q * np.log(q) for q in p if q > 0),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_equals_definition(name, monkeypatch):
    monkeypatch.setattr(family, "_BLOCK", 640)  # many blocks, the last one short
    proba = np.random.default_rng(0).dirichlet(np.full(5, 0.3), 101)
    proba[0], proba[1] = np.eye(5)[2], 0.2
    view = PoolView(101, proba=proba)
    expected = np.array([FORMULAS[name](row) for row in proba])
    np.testing.assert_allclose(strategies.get(name).score(view), expected, atol=1e-12)
    np.testing.assert_array_equal(
        strategies.get(name).select(view, 20), np.argsort(-expected, kind="stable")[:20]
    )


@pytest.mark.parametrize("name", FORMULAS)
def test_one_class_leaves_all_rows_equal(name):
    view = PoolView(5, proba=np.ones((5, 1)))
    np.testing.assert_array_equal(strategies.get(name).score(view), np.zeros(5))
    np.testing.assert_array_equal(strategies.get(name).select(view, 3), [0, 1, 2])


@pytest.mark.parametrize("name", FORMULAS)
def test_equal_scores_are_ordered_by_position(name):
    proba = np.array([[0.9, 0.1], [0.5, 0.5], [0.6, 0.4], [0.5, 0.5], [0.6, 0.4], [0.6, 0.4]])
    picks = strategies.get(name).select(PoolView(6, proba=proba), 4)
    np.testing.assert_array_equal(picks, [1, 3, 2, 4])


def test_random_reaches_every_row():
    view = make_view(10)
    seen = {int(strategies.get("random").select(view, 1)[0]) for _ in range(200)}
    assert seen == set(range(10))


@pytest.mark.parametrize("n_samples", [20, 3])
def test_bald_is_the_mutual_information(n_samples):
    view = make_view(40)
    samples = view.sampled_proba(n_samples)
    expected = [
        FORMULAS["entropy"](samples[:, i].mean(axis=0))
        - np.mean([FORMULAS["entropy"](sample) for sample in samples[:, i]])
        for i in range(40)
    ]
    scores = strategies.Bald(n_samples=n_samples).score(view)
    np.testing.assert_allclose(scores, expected, atol=1e-12)


def test_bald_is_zero_for_equal_samples():
    view = make_view()
    view.sample_proba = lambda m, rows: np.stack([view.proba[rows]] * m)
    np.testing.assert_array_equal(strategies.get("bald").score(view), np.zeros(60))
    np.testing.assert_array_equal(strategies.get("bald").select(view, 3), [0, 1, 2])


def test_bald_is_entropy_without_sampled_proba():
    view = make_view(sample_proba=None)
    expected = strategies.get("entropy").score(view)
    np.testing.assert_array_equal(strategies.get("bald").score(view), expected)


@pytest.mark.parametrize("name", FORMULAS)
def test_differences_below_single_precision_count(name):
    rng = np.random.default_rng(0)
    proba = np.array([0.5, 0.3, 0.2]) + 1e-11 * rng.normal(size=(300, 3))
    view = PoolView(300, proba=proba)
    strategy = strategies.get(name)
    expected = np.argsort(-strategy.score(view), kind="stable")[:20]
    np.testing.assert_array_equal(strategy.select(view, 20), expected)


def test_bald_in_blocks_equals_bald_at_once(monkeypatch):
    queried = []
    whole = make_view(40)
    expected = strategies.get("bald").score(whole)

    def sample(m, rows):
        queried.append(len(rows))
        return whole.sampled_proba(m)[:, rows]

    monkeypatch.setattr(family, "_SAMPLES", 20 * 3 * 7)
    view = make_view(40, sample_proba=sample)
    np.testing.assert_allclose(strategies.get("bald").score(view), expected)
    assert queried == [7, 7, 7, 7, 7, 5]
