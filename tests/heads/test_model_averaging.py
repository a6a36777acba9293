"""Weights of the candidates of an averaged head."""

import numpy as np

from skactive.heads.model_averaging import candidate_weights


def test_candidate_weights_by_hand():
    evidence = np.array([-10.0, -16.0, -12.0])
    anchored = np.array([True, True, False])
    weights = candidate_weights(evidence, anchored, prior_z_score=0.5, n_labels=50)
    odds, within = np.exp(2.0), np.exp(-1.5)
    expected = [odds / (1 + within), odds * within / (1 + within), 1.0]
    np.testing.assert_allclose(weights, np.array(expected) / (1 + odds))
    better = candidate_weights(evidence, anchored, prior_z_score=1.5, n_labels=80)
    np.testing.assert_allclose(better[:2].sum() / better[2], odds * np.exp(2.0))
    plain = [candidate_weights(evidence, anchored, z_score, 50) for z_score in (2.0, 20.0)]
    np.testing.assert_array_equal(*plain)
    few = candidate_weights(evidence, anchored, prior_z_score=0.5, n_labels=25)
    np.testing.assert_allclose(few[:2].sum() / few[2], odds * np.exp(3.0))
