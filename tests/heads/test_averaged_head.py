"""AveragedHead: held-out heads, out-of-fold predictions and the prior's permutation z-score."""

import numpy as np
import pytest
from sklearn.preprocessing import normalize

from skactive import SoftmaxHead
from skactive.heads.averaged_head import TrainingData


def test_prior_z_score_by_hand():
    """Two classes with half of the labels each: permuted labels are independent coin flips."""
    proba = np.array([[0.9, 0.1], [0.7, 0.3], [0.4, 0.6], [0.2, 0.8]])
    X, y = np.arange(4.0)[:, None], np.array([0, 0, 1, 1])
    head = SoftmaxHead().fit(X, y, prior_log_proba=np.log(proba))
    apart = proba[:, 0] - proba[:, 0].mean()
    expected = (apart[:2].sum() - apart[2:].sum()) / np.sqrt((apart**2).sum())
    assert head.anchor_["prior_z_score"] == pytest.approx(expected)


RNG = np.random.default_rng(0)
CODES = RNG.integers(3, size=400)
ROWS = normalize(RNG.normal(scale=0.5, size=(400, 12)) + np.eye(3, 12)[CODES] + 1)


@pytest.mark.parametrize("n", [60, 350])
def test_held_out_heads(n):
    head = SoftmaxHead().fit(ROWS[:n], CODES[:n])
    held_out = [rows for rows, _ in head.held_out_heads_]
    assert len(held_out) == (4 if n < 300 else 1)
    counted = np.sum(held_out, axis=0)
    assert counted.max() == 1
    assert counted.min() == (1 if n < 300 else 0)
    whole = head.predict_proba(ROWS)
    for rows, without in head.held_out_heads_:
        proba = without.predict_proba(ROWS)
        assert not np.allclose(proba, whole)
        assert np.mean(proba.argmax(axis=1) == whole.argmax(axis=1)) > 0.8
        given = np.flatnonzero(rows), CODES[:n][rows]
        assert proba[given].mean() < whole[given].mean()  # held-out predictions are less certain


def test_labels_held_out_change_nothing():
    codes = CODES[:40]
    candidates = np.array([[1.0, 0.0, 0.3]])
    fold = np.arange(40) % 4

    def coefficients(codes):
        rows = TrainingData(ROWS[:40], codes, np.ones(40), np.log(np.full(3, 1 / 3)), None)
        return rows._fit_without(candidates, fold)[2][1].numpy()

    np.testing.assert_array_equal(
        coefficients(np.where(fold == 2, (codes + 1) % 3, codes)), coefficients(codes)
    )
    assert not np.array_equal(
        coefficients(np.where(fold == 1, (codes + 1) % 3, codes)), coefficients(codes)
    )


def test_the_averaged_head_has_out_of_fold_predictions_and_weights():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(60, 5)) + 2 * np.eye(3, 5)[np.arange(60) % 3]
    head = SoftmaxHead().fit(rows, np.arange(60) % 3)
    anchor = head.anchor_
    assert anchor["candidates"].shape == (len(anchor["weight"]), 3)
    assert anchor["weight"].sum() == pytest.approx(1)
    assert anchor["weight"].argmax() == anchor["evidence"].argmax()
    strengths = anchor["candidates"][:, 0]
    assert strengths.min() <= anchor["strength"] <= strengths.max()
    assert (head.out_of_fold_proba_.argmax(axis=1) == np.arange(60) % 3).mean() > 0.7
