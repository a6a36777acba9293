"""Forecasts of scores after further labels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skactive.evaluation import Estimate, forecast
from skactive.evaluation.forecasts import draw_curve
from tests.support.errors import fails

N = np.arange(20, 201, 20)


@pytest.mark.parametrize(("limit", "gap", "power"), [(0.9, 2.0, 0.5), (0.8, 6.0, 1.0), (0.6, 0, 1)])
def test_power_laws_are_continued(limit, gap, power):
    later = forecast(N, limit - gap * N ** -float(power), 100)
    assert later.value == pytest.approx(limit - gap * 300.0**-power, abs=0.01)
    assert later.interval[0] < later.value < later.interval[1]


def test_intervals_cover_curves_of_the_model():
    rng = np.random.default_rng(0)
    at = np.r_[N, 300]
    kernel = 0.02**2 * np.exp(-np.abs(at[:, None] - at) / 300)
    hits = []
    for _ in range(60):
        law = rng.uniform(0.6, 0.9) - rng.uniform(0.1, 0.5) * (at / 20) ** -rng.choice([0.5, 1.0])
        curve = law + rng.multivariate_normal(np.zeros(len(at)), kernel)
        low, high = forecast(N, curve[:-1], 100).interval
        hits.append(low <= curve[-1] <= high)
    assert np.mean(hits) >= 0.7


def test_the_error_of_an_audit_widens_the_interval():
    scores = 0.9 - 2 * N**-0.5
    estimates = [Estimate(s, np.array([s - 0.1, s + 0.1])) for s in scores]
    plain, audited = forecast(N, scores), forecast(N, estimates)
    assert np.ptp(audited.interval) > np.ptp(plain.interval) + 0.1
    assert audited.value == pytest.approx(plain.value, abs=0.01)
    wide = forecast(N, scores, n_more=100, confidence=0.99)
    assert np.ptp(wide.interval) > np.ptp(plain.interval)
    assert wide.confidence == 0.99


def test_later_scores_are_less_certain():
    draws = draw_curve(N, [0.7] * len(N), [0, 100, 1000])
    assert (np.diff(draws.std(axis=0)) > 0).all()
    np.testing.assert_allclose(draws[:, 0], 0.7, atol=0.02)


def test_scores_of_different_metrics_are_not_compared():
    def scores(*metrics):
        return [Estimate(0.7, np.array([0.6, 0.8]), metric=metric) for metric in metrics]

    assert forecast(N[:3], [0.7, *scores("macro_f1", None)]).metric == "macro_f1"
    assert forecast(N[:2], [0.7, *scores(None)]).metric is None
    mixed = [*scores("accuracy", None, "balanced_accuracy"), 0.7]
    message = "'accuracy' and 'balanced_accuracy'. .*estimate_performance.*metric='accuracy'"
    fails(message, forecast, N[:4], mixed)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
@settings(max_examples=25, deadline=None)
def test_forecasts_are_scores(scores):
    later = forecast(N[: len(scores)], scores)
    assert 0 <= later.interval[0] <= later.value <= later.interval[1] <= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([10, 20], [0.5]), "n_labels must hold 1 positive, increasing numbers"),
        (([20, 10], [0.5, 0.6]), "increasing"),
        (([], []), "n_labels must hold 0"),
        (([0, 10], [0.5, 0.6]), "positive"),
        (([10], [0.5], 0), "'n_more' parameter"),
        (([10], [0.5], 2.5), "n_more must be a whole number"),
        (([10], [85]), "one number between 0 and 1, got 85. .*instead of percentages"),
        (([10], [Estimate(np.ones(2), np.ones((2, 2)))]), "metric='balanced_accuracy'"),
        (([10], ["high"]), "one number between 0 and 1, got high"),
    ],
)
def test_invalid_arguments(arguments, message):
    fails(message, forecast, *arguments)
