"""CachedPrior: the probabilities of a prior are computed once per row."""

import pickle

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone

from skactive import ActiveClassifier, CachedPrior

RNG = np.random.default_rng(0)
X = RNG.normal(size=(500, 3))
Y = (X[:, 0] > 0).astype(int)


class Prior:
    """A prior that counts the rows it is asked for."""

    classes_ = np.array([0, 1])

    def __init__(self, scale=1.0):
        self.scale = scale
        self.n_rows = 0

    def predict_proba(self, X):
        self.n_rows += len(X)
        positive = 1 / (1 + np.exp(-self.scale * np.asarray(X, dtype=float)[:, 0]))
        return np.column_stack([1 - positive, positive])


class EstimatorPrior(BaseEstimator):
    classes_ = np.array([0, 1])
    n_rows = 0

    def __init__(self, scale=1.0):
        self.scale = scale

    def predict_proba(self, X):
        EstimatorPrior.n_rows += len(X)
        return Prior(self.scale).predict_proba(X)


def loop(clf):
    for _ in range(3):
        asked = clf.query(X, 10)
        clf.partial_fit(X[asked], Y[asked])
    return clf.predict_proba(X)


def test_a_custom_prior_is_asked_once_per_row():
    prior = Prior()
    proba = loop(ActiveClassifier(prior=prior, random_state=0))
    assert prior.n_rows == 500
    asked_again = Prior()
    uncached = CachedPrior(asked_again, enabled=False)
    np.testing.assert_array_equal(loop(ActiveClassifier(prior=uncached, random_state=0)), proba)
    assert asked_again.n_rows > 1500


@pytest.mark.parametrize("wrapped", [True, False])
def test_results_are_those_of_the_prior(wrapped, tmp_path):
    prior = Prior(2.0)
    cached = CachedPrior(prior, cache_dir=tmp_path if wrapped else None)
    rows = np.concatenate([X[:7], X[3:12], X[:1]])
    expected = Prior(2.0).predict_proba(rows)
    np.testing.assert_array_equal(cached.predict_proba(rows), expected)
    assert prior.n_rows == 12
    np.testing.assert_array_equal(cached.predict_proba(rows[::-1]), expected[::-1])
    np.testing.assert_array_equal(cached.predict(rows), expected.argmax(axis=1))
    assert prior.n_rows == 12
    assert cached.predict_proba(X[:0]).shape == (0, 2)


def test_another_object_or_parameter_does_not_share_probabilities():
    for first, second in [
        (Prior(1.0), Prior(5.0)),
        (EstimatorPrior(1.0), EstimatorPrior(5.0)),
    ]:
        CachedPrior(first).predict_proba(X[:5])
        np.testing.assert_array_equal(
            CachedPrior(second).predict_proba(X[:5]), Prior(5.0).predict_proba(X[:5])
        )


def test_a_redefined_class_does_not_share_probabilities():
    def define(value):
        class Redefined(BaseEstimator):
            classes_ = np.array([0, 1])

            def predict_proba(self, X):
                return np.tile([1 - value, value], (len(X), 1))

        return Redefined()

    assert CachedPrior(define(0.2)).predict_proba(X[:1])[0, 1] == 0.2
    assert CachedPrior(define(0.7)).predict_proba(X[:1])[0, 1] == 0.7


def test_clones_share_probabilities():
    EstimatorPrior.n_rows = 0
    rows = RNG.normal(size=(20, 3))
    CachedPrior(EstimatorPrior(3.0)).predict_proba(rows)
    clone(CachedPrior(EstimatorPrior(3.0))).predict_proba(rows)
    assert EstimatorPrior.n_rows == 20


def test_a_folder_outlives_the_process(tmp_path):
    EstimatorPrior.n_rows = 0
    prior = CachedPrior(EstimatorPrior(4.0), cache_dir=tmp_path)
    first = prior.predict_proba(X[:30])
    again = pickle.loads(pickle.dumps(prior)).predict_proba(X[:40])
    np.testing.assert_array_equal(again[:30], first)
    assert EstimatorPrior.n_rows == 40


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_bad_probabilities_are_not_kept(bad):
    prior = Prior()
    prior.predict_proba = lambda X: np.full((len(X), 2), bad)
    clf = ActiveClassifier(prior=prior, random_state=0)
    with pytest.raises(ValueError, match=r"prior\.predict_proba gave an array"):
        clf.query(X, 2)
    del prior.predict_proba
    assert len(clf.query(X, 2)) == 2


def test_it_needs_no_fit():
    prior = CachedPrior(Prior()).fit(X, Y)
    assert prior.classes_.tolist() == [0, 1]
    assert ActiveClassifier(prior=prior).predict(X).shape == (500,)
