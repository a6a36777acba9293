"""The labels of ActiveClassifier: their order, weights, corrections and trust."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.naive_bayes import GaussianNB

from tests.support.active import (
    CLASSES,
    ESTIMATORS,
    X_NEW,
    ConstantPrior,
    FirstRows,
    X,
    Y,
    every_estimator,
    make_active,
    make_prior,
)


@every_estimator
@pytest.mark.parametrize(
    ("prior", "tolerance"),
    # the last digit of a prior may depend on the number of rows in a call
    [(None, 0), (make_prior(), 1e-6), (ConstantPrior({"ant": 0.2, "cow": 0.8}), 0)],
    ids=["alone", "with a prior", "with an even prior"],
)
def test_neither_order_nor_size_of_batches_matters(name, prior, tolerance):
    whole = make_active(ESTIMATORS[name], prior=prior).fit(X, Y)
    order = np.random.default_rng(3).permutation(len(X))
    parts = make_active(ESTIMATORS[name], prior=prior)
    for batch in (order[:40], order[40:41], order[41:]):
        parts.partial_fit(X[batch], Y[batch])
    proba = whole.predict_proba(X_NEW)
    np.testing.assert_allclose(parts.predict_proba(X_NEW), proba, rtol=0, atol=tolerance)
    np.testing.assert_array_equal(parts.query(X_NEW, 9), whole.query(X_NEW, 9))
    trust = whole.label_trust_[order]
    np.testing.assert_allclose(parts.label_trust_, trust, rtol=0, atol=tolerance)


@settings(max_examples=15, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("strategy", ["random", "badge", "margin"])
def test_any_split_of_the_history_gives_the_same_query(strategy, data):
    positions = data.draw(st.lists(st.integers(0, len(X) - 1), min_size=2, max_size=12))
    order = data.draw(st.permutations(positions))
    cut = data.draw(st.integers(1, len(order) - 1))
    whole = make_active(GaussianNB(var_smoothing=1e-2), strategy=strategy)
    parts = clone(whole)
    whole.fit(X[positions], Y[positions])
    parts.partial_fit(X[order[:cut]], Y[order[:cut]]).partial_fit(X[order[cut:]], Y[order[cut:]])
    np.testing.assert_array_equal(parts.query(X_NEW, 5), whole.query(X_NEW, 5))


@every_estimator
def test_a_weight_of_two_equals_a_repeated_row(name):
    weight = 1.0 + np.arange(len(X)) % 2
    weighted = make_active(ESTIMATORS[name]).fit(X, Y, sample_weight=weight)
    twice = np.repeat(np.arange(len(X)), weight.astype(int))
    repeated = make_active(ESTIMATORS[name]).fit(X[twice], Y[twice])
    np.testing.assert_array_equal(weighted.predict_proba(X_NEW), repeated.predict_proba(X_NEW))
    np.testing.assert_array_equal(weighted.query(X_NEW, 5), repeated.query(X_NEW, 5))


def test_weights_change_the_predictions():
    weight = np.where(Y == "ant", 5.0, 1.0)
    heavy = make_active().fit(X, Y, sample_weight=weight).predict_proba(X_NEW)[:, 0]
    assert heavy.mean() > make_active().fit(X, Y).predict_proba(X_NEW)[:, 0].mean() + 0.01


@every_estimator
def test_zero_weight_equals_an_absent_row(name):
    without = make_active(ESTIMATORS[name]).fit(X[10:], Y[10:])
    zero = make_active(ESTIMATORS[name])
    labels = np.where(np.arange(len(X)) < 10, "never", Y)
    zero.fit(X, labels, sample_weight=np.arange(len(X)) >= 10)
    assert zero.classes_.tolist() == CLASSES.tolist()
    np.testing.assert_array_equal(zero.predict_proba(X_NEW), without.predict_proba(X_NEW))
    np.testing.assert_array_equal(zero.query(X_NEW, 5), without.query(X_NEW, 5))
    assert (zero.label_trust_[:10] == 0).all()
    np.testing.assert_array_equal(zero.label_trust_[10:], without.label_trust_)


def test_a_batch_with_zero_weights_has_no_effect():
    clf = make_active().fit(X, Y)
    before = clf.predict_proba(X_NEW)
    clf.partial_fit(X_NEW[:2], ["cow", "never"], sample_weight=[0, 0])
    np.testing.assert_array_equal(clf.predict_proba(X_NEW), before)


def test_a_row_with_zero_weight_can_be_queried():
    clf = make_active().fit(X[:20], Y[:20], sample_weight=np.arange(20) > 0)
    assert clf.query(X[:20], 1).tolist() == [0]


def test_different_labels_for_a_row_are_votes():
    clf = make_active(GaussianNB(var_smoothing=0.1)).fit(X, Y)
    row = X[:1]
    for _ in range(40):
        clf.partial_fit(row, ["cow"])
    assert Y[0] == "ant"
    assert clf.predict(row) == ["cow"]


def test_relabel_is_a_correction_and_not_a_vote():
    wrong = Y.copy()
    wrong[[4, 8]] = "ant"
    corrected = make_active().fit(X, wrong).relabel([8, 4], Y[[8, 4]])
    right = make_active().fit(X, Y)
    np.testing.assert_array_equal(corrected.predict_proba(X_NEW), right.predict_proba(X_NEW))
    np.testing.assert_array_equal(corrected.query(X_NEW, 5), right.query(X_NEW, 5))
    trust = np.where(np.isin(np.arange(60), [4, 8]), 1, right.label_trust_)
    np.testing.assert_array_equal(corrected.label_trust_, trust)


def test_relabel_by_mask_with_a_longer_new_label():
    mask = np.arange(len(X)) == 5
    clf = make_active().fit(X, Y).relabel(mask, ["hippopotamus"])
    assert clf.classes_.tolist() == [*CLASSES.tolist(), "hippopotamus"]


def test_relabel_drops_a_class_without_labels():
    clf = make_active().fit(X, np.where(np.arange(len(X)) == 5, "typo", Y))
    assert "typo" in clf.classes_
    clf.relabel([5], Y[[5]])
    assert clf.classes_.tolist() == CLASSES.tolist()


def test_fit_discards_labels_and_partial_fit_keeps_them():
    clf = make_active(strategy=FirstRows()).fit(X[:30], Y[:30]).partial_fit(X[30:], Y[30:])
    assert len(clf.label_trust_) == 60
    clf.partial_fit(X[:1], Y[:1], classes=["dodo"])
    clf.fit(X[:9], Y[:9])
    fresh = make_active().fit(X[:9], Y[:9])
    assert clf.classes_.tolist() == CLASSES.tolist()
    assert len(clf.label_trust_) == 9
    np.testing.assert_array_equal(clf.predict_proba(X_NEW), fresh.predict_proba(X_NEW))


@every_estimator
def test_new_classes_may_turn_up_in_any_call(name):
    clf = make_active(ESTIMATORS[name])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="RandomOverSampler is skipped")
        for i, label in enumerate(CLASSES[::-1]):
            rows = label == Y
            clf.partial_fit(X[rows], Y[rows])
            assert clf.classes_.tolist() == CLASSES[2 - i :].tolist()
            assert clf.predict_proba(X).shape == (60, i + 1)
    np.testing.assert_array_equal(
        clf.predict_proba(X_NEW), make_active(ESTIMATORS[name]).fit(X, Y).predict_proba(X_NEW)
    )


@every_estimator
def test_one_class_only(name):
    clf = make_active(ESTIMATORS[name])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="RandomOverSampler is skipped")
        clf.fit(X[:5], ["ant"] * 5)
        assert (clf.label_trust_ == 1).all()
    assert (clf.predict(X) == "ant").all()
    np.testing.assert_allclose(clf.predict_proba(X), 1)


@every_estimator
def test_announced_classes_have_a_column(name):
    clf = make_active(ESTIMATORS[name]).partial_fit(X, Y, classes=["zebra", "ant", "aardvark"])
    assert clf.classes_.tolist() == ["aardvark", *CLASSES.tolist(), "zebra"]
    proba = clf.predict_proba(X_NEW)
    assert proba.shape == (60, 5)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    clf.partial_fit(X[:1], Y[:1])
    assert "zebra" in clf.classes_


@pytest.mark.parametrize(
    "labels", [[1, 0, 7], [True, False, True], ["b", "a", "c"], [1.0, 2.0, 3.0]]
)
def test_labels_keep_their_type(labels):
    labels = np.array(labels)
    y = labels[np.arange(60) % 3]
    clf = make_active().fit(X, y.tolist())
    assert clf.predict(X).dtype.kind == labels.dtype.kind
    np.testing.assert_array_equal(clf.classes_, np.unique(labels))


def test_trust_and_suspects_use_the_order_of_the_labels():
    y = Y.copy()
    y[[8, 31]] = ["ant", "cow"]
    assert Y[[8, 31]].tolist() == ["cow", "bee"]
    clf = make_active().fit(X[:20], y[:20]).partial_fit(X[20:], y[20:])
    trust = clf.label_trust_
    assert trust.shape == (60,)
    assert trust.min() >= 0
    assert trust.max() <= 1
    assert set(clf.suspects(2).tolist()) == {8, 31}
    assert clf.suspects(2).dtype == np.int64
    np.testing.assert_array_equal(clf.suspects(60), np.argsort(trust, kind="stable"))
    assert len(clf.suspects(1000)) == 60


def test_without_noise_every_label_is_trusted():
    clf = make_active(noise=None, strategy=FirstRows()).fit(X, np.roll(Y, 1))
    assert (clf.label_trust_ == 1).all()
    clf.query(X_NEW)
    assert (FirstRows.view.label_trust == 1).all()


def test_trust_uses_held_out_predictions():
    """Both labels of a row are held out together."""
    sure = int(make_active().fit(X, Y).predict_proba(X)[:, 0].argmax())
    learns_by_heart = RandomForestClassifier(n_estimators=10, bootstrap=False)
    clf = make_active(learns_by_heart).fit(X, Y).partial_fit(X[[sure]], ["cow"])
    assert clf.label_trust_[sure] > 0.9
    assert clf.label_trust_[-1] < 0.1


def test_the_caller_may_reuse_its_arrays():
    rows, labels, weight = X[:20].copy(), Y[:20].copy(), np.ones(20)
    clf = make_active().partial_fit(rows, labels, sample_weight=weight)
    rows[:], labels[:], weight[:] = X[20:40], Y[20:40], 2.0
    clf.partial_fit(rows, labels)
    expected = make_active().fit(X[:40], Y[:40])
    np.testing.assert_array_equal(clf.predict_proba(X_NEW), expected.predict_proba(X_NEW))
