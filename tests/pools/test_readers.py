"""Readers of binary files."""

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skactive.pools import Pool
from skactive.pools.readers import ArrayReader, ZarrReader

X = np.arange(24.0).reshape(8, 3)


def test_a_file_with_contiguous_columns(tmp_path):
    np.save(tmp_path / "X.npy", np.asfortranarray(X))
    pool = Pool.open(tmp_path / "X.npy")
    np.testing.assert_array_equal(pool[2:5], X[2:5])
    np.testing.assert_array_equal(pool[[7, 0, 7]], X[[7, 0, 7]])


@pytest.mark.parametrize("dtype", [">f4", "<f2", "i8", "u1", bool])
def test_dtypes(dtype, tmp_path):
    np.save(tmp_path / "X.npy", X.astype(dtype))
    np.testing.assert_array_equal(Pool.open(tmp_path / "X.npy")[:], X.astype(dtype), strict=True)


def test_images(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 3, 3), dtype=np.uint8)
    np.save(tmp_path / "X.npy", images)
    pool = Pool.open(tmp_path / "X.npy")
    assert (pool.shape, pool.ndim) == (images.shape, 4)
    np.testing.assert_array_equal(pool[[4, 2, 3]], images[[4, 2, 3]])


def test_a_file_that_becomes_shorter_is_named(tmp_path):
    np.save(tmp_path / "X.npy", X)
    pool = Pool.open(tmp_path / "X.npy")
    os.truncate(tmp_path / "X.npy", 200)
    with pytest.raises(OSError, match="shorter than it was"):
        pool[:]


class ChunkedArray:
    """The attributes of zarr.Array that are used; it counts how often a chunk is decoded."""

    def __init__(self, rows, n_chunk_rows):
        self.rows, self.shape, self.dtype = rows, rows.shape, rows.dtype
        self.chunks = n_chunk_rows, *rows.shape[1:]
        self.n_decoded = np.zeros(-(-len(rows) // n_chunk_rows), dtype=int)

    def __getitem__(self, where):
        size = self.chunks[0]
        self.n_decoded[where.start // size : -(-min(where.stop, len(self.rows)) // size)] += 1
        return self.rows[where].copy()


@given(size=st.integers(1, 9), block=st.integers(1, 9))
def test_chunks_are_decoded_once_if_rows_are_read_in_order(size, block):
    array = ChunkedArray(X, size)
    reader = ZarrReader(array)
    for start in range(0, len(X), block):
        stop = min(start + block, len(X))
        np.testing.assert_array_equal(reader.read(start, stop), X[start:stop])
    assert (array.n_decoded == 1).all()


@given(st.integers(1, 9), st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=5))
def test_chunks_are_read_in_any_order(size, ranges):
    reader = ZarrReader(ChunkedArray(X, size))
    for start, stop in map(sorted, ranges):
        rows = reader.read(start, stop)
        np.testing.assert_array_equal(rows, X[start:stop])
        rows += 1  # what was returned is no part of what is kept


def test_another_reader():
    """Any object with the attributes of RowReader can be read."""

    class Reader:
        shape, dtype, has_random_access = X.shape, X.dtype, False

        def read(self, start, stop):
            return X[start:stop].copy()

    for pool in (Pool(Reader()), Pool(ArrayReader(X))):
        np.testing.assert_array_equal(pool[[5, 1, 1]], X[[5, 1, 1]])
        np.testing.assert_array_equal(pool[2:5], X[2:5])
        assert pool.n_block_rows == 2**24 // 24
    assert pool.has_random_access
