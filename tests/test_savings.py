"""The arithmetic of label savings, by its properties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from skactive._savings import cost_to_reach, mean_lead

scores = hnp.arrays(np.float64, st.integers(2, 12), elements=st.floats(0, 1, width=16))


@given(scores, st.floats(0, 1))
@settings(max_examples=200, deadline=None)
def test_cost_to_reach_is_where_the_curve_first_is_at_the_target(curve, target):
    curve = np.sort(curve)
    n = 20.0 * np.arange(len(curve))
    at = cost_to_reach(target, n, curve)
    if target > curve[-1]:
        assert at == np.inf
    else:
        assert np.interp(at, n, curve) >= target - 1e-9
        assert at == 0 or (np.interp(at - 1e-3, n, curve) < target + 1e-9)


@given(scores, scores)
@settings(max_examples=100, deadline=None)
def test_lead_is_the_mean_of_the_difference(a, b):
    n, m = 20.0 * np.arange(len(a)), 20.0 + 10 * np.arange(len(b))
    low, high = 20.0, min(n[-1], m[-1])
    lead = mean_lead((n, a), (m, b))
    grid = np.linspace(low, high, 4001)
    assert lead == pytest.approx((np.interp(grid, n, a) - np.interp(grid, m, b)).mean(), abs=2e-3)
    assert mean_lead((m, b), (n, a)) == pytest.approx(-lead)


def test_curves_without_a_common_cost_have_no_lead():
    one, other = np.array([0.0, 1.0]), np.array([2.0, 3.0])
    assert np.isnan(mean_lead((one, one), (other, other)))
