"""What a pool tells about a prior, and how far a head follows it."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.preprocessing import normalize

from skactive import ActiveClassifier, SoftmaxHead
from skactive._learner.prior_calibration import CalibratedPrior, prior_statistics
from skactive.heads.model_averaging import candidate_weights

CLASSES = np.array(["a", "b"])


def make_directions(n=300, seed=0):
    """Unit rows around two directions, and a prior that is right a little more often than not."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(2, size=n)
    rows = normalize(rng.normal(scale=0.4, size=(n, 8)) + np.eye(2, 8)[codes] + 1)
    right = np.where(rng.random(n) < 0.65, 0.6, 0.4)
    return rows, codes, np.where(codes[:, None] == [0, 1], right[:, None], 1 - right[:, None])


def accuracy(proba, codes):
    return (proba.argmax(axis=1) == codes).mean()


def calibrate(proba, rows, statistics=None, classes=CLASSES):
    return CalibratedPrior(CLASSES, statistics).calibrate(proba, rows, classes)


def test_without_a_pool_probabilities_stay():
    proba = np.array([[0.9, 0.1], [0.3, 0.7]])
    same = calibrate(proba, np.zeros((2, 1)))
    np.testing.assert_allclose(same, proba)


def test_a_class_unknown_to_the_prior_gets_its_even_share():
    known = calibrate(np.array([[0.9, 0.1]]), np.zeros((1, 1)), classes=np.array(["a", "aa", "b"]))
    np.testing.assert_allclose(known, [[0.6, 1 / 3, 1 / 15]])


def test_a_class_seen_everywhere_is_discounted():
    """By the square root of its share, where rows have no direction."""
    pool = prior_statistics(np.array([[0.9, 0.1], [0.7, 0.3]]), sparse.eye(2))
    np.testing.assert_allclose(pool.class_frequency, [0.8, 0.2])
    assert pool.prototypes is None
    proba = calibrate(np.array([[0.5, 0.5]]), sparse.eye(1), pool)
    np.testing.assert_allclose(proba, [[1 / 3, 2 / 3]])


def test_directions_count_by_hand():
    rows = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    pool = prior_statistics(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]), rows)
    proba = calibrate(np.array([[0.5, 0.5]]), rows[:1], pool)
    np.testing.assert_allclose(proba[0, 0] / proba[0, 1], np.exp(16 * np.sqrt(0.5)), rtol=1e-4)


def test_a_pool_sharpens_a_weak_prior():
    rows, codes, proba = make_directions()
    sharpened = calibrate(proba, rows, prior_statistics(proba, rows))
    assert accuracy(proba, codes) < 0.7
    assert accuracy(sharpened, codes) > 0.9


@pytest.mark.parametrize("rows", [np.ones((3, 2)), np.zeros((3, 2)), np.full((3, 2), np.nan)])
def test_rows_that_tell_nothing_change_nothing(rows):
    proba = np.full((3, 2), 0.5)
    pool = prior_statistics(proba, rows)
    np.testing.assert_allclose(calibrate(proba, rows, pool), proba)


def test_shares_of_candidates_by_hand():
    evidence = np.array([-10.0, -16.0, -12.0])
    anchored = np.array([True, True, False])
    shares = candidate_weights(evidence, anchored, prior_z_score=0.5, n_labels=50)
    odds, within = np.exp(2.0), np.exp(-1.5)
    expected = [odds / (1 + within), odds * within / (1 + within), 1.0]
    np.testing.assert_allclose(shares, np.array(expected) / (1 + odds))
    better = candidate_weights(evidence, anchored, prior_z_score=1.5, n_labels=80)
    np.testing.assert_allclose(better[:2].sum() / better[2], odds * np.exp(2.0))
    plain = [candidate_weights(evidence, anchored, agreement, 50) for agreement in (2.0, 20.0)]
    np.testing.assert_array_equal(*plain)
    few = candidate_weights(evidence, anchored, prior_z_score=0.5, n_labels=25)
    np.testing.assert_allclose(few[:2].sum() / few[2], odds * np.exp(3.0))


def test_agreement_by_hand():
    """Two classes, half of the labels each: every label is a coin for a shuffled prior."""
    proba = np.array([[0.9, 0.1], [0.7, 0.3], [0.4, 0.6], [0.2, 0.8]])
    X, y = np.arange(4.0)[:, None], np.array([0, 0, 1, 1])
    head = SoftmaxHead().fit(X, y, prior_log_proba=np.log(proba))
    apart = proba[:, 0] - proba[:, 0].mean()
    expected = (apart[:2].sum() - apart[2:].sum()) / np.sqrt((apart**2).sum())
    assert head.anchor_["prior_z_score"] == pytest.approx(expected)


class Table:
    """A prior that looks its rows up by their first feature."""

    classes_ = np.array([0, 1])

    def __init__(self, proba):
        self.proba = proba

    def predict_proba(self, X):
        return self.proba[np.rint(X[:, -1] * 1000).astype(int)]


@pytest.mark.parametrize("flipped", [False, True])
def test_a_prior_is_followed_as_far_as_labels_agree_with_it(flipped):
    rng = np.random.default_rng(0)
    codes = rng.integers(2, size=400)
    X = rng.normal(size=(400, 4)) + 1.5 * np.eye(2, 4)[codes]
    X = np.column_stack([X, np.arange(400) / 1000])
    proba = np.eye(2)[codes] * 0.6 + 0.2
    prior = Table(proba[:, ::-1] if flipped else proba)
    joint = ActiveClassifier(SoftmaxHead(), prior=prior).fit(X[:60], codes[:60])
    alone = ActiveClassifier(SoftmaxHead()).fit(X[:60], codes[:60])
    scores = [clf.score(X[60:], codes[60:]) for clf in (joint, alone)]
    anchor = joint.estimator_.anchor_
    scale = anchor["prior_scale"]
    assert (anchor["prior_z_score"] < 0) == flipped
    if flipped:
        assert scale < 0.01
        assert scores[0] > scores[1] - 0.02
    else:
        assert scale > 0.2
        assert scores[0] > scores[1] + 0.05


def test_what_query_sees_counts_from_the_next_fit_on():
    rows, codes, proba = make_directions()
    X = np.column_stack([rows, np.arange(len(rows)) / 1000])

    class Prior(Table):
        pass

    clf = ActiveClassifier(SoftmaxHead(), prior=Prior(proba), random_state=0)
    clf.fit(X[:10], codes[:10])
    before = clf.predict_proba(X)
    clf.query(X, 5)
    np.testing.assert_array_equal(clf.predict_proba(X), before)
    clf.partial_fit(X[10:20], codes[10:20])
    other = ActiveClassifier(SoftmaxHead(), prior=Prior(proba), transductive=False)
    other.fit(X[:20], codes[:20])
    assert not np.allclose(clf.predict_proba(X), other.predict_proba(X))
