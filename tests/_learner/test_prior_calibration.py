"""Calibration of a prior by the statistics of a pool."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.preprocessing import normalize

from skactive._learner.prior_calibration import CalibratedPrior, prior_statistics

CLASSES = np.array(["a", "b"])


def make_directions(n=300, seed=0):
    """Unit rows around two directions, and a prior that is right for 65 % of them."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(2, size=n)
    rows = normalize(rng.normal(scale=0.4, size=(n, 8)) + np.eye(2, 8)[codes] + 1)
    right = np.where(rng.random(n) < 0.65, 0.6, 0.4)
    return rows, codes, np.where(codes[:, None] == [0, 1], right[:, None], 1 - right[:, None])


def accuracy(proba, codes):
    return (proba.argmax(axis=1) == codes).mean()


def calibrate(proba, rows, statistics=None, classes=CLASSES):
    return CalibratedPrior(CLASSES, statistics).calibrate(proba, rows, classes)


def test_without_a_pool_the_prior_is_unchanged():
    proba = np.array([[0.9, 0.1], [0.3, 0.7]])
    same = calibrate(proba, np.zeros((2, 1)))
    np.testing.assert_allclose(same, proba)


def test_a_class_unknown_to_the_prior_gets_uniform_probability():
    known = calibrate(np.array([[0.9, 0.1]]), np.zeros((1, 1)), classes=np.array(["a", "aa", "b"]))
    np.testing.assert_allclose(known, [[0.6, 1 / 3, 1 / 15]])


def test_a_frequently_predicted_class_is_discounted():
    """By the square root of its frequency, where rows are not unit vectors."""
    pool = prior_statistics(np.array([[0.9, 0.1], [0.7, 0.3]]), sparse.eye(2))
    np.testing.assert_allclose(pool.class_frequency, [0.8, 0.2])
    assert pool.prototypes is None
    proba = calibrate(np.array([[0.5, 0.5]]), sparse.eye(1), pool)
    np.testing.assert_allclose(proba, [[1 / 3, 2 / 3]])


def test_prototypes_reweight_a_prior_by_hand():
    rows = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    pool = prior_statistics(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]), rows)
    proba = calibrate(np.array([[0.5, 0.5]]), rows[:1], pool)
    np.testing.assert_allclose(proba[0, 0] / proba[0, 1], np.exp(16 * np.sqrt(0.5)), rtol=1e-4)


def test_a_pool_improves_a_weak_prior():
    rows, codes, proba = make_directions()
    calibrated = calibrate(proba, rows, prior_statistics(proba, rows))
    assert accuracy(proba, codes) < 0.7
    assert accuracy(calibrated, codes) > 0.9


@pytest.mark.parametrize("rows", [np.ones((3, 2)), np.zeros((3, 2)), np.full((3, 2), np.nan)])
def test_uninformative_rows_change_nothing(rows):
    proba = np.full((3, 2), 0.5)
    pool = prior_statistics(proba, rows)
    np.testing.assert_allclose(calibrate(proba, rows, pool), proba)
