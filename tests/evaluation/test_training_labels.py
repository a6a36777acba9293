"""Estimates from the training labels alone."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, cross_val_predict

from skactive.evaluation import Estimate, estimate_without_audit
from tests.support.errors import fails

X, Y = load_digits(return_X_y=True)
X = X / 16
LABELED = np.random.default_rng(0).permutation(len(X))[:150]
CLF = LogisticRegression().fit(X[LABELED], Y[LABELED])
TRUSTED = pytest.mark.filterwarnings("ignore:Without an audit")


def test_every_call_warns():
    with pytest.warns(UserWarning, match="Without an audit, the estimate may be wrong"):
        estimate_without_audit(CLF, X, LABELED, Y[LABELED])


@TRUSTED
def test_random_labels_are_an_audit():
    estimate = estimate_without_audit(CLF, X, LABELED, Y[LABELED], metric="balanced_accuracy")
    assert isinstance(estimate, Estimate)
    assert estimate.interval[0] < CLF.score(X, Y) < estimate.interval[1]
    narrow = estimate_without_audit(
        CLF, X, LABELED, Y[LABELED], metric="balanced_accuracy", confidence=0.5
    )
    assert np.ptp(narrow.interval) < np.ptp(estimate.interval)


@TRUSTED
def test_a_selection_by_confidence_is_corrected():
    """Half of the labels are those of the least certain rows."""
    doubtful = np.argsort(CLF.predict_proba(X).max(axis=1))[:200]
    labeled = np.unique(np.r_[doubtful, LABELED])
    proba = CLF.predict_proba(X)
    proba[labeled] = cross_val_predict(
        LogisticRegression(), X[labeled], Y[labeled], method="predict_proba", cv=KFold(5)
    )
    estimate = estimate_without_audit(proba, None, labeled, Y[labeled], classes=CLF.classes_)
    plain = (proba[labeled].argmax(axis=1) == Y[labeled]).mean()
    true = CLF.score(X, Y)
    assert abs(estimate.value - true) < abs(plain - true)


@TRUSTED
def test_noise_widens_the_interval():
    known = CLF, X, LABELED, Y[LABELED]
    plain = estimate_without_audit(*known, metric="accuracy")
    noisy = estimate_without_audit(*known, metric="accuracy", noise=0.2)
    assert np.ptp(noisy.interval) > np.ptp(plain.interval)


@TRUSTED
def test_invalid_arguments():
    fails("labeled holds 1797", estimate_without_audit, CLF, X, [1797], [0])
    fails("audit.positions has 2 rows, but y has 1", estimate_without_audit, CLF, X, [1, 2], [0])
    fails("'metric' parameter", estimate_without_audit, CLF, X, [1], [0], metric="auc")
