"""Ranking by scores: against sorting."""

import numpy as np
import pytest

from skactive.kernels import ranking
from skactive.kernels.ranking import highest, highest_first, top_n, two_largest


def test_top_n_puts_nan_last_and_keeps_the_order_of_equal_scores():
    scores = np.array([np.nan, 1.0, 2.0, np.nan, 2.0])
    assert top_n(scores, 5).tolist() == [2, 4, 1, 0, 3]
    assert top_n(scores, 0).tolist() == []


@pytest.mark.parametrize("order", ["random", "rising", "falling", "level"])
@pytest.mark.parametrize("n", [1, 7, 300])
def test_highest_in_chunks_equals_sorting(order, n, monkeypatch):
    monkeypatch.setattr(ranking, "_CHUNK", 16)
    scores = np.random.default_rng(0).integers(0, 50, 300).astype(float)
    scores = {"rising": np.sort(scores), "falling": -np.sort(-scores), "level": 0 * scores}.get(
        order, scores
    )
    expected = np.argsort(-scores, kind="stable")[:n]
    np.testing.assert_array_equal(top_n(scores, n), expected)
    near = np.flatnonzero(scores >= scores[expected[-1]] - 2.5)
    np.testing.assert_array_equal(highest(np.array_split(scores, 19), n, slack=2.5), near)


@pytest.mark.parametrize("n_values", [1, 5, 10_000])
def test_highest_first_equals_a_stable_sort(n_values):
    scores = np.random.default_rng(0).integers(n_values, size=3000) / 7
    np.testing.assert_array_equal(highest_first(scores), np.argsort(-scores, kind="stable"))
    assert highest_first(scores[:0]).tolist() == []


@pytest.mark.parametrize("n_columns", [1, 2, 3, 8, 11])
def test_two_largest_of_each_row(n_columns):
    rows = np.random.default_rng(0).integers(0, 5, size=(40, n_columns)).astype(np.float32)
    expected = np.sort(np.column_stack([rows, np.zeros(40, dtype=np.float32)]), axis=1)
    first, second = two_largest(rows.copy(), np.empty_like(rows))
    np.testing.assert_array_equal(first, expected[:, -1])
    np.testing.assert_array_equal(second, expected[:, -2])
