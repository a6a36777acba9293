"""CrossFittedModels: held-out predictions and the concentration."""

import numpy as np
import pytest
from sklearn.preprocessing import normalize

from skactive import SoftmaxHead
from skactive._learner.component import MixtureComponent, TrainingRows
from skactive._learner.cross_fitting import CrossFittedModels
from skactive._learner.pool_clusters import cluster_rows

RNG = np.random.default_rng(0)
CODES = RNG.integers(3, size=400)
ROWS = normalize(RNG.normal(scale=0.5, size=(400, 12)) + np.eye(3, 12)[CODES] + 1)


def test_held_out_predictions_by_hand():
    """With the groups of a pool, whose directions are found without the labels held out."""
    labeled = TrainingRows(ROWS[:60], CODES[:60], np.ones(60), None)
    head = SoftmaxHead().fit(labeled.X, labeled.y)
    groups = cluster_rows(ROWS, None, np.random.default_rng(0))
    expert = MixtureComponent(head, np.arange(3))
    foretold = CrossFittedModels(expert, labeled, groups).held_out_proba(3.0)
    for rows, without in head.held_out_heads_:
        twin = MixtureComponent(without, np.arange(3))
        twin.fit_prototypes(groups, labeled.take(~rows))
        twin.concentration = 3.0
        proba = twin.proba(ROWS[:60][rows], None)
        np.testing.assert_allclose(foretold[rows], proba[np.arange(rows.sum()), CODES[:60][rows]])
    assert expert.prototypes is None


def test_no_held_out_predictions_where_all_rows_are_equal():
    head = SoftmaxHead().fit(np.ones((6, 2)), [0, 1, 0, 1, 1, 1])
    labeled = TrainingRows(np.ones((6, 2)), np.array([0, 1, 0, 1, 1, 1]), np.ones(6), None)
    assert head.held_out_heads_ == []
    twins = CrossFittedModels(MixtureComponent(head, np.arange(2)), labeled, None)
    assert np.isnan(twins.held_out_proba(4.0)).all()
    assert twins.concentration() == 4


def twins_of(rows, codes, pool):
    """Of an expert without a prior, on labeled rows of a pool."""
    labeled = TrainingRows(rows, codes, np.ones(len(rows)), None)
    groups = cluster_rows(pool, None, np.random.default_rng(0))
    return CrossFittedModels(
        MixtureComponent(SoftmaxHead().fit(rows, codes), np.arange(3)), labeled, groups
    )


def test_concentration_by_brute_force():
    codes = np.concatenate([CODES[:50], (CODES[50:60] + 1) % 3])
    twins = twins_of(ROWS[:60], codes, ROWS)
    counts = np.bincount(codes)
    best = []
    for concentration in (1, 2, 4, 8, 16):
        tried = []
        for power in (0.4, 0.6, 1, 1.6, 2.4):
            total = 0
            for held_out, twin, rows, _ in twins._copies:
                twin.concentration = concentration
                proba = twin.proba(rows, None) ** power
                proba /= proba.sum(axis=1, keepdims=True)
                for opinion, code in zip(proba, codes[held_out], strict=True):
                    total += np.log(0.9 * opinion[code] + 0.1 / 3) / counts[code] ** 0.5
            tried.append(total * 60 / (counts**0.5).sum())
        best.append(max(tried))
    share = np.exp((np.array(best) - [4, 1, 0, 1, 4]) / 4)
    expected = np.exp(share / share.sum() @ np.log([1, 2, 4, 8, 16]))
    assert twins.concentration() == pytest.approx(expected, rel=1e-6)
    assert expected != pytest.approx(4, rel=0.01)


def test_the_labels_determine_the_concentration():
    """Where they are of any class, that rows lie in one direction means nothing."""
    tight = normalize(np.eye(3, 12)[CODES] + 0.05 * RNG.normal(size=(400, 12)) + 0.3)
    sure = twins_of(tight[:90], CODES[:90], tight).concentration()
    unsure = twins_of(tight[:90], RNG.permutation(CODES[:90]), tight).concentration()
    assert 1 <= unsure < sure <= 16


def test_concentration_does_not_depend_on_the_order():
    order = RNG.permutation(60)
    once = twins_of(ROWS[:60], CODES[:60], ROWS).concentration()
    shuffled = twins_of(ROWS[:60][order], CODES[:60][order], ROWS).concentration()
    assert shuffled == pytest.approx(once, rel=1e-3)
