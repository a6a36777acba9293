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
    """With the clusters of a pool, whose prototypes are fitted without the held-out labels."""
    labeled = TrainingRows(ROWS[:60], CODES[:60], np.ones(60), None)
    head = SoftmaxHead().fit(labeled.X, labeled.y)
    clusters = cluster_rows(ROWS, None, np.random.default_rng(0))
    component = MixtureComponent(head, np.arange(3))
    held_out = CrossFittedModels(component, labeled, clusters).held_out_proba(3.0)
    for rows, without in head.held_out_heads_:
        copy = MixtureComponent(without, np.arange(3))
        copy.fit_prototypes(clusters, labeled.take(~rows))
        copy.concentration = 3.0
        proba = copy.proba(ROWS[:60][rows], None)
        np.testing.assert_allclose(held_out[rows], proba[np.arange(rows.sum()), CODES[:60][rows]])
    assert component.prototypes is None


def test_no_held_out_predictions_where_all_rows_are_equal():
    head = SoftmaxHead().fit(np.ones((6, 2)), [0, 1, 0, 1, 1, 1])
    labeled = TrainingRows(np.ones((6, 2)), np.array([0, 1, 0, 1, 1, 1]), np.ones(6), None)
    assert head.held_out_heads_ == []
    models = CrossFittedModels(MixtureComponent(head, np.arange(2)), labeled, None)
    assert np.isnan(models.held_out_proba(4.0)).all()
    assert models.concentration() == 4


def cross_fitted(rows, codes, pool):
    """Cross-fitted models of a component without a prior."""
    labeled = TrainingRows(rows, codes, np.ones(len(rows)), None)
    clusters = cluster_rows(pool, None, np.random.default_rng(0))
    return CrossFittedModels(
        MixtureComponent(SoftmaxHead().fit(rows, codes), np.arange(3)), labeled, clusters
    )


def test_concentration_by_brute_force():
    codes = np.concatenate([CODES[:50], (CODES[50:60] + 1) % 3])
    models = cross_fitted(ROWS[:60], codes, ROWS)
    counts = np.bincount(codes)
    best = []
    for concentration in (1, 2, 4, 8, 16):
        tried = []
        for power in (0.4, 0.6, 1, 1.6, 2.4):
            total = 0
            for held_out, copy, rows, _ in models._copies:
                copy.concentration = concentration
                proba = copy.proba(rows, None) ** power
                proba /= proba.sum(axis=1, keepdims=True)
                for row_proba, code in zip(proba, codes[held_out], strict=True):
                    total += np.log(0.9 * row_proba[code] + 0.1 / 3) / counts[code] ** 0.5
            tried.append(total * 60 / (counts**0.5).sum())
        best.append(max(tried))
    weight = np.exp((np.array(best) - [4, 1, 0, 1, 4]) / 4)
    expected = np.exp(weight / weight.sum() @ np.log([1, 2, 4, 8, 16]))
    assert models.concentration() == pytest.approx(expected, rel=1e-6)
    assert expected != pytest.approx(4, rel=0.01)


def test_the_labels_determine_the_concentration():
    """Random labels lower the concentration."""
    rng = np.random.default_rng(1)
    tight = normalize(np.eye(3, 12)[CODES] + 0.05 * rng.normal(size=(400, 12)) + 0.3)
    sure = cross_fitted(tight[:90], CODES[:90], tight).concentration()
    unsure = cross_fitted(tight[:90], rng.permutation(CODES[:90]), tight).concentration()
    assert 1 <= unsure < sure <= 16


def test_concentration_does_not_depend_on_the_order():
    rng = np.random.default_rng(1)
    order = rng.permutation(60)
    once = cross_fitted(ROWS[:60], CODES[:60], ROWS).concentration()
    shuffled = cross_fitted(ROWS[:60][order], CODES[:60][order], ROWS).concentration()
    assert shuffled == pytest.approx(once, rel=1e-3)
