"""LabelingProgress: what is noted after a fit."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from skactive.evaluation import Estimate, LabelingProgress
from tests.support.errors import X, Y, fails

PROBA = np.array([[0.5, 0.5], [0.9, 0.1], [1.0, 0.0]])


def test_what_is_noted():
    progress = LabelingProgress()
    progress.add(PROBA, None, n_labels=10, labeled=[2])
    progress.add(PROBA[::-1].copy(), None, n_labels=20, labeled=[True] * 3, estimate=0.7)
    assert progress.n_labels == [10, 20]
    assert [codes.tolist() for codes in progress.predicted] == [[0, 0, 0], [0, 0, 0]]
    entropy = -(0.9 * np.log(0.9) + 0.1 * np.log(0.1)) / np.log(2)
    assert progress.uncertainty == pytest.approx([(1 + entropy) / 2, 0.0])
    assert progress.estimates == [None, 0.7]
    assert progress.known_estimates() == [(20, 0.7)]


def test_a_classifier():
    clf = LogisticRegression().fit(X, Y)
    progress = LabelingProgress()
    progress.add(clf, X, n_labels=30)
    assert clf.classes_[progress.predicted[0]].tolist() == clf.predict(X).tolist()


def test_invalid_calls():
    progress = LabelingProgress()
    progress.add(PROBA, None, n_labels=10)
    fails("The pool has 2 rows, but 3", progress.add, PROBA[:2], None, n_labels=20)
    fails("n_labels=10, but the call before had 10", progress.add, PROBA, None, n_labels=10)
    fails("labeled holds 3", progress.add, PROBA, None, n_labels=20, labeled=[3])
    fails("one number between 0 and 1, got 90", progress.add, PROBA, None, n_labels=20, estimate=90)
    accuracy, f1 = (Estimate(0.7, np.array([0.6, 0.8]), metric=m) for m in ("accuracy", "macro_f1"))
    progress.add(PROBA, None, n_labels=20, estimate=accuracy)
    add = progress.add
    fails("metrics.*'accuracy' and 'macro_f1'", add, PROBA, None, n_labels=30, estimate=f1)
    assert progress.n_labels == [10, 20]
