"""CoDecision and Selective: by hand."""

import numpy as np
import pytest

from skactive.strategies import CoDecision, PoolView, Selective
from tests.support.strategies import make_view

PRIOR = np.array([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2], [0.1, 0.9]])
HEAD = np.array([[0.7, 0.3], [0.8, 0.2], [0.5, 0.5], [0.5, 0.5]])


def binary_entropy(p):
    return -(p * np.log(p) + (1 - p) * np.log(1 - p))


def test_co_decision_by_hand():
    view = PoolView(4, prior_proba=PRIOR, head_proba=HEAD)
    # products 63:3, 48:8, 40:10, 5:45; three rows in the first class, one in the second
    expected = binary_entropy(np.array([63 / 66, 48 / 56, 40 / 50, 5 / 50]))
    expected[3] /= 3
    np.testing.assert_allclose(CoDecision().score(view), expected)
    # noise set: rows 1 and 2; the head is less sure of row 2
    np.testing.assert_array_equal(CoDecision(noise_ratio=0.5).select(view, 2), [2, 1])
    positions, codes = CoDecision(noise_ratio=0.5).clean_set(view)
    np.testing.assert_array_equal(positions, [0, 3])
    np.testing.assert_array_equal(codes, [0, 1])


def test_the_noise_set_has_at_least_n_rows():
    view = PoolView(4, prior_proba=PRIOR, head_proba=HEAD)
    np.testing.assert_array_equal(CoDecision(noise_ratio=0.25).select(view, 3), [2, 0, 1])


def test_noise_ratio_zero_and_one():
    view = make_view()
    assert len(CoDecision(noise_ratio=0.0).clean_set(view)[0]) == 60
    assert len(CoDecision(noise_ratio=1.0).clean_set(view)[0]) == 0


def test_prior_stands_in_for_a_missing_head():
    alone = CoDecision().select(make_view(head_proba=None), 5)
    both = CoDecision().select(make_view(head_proba=make_view().prior_proba), 5)
    np.testing.assert_array_equal(alone, both)


def test_contradicting_certain_predictions_give_no_nan():
    view = PoolView(2, prior_proba=np.eye(2), head_proba=np.eye(2)[::-1])
    np.testing.assert_allclose(CoDecision().score(view), np.log(2))


@pytest.mark.parametrize("ratio", [-0.1, 1.5, "half"])
def test_noise_ratio_is_a_fraction(ratio):
    with pytest.raises(ValueError, match=f"'noise_ratio' parameter of CoDecision .* {ratio!r}"):
        CoDecision(noise_ratio=ratio).clean_set(make_view())


def test_selective_by_hand():
    prior = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.4, 0.6], [0.3, 0.7]])
    joint = np.array([[0.5, 0.5], [0.6, 0.4], [0.5, 0.5], [0.1, 0.9], [0.5, 0.5]])
    view = PoolView(5, prior_proba=prior, proba=joint)
    # thresholds: 0.8 for the first class, 0.7 for the second
    np.testing.assert_allclose(Selective().score(view), [-0.1, 0.1, -0.1, 0.1, 0], atol=1e-12)
    # rows 1 and 3 are unsure, by their joint margin; then those least above their thresholds
    np.testing.assert_array_equal(Selective().select(view, 5), [1, 3, 4, 0, 2])
    positions, codes = Selective().clean_set(view)
    np.testing.assert_array_equal(positions, [0, 2, 4])
    np.testing.assert_array_equal(codes, [0, 1, 1])


def test_selective_uses_the_prior_without_proba():
    picks = Selective().select(make_view(proba=None), 5)
    same = Selective().select(make_view(proba=make_view().prior_proba), 5)
    np.testing.assert_array_equal(picks, same)
