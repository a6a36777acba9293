"""TensorRows: arrays of any kind, read in blocks."""

import numpy as np
import pytest
import scipy.sparse
import torch

from skactive.kernels.tensor_rows import TensorRows


@pytest.mark.parametrize(
    "convert",
    [
        np.asarray,
        np.asfortranarray,
        lambda X: X[::-1][::-1].copy()[::-1][::-1],
        lambda X: X.astype(">f8"),
        scipy.sparse.csr_matrix,
        scipy.sparse.csc_array,
        torch.from_numpy,
    ],
)
def test_rows_of_any_kind(convert, small_blocks):
    X = np.random.default_rng(0).normal(size=(57, 7))
    rows = TensorRows(convert(X))
    assert len(rows) == 57
    np.testing.assert_array_equal(torch.cat([block for _, block in rows.blocks()]), X)
    np.testing.assert_array_equal(rows.take([5, 2]), X[[5, 2]])
    np.testing.assert_allclose(rows.mean(), X.mean(axis=0))
    np.testing.assert_allclose(rows.square_norms(), (X**2).sum(axis=1))


@pytest.mark.parametrize(
    ("given", "used"),
    [("f2", "float32"), ("f4", "float32"), ("f8", "float64"), ("i4", "float64")],
)
def test_rows_are_worked_on_in_single_or_double_precision(given, used):
    assert TensorRows(np.ones((2, 2), dtype=given)).dtype == getattr(torch, used)


def test_a_pool_far_from_the_origin_is_centered():
    X = np.random.default_rng(0).normal(loc=[1e5, 0, 0], size=(50, 3))
    rows = TensorRows(X.astype(np.float32), centered=True)
    assert rows.square_norms().max() < 100
    np.testing.assert_array_equal(rows.place(X[:5].astype(np.float32)), rows.take(range(5)))
    assert TensorRows(X - X.mean(axis=0), centered=True).origin is None


def test_a_reversed_array_is_read_in_its_order():
    X = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(TensorRows(X[::-1]).take([0]), [[4.0, 5.0]])


def test_blocks_of_a_mapped_file_are_small_and_no_copies(tmp_path):
    np.save(tmp_path / "X.npy", np.zeros((100_000, 64), dtype=np.float32))
    rows = TensorRows(np.load(tmp_path / "X.npy", mmap_mode="r"))
    blocks = [block for _, block in rows.blocks()]
    assert len(blocks) > 1
    assert all(np.shares_memory(block.numpy(), rows._data.numpy()) for block in blocks)
