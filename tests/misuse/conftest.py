"""A classifier that must come out of every misuse as it was."""

import numpy as np
import pytest
from misuse import X, Y
from sklearn.linear_model import LogisticRegression

from skactive import ActiveClassifier


@pytest.fixture
def clf():
    """With labels, and a check that a failed call leaves them and what they taught as they were."""
    clf = ActiveClassifier(LogisticRegression(), random_state=0).fit(X, Y)
    clf.partial_fit(X[:1], ["b"], classes=["d"])
    proba, trust, asked = clf.predict_proba(X), clf.label_trust_, clf.query(X + 1, 5)
    yield clf
    clf.set_params(strategy="auto", random_state=0)
    assert clf.classes_.tolist() == ["a", "b", "c", "d"]
    np.testing.assert_array_equal(clf.predict_proba(X), proba)
    np.testing.assert_array_equal(clf.label_trust_, trust)
    np.testing.assert_array_equal(clf.query(X + 1, 5), asked)
    expected = ActiveClassifier(LogisticRegression(), random_state=0).fit(X, Y)
    expected.partial_fit(X[:1], ["b"], classes=["d"]).partial_fit(X[3:4], ["c"])
    clf.partial_fit(X[3:4], ["c"])
    np.testing.assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))
