"""Columns of any type as numbers, indicators and embeddings."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skactive.heads.table_columns import TableColumns


def blocks(table, rows=None):
    columns = TableColumns().fit(table)
    return columns.transform(table if rows is None else rows)


@pytest.mark.parametrize(
    "values",
    [
        [1, 2, 3],
        pd.array([1, 2, 3], dtype="Int64"),
        [True, False, True],
        [Decimal("1.5"), None, Decimal("2")],
        np.array([1.0, np.nan, 2.0], dtype=np.float32),
    ],
)
def test_numbers_stay_numbers(values):
    numbers, indicators, embeddings = blocks(pd.DataFrame({"a": values}))
    missing = pd.isna(np.asarray(values, dtype=object))
    expected = [np.nan if m else float(v) for v, m in zip(values, missing, strict=True)]
    np.testing.assert_array_equal(numbers.ravel(), expected)
    np.testing.assert_array_equal(
        indicators, missing[:, None] if missing.any() else np.empty((3, 0))
    )
    assert embeddings.shape == (3, 0)


def test_durations_are_seconds():
    table = pd.DataFrame({"a": pd.to_timedelta([1, 2, None], "min")})
    np.testing.assert_array_equal(blocks(table).numbers.ravel(), [60, 120, np.nan])


@pytest.mark.parametrize("zone", [None, UTC])
def test_dates_become_the_parts_that_vary(zone):
    days = [datetime(2024, 1, 31, 6, tzinfo=zone), None, datetime(2024, 3, 1, 6, tzinfo=zone)]
    numbers, indicators, _ = blocks(pd.DataFrame({"a": days}))
    # 2024-01-31 is a Wednesday, 30 days before 2024-03-01, a Friday; the hour is constant
    first = (datetime(2024, 1, 31, 6) - datetime(1970, 1, 1)) / timedelta(days=1)
    np.testing.assert_allclose(numbers[:, 0], [first, np.nan, first + 30])
    np.testing.assert_array_equal(numbers[:, 1], [0, np.nan, 2])
    assert (numbers[2, 2] - numbers[0, 2]) % 7 == 2
    assert numbers.shape[1] == 3
    np.testing.assert_array_equal(indicators.ravel(), [0, 1, 0])


def test_strings_of_dates_are_dates_and_no_categories():
    texts = ["2024-01-31T06:00", None, "2024-03-01 06:00:00", "2024-03-02T08:00+02:00"]
    dates = [datetime(2024, 1, 31, 6), None, datetime(2024, 3, 1, 6), datetime(2024, 3, 2, 6)]
    found, expected = (blocks(pd.DataFrame({"a": values})) for values in (texts, dates))
    np.testing.assert_array_equal(found.numbers, expected.numbers)
    np.testing.assert_array_equal(found.indicators, expected.indicators)
    for others in (["20240131", "20240301"], ["2024-01-31", "2024-02-31"], ["2024-01-31", ""]):
        assert blocks(pd.DataFrame({"a": others})).indicators.shape == (2, 2)
    days = pd.DataFrame({"day": ["2024-01-31", "2024-03-01"]})
    with pytest.raises(ValueError, match="'day' held dates in fit and now holds 'soon'"):
        blocks(days, pd.DataFrame({"day": ["2024-01-31", "soon"]}))


def test_the_same_numbers_from_pandas_polars_and_object_arrays():
    table = pd.DataFrame(
        {
            "day": pd.date_range("2024-01-01", periods=20, freq="37h"),
            "kind": pd.Categorical(["a", "b", None, "c"] * 5),
            "name": ["x", None, "y", "z"] * 5,
            "size": np.r_[np.nan, np.arange(19.0)],
            "open": [True, False] * 10,
        }
    )
    expected = blocks(table)
    assert expected.numbers.shape[1] > 4
    for other in (pl.from_pandas(table), table.astype(object).to_numpy()):
        for got, block in zip(blocks(other), expected, strict=True):
            np.testing.assert_array_equal(got, block)


def test_categories_by_hand_with_unseen_ones():
    table = pd.DataFrame({"a": ["x", "y", "x", None]})
    indicators = blocks(table, pd.DataFrame({"a": ["y", "new", None]})).indicators
    np.testing.assert_array_equal(indicators, [[0, 1, 0], [0, 0, 0], [0, 0, 1]])


@pytest.mark.parametrize(
    ("values", "later"),
    [
        ([1, 2, 3], [3.0, None, 1.0]),
        ([1.0, 2.5, None], [1, 2, 1]),
        ([True, False], [0.0, 1.0, None]),
        ([1, 2, "x"], [Decimal("1.0"), np.float32(2), "x"]),
        ([Decimal("1.50"), Decimal("3")], [3, 1.5, 3]),
    ],
)
def test_categories_that_are_equal_numbers_are_the_same_in_any_type(values, later):
    table, rows = (pd.DataFrame({"a": pd.Categorical(column)}) for column in (values, later))
    expected = [[old == new for old in values if old is not None] for new in later]
    indicators = blocks(table, rows).indicators
    order = np.argsort([str(int(v) if isinstance(v, bool) else v) for v in values if v is not None])
    np.testing.assert_array_equal(indicators[:, : len(order)], np.array(expected)[:, order])


def test_weights_count_as_repeated_rows_in_the_frequencies_of_categories():
    names = np.r_[np.repeat([f"k{i:02d}" for i in range(40)], 2), ["zz"]]
    weight = np.r_[np.ones(80), 30.0]
    table = pd.DataFrame({"a": names})
    weighted = TableColumns().fit(table, weight).transform(table).indicators
    repeated = table.iloc[np.repeat(np.arange(81), weight.astype(int))]
    np.testing.assert_array_equal(weighted, blocks(repeated, table).indicators)
    np.testing.assert_array_equal(weighted[-1], np.eye(32)[0])


def test_equal_frequencies_are_sorted_by_name_in_any_order_of_the_rows():
    names, weight = np.repeat(["a", "b"], 3), np.array([0.3, 0.2, 0.1, 0.1, 0.3, 0.2])
    table = pd.DataFrame({"a": names})
    indicators = TableColumns().fit(table, weight).transform(table).indicators
    np.testing.assert_array_equal(indicators, np.repeat(np.eye(2), 3, axis=0))


def test_ten_thousand_categories_give_32_indicators():
    names = [f"id{i}" for i in range(10_000)] + ["frequent"] * 2
    indicators = blocks(pd.DataFrame({"a": names})).indicators
    assert indicators.shape == (10_002, 32)
    assert indicators.sum() == 33


def test_constant_and_empty_columns_are_left_out_whatever_they_hold_later():
    table = pd.DataFrame({"one": [1, 1], "none": [None, None], "nan": [np.nan] * 2, "a": [1, 2]})
    later = pd.DataFrame({"one": ["x", "y"], "none": ["a", "b"], "nan": [3, 4], "a": [5, np.nan]})
    columns = TableColumns().fit(table)
    np.testing.assert_array_equal(columns.transform(later).numbers, [[5], [np.nan]])
    assert columns.n_used == 1


def test_a_column_of_numbers_may_be_empty_later():
    later = pd.DataFrame({"a": [None, None]})
    assert np.isnan(blocks(pd.DataFrame({"a": [1, 2]}), later).numbers).all()


def test_texts_need_an_encoder():
    table = pd.DataFrame({"n": [1, 2], "note": ["the door does not close", None]})
    with pytest.raises(ValueError, match=r"Column 'note' holds texts.*text_encoder=SentenceEnc"):
        TableColumns().fit(table)
    assert blocks(table.astype({"note": "category"})).indicators.shape == (2, 2)

    class Lengths:
        def transform(self, texts):
            return np.array([[len(text)] for text in texts])

    embeddings = TableColumns(Lengths()).fit(table).transform(table).embeddings
    np.testing.assert_array_equal(embeddings.ravel(), [23, 0])


def test_errors_name_the_column():
    table = pd.DataFrame({"size": [1.0, 2.0]})
    with pytest.raises(ValueError, match=r"'size' held numbers in fit and now holds 'big'"):
        blocks(table, pd.DataFrame({"size": [None, "big"]}))
    days = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=2)})
    with pytest.raises(ValueError, match=r"'day' held dates in fit and now holds.*3\.0"):
        blocks(days, pd.DataFrame({"day": [3.0, 4.0]}))
    with pytest.raises(ValueError, match="'size' contains infinity"):
        blocks(pd.DataFrame({"size": [1.0, np.inf]}))
