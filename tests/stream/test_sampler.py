"""StreamSampler: decisions in order, budget, learning, errors."""

import pickle
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.utils.estimator_checks import parametrize_with_checks

from skactive import TRUSTED_TYPES, ActiveClassifier, StreamSampler
from skactive.stream.rules import RULES

SGD = SGDClassifier(loss="log_loss", random_state=0)
every_rule = pytest.mark.parametrize("rule", RULES)


def make_stream(n=300, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(2, size=n)
    return rng.normal(size=(n, 2)) + 2 * y[:, None], y


def label(sampler, X, y, batch_size=10):
    asked = []
    for start in range(0, len(X), batch_size):
        rows = slice(start, start + batch_size)
        asked.append(sampler.ask(X[rows]))
        if asked[-1].any():
            sampler.partial_fit(X[rows][asked[-1]], y[rows][asked[-1]], classes=[0, 1])
    return np.concatenate(asked)


@parametrize_with_checks([StreamSampler(GaussianNB(), random_state=0)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@every_rule
def test_asks_within_the_budget_and_learns(rule):
    X, y = make_stream(600)
    sampler = StreamSampler(SGD, budget=0.2, rule=rule, window=50, random_state=0)
    asked = label(sampler, X, y)
    assert (np.cumsum(asked) <= 0.2 * np.arange(1, 601) + 1).all()
    assert np.convolve(asked, np.ones(50)).max() <= 0.2 * 50 + 1
    assert asked.sum() >= (5 if rule == "fixed" else 20)  # a fixed threshold asks rarely
    assert (sampler.n_seen_, sampler.n_asked_) == (600, asked.sum())
    assert sampler.score(X, y) > 0.8


@every_rule
@given(st.lists(st.integers(1, 30), min_size=1, max_size=6))
@settings(max_examples=15, deadline=None)
def test_chunks_do_not_matter(rule, sizes):
    X, y = make_stream(sum(sizes) + 20)
    whole = StreamSampler(GaussianNB(), budget=0.3, rule=rule, random_state=0).fit(X[:20], y[:20])
    parts = clone(whole).fit(X[:20], y[:20])
    stops = 20 + np.cumsum([0, *sizes])
    expected = whole.ask(X[20:])
    each = [parts.ask(X[a:b]) for a, b in pairwise(stops)]
    np.testing.assert_array_equal(np.concatenate(each), expected)


@every_rule
def test_seed_determines_the_decisions(rule):
    X, y = make_stream()
    runs = [
        label(StreamSampler(SGD, rule=rule, random_state=seed), X, y)
        for seed in (1, 1, np.random.RandomState(1), np.random.RandomState(1))
    ]
    np.testing.assert_array_equal(runs[0], runs[1])
    np.testing.assert_array_equal(runs[2], runs[3])


def test_uncertain_rows_are_asked_about():
    X, y = make_stream()
    sampler = StreamSampler(GaussianNB(), budget=0.3, rule="quantile", random_state=0).fit(X, y)
    asked = sampler.ask(X)
    certainty = sampler.predict_proba(X).max(axis=1)
    assert certainty[asked].mean() < certainty[~asked].mean() - 0.1


def test_every_row_is_asked_about_until_two_classes_are_known():
    X = np.ones((20, 2))
    sampler = StreamSampler(ActiveClassifier(LogisticRegression()), budget=1.0, rule="fixed")
    assert sampler.ask(X).all()
    sampler.partial_fit(X, ["a"] * 20)
    assert sampler.ask(X).all()


def test_a_classifier_without_partial_fit_learns_through_active_classifier():
    X, y = make_stream(60)
    sampler = StreamSampler(ActiveClassifier(LogisticRegression()), random_state=0)
    sampler.partial_fit(X[:10], y[:10]).partial_fit(X[10:], y[10:])
    np.testing.assert_allclose(
        sampler.predict_proba(X), ActiveClassifier(LogisticRegression()).fit(X, y).predict_proba(X)
    )


def test_fit_starts_a_new_stream():
    X, y = make_stream()
    sampler = StreamSampler(SGD, random_state=0)
    label(sampler, X, y)
    sampler.fit(X[:20], y[:20])
    assert (sampler.n_seen_, sampler.n_asked_) == (0, 0)
    np.testing.assert_allclose(
        sampler.predict_proba(X),
        clone(SGD).partial_fit(X[:20], y[:20], classes=[0, 1]).predict_proba(X),
    )


def test_parameters_that_are_set_later_take_effect_with_the_next_stream():
    X = np.random.default_rng(0).normal(size=(100, 2))
    sampler = StreamSampler(GaussianNB(), budget=0.1, rule="random", random_state=0)
    sampler.ask(X)
    sampler.set_params(budget=1.0)
    assert sampler.ask(X).mean() <= 0.11
    assert sampler.fit(X[:4], [0, 1, 0, 1]).ask(X).all()


def test_pickled_sampler_continues():
    X, y = make_stream()
    sampler = StreamSampler(SGD, rule="split", random_state=0)
    label(sampler, X[:150], y[:150])
    loaded = pickle.loads(pickle.dumps(sampler))
    np.testing.assert_array_equal(loaded.ask(X[150:]), sampler.ask(X[150:]))


def test_data_frames_keep_their_column_names():
    X, y = make_stream()
    frame = pd.DataFrame(X.copy(), columns=["a", "b"])
    sampler = StreamSampler(GaussianNB(), random_state=0)
    sampler.ask(frame[:50])
    assert sampler.feature_names_in_.tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="feature names"):
        sampler.partial_fit(frame[["b", "a"]], y)


def test_announced_classes_are_known_before_they_occur():
    X, _ = make_stream(4)
    sampler = StreamSampler(SGD).partial_fit(X, ["a", "a", "b", "b"], classes=["c", "a"])
    assert sampler.classes_.tolist() == ["a", "b", "c"]
    assert sampler.predict_proba(X).shape == (4, 3)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"estimator": LogisticRegression()}, "partial_fit"),
        ({"estimator": SGDClassifier()}, "predict_proba"),
        ({"budget": 1.5}, "budget"),
        ({"rule": "best"}, "rule"),
        ({"window": 0}, "window"),
    ],
)
def test_invalid_parameters(params, message):
    sampler = StreamSampler(**({"estimator": GaussianNB()} | params))
    with pytest.raises(ValueError, match=message):
        sampler.ask(np.zeros((2, 2)))


def test_errors_before_a_fit_and_for_other_rows():
    X, y = make_stream(10)
    sampler = StreamSampler(GaussianNB())
    with pytest.raises(NotFittedError):
        sampler.predict(X)
    sampler.ask(X)
    with pytest.raises(ValueError, match="3 features"):
        sampler.ask(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="NaN"):
        sampler.ask(np.full((2, 2), np.nan))
    with pytest.raises(ValueError, match="one label for each row"):
        sampler.partial_fit(X, y[:-1])


class NotANumber(GaussianNB):
    """Predicts NaN for rows whose first feature is positive."""

    def predict_proba(self, X):
        proba = super().predict_proba(X)
        proba[X[:, 0] > 0] = np.nan
        return proba


@pytest.mark.parametrize("rule", ["fixed", "variable", "quantile"])
def test_probabilities_that_are_not_finite_count_as_uniform(rule):
    X, y = make_stream(40)
    sampler = StreamSampler(NotANumber(), rule=rule, budget=1, random_state=0).fit(X, y)
    unknown = X[:, 0] > 0
    assert 0 < unknown.sum() < len(X)
    proba = sampler.predict_proba(X)
    np.testing.assert_array_equal(proba[unknown], 0.5)
    expected = GaussianNB().fit(X, y).predict_proba(X)[~unknown]
    np.testing.assert_allclose(proba[~unknown], expected)
    assert sampler.ask(X[unknown]).any()


@pytest.mark.parametrize("rule", ["variable", "quantile"])
def test_a_classifier_that_predicts_nan_after_one_row_still_asks(rule):
    X, y = make_stream(400)
    sampler = StreamSampler(GaussianNB(), rule=rule, random_state=0)
    label(sampler, X, y, batch_size=1)
    assert sampler.n_asked_ >= 20
    assert sampler.score(X, y) > 0.8


def test_new_classes_in_a_later_call_are_an_error_where_the_estimator_cannot_add_them():
    X, y = make_stream(20)
    sampler = StreamSampler(SGD, random_state=0).partial_fit(X[:10], y[:10], classes=[0, 1])
    for labels, classes in ((y[10:], [0, 1, 2]), (y[10:] + 1, None)):
        with pytest.raises(ValueError, match=r"cannot learn the classes \[2\].*first call"):
            sampler.partial_fit(X[10:], labels, classes=classes)
    assert sampler.classes_.tolist() == [0, 1]
    assert sampler.predict_proba(X).shape == (20, 2)
    sampler.partial_fit(X[10:], y[10:], classes=[0, 1])


def test_active_classifier_adds_classes_in_a_later_call():
    X, y = make_stream(20)
    sampler = StreamSampler(ActiveClassifier(LogisticRegression(), random_state=0), random_state=0)
    sampler.partial_fit(X[:10], y[:10])
    sampler.partial_fit(X[10:], y[10:], classes=[0, 1, 2])
    assert sampler.classes_.tolist() == sampler.estimator_.classes_.tolist() == [0, 1, 2]
    assert sampler.predict_proba(X).shape == (20, 3)


@every_rule
def test_a_sampler_saved_with_skops_continues(rule):
    X, y = make_stream(60)
    sampler = StreamSampler(GaussianNB(), rule=rule, budget=0.5, random_state=0).fit(X[:20], y[:20])
    sampler.ask(X[20:40])
    copy = skops.io.loads(skops.io.dumps(sampler), trusted=TRUSTED_TYPES)
    for model in (sampler, copy):
        model.partial_fit(X[20:30], y[20:30])
    np.testing.assert_array_equal(copy.ask(X[40:]), sampler.ask(X[40:]))
    np.testing.assert_array_equal(copy.predict_proba(X), sampler.predict_proba(X))
