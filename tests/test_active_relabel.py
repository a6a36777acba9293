"""relabel: a verified label overrides other votes, and is never a suspect."""

import pickle

import numpy as np

from tests.support.active import X_NEW, X, Y, make_active

WRONG = np.array([3, 17, 40])


def given():
    y = Y.copy()
    y[WRONG] = np.where(y[WRONG] == "ant", "bee", "ant")
    return y


def test_verified_labels_are_no_suspects():
    clf = make_active().fit(X, given())
    suspects = clf.suspects(10)
    clf.relabel(suspects, Y[suspects])
    assert not np.isin(clf.suspects(60), suspects).any()
    assert len(clf.suspects(60)) == 50
    np.testing.assert_array_equal(clf.label_trust_[suspects], 1.0)
    loaded = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(loaded.suspects(60), clf.suspects(60))


def test_the_same_label_verifies():
    clf = make_active().fit(X, Y)
    before = clf.predict_proba(X_NEW)
    clf.relabel([5], Y[[5]])
    assert 5 not in clf.suspects(60)
    assert clf.label_trust_[5] == 1
    np.testing.assert_array_equal(clf.predict_proba(X_NEW), before)


def test_a_verified_label_overrides_other_votes_of_its_row():
    votes = make_active().fit(X, Y).partial_fit(X[[0, 0]], ["bee", "cow"])
    assert (votes.label_trust_[[0, 60, 61]] > 0).all()
    votes.relabel([60], ["ant"])
    np.testing.assert_array_equal(votes.label_trust_[[0, 60, 61]], [0, 1, 0])
    expected = make_active().fit(X, np.where(np.arange(60) == 0, "ant", Y))
    np.testing.assert_array_equal(votes.predict_proba(X_NEW), expected.predict_proba(X_NEW))
    votes.partial_fit(X[[0]], ["cow"])  # a later vote does not count, either
    np.testing.assert_array_equal(votes.predict_proba(X_NEW), expected.predict_proba(X_NEW))


def test_the_latest_verification_counts():
    clf = make_active().fit(X, Y).partial_fit(X[[0]], ["bee"])
    clf.relabel([60], ["bee"]).relabel([0], ["cow"])
    np.testing.assert_array_equal(clf.label_trust_[[0, 60]], [1, 0])


def test_a_class_that_only_overridden_votes_had_disappears():
    clf = make_active().fit(X, Y).partial_fit(X[[0]], ["dog"])
    assert "dog" in clf.classes_
    clf.relabel([0], ["ant"])
    assert clf.classes_.tolist() == ["ant", "bee", "cow"]


def test_a_correction_to_a_new_class_is_trusted():
    clf = make_active().fit(X, Y).relabel([7], ["dog"])
    assert clf.label_trust_[7] == 1
    assert 7 not in clf.suspects(60)


def test_agreement_of_votes_raises_trust():
    clf = make_active().fit(X, given())
    doubtful = clf.suspects(3)
    before = clf.label_trust_[doubtful]
    clf.partial_fit(X[doubtful], given()[doubtful])
    assert (clf.label_trust_[doubtful] > before).all()


def test_suspects_lists_each_row_once():
    clf = make_active().fit(X, Y).partial_fit(X[[0, 0, 1]], ["bee", "cow", Y[1]])
    suspects = clf.suspects(63)
    rows = np.concatenate([np.arange(60), [0, 0, 1]])[suspects]
    assert len(np.unique(rows)) == len(rows) == 60
    least_trusted = min((0, 60, 61), key=lambda i: clf.label_trust_[i])
    assert least_trusted in suspects


def test_a_label_of_weight_zero_verifies_nothing():
    clf = make_active().fit(X, Y).partial_fit(X[[0]], ["bee"], sample_weight=[0.0])
    clf.relabel([0], ["cow"]).relabel([60], ["bee"])
    np.testing.assert_array_equal(clf.label_trust_[[0, 60]], [1, 0])
