"""Label trust and noise rates: by hand, and where some labels are known to be wrong."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from skactive import ActiveClassifier, SoftmaxHead
from skactive.datasets import flip_labels
from skactive.noise import NoiseEstimate, estimate_noise, label_trust, out_of_fold
from tests.support.active import X as X_ACTIVE
from tests.support.active import Y as Y_ACTIVE
from tests.support.active import make_active, make_prior
from tests.support.errors import fails, table


def make_data(counts, seed=0):
    """Overlapping classes, with the given number of rows."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(len(counts)), counts)
    return rng.normal(size=(len(codes), 6)) + 3 * np.eye(len(counts), 6)[codes], codes


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 999), n=st.integers(1, 20), n_classes=st.integers(1, 4))
def test_trust_is_between_zero_and_one(seed, n, n_classes):
    rng = np.random.default_rng(seed)
    proba, codes = rng.dirichlet(np.full(n_classes, 0.2), n), rng.integers(n_classes, size=n)
    trust = label_trust(proba, codes)
    assert trust.shape == (n,)
    assert trust.min() >= 0
    assert trust.max() <= 1
    own = proba[np.arange(n), codes]
    assert (own - 1e-12 <= trust).all()
    assert (trust <= own / proba.max(axis=1) + 1e-12).all()


def test_trust_by_hand():
    proba = np.array([[0.81, 0.19], [0.36, 0.64], [0.2, 0.8], [1.0, 0.0], [1.0, 0.0]])
    trust = label_trust(proba, np.array([0, 0, 1, 0, 1]))
    np.testing.assert_allclose(trust, [0.9, 0.45, 0.8**0.5, 1, 0])


def test_estimate_of_labels_that_are_all_right():
    rate, transition = estimate_noise(np.eye(3)[[0, 1, 2, 2]], np.array([0, 1, 2, 2]), np.ones(4))
    expected = NoiseEstimate(0.0, np.eye(3))
    assert rate == expected.rate
    np.testing.assert_array_equal(transition, expected.transition)


def test_out_of_fold_never_trains_on_the_row_it_judges():
    keys = np.array([b"a", b"b", b"a", b"c", b"d", b"e", b"f", b"a"])
    judged = []

    def fit_predict(train, test):
        assert not set(keys[train]) & set(keys[test])
        assert len(train) + len(test) == len(keys)
        judged.extend(test)
        return np.tile([0.25, 0.75], (len(test), 1))

    proba = out_of_fold(keys, fit_predict, 2)
    assert sorted(judged) == list(range(8))
    np.testing.assert_array_equal(proba, np.tile([0.25, 0.75], (8, 1)))


def test_out_of_fold_of_a_single_row():
    proba = out_of_fold(np.array([b"a", b"a"]), lambda train, test: 1 / 0, 4)
    np.testing.assert_array_equal(proba, np.full((2, 4), 0.25))


@pytest.mark.parametrize("estimator", [LogisticRegression(), SoftmaxHead(strength=1.0)])
@pytest.mark.parametrize("kind", ["symmetric", "pairflip"])
def test_flipped_labels_are_found(estimator, kind):
    X, y = make_data([40, 40, 40])
    given_ = flip_labels(y, 0.15, random_state=0, kind=kind)
    flipped = np.flatnonzero(given_ != y)
    clf = ActiveClassifier(estimator, random_state=0).fit(X, given_)
    suspects = clf.suspects(len(flipped))
    # a random choice would contain 15 % wrong labels
    assert np.isin(suspects, flipped).mean() > 0.6
    assert clf.label_trust_[flipped].mean() < 0.4
    assert np.delete(clf.label_trust_, flipped).mean() > 0.7


@pytest.mark.parametrize("estimator", [LogisticRegression(), SoftmaxHead(strength=1.0)])
def test_a_rare_class_is_trusted(estimator):
    X, y = make_data([80, 80, 6])
    trust = ActiveClassifier(estimator, random_state=0).fit(X, y).label_trust_
    assert trust[y == 2].mean() > 0.6
    assert trust[y != 2].mean() > 0.8


def test_too_few_labels_to_judge():
    X, y = make_data([1, 1])
    trust = ActiveClassifier(LogisticRegression(), random_state=0).fit(X, y).label_trust_
    assert trust.shape == (2,)
    assert ((trust >= 0) & (trust <= 1)).all()


def test_supervised_steps_do_not_leak_the_labels():
    """In pure noise, held-out models predict a label no better than random guessing."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 35)), np.arange(40) % 2
    pipeline = make_pipeline(LinearDiscriminantAnalysis(), SoftmaxHead())
    trust = ActiveClassifier(pipeline, random_state=0).fit(X, y).label_trust_
    assert (trust < 0.5).mean() > 0.15


def test_noise_by_hand():
    proba = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.1, 0.9], [0.45, 0.55]])
    codes = np.array([0, 0, 0, 1, 1])
    # thresholds: class 0: 0.6, class 1: (0.9 + 0.55) / 2 = 0.725. The last row reaches neither;
    # the third, labeled 0, reaches class 1. Labeled 0: 2 of 3 right; labeled 1: all.
    noise = estimate_noise(proba, codes, np.ones(5))
    assert noise.rate == pytest.approx(1 / 5)
    np.testing.assert_allclose(noise.transition, [[1, 0], [1 / 3, 2 / 3]])


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.4])
def test_noise_rate_and_transition_are_found(rate):
    X, codes = make_data([400, 400, 200])
    given = flip_labels(codes, rate, random_state=0)
    noise = ActiveClassifier(LogisticRegression(), random_state=0).fit(X, given).noise_
    assert noise.rate == pytest.approx((given != codes).mean(), abs=0.05)
    expected = np.full((3, 3), rate / 2) + (1 - 1.5 * rate) * np.eye(3)
    np.testing.assert_allclose(noise.transition, expected, atol=0.1)


def test_confident_learning_agrees_with_cleanlab():
    count = pytest.importorskip("cleanlab.count")
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1, 2], [200, 100, 50])
    proba = rng.dirichlet(np.ones(3), len(codes)) + 2 * np.eye(3)[codes]
    proba /= proba.sum(axis=1, keepdims=True)
    given = flip_labels(codes, 0.2, random_state=0)
    joint = count.estimate_joint(given, proba)
    assert estimate_noise(proba, given, np.ones(len(given))).rate == pytest.approx(
        1 - np.trace(joint), abs=0.01
    )


def test_noise_none_models_no_label_noise():
    X, codes = make_data([30, 30])
    given = flip_labels(codes, 0.3, random_state=0)
    clf = ActiveClassifier(SoftmaxHead(), noise=None).fit(X, given)
    assert clf.noise_.rate == 0
    np.testing.assert_array_equal(clf.noise_.transition, np.eye(2))
    assert (clf.label_trust_ == 1).all()
    with pytest.raises(ValueError, match="noise=None suspects no label; set noise='auto'"):
        clf.suspects()
    assert clf.estimator_.anchor_["noise_rate"] == 0
    assert ActiveClassifier(SoftmaxHead()).fit(X, given).estimator_.anchor_["noise_rate"] > 0


@pytest.mark.parametrize("prior", [None, make_prior()], ids=["no prior", "prior"])
def test_a_head_that_needs_more_labels_than_a_fold_has(prior):
    """The trust then uses a model that has seen the labels, or the prior."""
    clf = make_active(KNeighborsClassifier(10), prior=prior)
    warns = pytest.warns(UserWarning, match="Neighbors.* on four fifths of the labels.*noise=None")
    with warns:
        clf.fit(X_ACTIVE[:12], Y_ACTIVE[:12])
        trust = clf.label_trust_
    assert ((trust > 0) & (trust <= 1)).all()
    if prior is None:
        own = clf.predict_proba(X_ACTIVE[:12])
        codes = np.searchsorted(clf.classes_, Y_ACTIVE[:12])
        np.testing.assert_allclose(trust, label_trust(own, codes))
    assert len(clf.query(X_ACTIVE, 2)) == 2


EVEN = np.full((3, 2), 0.5)
BAD_CODES = {
    "labels": (EVEN, ["a", "b", "a"], r"codes must be whole numbers from 0 to 1.*searchsorted"),
    "floats": (EVEN, [0.0, 1.0, 0.0], "codes must be whole numbers from 0 to 1"),
    "too large": (EVEN, [0, 1, 2], r"codes must be whole numbers from 0 to 1.* got \[0, 1, 2\]"),
    "negative": (EVEN, [0, -1, 1], "codes must be whole numbers from 0 to 1"),
    "too few": (EVEN, [0, 1], r"proba has shape \(3, 2\) and codes \(2,\), expected \(m, K\)"),
    "no columns": (EVEN[0], [0, 1], r"proba has shape \(2,\)"),
}


@table(BAD_CODES)
def test_invalid_codes(case):
    proba, codes, match = case
    fails(match, label_trust, proba, codes)
    fails(match, estimate_noise, proba, codes, np.ones(3))


def test_weights_of_another_length():
    fails(r"weight has shape \(2,\), expected \(3,\)", estimate_noise, EVEN, [0, 1, 0], np.ones(2))


def test_label_trust_accepts_lists():
    np.testing.assert_allclose(label_trust([[0.25, 0.75]], [0]), 0.25 / 0.75**0.5)
