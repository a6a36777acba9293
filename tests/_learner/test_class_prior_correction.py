"""The class-prior correction of predicted probabilities."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skactive import ActiveClassifier, SoftmaxHead
from skactive._learner.mixture import MixtureModel
from skactive._learner.pool_clusters import PoolClusters

RNG = np.random.default_rng(0)
Y = (RNG.random(3000) < 0.05).astype(int)
X = np.column_stack([RNG.normal(size=3000) + 2.5 * Y, RNG.normal(size=3000)])


def chosen(n: int) -> np.ndarray:
    """Rows near the decision boundary; a third of them has the rare class."""
    rng = np.random.default_rng(1)
    near = np.argsort(np.abs(X[:, 0] - 2.2))[:n]
    return np.concatenate([near, rng.permutation(3000)[:20]])


def fitted(estimator, **params) -> ActiveClassifier:
    rows = chosen(200)
    clf = ActiveClassifier(estimator, random_state=0, **params)
    clf.query(X, 1)
    return clf.partial_fit(X[rows], Y[rows])


@pytest.mark.parametrize(
    "estimator",
    [
        SoftmaxHead(),
        SoftmaxHead(strength=1.0),
        LogisticRegression(class_weight="balanced"),
        make_pipeline(StandardScaler(), SoftmaxHead()),
    ],
)
def test_labels_near_the_boundary_bias_the_classifier_less(estimator):
    score = {}
    for transductive in (True, False):
        clf = fitted(estimator, transductive=transductive)
        score[transductive] = balanced_accuracy_score(Y, clf.predict(X))
    assert score[True] > score[False] + 0.01


def test_against_a_computation_by_hand():
    """Class frequencies: predicted on the clusters of the pool, and of the labels."""
    clf = fitted(LogisticRegression(class_weight="balanced"))
    model, clusters = clf._state.fitted.model, clf._state.pool.clusters
    assert not clusters.share_classes
    counts = np.bincount(clf._state.fitted.labels.y, clf._state.fitted.labels.weight)
    labeled = (counts + 1) / (counts + 1).sum()
    unbalanced = clf.estimator_.predict_proba(clusters.centers) * labeled
    unbalanced /= unbalanced.sum(axis=1, keepdims=True)
    in_pool = (3000 * unbalanced.mean(axis=0) + counts) / (3000 + counts.sum())
    at_random = 1 / (2 * counts.sum() * (labeled @ np.log(labeled / in_pool)))
    assert 0 < at_random < 0.1
    expected = clf.estimator_.predict_proba(X) * (labeled / in_pool) ** (0.4 * (1 - at_random))
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(clf.predict_proba(X), expected)
    assert in_pool[1] < labeled[1] / 2
    # a query uses the uncorrected predictions
    np.testing.assert_allclose(model.proba(X, None), clf.estimator_.predict_proba(X))


def test_frequencies_explained_by_random_sampling_change_nothing():
    rng = np.random.default_rng(1)
    clf = ActiveClassifier(SoftmaxHead(), strategy="random", random_state=0)
    clf.query(X, 1)
    rows = rng.permutation(3000)[:200]
    clf.partial_fit(X[rows], Y[rows])
    np.testing.assert_allclose(clf.predict_proba(X), clf._state.fitted.model.proba(X, None))


def test_with_a_prior_the_whole_correction_is_applied():
    """Any labels show which classes a prior favors."""

    class Prior:
        classes_ = np.arange(2)

        def predict_proba(self, X):
            rare = 1 / (1 + np.exp(2 - X[:, 0]))
            return np.column_stack([1 - rare, rare])

    clf = fitted(LogisticRegression(class_weight="balanced"), prior=Prior())
    model, clusters = clf._state.fitted.model, clf._state.pool.clusters
    counts = np.bincount(clf._state.fitted.labels.y, clf._state.fitted.labels.weight)
    labeled = (counts + 1) / (counts + 1).sum()
    prior_proba = clf._state.fitted.prior.calibrate(
        clusters.prior_proba, clusters.centers, clf.classes_
    )
    unbalanced = model.proba(clusters.centers, prior_proba) * labeled
    unbalanced /= unbalanced.sum(axis=1, keepdims=True)
    in_pool = (3000 * unbalanced.mean(axis=0) + counts) / (3000 + counts.sum())
    proba = model.proba(
        X, clf._state.fitted.prior.calibrate(clf.prior.predict_proba(X), X, clf.classes_)
    )
    expected = proba * (labeled / in_pool) ** 0.4
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(clf.predict_proba(X), expected)


@pytest.mark.parametrize(
    "estimator",
    [LogisticRegression(), SoftmaxHead(class_weight=None), SoftmaxHead(class_weight={0: 1.0})],
)
def test_a_head_without_balanced_classes_is_not_corrected(estimator):
    clf = fitted(estimator)
    model = clf._state.fitted.model
    np.testing.assert_array_equal(clf.predict_proba(X), model.proba(X, None))


def test_a_head_after_a_sampler_is_not_corrected():
    sampling = pytest.importorskip("imblearn.over_sampling")
    pipeline = pytest.importorskip("imblearn.pipeline")
    head = LogisticRegression(class_weight="balanced")
    clf = fitted(pipeline.make_pipeline(sampling.RandomOverSampler(), head))
    np.testing.assert_array_equal(clf.predict_proba(X), clf._state.fitted.model.proba(X, None))


def test_a_class_without_labels_is_not_corrected():
    clf = ActiveClassifier(SoftmaxHead(), random_state=0)
    clf.query(X, 1)
    rows = chosen(200)
    clf.partial_fit(X[rows], Y[rows], classes=[0, 1, 2])
    proba = clf._state.fitted.model.proba(X, None)
    ratio = clf.predict_proba(X) / proba
    assert (ratio[:, 1] > ratio[:, 2]).all()
    assert (ratio[:, 0] < ratio[:, 2]).all()


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.sampled_from([np.float32, np.float64]))
def test_properties_for_any_clusters(seed, n_classes, dtype):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(30, 3)).astype(dtype)
    y = rng.integers(n_classes, size=30)
    clf = ActiveClassifier(SoftmaxHead(strength=1.0)).fit(rows, y)
    aggregated, classes = clf._state.fitted.labels, clf.classes_
    pool = rng.normal(size=(40, 3)).astype(dtype)
    order = rng.permutation(40)
    proba = []
    for centers in (pool, pool[order], np.repeat(pool, 2, axis=0)):
        clusters = PoolClusters(centers, np.ones(len(centers)), None, 40, share_classes=False)
        model = MixtureModel([], SoftmaxHead(strength=1.0)).fit(aggregated, classes, None, clusters)
        proba.append(model.corrected(model.proba(rows, None)))
    np.testing.assert_allclose(proba[0].sum(axis=1), 1)
    assert np.isfinite(proba[0]).all()
    np.testing.assert_allclose(proba[1], proba[0], rtol=1e-6)
    np.testing.assert_allclose(proba[2], proba[0], rtol=1e-6)
