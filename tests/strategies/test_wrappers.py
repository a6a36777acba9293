"""Strategies that wrap other strategies."""

import numpy as np
import pytest
from scipy.stats import chisquare

from skactive.strategies import (
    Base,
    ClassBalanced,
    CoDecision,
    KCenter,
    LeastConfident,
    Margin,
    NearCandidates,
    PoolView,
    Power,
    RandomCandidates,
    RandomSampling,
    Schedule,
    TypiClust,
)
from tests.support.strategies import make_view


def test_class_balanced_balances_given_and_queried_labels():
    proba = np.eye(3)[np.repeat([0, 1, 2], [40, 15, 5])] * 0.5 + 0.5 / 3
    view = make_view(proba=proba, labeled_y=np.array([0, 0, 0, 0, 1, 1]))
    predicted = proba.argmax(axis=1)[ClassBalanced(Margin()).select(view, 6)]
    assert np.bincount(predicted, minlength=3).tolist() == [0, 2, 4]
    predicted = proba.argmax(axis=1)[ClassBalanced(Margin()).select(view, 30)]
    assert np.bincount(predicted, minlength=3).tolist() == [12, 13, 5]


def test_class_balanced_takes_the_best_of_each_class_in_turn():
    view = make_view(labeled_y=None)
    picks = ClassBalanced(Margin()).select(view, 6)
    score, predicted = Margin().score(view), view.proba.argmax(axis=1)
    for c in range(3):
        rows = np.flatnonzero(predicted == c)
        expected = rows[np.argsort(-score[rows])][:2]
        np.testing.assert_array_equal(picks[predicted[picks] == c], expected)
    assert predicted[picks].tolist() == [0, 1, 2, 0, 1, 2]


def test_power_draws_in_proportion():
    proba = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4]])
    view = PoolView(3, proba=proba, rng=np.random.default_rng(0))
    power = Power(LeastConfident(), beta=2)
    first = np.bincount([power.select(view, 1)[0] for _ in range(3000)], minlength=3)
    expected = np.array([0.01, 0.04, 0.16]) / 0.21
    assert chisquare(first, 3000 * expected).pvalue > 1e-3


def test_power_names_the_strategy_that_does_not_fit():
    with pytest.raises(ValueError, match=r"strategy=Base\(\) gives scores that are negative"):
        Power(Base()).select(make_view(), 1)
    with pytest.raises(ValueError, match=r"strategy=TypiClust\(\) gives scores"):
        Power(TypiClust()).select(make_view(), 1)


@pytest.mark.parametrize(
    ("changed", "at_work"),
    [({}, Margin), ({"labeled_y": np.zeros(3, int)}, KCenter), ({"proba": None}, KCenter)],
)
def test_schedule_switches_once_there_are_labels(changed, at_work):
    schedule = Schedule(KCenter(), Margin(), switch_at=6)
    view = make_view(**changed)
    np.testing.assert_array_equal(schedule.select(view, 5), at_work().select(view, 5))
    np.testing.assert_array_equal(schedule.score(view), at_work().score(view))


def test_near_candidates_are_the_nearest_rows():
    X = np.random.default_rng(0).normal(size=(50, 2))
    view = PoolView(50, X=X, labeled_X=X[:1])
    distance = np.linalg.norm(X - X[0], axis=1)
    picks = NearCandidates(RandomSampling(), n_candidates=8).select(view, 8)
    assert set(picks) == set(np.argsort(distance)[:8])


def test_random_candidates_contain_the_best_row_at_random():
    view = make_view()
    best = Margin().select(view, 1)[0]
    picks = [RandomCandidates(Margin(), n_candidates=30).select(view, 1)[0] for _ in range(60)]
    assert 10 < np.equal(picks, best).sum() < 50


def test_needs_are_those_of_the_strategy_inside():
    assert ClassBalanced(CoDecision()).needs == {"proba", "prior"}
    assert Power(Margin()).needs == {"proba"}
    assert Schedule(TypiClust(), Margin(), switch_at=1).needs == set()
    assert RandomCandidates(CoDecision()).needs == {"prior"}
