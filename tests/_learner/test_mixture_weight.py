"""The mixture weight of the prior-based component: against numerical integration."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from skactive._learner.mixture_weight import mixture_weight

LIKELIHOODS = st.lists(st.tuples(*[st.floats(0, 1)] * 2, st.integers(0, 2)), min_size=1)


@pytest.mark.parametrize(
    ("z_score", "prior_odds"), [(-3, 25), (0, 25), (0.5, 25.08), (0.6, 25.16), (9, 25.4)]
)
def test_mixture_weight_by_integration(z_score, prior_odds):
    with_prior, without = np.array([0.9, 0.2, 0.6]), np.array([0.5, 0.4, 0.1])
    codes, weight = np.array([0, 0, 1]), np.array([1.0, 2.0, 1.0])
    sample_weight = weight / np.sqrt([3, 3, 1])
    sample_weight *= 4 / sample_weight.sum()

    def posterior(mixture):
        mixed = mixture * with_prior + (1 - mixture) * without
        return mixture**prior_odds * np.prod((0.9 * mixed + 0.1 / 2) ** sample_weight)

    expected = (
        quad(lambda mixture: mixture * posterior(mixture), 0, 1)[0] / quad(posterior, 0, 1)[0]
    )
    assert mixture_weight(with_prior, without, codes, weight, 2, z_score) == pytest.approx(
        expected, abs=0.01
    )


@pytest.mark.parametrize("z_score", [-2, 1.8, 3])
def test_prior_odds_against_a_prior_that_contradicts_the_labels(z_score):
    """With 100 labels, a useful prior has an expected z-score of 4."""
    odds_against = 0.8 * min(2 * max(8 - 4 * z_score, 0), 4)
    prior_odds = 1 + max(4 * z_score - 8, 0)
    held_out, codes = np.full(100, 0.5), np.repeat([0, 1], 50)
    mixture = mixture_weight(held_out, held_out, codes, np.ones(100), 2, z_score)
    # a constant likelihood leaves a beta distribution
    assert mixture == pytest.approx((prior_odds + 1) / (prior_odds + odds_against + 2), abs=0.01)


def test_twenty_labels_give_no_odds_against_a_prior():
    held_out, codes = np.full(20, 0.5), np.zeros(20, dtype=int)
    mixtures = [mixture_weight(held_out, held_out, codes, np.ones(20), 1, z) for z in (-4.0, 0.0)]
    assert mixtures[0] == mixtures[1] > 0.8


@settings(deadline=None)
@given(LIKELIHOODS, st.integers(0, 2**32 - 1))
def test_properties_for_any_likelihoods(rows, seed):
    with_prior, without, codes = (np.array(column) for column in zip(*rows, strict=True))
    weight = np.ones(len(rows))
    mixture = mixture_weight(with_prior, without, codes, weight, 3, 0.0)
    assert 0 < mixture < 1
    order = np.random.default_rng(seed).permutation(len(rows))
    shuffled = mixture_weight(with_prior[order], without[order], codes[order], weight, 3, 0.0)
    assert shuffled == pytest.approx(mixture)
    better = np.maximum(with_prior, without)
    assert mixture_weight(better, without, codes, weight, 3, 0.0) >= mixture - 1e-9
    few = mixture_weight(with_prior, without, codes, weight / 10, 3, 0.0)
    assert few > 0.5  # the prior odds outweigh a tenth of the evidence


def test_rows_without_held_out_predictions_are_ignored():
    with_prior, without = np.array([0.9, np.nan, 0.2]), np.array([0.5, 0.3, np.nan])
    codes, weight = np.array([0, 0, 0]), np.ones(3)
    # the remaining row has the weight of all three
    alone = mixture_weight(np.array([0.9]), np.array([0.5]), codes[:1], np.array([3.0]), 3, 0.0)
    assert mixture_weight(with_prior, without, codes, weight, 3, 0.0) == pytest.approx(alone)
    nothing = np.full(3, np.nan)
    assert mixture_weight(nothing, nothing, codes, weight, 3, 0.0) > 0.9
