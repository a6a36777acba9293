"""A classifier that was saved goes on where it stopped."""

import pickle

import numpy as np
from active_cases import ESTIMATORS, X_NEW, X, Y, every_estimator, make_active, make_prior


@every_estimator
def test_a_pickled_classifier_goes_on(name):
    clf = make_active(ESTIMATORS[name], prior=make_prior()).fit(X[:30], Y[:30])
    clf.query(X, 3)
    copy = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(copy.query(X, 5), clf.query(X, 5))
    for model in (clf, copy):
        model.partial_fit(X[30:], Y[30:]).relabel([0], ["cow"])
    np.testing.assert_array_equal(copy.predict_proba(X_NEW), clf.predict_proba(X_NEW))


def test_an_unseeded_classifier_remembers_its_chance_when_pickled():
    clf = make_active(strategy="random", random_state=None)
    asked = clf.query(X, 20)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(clf)).query(X, 20), asked)
