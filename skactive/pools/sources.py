"""Which reader reads a path or an object."""

from collections.abc import Mapping, Set
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from skactive._utils.optional_imports import require
from skactive.pools.arrow import ArrowReader, DatasetReader
from skactive.pools.dask_reader import DaskReader
from skactive.pools.readers import (
    ArrayReader,
    FileReader,
    RowReader,
    ZarrReader,
    objects,
)

_SUFFIXES = (".parquet", ".npy", ".zarr")


def is_source(X: Any) -> bool:
    """Whether X is a path or an object that only a pool can read.

    Parameters
    ----------
    X : object
        What the user gave instead of rows.

    Returns
    -------
    is_source : bool
        False for arrays, lists and DataFrames, and for a path with another suffix.
    """
    if isinstance(X, str | PathLike):
        return fspath(X).rstrip("/").endswith(_SUFFIXES)
    return _library(X) in ("pyarrow", "zarr", "dask") or _is_dataset(X)


def make_reader(source: Any, column: str | None) -> RowReader:
    """The reader of a path or an object.

    Parameters
    ----------
    source : path or object
        As in `Pool.open`.
    column : str or None
        As in `Pool.open`.

    Returns
    -------
    reader : RowReader

    Raises
    ------
    TypeError, ValueError
        As in `Pool.open`.
    """
    if isinstance(source, str | PathLike):
        path = Path(source)
        if path.suffix == ".npy" and path.exists():
            _check_no_column(path, column)
            return FileReader.of_npy(path)
        source = _opened(path)
    library = _library(source)
    if library == "pyarrow":
        table = _arrow_table(source)
        if table is not None:
            return ArrowReader(table, column)
    elif library == "dask":
        if hasattr(type(source), "to_delayed"):  # a Delayed seems to have any attribute
            return DaskReader.of_collection(source, column)
    elif _is_dataset(source) and hasattr(source, "__len__"):
        if isinstance(source, Mapping):
            raise TypeError(
                f"A {type(source).__name__} cannot be a pool. Give one of its splits "
                f"{[*source]}, such as dataset[{next(iter(source), None)!r}]."
            )
        return DatasetReader(source, column)
    elif library == "zarr":
        if hasattr(source, "array_keys"):  # a group
            return ZarrReader(source[_only_column(sorted(source.array_keys()), column)])
        _check_no_column(source, column)
        return ZarrReader(source)
    elif hasattr(source, "to_numpy"):  # a DataFrame or Series
        return ArrayReader(_column_of_frame(source, column))
    elif sparse.issparse(source):
        raise TypeError(
            "A sparse matrix cannot be a pool. Give it to `query` without Pool.open: it stays in "
            "memory."
        )
    elif hasattr(source, "__len__") and not isinstance(source, Mapping | Set | bytes):
        _check_no_column(source, column)
        return ArrayReader(_as_array(source))
    raise TypeError(
        f"A {type(source).__name__} cannot be a pool: the rows of a pool are read several times, "
        "and at any positions. Write the rows to a Parquet file and give its path, or give "
        "list(...) of them."
    )


def _opened(path: Path) -> Any:
    """The object of pyarrow or zarr behind a path."""
    if not path.exists():
        raise FileNotFoundError(f"The pool {str(path)!r} does not exist.")
    if path.suffix == ".zarr":
        return require("zarr").open(path, mode="r")
    if path.is_dir() or path.suffix == ".parquet":
        dataset = require("pyarrow.dataset").dataset(path, format="parquet")
        if not dataset.files:
            raise ValueError(f"The directory {str(path)!r} has no Parquet files.")
        return dataset
    raise ValueError(
        f"The pool {str(path)!r} is neither a .parquet file or a directory of such files, nor a "
        ".npy file or a .zarr directory. Convert it, or give an object instead of a path."
    )


def _arrow_table(source: Any) -> Any:
    """A table or dataset; None for readers and scanners, which read the rows only once."""
    pa = require("pyarrow")
    if isinstance(source, pa.Array | pa.ChunkedArray):
        return pa.table({"rows": source})
    if isinstance(source, pa.RecordBatch):
        return pa.Table.from_batches([source])
    is_table = isinstance(source, pa.Table) or hasattr(source, "get_fragments")
    return source if is_table else None


def _as_array(rows: Any) -> np.ndarray:
    if isinstance(rows, np.ndarray):
        return rows
    first = rows[0] if len(rows) else None
    if isinstance(first, str | PathLike) or np.asarray(first).dtype.kind not in "fiub":
        return objects(rows)
    return np.asarray(rows)


def _column_of_frame(frame: Any, column: str | None) -> np.ndarray:
    if not hasattr(frame, "columns"):
        _check_no_column(frame, column)
        return _as_array(frame.to_numpy())
    names = list(frame.columns)
    if column not in names:
        raise ValueError(
            f"column={column!r} is not among the columns {names} of the DataFrame. Name the one "
            "that holds the rows, or give the DataFrame itself to `query`."
        )
    return _as_array(frame[column].to_numpy())


def _only_column(names: list[str], column: str | None) -> str:
    if column is None and len(names) == 1:
        return names[0]
    if column not in names:
        raise ValueError(f"column={column!r} is not among {names}. Name one of these.")
    return column


def _check_no_column(source: Any, column: str | None) -> None:
    if column is not None:
        raise ValueError(
            f"column={column!r} was given, but a {type(source).__name__} has no named columns. "
            "Omit it."
        )


def _library(X: Any) -> str:
    return type(X).__module__.partition(".")[0]


def _is_dataset(X: Any) -> bool:
    """Whether X is a Hugging Face dataset, or an object with the same methods."""
    return hasattr(X, "with_format") and hasattr(X, "column_names")
