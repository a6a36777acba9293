"""Rows of any kind: how many, which, and some after the others.

A row is whatever one index of X gives: a text, a file path, an image, a row of an array, of a
sparse matrix or of a DataFrame.
"""

from collections.abc import Callable, Collection
from os import PathLike
from typing import Any

import numpy as np
from scipy import sparse

from skactive._data.lazy_subset import LazySubset
from skactive._utils.compat import _num_samples, _safe_indexing

n_rows = _num_samples
_LARGE = 2**28  # bytes that are not to be held twice
_BLOCK = 2**24  # numbers that may be copied: little beside a pool that is worth a thought


def as_object_array(X: Any) -> Any:
    """Bring one-dimensional X (lists, tuples, Series of texts or images) to one kind of container.

    Parameters
    ----------
    X : sequence, array, sparse matrix or DataFrame
        Rows of any kind.

    Returns
    -------
    rows
        A 1-D object array for anything one-dimensional; everything else as it is.
    """
    if hasattr(X, "columns") or sparse.issparse(X) or getattr(X, "ndim", 1) > 1:
        return X
    items = list(X)
    rows = np.empty(len(items), dtype=object)
    for position, item in enumerate(items):
        rows[position] = item
    return rows


def is_texts(X: Any) -> bool:
    """Whether X is a sequence of texts or paths, rather than of rows with columns.

    Parameters
    ----------
    X : rows
        Any container.

    Returns
    -------
    is_texts : bool
        True if it has one dimension and a text in it.
    """
    flat = isinstance(X, Collection) and getattr(X, "ndim", 1) == 1
    return flat and any(isinstance(row, str | PathLike) for row in X)


def take(X: Any, positions: np.ndarray) -> Any:
    """Rows at `positions`, in the same kind of container.

    Parameters
    ----------
    X : rows
        Any container.
    positions : int array
        Which ones, in which order.

    Returns
    -------
    rows
        As many as there are positions.
    """
    return X[positions] if isinstance(X, LazySubset) else _safe_indexing(X, positions)


def is_numeric(X: Any) -> bool:
    """Whether X is an array of numbers, with columns and at least one row.

    Parameters
    ----------
    X : rows
        Any container.

    Returns
    -------
    is_numeric : bool
        False for DataFrames and sparse matrices.
    """
    in_columns = isinstance(X, np.ndarray | LazySubset) and X.ndim > 1
    return in_columns and X.dtype.kind in "fiub" and X[:1].size > 0


def select(X: Any, positions: np.ndarray) -> Any:
    """Rows at increasing `positions`, without a copy where X is large or mapped into memory.

    Parameters
    ----------
    X : rows
        Any container.
    positions : int64 array
        Which ones.

    Returns
    -------
    rows
        X itself where they are all; a LazySubset of a mapped array, or of one of 256 MiB and more;
        else a copy.
    """
    if is_numeric(X) and X.ndim == 2 and _is_mapped(X):
        return LazySubset(X, positions)  # even of all: whoever needs an array reads it by blocks
    if len(positions) == n_rows(X):
        return X
    large = is_numeric(X) and X.ndim == 2 and X.dtype.itemsize * X.size >= _LARGE
    return LazySubset(X, positions) if large else take(X, positions)


def by_blocks(function: Callable[..., np.ndarray], X: Any, *others: Any) -> np.ndarray:
    """``function(X, *others)``, computed for some rows after the others.

    Parameters
    ----------
    function : callable
        Gives one row for each of its arguments'.
    X : rows
        Taken whole where it is not a matrix of numbers.
    *others : arrays of n rows, or None
        What goes with X.

    Returns
    -------
    result : array of n rows
        The same as of all rows at once.
    """
    blocks = row_blocks(X)
    if len(blocks) == 1:
        return function(X[blocks[0]] if isinstance(X, LazySubset) else X, *others)
    parts = ((None if each is None else each[block] for each in others) for block in blocks)
    return np.concatenate(
        [function(X[block], *part) for block, part in zip(blocks, parts, strict=True)]
    )


def row_blocks(X: Any) -> list[slice]:
    """Slices that together are all rows of X, each small enough to be copied.

    Parameters
    ----------
    X : rows
        Any container.

    Returns
    -------
    blocks : list of slice
        One, where X is not a matrix of numbers.
    """
    total = n_rows(X)
    size = max(1, _BLOCK // X.shape[1]) if is_numeric(X) and X.ndim == 2 else max(1, total)
    return [slice(start, start + size) for start in range(0, max(1, total), size)]


def concatenate(first: Any, second: Any) -> Any:
    """Rows of both, in the container that they share.

    Parameters
    ----------
    first, second : rows
        Two containers of one kind.

    Returns
    -------
    rows
        Those of `first`, then those of `second`.

    Raises
    ------
    TypeError, ValueError
        If they are of two kinds, such as an array and a DataFrame, or of two shapes.
    """
    if sparse.issparse(first) and sparse.issparse(second):
        return sparse.vstack([first, second], format="csr")
    if isinstance(first, np.ndarray) and isinstance(second, np.ndarray):
        if first.shape[1:] != second.shape[1:]:
            raise ValueError(
                f"X has rows of shape {second.shape[1:]}, earlier ones have {first.shape[1:]}. "
                "Give rows of one kind throughout."
            )
        return np.concatenate([first, second])
    if type(first) is not type(second):
        raise TypeError(
            f"X is of type {type(second).__name__}, earlier rows came as {type(first).__name__}. "
            "Give rows of one kind throughout."
        )
    if hasattr(first, "vstack"):  # polars
        return first.vstack(second)
    import pandas as pd

    return pd.concat(_with_shared_categories(first, second))


def _with_shared_categories(first: Any, second: Any) -> tuple[Any, Any]:
    """Batches that were read one by one may each know other categories; texts they must not be."""
    import pandas as pd

    first, second = first.copy(deep=False), second.copy(deep=False)
    for name in first.columns:
        pair = first[name], second[name]
        if all(isinstance(column.dtype, pd.CategoricalDtype) for column in pair):
            shared = pd.api.types.union_categoricals(pair).dtype
            first[name], second[name] = (column.astype(shared) for column in pair)
    return first, second


def repeat_by_weight(weight: np.ndarray) -> np.ndarray:
    """Positions that stand for whole-numbered weights: a row of weight 3 comes three times.

    Parameters
    ----------
    weight : array of shape (n,)
        Weights of the rows.

    Returns
    -------
    positions : int64 array
        As many as the weights add up to.

    Raises
    ------
    ValueError
        If a weight has a fraction.
    """
    counts = np.rint(weight).astype(np.int64)
    if not np.array_equal(counts, weight):
        raise ValueError(
            "sample_weight has fractions, and the estimator takes no sample_weight, so rows can "
            "only be repeated. Give whole numbers, or an estimator whose fit takes sample_weight."
        )
    return np.repeat(np.arange(len(weight)), counts)


def _is_mapped(array: Any) -> bool:
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap):
            return True
        array = array.base
    return False
