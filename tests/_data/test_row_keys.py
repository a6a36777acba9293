"""Rows of any kind: whether two of them are the same must not depend on what they came in."""

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

from skactive._data import containers
from skactive._data.batch import Batch
from skactive._data.containers import (
    LazySubset,
    as_object_array,
    by_blocks,
    concatenate,
    is_texts,
    repeat_by_weight,
    select,
    take,
)
from skactive._data.row_keys import row_keys, row_sketches
from skactive._utils.compat import n_rows

few_numbers = st.sampled_from([-1.0, -0.0, 0.0, 0.5, 1.0, 2.0, np.inf, np.nan])
small_tables = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 8), st.integers(1, 3)), elements=few_numbers
)
quick = settings(max_examples=60, deadline=None)

TABLE = np.array([[1, 0, 3], [4, 5, 0], [1, 0, 3], [0, 0, 0]])
SAME_TABLE = {
    "int64": TABLE,
    "int8": TABLE.astype(np.int8),
    "uint8": TABLE.astype(np.uint8),
    "float64": TABLE.astype(np.float64),
    "float32": TABLE.astype(np.float32),
    "float16": TABLE.astype(np.float16),
    "object": TABLE.astype(object),
    "Fortran": np.asfortranarray(TABLE),
    "big-endian": TABLE.astype(">f8"),
    "strided": np.repeat(TABLE, 2, axis=1)[:, ::2],
    "pandas": pd.DataFrame(TABLE, columns=list("abc")),
    "pandas nullable": pd.DataFrame(TABLE, columns=list("abc")).astype("Int64"),
    "pandas mixed": pd.DataFrame({"a": TABLE[:, 0], "b": TABLE[:, 1] * 1.0, "c": TABLE[:, 2]}),
    "polars": pl.DataFrame(TABLE, schema=list("abc")),
    "list of arrays": as_object_array(list(TABLE)),
}


def equal_rows(first, second):
    """Brute force: equal as numbers, one NaN being like another."""
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


@quick
@given(X=small_tables, known=small_tables)
def test_find_equals_brute_force(X, known):
    if X.shape[1] != known.shape[1]:
        known = X[::2]
    found = Batch(X).find(row_keys(known), row_sketches(known))
    np.testing.assert_array_equal(found, equal_rows(X, known).any(axis=1))


@pytest.mark.parametrize("name", SAME_TABLE)
def test_keys_do_not_depend_on_container_or_dtype(name):
    assert (row_keys(SAME_TABLE[name]) == row_keys(TABLE)).all()


@pytest.mark.parametrize("pool", SAME_TABLE)
@pytest.mark.parametrize("labeled", ["float32", "pandas", "object"])
def test_known_rows_are_found_in_any_container(pool, labeled):
    known = take(SAME_TABLE[labeled], np.array([0, 3]))
    found = Batch(SAME_TABLE[pool]).find(row_keys(known), row_sketches(known))
    assert found.tolist() == [True, False, True, True]


def test_sketches_tell_most_rows_apart():
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


def test_a_missing_value_elsewhere_does_not_change_a_row():
    whole = pd.DataFrame({"a": pd.array([1, 2, None], dtype="Int64")})
    known = whole.iloc[:1]
    assert Batch(whole).find(row_keys(known), row_sketches(known)).tolist() == [True, False, False]


def test_texts_in_wider_columns_are_the_same_texts():
    narrow, wide = np.array([["a", "b"]]), np.array([["a", "b"], ["longer", "c"]])
    assert (row_keys(narrow) == row_keys(wide)).tolist() == [True, False]
    assert (row_keys(narrow) == row_keys(wide.astype(object))).tolist() == [True, False]


def test_the_boundary_between_two_texts_counts():
    keys = row_keys(np.array([["ab", "c"], ["a", "bc"]], dtype=object))
    assert keys[0] != keys[1]


@pytest.mark.parametrize(
    ("one", "other"),
    [("1", 1), (b"a", "a"), ("", None), (0, None), (float("nan"), None), ("nan", float("nan"))],
)
def test_things_of_two_types_differ(one, other):
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
def test_things_that_mean_the_same_are_equal(one, other):
    keys = row_keys(as_object_array([one, other]))
    assert keys[0] == keys[1]


def test_a_picture_is_the_same_in_a_list_a_stack_and_as_pil():
    stack = np.random.default_rng(0).integers(0, 256, (3, 4, 5, 3), dtype=np.uint8)
    expected = row_keys(stack)
    assert len(set(expected)) == 3
    assert (row_keys(as_object_array(list(stack))) == expected).all()
    assert (
        row_keys(as_object_array([Image.fromarray(picture) for picture in stack])) == expected
    ).all()


def test_the_shape_of_a_picture_counts():
    keys = row_keys(as_object_array([np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8)]))
    assert keys[0] != keys[1]


def test_one_changed_pixel_is_another_picture():
    stack = np.zeros((2, 8, 8), np.uint8)
    stack[1, 3, 3] = 1
    known = stack[:1]
    assert Batch(stack).find(row_keys(known), row_sketches(known)).tolist() == [True, False]


def test_a_lone_surrogate_is_a_text_too():
    assert len(set(row_keys(as_object_array(["\ud800", "\ud801"])))) == 2


def test_nothing_known():
    none = TABLE[:0]
    assert not Batch(TABLE).find(row_keys(none), row_sketches(none)).any()
    texts = as_object_array(["a", "b"])
    assert not Batch(texts).find(row_keys(texts[:0]), row_sketches(texts[:0])).any()


def test_chunks_leave_no_trace(monkeypatch):
    X = np.random.default_rng(0).normal(size=(50, 3))
    whole = row_keys(X)
    monkeypatch.setattr("skactive._data.row_keys._CHUNK", 7)
    assert (row_keys(X) == whole).all()


@pytest.mark.parametrize(
    "X", [["a", "b"], ("a", "b"), pd.Series(["a", "b"]), np.array(["a", "b"]), iter(["a", "b"])]
)
def test_one_dimensional_rows_become_one_kind(X):
    rows = as_object_array(X)
    assert rows.dtype == object
    assert rows.tolist() == ["a", "b"]


@pytest.mark.parametrize("name", ["float64", "pandas", "polars"])
def test_tables_stay_as_they_are(name):
    assert as_object_array(SAME_TABLE[name]) is SAME_TABLE[name]


def test_equally_large_pictures_in_a_list_stay_single_rows():
    rows = as_object_array([np.zeros((2, 2)), np.ones((2, 2))])
    assert rows.shape == (2,)


@pytest.mark.parametrize(
    ("X", "expected"),
    [
        (["a"], True),
        ([None, "a"], True),
        (pd.Series(["a"]), True),
        (np.array(["a"]), True),
        ([Path("a")], True),
        ([1.0], False),
        ([["a"]], False),
        (np.array([["a"]]), False),
        (pd.DataFrame({"a": ["b"]}), False),
        (sparse.eye_array(2), False),
    ],
)
def test_is_texts(X, expected):
    assert is_texts(X) is expected


@pytest.mark.parametrize("name", ["float64", "object", "pandas", "polars"])
def test_concatenate_and_take(name):
    X = SAME_TABLE[name]
    both = concatenate(take(X, np.array([0, 1])), take(X, np.array([3])))
    assert type(both) is type(X)
    assert n_rows(both) == 3
    assert (row_keys(both) == row_keys(TABLE[[0, 1, 3]])).all()


def test_concatenate_sparse():
    both = concatenate(sparse.csr_array(TABLE), sparse.csc_array(TABLE))
    np.testing.assert_array_equal(both.toarray(), np.vstack([TABLE, TABLE]))
    assert both.format == "csr"


def test_concatenate_two_kinds():
    with pytest.raises(TypeError, match="DataFrame, earlier rows came as ndarray"):
        concatenate(TABLE, SAME_TABLE["pandas"])


def test_repeat_by_weight():
    assert repeat_by_weight(np.array([2.0, 0.0, 1.0])).tolist() == [0, 0, 2]
    with pytest.raises(ValueError, match="sample_weight has fractions"):
        repeat_by_weight(np.array([1.0, 0.5]))


@quick
@given(data=st.data())
def test_a_selection_reads_like_a_copy(data):
    array = np.arange(24.0).reshape(8, 3)
    kept = np.array(sorted(data.draw(st.sets(st.integers(0, 7), min_size=1))))
    selection, copy = LazySubset(array, kept), array[kept]
    start, stop = data.draw(st.integers(0, 8)), data.draw(st.integers(0, 8))
    some = np.array(data.draw(st.lists(st.integers(0, len(kept) - 1))), dtype=int)
    for index in (slice(start, stop), some, (some, 1), (slice(start, stop), [2, 0]), 0):
        np.testing.assert_array_equal(selection[index], copy[index])
    np.testing.assert_array_equal(np.asarray(selection), copy)
    np.testing.assert_array_equal(row_keys(selection), row_keys(copy))
    assert (n_rows(selection), selection.shape) == (len(kept), copy.shape)


def test_only_a_mapped_or_large_array_is_left_in_place(tmp_path, monkeypatch):
    np.save(tmp_path / "X.npy", TABLE)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    for array in (mapped, np.asarray(mapped)):
        assert np.shares_memory(select(array, np.array([1, 2]))[:], mapped)
    monkeypatch.setattr(containers, "_LARGE", TABLE.nbytes + 1)
    assert isinstance(select(TABLE, np.array([1, 2])), np.ndarray)
    monkeypatch.setattr(containers, "_LARGE", TABLE.nbytes)
    assert np.shares_memory(select(TABLE, np.array([1, 2]))[:], TABLE)
    assert select(TABLE, np.arange(4)) is TABLE


@quick
@given(kept=st.sets(st.integers(0, 7), min_size=1), block=st.integers(1, 30))
def test_blocks_together_are_the_whole(kept, block):
    array, other = np.arange(24.0).reshape(8, 3), np.arange(8)
    selection = LazySubset(array, np.array(sorted(kept)))
    sizes = []

    def add(X, first, second):
        sizes.append(len(X))
        return X + first[:, None]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(containers, "_BLOCK", block)
        result = by_blocks(add, selection, other[: len(kept)], None)
    np.testing.assert_array_equal(result, np.asarray(selection) + other[: len(kept), None])
    assert sum(sizes) == len(kept)
    assert max(sizes) <= max(1, block // 3)
