"""Readers of columns: pyarrow tables and datasets, Parquet files, Hugging Face datasets."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np

from skactive._utils.optional_imports import require
from skactive.pools.readers import objects

_BATCH_BYTES = 2**22
_TEXT_BATCH = 2**12  # rows
_BUFFER_BYTES = 2**20  # of a file; without a buffer, whole columns of a row group are read


class Columns:
    """Which columns of a table are the rows of a pool, and their conversion to arrays.

    Parameters
    ----------
    schema : pyarrow.Schema
        Of the table.
    column : str or None
        Name of the column: texts, paths, or lists of numbers of one length. None takes the only
        column, or all columns if they are numeric; the index of a DataFrame is left out.

    Attributes
    ----------
    names : list of str
        Names of the columns.
    dtype : numpy dtype
        Of the rows; object for texts, paths and anything else.
    is_list : bool
        Whether each row is a list of numbers.
    feature_names : list of str or None
        Names of numeric columns.

    Raises
    ------
    ValueError
        If there is no such column, or it has to be named.
    """

    def __init__(self, schema: Any, column: str | None) -> None:
        index = (schema.pandas_metadata or {}).get("index_columns", [])
        names = [name for name in schema.names if name not in index] if column is None else [column]
        if not set(names) <= set(schema.names) or not names:
            raise ValueError(f"column={column!r} is not among the columns {schema.names}.")
        twice = next((name for name in names if schema.names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"Several columns are named {twice!r}. Rename them.")
        kinds = [schema.field(name).type for name in names]
        if len(names) > 1 and not all(map(_is_number, kinds)):
            raise ValueError(
                f"The columns are {names}. Name the one that holds the rows: "
                f"Pool.open(..., column={names[0]!r})."
            )
        self.names = names
        self.is_list = _is_list(kinds[0])
        self.dtype = np.dtype(object)
        numbers = [kind.value_type if _is_list(kind) else kind for kind in kinds]
        if all(map(_is_number, numbers)):
            found = np.result_type(*(kind.to_pandas_dtype() for kind in numbers))
            # integers may be missing, and become NaN
            self.dtype = found if found.kind == "f" else np.dtype(np.float64)
        is_matrix = self.dtype != object and not self.is_list
        self.feature_names = names if is_matrix else None

    def array(self, batch: Any) -> np.ndarray:
        """Rows of a pyarrow record batch: shape (n, d), or (n,) for objects."""
        columns = [batch.column(name) for name in self.names]
        if self.dtype == object:
            return objects(columns[0].to_pylist())
        if not self.is_list:
            return np.column_stack([self._numbers(column) for column in columns])
        lengths = require("pyarrow.compute").list_value_length(columns[0]).unique().to_pylist()
        if columns[0].null_count or len(lengths) > 1:
            raise self.ragged()
        return self._numbers(columns[0].flatten()).reshape(len(batch), *lengths)

    def ragged(self) -> ValueError:
        """The error where lists differ in length."""
        return ValueError(
            f"Column {self.names[0]!r} has missing lists, or lists of different lengths. "
            "Drop these rows, or write the column with lists of one length."
        )

    def _numbers(self, column: Any) -> np.ndarray:
        return column.to_numpy(zero_copy_only=False).astype(self.dtype, copy=False)


class ArrowReader:
    """One column, or several numeric ones, of a table or dataset.

    Batches are read one after another. Where the next rows are not those behind the last ones,
    reading starts again at their row group.

    Parameters
    ----------
    source : pyarrow.Table or pyarrow.dataset.Dataset
        A dataset may be larger than the memory.
    column : str or None
        As in `Columns`.

    Raises
    ------
    ValueError
        If there is no such column, it has to be named, files differ in their columns, or the
        dataset is filtered.
    """

    def __init__(self, source: Any, column: str | None) -> None:
        pa = require("pyarrow")
        is_table = isinstance(source, pa.Table)
        schema = source.schema if is_table else _common_schema(source, column)
        self._columns = Columns(schema, column)
        self._pieces = _table_pieces(source) if is_table else self._dataset_pieces(source)
        self._starts = np.cumsum([0, *(n for n, _ in self._pieces)])
        n_rows = int(self._starts[-1])
        if not is_table and source.count_rows() != n_rows:
            raise ValueError("The dataset is filtered. Write its rows to a Parquet file first.")
        self._stream: Iterator[Any] = iter(())
        self._batch: Any = None
        self._at = 0  # position of the first row of the batch
        self.shape: tuple[int, ...] = (n_rows,)
        self.dtype = np.dtype(object)
        self.feature_names = self._columns.feature_names
        if self._columns.dtype != object and n_rows:
            self.dtype = self._columns.dtype
            self.shape = (n_rows, self.read(0, 1).shape[1])
        self.has_random_access = is_table

    def read(self, start: int, stop: int) -> np.ndarray:
        if stop <= start:
            return np.empty((0, *self.shape[1:]), self.dtype)
        piece = int(np.searchsorted(self._starts, start, side="right")) - 1
        if self._batch is None or start < self._at or self._starts[piece] > self._end:
            self._stream = self._batches(piece)
            self._advance(int(self._starts[piece]))
        parts = []
        while True:
            first, last = max(start, self._at), min(stop, self._end)
            if first < last:
                parts.append(self._batch.slice(first - self._at, last - first))
            if stop <= self._end:
                break
            self._advance(self._end)
        rows = [self._columns.array(part) for part in parts]
        widths = {part.shape[1:] for part in rows}
        if len(widths) > 1 or (len(self.shape) > 1 and widths != {self.shape[1:]}):
            raise self._columns.ragged()
        return np.concatenate(rows)

    def _advance(self, at: int) -> None:
        """Read the next batch. If that fails, the next read starts again."""
        self._batch = None
        self._batch, self._at = next(self._stream), at

    @property
    def _end(self) -> int:
        return self._at + self._batch.num_rows

    def _batches(self, piece: int) -> Iterator[Any]:
        for _, batches in self._pieces[piece:]:
            yield from batches()

    def _dataset_pieces(self, dataset: Any) -> list[tuple[int, Callable[[], Iterable[Any]]]]:
        pieces: list[tuple[int, Callable[[], Iterable[Any]]]] = []
        for fragment in dataset.get_fragments():
            if not hasattr(fragment, "row_groups"):
                batches = partial(
                    fragment.to_batches,
                    schema=dataset.schema,
                    columns=self._columns.names,
                    batch_size=_TEXT_BATCH,
                    use_threads=False,
                )
                pieces.append((fragment.count_rows(), batches))
                continue
            pieces += [
                (group.num_rows, partial(self._row_group, fragment, group.id))
                for group in fragment.row_groups
            ]
        return pieces

    def _row_group(self, fragment: Any, number: int) -> Iterator[Any]:
        # not by the fragment itself, which decodes the whole row group at once
        file = require("pyarrow.parquet").ParquetFile(
            fragment.open(),
            metadata=fragment.metadata,
            buffer_size=_BUFFER_BYTES,
            pre_buffer=False,
        )
        size = _TEXT_BATCH
        if self.dtype != object and len(self.shape) > 1:
            size = max(1, _BATCH_BYTES // (self.shape[1] * self.dtype.itemsize))
        with file:
            yield from file.iter_batches(
                size, row_groups=[number], columns=self._columns.names, use_threads=False
            )


class DatasetReader:
    """Rows of one column of a Hugging Face dataset.

    Parameters
    ----------
    dataset : datasets.Dataset
        A format other than a transform is ignored.
    column : str or None
        As in `Columns`; images and results of a transform are objects.
    """

    has_random_access = True

    def __init__(self, dataset: Any, column: str | None) -> None:
        self._columns = Columns(dataset.features.arrow_schema, column)
        is_transformed = dataset.format["type"] == "custom"
        self._rows = dataset if is_transformed else dataset.with_format(None)
        self.shape: tuple[int, ...] = (len(dataset),)
        self.dtype = np.dtype(object)
        self.feature_names = None
        if self._columns.dtype != object and not is_transformed and len(dataset):
            self._rows = dataset.with_format("arrow")
            self.dtype = self._columns.dtype
            self.feature_names = self._columns.feature_names
            self.shape = (len(dataset), self._matrix(slice(0, 1)).shape[1])

    def read(self, start: int, stop: int) -> np.ndarray:
        return self.take(slice(start, stop))

    def take(self, positions: Any) -> np.ndarray:
        """Rows at any positions."""
        if self.dtype == object:
            return objects(self._rows[positions][self._columns.names[0]])
        rows = self._matrix(positions)
        if rows.shape[1:] != self.shape[1:]:
            raise self._columns.ragged()
        return rows

    def _matrix(self, positions: Any) -> np.ndarray:
        table = self._rows[positions].combine_chunks()
        if not len(table):
            return np.empty((0, *self.shape[1:]), self.dtype)
        return self._columns.array(table.to_batches()[0])


def _common_schema(dataset: Any, column: str | None) -> Any:
    """The columns that are stored in the files, of types that hold the numbers of all files."""
    fragments = list(dataset.get_fragments())
    schemas = [fragment.physical_schema for fragment in fragments]
    if not schemas:
        raise ValueError("The dataset has no files.")
    fields = []
    for field in dataset.schema:
        is_stored = field.name in schemas[0].names  # not a part of the name of a directory
        if field.name == column or (is_stored and column is None):
            for fragment, schema in zip(fragments, schemas, strict=True):
                if field.name not in schema.names:
                    path = getattr(fragment, "path", fragment)
                    raise ValueError(f"The file {str(path)!r} has no column {field.name!r}.")
            kinds = {schema.field(field.name).type for schema in schemas}
            field = field.with_type(_widest(kinds))
        if is_stored:
            fields.append(field)
    return require("pyarrow").schema(fields, metadata=dataset.schema.metadata)


def _widest(kinds: set[Any]) -> Any:
    """A type that holds the numbers, or lists of numbers, of all these types; else any of them."""
    pa = require("pyarrow")
    are_lists = all(map(_is_list, kinds))
    numbers = {kind.value_type for kind in kinds} if are_lists else kinds
    if len(numbers) == 1 or not all(map(_is_number, numbers)):
        return next(iter(kinds))
    widest = pa.from_numpy_dtype(np.result_type(*(kind.to_pandas_dtype() for kind in numbers)))
    return pa.list_(widest) if are_lists else widest


def _table_pieces(table: Any) -> list[tuple[int, Callable[[], Iterable[Any]]]]:
    return [(batch.num_rows, partial(iter, [batch])) for batch in table.to_batches()]


def _is_number(kind: Any) -> bool:
    types = require("pyarrow").types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))


def _is_list(kind: Any) -> bool:
    types = require("pyarrow").types
    return bool(types.is_fixed_size_list(kind) or types.is_list(kind) or types.is_large_list(kind))
