"""The seed and the labels so far decide everything."""

import numpy as np
import pytest
from active_cases import ESTIMATORS, X_NEW, X, Y, every_estimator, make_active, make_prior
from sklearn.ensemble import RandomForestClassifier


def test_chance_comes_from_seed_and_labels_only():
    clf = make_active(strategy="random")
    first = clf.query(X, 5)
    np.testing.assert_array_equal(make_active(strategy="random").query(X, 5), first)
    assert (make_active(strategy="random", random_state=1).query(X, 5) != first).any()
    clf.fit(X[:10], Y[:10])
    second = clf.query(X_NEW, 5)
    clf.query(X, 30)  # other queries do not advance it
    np.testing.assert_array_equal(clf.query(X_NEW, 5), second)
    clf.partial_fit(X[10:11], Y[10:11])
    assert (clf.query(X_NEW, 5) != second).any()
    corrected = clf.relabel([0], ["cow"]).query(X_NEW, 5)
    assert (corrected != clf.relabel([0], Y[:1]).query(X_NEW, 5)).any()


@pytest.mark.parametrize("seed", [None, np.random.RandomState(0)])
def test_asked_twice_it_answers_the_same_without_a_fixed_seed(seed):
    clf = make_active(strategy="random", random_state=seed)
    np.testing.assert_array_equal(clf.query(X, 20), clf.query(X, 20))
    clf.fit(X[:9], Y[:9])
    np.testing.assert_array_equal(clf.query(X, 20), clf.query(X, 20))


def test_without_a_seed_two_classifiers_differ():
    asked = [make_active(strategy="random", random_state=None).query(X, 30) for _ in range(2)]
    assert (asked[0] != asked[1]).any()


@every_estimator
def test_a_seed_decides_everything(name):
    """That the global generators stay untouched is checked around every test."""
    first, second = (make_active(ESTIMATORS[name], prior=make_prior()) for _ in range(2))
    for clf in (first, second):
        for _ in range(2):
            asked = clf.query(X, 15)
            clf.partial_fit(X[asked], Y[asked])
    np.testing.assert_array_equal(first.predict_proba(X_NEW), second.predict_proba(X_NEW))
    np.testing.assert_array_equal(first.label_trust_, second.label_trust_)


def test_a_seed_of_the_estimators_own_is_kept():
    seeded = make_active(RandomForestClassifier(n_estimators=5, random_state=7)).fit(X, Y)
    assert seeded.estimator_.random_state == 7
    assert make_active(RandomForestClassifier(5)).fit(X, Y).estimator_.random_state == 0
