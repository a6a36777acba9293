"""Digests of the content of rows, independent of the type of their container."""

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from os import PathLike
from typing import Any

import numpy as np
from scipy import sparse

from skactive._data.containers import apply_by_blocks, is_numeric
from skactive._utils.compat import n_rows
from skactive._utils.missing_values import is_missing
from skactive.pools.lazy_rows import is_distributed

_SKETCH_COLUMNS = 8
_CHUNK = 2**20  # numbers processed at a time
_NUMBERS = (int, float, np.integer, np.floating, np.bool_)


def row_keys(X: Any) -> np.ndarray:
    """Compute a digest of the content of each row.

    Equal rows have equal keys, whatever their container and numeric dtype. All missing values
    (None, NaN, pandas.NA) are equal. There are two exceptions: a sparse row never equals a dense
    row, and a uint8 image never equals an image of another dtype.

    Parameters
    ----------
    X : rows
        Any container.

    Returns
    -------
    keys : array of shape (n,), dtype S16
        The digests. They can be sorted.
    """
    if is_distributed(X):
        return apply_by_blocks(row_keys, X)
    keys = (blake2b(content, digest_size=16).digest() for content in _contents(X))
    return np.fromiter(keys, dtype="S16")  # no list: the pool may have many rows


def row_sketches(X: Any) -> np.ndarray:
    """Compute a cheap hash of each row: rows with different sketches differ.

    A sketch depends on at most eight numeric columns. If sketches are compared first, the labeled
    rows of a large pool are found without a digest of every row.

    Parameters
    ----------
    X : rows
        Any container.

    Returns
    -------
    sketches : uint64 array of shape (n,)
        The sketches. They are 0 if X is not a numeric array; then rows must be compared by their
        keys.
    """
    if not is_numeric(X):
        return np.zeros(n_rows(X), dtype=np.uint64)
    return apply_by_blocks(_block_sketches, X)


def _block_sketches(X: np.ndarray) -> np.ndarray:
    sketch = np.ones(len(X), dtype=np.uint64)
    flat = X if X.ndim == 2 else X.reshape(len(X), -1)
    for column in np.unique(np.linspace(0, flat.shape[1] - 1, _SKETCH_COLUMNS).astype(int)):
        bits = _plain_numbers(flat[:, column]).view(np.uint64)
        sketch = (sketch ^ bits) * np.uint64(0x9E3779B97F4A7C15)  # integer overflow is intended
        sketch ^= sketch >> np.uint64(32)
    return np.maximum(sketch, 1)


def _contents(X: Any) -> Iterable[bytes]:
    if sparse.issparse(X):
        return _sparse_contents(X)
    if hasattr(X, "columns"):
        X = _frame_to_array(X)
    if is_numeric(X):
        return _numeric_contents(X)
    if isinstance(X, np.ndarray) and X.ndim > 1:
        X = X.astype(object)  # the key of a text must not depend on the width of its dtype
    return (_item_content(row) for row in X)


def _numeric_contents(X: np.ndarray) -> Iterator[bytes]:
    # in chunks, since a float64 copy of a large pool may not fit into memory
    step = max(1, _CHUNK // X[0].size)
    for start in range(0, len(X), step):
        yield from map(_array_content, _plain_numbers(X[start : start + step]))


def _plain_numbers(array: np.ndarray) -> np.ndarray:
    """Convert to float64 with equal bits for equal numbers: a single zero and a single NaN."""
    if array.ndim > 2 and array.dtype == np.uint8:  # images
        return array
    array = array.astype(np.float64) + 0.0
    array[np.isnan(array)] = np.nan
    return array


def _array_content(array: np.ndarray) -> bytes:
    return f"a{array.shape}".encode() + array.tobytes()


def _frame_to_array(X: Any) -> np.ndarray:
    values = X.to_numpy()
    return values if values.dtype.kind in "fiub" else values.astype(object)


def _sparse_contents(X: Any) -> Iterable[bytes]:
    X = sparse.csr_array(X, dtype=np.float64, copy=True)
    X.sum_duplicates()
    X.eliminate_zeros()
    for start, stop in zip(X.indptr[:-1], X.indptr[1:], strict=True):
        yield X.indices[start:stop].astype(np.int64).tobytes() + X.data[start:stop].tobytes()


def _item_content(item: Any) -> bytes:
    """Bytes of a single item; they include its type, so the text "1" differs from the number 1."""
    if isinstance(item, str | PathLike):
        return b"s" + str(item).encode("utf-8", "surrogatepass")
    if isinstance(item, bytes):
        return b"b" + item
    if is_missing(item):
        item = np.nan
    if isinstance(item, _NUMBERS):
        return b"f" + _plain_numbers(np.array([item])).tobytes()
    if hasattr(item, "__array_interface__"):  # arrays and PIL images
        if getattr(item, "mode", None) in ("P", "PA"):
            item = item.convert("RGBA")  # the pixels of such an image are positions in a palette
        array = np.asarray(item)
        if array.dtype == object and all(map(_is_number_or_missing, array.flat)):
            numbers = [np.nan if is_missing(part) else float(part) for part in array.flat]
            array = np.reshape(numbers, array.shape)
        if array.dtype.kind in "fiub":
            return _array_content(_plain_numbers(array[np.newaxis])[0])
        parts = (_item_content(part) for part in array.astype(object).flat)
        return b"o" + b"".join(blake2b(part).digest() for part in parts)
    return b"r" + repr(item).encode()


def _is_number_or_missing(part: Any) -> bool:
    return isinstance(part, _NUMBERS) or is_missing(part)
