"""Invalid priors."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from skactive import ActiveClassifier, SentenceEncoder, SoftmaxHead, ZeroShotClassifier
from tests.support.errors import X, Y, fails


def make_prior(n_classes=3):
    kept = np.flatnonzero(np.isin(Y, ["a", "b", "c"][:n_classes]))
    return FrozenEstimator(LogisticRegression().fit(X[kept], Y[kept]))


class WrongShape:
    """A prior with more columns than classes."""

    classes_ = np.array(["a", "b"])

    def predict_proba(self, X):
        return np.full((len(X), 3), 1 / 3)


class SaysNaN(WrongShape):
    """A prior that predicts NaN."""

    def predict_proba(self, X):
        return np.full((len(X), 2), np.nan)


@pytest.mark.parametrize("prior", [WrongShape(), SaysNaN()])
def test_a_prior_with_invalid_probabilities(prior):
    clf = ActiveClassifier(LogisticRegression(), prior=prior)
    for call in (lambda: clf.fit(X, Y), lambda: clf.query(X), lambda: clf.predict(X)):
        fails("prior.predict_proba gave an array of shape.*same rows as the classifier", call)


def test_a_prior_with_labels_of_another_type():
    clf = ActiveClassifier(LogisticRegression(), prior=make_prior())
    fails("labels of type number .* those known already are str", clf.fit, X, np.arange(30) % 3)


def test_a_prior_that_was_never_fitted():
    clf = ActiveClassifier(LogisticRegression(), prior=LogisticRegression())
    for call in (lambda: clf.fit(X, Y), lambda: clf.query(X), lambda: clf.predict(X)):
        fails("prior=LogisticReg.* never fitted here.*FrozenEstimator", call, error=NotFittedError)


def test_a_search_that_clones_a_fitted_prior():
    clf = ActiveClassifier(LogisticRegression(), prior=LogisticRegression().fit(X, Y))
    search = GridSearchCV(clf, {"noise": ["auto"]}, cv=2, error_score="raise")
    fails("put a fitted classifier into FrozenEstimator", search.fit, X, Y, error=NotFittedError)


def test_a_prior_with_other_class_names():
    prior = ZeroShotClassifier(class_embeddings=np.eye(3), classes=["ant", "bee", "cow"])
    clf = ActiveClassifier(LogisticRegression(), prior=prior)
    match = r"prior knows none of the labels given, \['a', 'b', 'c'\]; its classes are \['ant', 'b"
    with pytest.warns(UserWarning, match=match):
        clf.fit(X, Y)
    clf.fit(X, np.where(Y == "a", "ant", Y))  # some classes may be new


def test_an_encoder_that_is_a_class():
    prior = ZeroShotClassifier({"a": "ants", "b": "bees"}, encoder=SentenceEncoder)
    fails("has no method transform.* Give a SentenceEncoder", prior.predict, ["text"])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, make_prior()),
        (make_prior(), None),
        (make_prior(2), make_prior()),
        (make_prior(), FrozenEstimator(LogisticRegression().fit(X, np.where(Y == "a", "d", Y)))),
    ],
    ids=["set", "removed", "of more classes", "of as many other classes"],
)
@pytest.mark.parametrize("estimator", [LogisticRegression(), SoftmaxHead(strength=1.0)])
def test_another_prior_needs_fit(estimator, before, after):
    clf = ActiveClassifier(estimator, prior=before, random_state=0).fit(X, Y)
    clf.query(X + 1)
    clf.set_params(prior=after)
    for call in (lambda: clf.partial_fit(X, Y), lambda: clf.query(X + 1), lambda: clf.predict(X)):
        fails("prior was .* call fit again", call)
    fresh = ActiveClassifier(estimator, prior=after, random_state=0).fit(X, Y)
    np.testing.assert_array_equal(clf.fit(X, Y).predict_proba(X), fresh.predict_proba(X))
