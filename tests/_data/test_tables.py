"""Numeric matrices of tables, and empty columns."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from skactive import ActiveClassifier
from skactive._data.tables import fill_empty_columns, table_matrix
from tests.support.tables import TABLE


def test_numbers_are_standardized_and_missing_values_imputed_by_the_mean():
    table = pd.DataFrame({"a": [1.0, 3.0, np.nan], "b": [-1e9, 1e9, 0.0]})
    expected = [[-1, -(1.5**0.5)], [1, 1.5**0.5], [0, 0]]
    np.testing.assert_allclose(table_matrix(table)(table), expected, rtol=1e-6)


def test_categories_become_columns_most_frequent_first():
    table = pd.DataFrame({"a": ["x", "y", "y", None, "y", "x"]})
    expected = np.array([[0, 1, 0], [1, 0, 0], [1, 0, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(table_matrix(table)(table), expected)
    unknown = table_matrix(table)(pd.DataFrame({"a": ["z"]}))
    np.testing.assert_array_equal(unknown, [[0, 0, 0]])


def test_two_categories_are_as_far_apart_as_two_numbers_on_average():
    rng = np.random.default_rng(1)
    numbers = rng.normal(size=(500, 1))
    matrix = table_matrix(numbers)(numbers)
    squares = (matrix - matrix.T) ** 2
    assert squares.mean() == pytest.approx(2)
    texts = np.array([["x"], ["y"]], dtype=object)
    one, other = table_matrix(texts)(texts)
    assert ((one - other) ** 2).sum() == pytest.approx(2)


def test_rare_categories_are_dropped():
    names = [f"name {i}" for i in range(100)] + ["often"] * 3
    matrix = table_matrix(pd.DataFrame({"a": names}))(pd.DataFrame({"a": ["often", "name 0"]}))
    assert matrix.shape == (2, 32)
    assert matrix[0, 0] == 1


def test_categories_that_are_numbers_are_categories():
    table = pd.DataFrame({"a": pd.Categorical([1, 2, 9])})
    assert table_matrix(table)(table).shape == (3, 3)


@pytest.mark.parametrize(
    "column", [np.full(4, np.nan), [None] * 4, pd.array([pd.NA] * 4, dtype="Int64"), np.ones(4)]
)
def test_a_constant_or_empty_column_becomes_zero(column):
    table = pd.DataFrame({"a": column})
    np.testing.assert_array_equal(table_matrix(table)(table), np.zeros((4, 1)))
    if table["a"].isna().all():
        texts = pd.DataFrame({"a": ["x", "y"]})
        np.testing.assert_array_equal(table_matrix(table)(texts), np.zeros((2, 1)))


@pytest.mark.parametrize(
    "container",
    [
        lambda frame: frame,
        lambda frame: frame.astype("Float64"),
        lambda frame: pl.DataFrame(frame.to_dict("list")).with_columns(pl.all().fill_nan(None)),
        lambda frame: frame.to_numpy(),
        lambda frame: frame.to_numpy().astype(object),
    ],
    ids=["pandas", "nullable", "polars", "array", "objects"],
)
def test_the_container_does_not_matter(container):
    frame = pd.DataFrame({"a": [1.0, np.nan, 4.0], "b": [0.0, 1.0, 1.0]})
    table = container(frame)
    np.testing.assert_array_equal(table_matrix(table)(table), table_matrix(frame)(frame))


@pytest.mark.parametrize(
    "container",
    [
        lambda frame: frame,
        lambda frame: frame.rename(columns={"a": 0, "b": 1, "c": 2}),
        lambda frame: frame.to_numpy(),
        lambda frame: pl.DataFrame(frame.to_dict("list")),
    ],
    ids=["pandas", "numbers for names", "array", "polars"],
)
def test_a_column_of_labeled_rows_without_any_number(container):
    frame = pd.DataFrame({"a": [np.nan] * 6, "b": [0, np.nan, 0, 1, 1, 1.0], "c": [np.nan] * 6})
    rows, y = container(frame), [0, 0, 0, 1, 1, 1]
    filled = np.asarray(fill_empty_columns(rows))
    np.testing.assert_array_equal(filled, np.column_stack([np.zeros(6), frame["b"], np.zeros(6)]))
    clf = ActiveClassifier(HistGradientBoostingClassifier(min_samples_leaf=1), random_state=0)
    assert clf.fit(rows, y).score(rows, y) == 1
    assert np.isnan(np.asarray(rows, dtype=float)).sum() == 13


def test_columns_with_values_are_not_filled():
    some = TABLE.drop(columns="empty")
    assert fill_empty_columns(some) is some
    assert fill_empty_columns(TABLE)["color"].dtype == "category"
