"""Data, estimators and priors for the tests of ActiveClassifier."""

import numpy as np
import pytest
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skactive import ActiveClassifier, SoftmaxHead
from skactive.strategies import QueryStrategy

CLASSES = np.array(["ant", "bee", "cow"])
TEXTS = [
    f"{animal} {verb}"
    for animal in ("cat", "dog", "fish", "bird")
    for verb in ("ran", "sat", "ate")
]


def make_data(n=60, seed=0):
    """Three classes that overlap a little."""
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % 3
    X = rng.normal(size=(n, 4))
    X[:, :3] += 2.5 * np.eye(3)[codes]
    return X, CLASSES[codes]


X, Y = make_data()
X_NEW, Y_NEW = make_data(seed=1)

ESTIMATORS = {
    "logistic": LogisticRegression(),
    "forest": RandomForestClassifier(n_estimators=5),
    "pipeline": make_pipeline(StandardScaler(), LogisticRegression()),
    "softmax": SoftmaxHead(strength=1.0),
    "bayes": GaussianNB(),
    "hidden": SoftmaxHead((4,), strength=1.0, max_iter=5),
    "imblearn": make_imblearn_pipeline(RandomOverSampler(), LogisticRegression()),
}
every_estimator = pytest.mark.parametrize("name", ESTIMATORS)


def make_prior(classes=CLASSES):
    """A prior for the given classes, fitted on other data."""
    rows, labels = make_data(30, seed=2)
    kept = np.isin(labels, classes)
    return FrozenEstimator(LogisticRegression(C=0.1).fit(rows[kept], labels[kept]))


def make_active(estimator=None, **params):
    estimator = LogisticRegression() if estimator is None else estimator
    return ActiveClassifier(estimator, **({"random_state": 0} | params))


class ConstantPrior(ClassifierMixin, BaseEstimator):
    """A prior with equal probabilities for every row, which must neither be fitted nor cloned."""

    def __init__(self, frequencies):
        self.frequencies = frequencies

    @property
    def classes_(self):
        return np.array(list(self.frequencies))

    def fit(self, X, y):
        raise AssertionError("a prior was fitted")

    def __sklearn_clone__(self):
        raise AssertionError("a prior was cloned")

    def predict_proba(self, X):
        return np.tile(list(self.frequencies.values()), (len(X), 1))


class TransformRecorder(TransformerMixin, BaseEstimator):
    """A transformer that needs no fit and records how many rows it transforms."""

    seen: list = []  # noqa: RUF012

    def fit(self, X, y=None):
        raise AssertionError("a step that needs no fit was fitted")

    def transform(self, X):
        TransformRecorder.seen.append(len(X))
        return X

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags


class FitRecorder(TransformerMixin, BaseEstimator):
    """A transformer that needs a fit and records the number of rows of each fit."""

    fits: list = []  # noqa: RUF012

    def fit(self, X, y=None):
        FitRecorder.fits.append(len(X))
        self.is_fitted_ = True
        return self

    def transform(self, X):
        return X


class FirstRows(QueryStrategy):
    """Selects the first rows and keeps the view."""

    def select(self, view, n):
        FirstRows.view = view
        return np.arange(n)
