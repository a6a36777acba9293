"""MixtureModel: its components and their weights."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, normalize

from skactive import ActiveClassifier, SoftmaxHead

RNG = np.random.default_rng(0)
CODES = RNG.integers(3, size=400)
ROWS = normalize(RNG.normal(scale=0.5, size=(400, 12)) + np.eye(3, 12)[CODES] + 1)


class Prior:
    """A prior with given probabilities, looked up by the content of a row."""

    classes_ = np.arange(3)

    def __init__(self, proba):
        self.proba = proba

    def predict_proba(self, X):
        position = (X @ ROWS.T).argmax(axis=1)
        return self.proba[position]


GOOD = np.eye(3)[CODES] * 0.6 + 0.4 / 3
USELESS = RNG.permutation(GOOD)


def fitted(proba, estimator=None):
    clf = ActiveClassifier(estimator, prior=Prior(proba), random_state=0)
    clf.query(ROWS, 1)
    return clf.partial_fit(ROWS[:60], CODES[:60])


def test_useless_priors_weigh_less_than_good_ones():
    good, useless = (fitted(proba) for proba in (GOOD, USELESS))
    assert good.prior_weight_ > 0.8
    assert 0 < useless.prior_weight_ < good.prior_weight_
    assert sum(useless._state.fitted.model.weights) == pytest.approx(1)
    assert ActiveClassifier().fit(ROWS[:60], CODES[:60]).prior_weight_ == 0


def test_the_mixture_and_the_head_alone():
    clf = fitted(GOOD)
    model = clf._state.fitted.model
    prior_proba = clf._state.fitted.prior.calibrate(GOOD, ROWS, clf.classes_)
    probas = [component.proba(ROWS, prior_proba) for component in model.components]
    expected = np.tensordot(model.weights, probas, axes=1)
    np.testing.assert_allclose(clf.predict_proba(ROWS), model.corrected(expected))
    # the second component is the classifier without a prior
    plain = ActiveClassifier(SoftmaxHead(), random_state=0)
    plain.query(ROWS, 1)
    plain.partial_fit(ROWS[:60], CODES[:60])
    np.testing.assert_allclose(probas[1], plain._state.fitted.model.proba(ROWS, None), rtol=1e-5)
    np.testing.assert_allclose(model.head_proba(ROWS), plain.estimator_.predict_proba(ROWS))


@pytest.mark.parametrize(
    "estimator", [SoftmaxHead(strength=1.0), LogisticRegression(), SoftmaxHead((4,), max_iter=5)]
)
def test_one_component_where_a_head_has_no_held_out_heads(estimator):
    model = fitted(GOOD, estimator=estimator)._state.fitted.model
    assert len(model.components) == 1
    assert model.weights == [1.0]


def test_two_components_after_a_scaler():
    clf = fitted(GOOD, estimator=make_pipeline(StandardScaler(), SoftmaxHead()))
    assert len(clf._state.fitted.model.components) == 2
    assert all(component.prototypes is None for component in clf._state.fitted.model.components)
    assert clf.score(ROWS, CODES) > 0.8
