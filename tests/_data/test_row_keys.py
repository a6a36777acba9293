"""Keys and sketches of rows: equal exactly where the rows are equal."""

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from scipy import sparse

from skactive._data.batch import Batch
from skactive._data.containers import as_object_array
from skactive._data.row_keys import row_keys, row_sketches
from tests.support.rows import SAME_TABLE, TABLE

few_numbers = st.sampled_from([-1.0, -0.0, 0.0, 0.5, 1.0, 2.0, np.inf, np.nan])
small_tables = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 8), st.integers(1, 3)), elements=few_numbers
)
quick = settings(max_examples=60, deadline=None)


def equal_rows(first, second):
    """Brute force: equal as numbers, where NaN equals NaN."""
    return np.array([[np.array_equal(a, b, equal_nan=True) for b in second] for a in first])


@quick
@given(X=small_tables)
@example(X=np.array([[0.0], [-0.0], [np.nan], [-np.nan]]))
def test_keys_are_equal_exactly_where_rows_are(X):
    keys = row_keys(X)
    np.testing.assert_array_equal(keys[:, None] == keys[None], equal_rows(X, X))


@quick
@given(X=small_tables)
def test_equal_rows_have_equal_sketches(X):
    sketches = row_sketches(X)
    equal = equal_rows(X, X)
    assert (sketches[:, None] == sketches[None])[equal].all()
    assert (sketches > 0).all()


@pytest.mark.parametrize("name", SAME_TABLE)
def test_keys_do_not_depend_on_container_or_dtype(name):
    assert (row_keys(SAME_TABLE[name]) == row_keys(TABLE)).all()


def test_sketches_of_different_rows_differ():
    X = np.random.default_rng(0).normal(size=(2000, 20))
    assert len(np.unique(row_sketches(X))) == 2000


@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.csc_array, sparse.coo_array])
def test_sparse_rows_are_equal_whatever_is_stored(make):
    assert (row_keys(make(TABLE)) == row_keys(sparse.csr_array(TABLE * 1.0))).all()
    explicit_zero = sparse.csr_array((np.array([0.0, 5.0]), ([0, 0], [0, 1])), shape=(1, 3))
    assert row_keys(explicit_zero) == row_keys(make(np.array([[0, 5, 0]])))


def test_sparse_rows_of_equal_numbers_in_other_columns_differ():
    keys = row_keys(sparse.eye_array(4, format="csr"))
    assert len(set(keys)) == 4


def test_a_missing_value_in_another_row_does_not_change_a_key():
    whole = pd.DataFrame({"a": pd.array([1, 2, None], dtype="Int64")})
    known = whole.iloc[:1]
    assert Batch(whole).find(row_keys(known), row_sketches(known)).tolist() == [True, False, False]


def test_texts_in_wider_columns_are_the_same_texts():
    narrow, wide = np.array([["a", "b"]]), np.array([["a", "b"], ["longer", "c"]])
    assert (row_keys(narrow) == row_keys(wide)).tolist() == [True, False]
    assert (row_keys(narrow) == row_keys(wide.astype(object))).tolist() == [True, False]


def test_keys_depend_on_the_boundary_between_two_texts():
    keys = row_keys(np.array([["ab", "c"], ["a", "bc"]], dtype=object))
    assert keys[0] != keys[1]


@pytest.mark.parametrize(
    ("one", "other"),
    [("1", 1), (b"a", "a"), ("", None), (0, None), ("nan", float("nan"))],
)
def test_objects_of_two_types_have_different_keys(one, other):
    keys = row_keys(as_object_array([one, other]))
    assert keys[0] != keys[1]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (True, np.float32(1)),
        (0.0, -0.0),
        (float("nan"), -float("nan")),
        ("a", np.str_("a")),
        ("a/b", Path("a/b")),
    ],
)
def test_equal_objects_have_equal_keys(one, other):
    keys = row_keys(as_object_array([one, other]))
    assert keys[0] == keys[1]


def test_images_in_a_list_a_stack_and_as_pil_have_equal_keys():
    stack = np.random.default_rng(0).integers(0, 256, (3, 4, 5, 3), dtype=np.uint8)
    expected = row_keys(stack)
    assert len(set(expected)) == 3
    assert (row_keys(as_object_array(list(stack))) == expected).all()
    assert (
        row_keys(as_object_array([Image.fromarray(picture) for picture in stack])) == expected
    ).all()


def test_keys_depend_on_the_palette_of_an_image():
    def image(positions, palette):
        image = Image.new("P", (2, 1))
        image.putdata(positions)
        image.putpalette(palette)
        return image

    red_green, blue_green = [255, 0, 0, 0, 255, 0], [0, 0, 255, 0, 255, 0]
    one, recolored = image([0, 1], red_green), image([0, 1], blue_green)
    equal = image([1, 0], red_green[3:] + red_green[:3])
    rows = [one, recolored, equal, one.convert("PA"), recolored.convert("PA")]
    keys = row_keys(as_object_array(rows))
    assert keys[0] == keys[2] == keys[3]
    assert keys[1] == keys[4] != keys[0]


def test_keys_depend_on_the_shape_of_an_image():
    keys = row_keys(as_object_array([np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8)]))
    assert keys[0] != keys[1]


def test_one_changed_pixel_changes_the_key():
    stack = np.zeros((2, 8, 8), np.uint8)
    stack[1, 3, 3] = 1
    known = stack[:1]
    assert Batch(stack).find(row_keys(known), row_sketches(known)).tolist() == [True, False]


def test_a_lone_surrogate_is_hashed_as_text():
    assert len(set(row_keys(as_object_array(["\ud800", "\ud801"])))) == 2


def test_keys_do_not_depend_on_the_chunks(monkeypatch):
    X = np.random.default_rng(0).normal(size=(50, 3))
    whole = row_keys(X)
    monkeypatch.setattr("skactive._data.row_keys._CHUNK", 7)
    assert (row_keys(X) == whole).all()


def test_missing_values_are_equal_in_every_container():
    table = pd.DataFrame(
        {"age": [20, np.nan, 40, 50.5], "job": ["x", None, "y", None], "paid": [1, 0, np.nan, 1]}
    )
    keys = row_keys(table)
    others = [table.convert_dtypes(), table.astype(object).where(table.notna(), None)]
    for other in (*others, table.convert_dtypes(dtype_backend="pyarrow"), pl.from_pandas(table)):
        np.testing.assert_array_equal(row_keys(other), keys)
    numbers = table[["age", "paid"]]
    for other in (numbers.convert_dtypes(), numbers.astype(object), pl.from_pandas(numbers)):
        np.testing.assert_array_equal(row_keys(other), row_keys(numbers.to_numpy()))
    assert len(set(row_keys(pd.DataFrame({"a": [1, None, 0], "b": ["x", "x", "x"]})))) == 3
