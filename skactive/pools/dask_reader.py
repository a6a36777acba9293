"""DaskReader: rows of Dask collections, which stay on the workers of a cluster."""

from collections.abc import Callable
from typing import Any

import numpy as np

from skactive._utils.optional_imports import require
from skactive.pools.readers import objects

_LARGE_ARGUMENTS = "1 GiB"  # of one round; Dask warns above 10 MiB, which 10 numbers a row exceed


class DaskReader:
    """Partitions of a Dask array, bag or dataframe, read and computed where they are.

    Parameters
    ----------
    parts : list of Delayed
        One partition each: an array of numbers, or an object array of shape (m,). Partitions of a
        lost worker are computed again from their source.

    Attributes
    ----------
    shape : tuple
        Of all rows. Their number is counted once, which computes each partition.
    dtype : numpy dtype
        Of all rows.

    Raises
    ------
    ValueError
        If the partitions differ in the number of columns, or there are no rows.
    """

    has_random_access = True

    def __init__(self, parts: list[Any]) -> None:
        found = _compute([_delayed(_shape_and_dtype)(part) for part in parts])
        found = [(part, *rest) for part, rest in zip(parts, found, strict=True) if rest[0][0]]
        if not found:
            raise ValueError("The pool has no rows.")
        if len({shape[1:] for _, shape, _ in found}) != 1:
            raise ValueError(
                f"The partitions of the pool have rows of the shapes "
                f"{sorted({shape[1:] for _, shape, _ in found})}. Give rows of one shape."
            )
        self._parts = [part for part, _, _ in found]
        self._starts = np.cumsum([0, *(shape[0] for _, shape, _ in found)])
        self.shape: tuple[int, ...] = (int(self._starts[-1]), *found[0][1][1:])
        self.dtype = np.result_type(*(dtype for _, _, dtype in found))
        self.feature_names: list[str] | None = None
        self._source: Any = None
        self._persisted: dict[str, DaskReader] = {}

    @classmethod
    def of_collection(cls, collection: Any, column: str | None) -> "DaskReader":
        """The reader of a Dask array, bag, dataframe or series.

        Parameters
        ----------
        collection : dask collection
            Arrays may have several columns of chunks; bags hold texts, paths or other items.
        column : str or None
            Column of a dataframe; None takes the only one, or all if they are numeric.

        Returns
        -------
        reader : DaskReader
        """
        if getattr(collection, "ndim", 1) == 2 and hasattr(collection, "columns"):
            collection = _columns(collection, column)
        elif column is not None:
            raise ValueError(
                f"column={column!r} was given, but there are no columns. Omit it."
            )
        if getattr(collection, "ndim", 1) > 1 and hasattr(collection, "rechunk"):
            collection = collection.rechunk(dict.fromkeys(range(1, collection.ndim), -1))
        names = _feature_names(collection)
        blocks = collection.to_delayed()
        blocks = blocks.ravel().tolist() if isinstance(blocks, np.ndarray) else blocks
        reader = cls([_delayed(_rows_of)(block) for block in blocks])
        reader.feature_names = names
        reader._source = collection  # where it is persisted, its parts live as long as it does
        return reader

    def read(self, start: int, stop: int) -> np.ndarray:
        return self.take(np.arange(start, stop))

    def take(self, positions: np.ndarray) -> np.ndarray:
        """Rows at any positions; only these rows leave the workers."""
        ordered, inverse = np.unique(positions, return_inverse=True)
        parts = self.map_partitions(_unchanged, positions=ordered)
        parts = [np.empty((0, *self.shape[1:]), self.dtype), *parts]
        return np.concatenate(parts).astype(self.dtype, copy=False)[inverse]

    def map_partitions(
        self, function: Callable[..., Any], *others: Any, positions: np.ndarray | None = None
    ) -> list[Any]:
        """Call a function on each partition, on the worker that has it.

        Parameters
        ----------
        function : callable
            Function of an array of rows and, for each of `others`, an array of as many rows.
        *others : arrays of shape (n, ...), or None
            Further arguments, one row for each row.
        positions : int64 array of shape (n,), default=None
            Increasing; only these rows are used. None means all rows.

        Returns
        -------
        results : list
            In the order of the partitions. Partitions without such rows are left out.
        """
        ends = self._starts if positions is None else np.searchsorted(positions, self._starts)
        broadcast = _delayed(_Broadcast(function))
        tasks = []
        for number, part in enumerate(self._parts):
            where = slice(int(ends[number]), int(ends[number + 1]))
            if where.start == where.stop:
                continue
            mask = None
            n_rows = int(self._starts[number + 1] - self._starts[number])
            if positions is not None and where.stop - where.start < n_rows:
                chosen = np.zeros(n_rows, dtype=bool)
                chosen[positions[where] - self._starts[number]] = True
                mask = np.packbits(chosen)
            given = [None if other is None else other[where] for other in others]
            start = int(self._starts[number])
            tasks.append(_delayed(_call)(broadcast, part, start, mask, *given))
        return _compute(tasks)

    def persist(self, function: Callable[[np.ndarray], np.ndarray]) -> "DaskReader":
        """Rows that a function computes from each partition. They stay on the workers.

        Parameters
        ----------
        function : callable
            Function of an array of rows that returns one row for each. If it can be pickled and is
            given again, the result of the first call is returned.

        Returns
        -------
        reader : DaskReader
            Dask writes partitions to the disk of a worker that has too little memory for them.
        """
        key = require("dask.base").tokenize(function)
        if key not in self._persisted:
            broadcast = _delayed(_Broadcast(function))
            starts = self._starts[:-1].tolist()
            parts = zip(self._parts, starts, strict=True)
            tasks = [_delayed(_call)(broadcast, part, start, None) for part, start in parts]
            reader = DaskReader(list(require("dask").persist(*tasks)))
            self._persisted = dict([*self._persisted.items(), (key, reader)][-2:])
        return self._persisted[key]


class _Broadcast:
    """A function that is sent to each worker once; Dask would call a plain one."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function


def _call(broadcast: _Broadcast, rows: np.ndarray, start: int, mask: Any, *others: Any) -> Any:
    if mask is not None:
        rows = rows[np.unpackbits(mask, count=len(rows)).astype(bool)]
    try:
        return broadcast.function(rows, *others)
    except (TypeError, ValueError) as error:
        error.add_note(f"The partition starts at row {start} of the pool.")
        raise


def _delayed(function: Any) -> Any:
    return require("dask").delayed(function, pure=False, traverse=False)


def _compute(tasks: list[Any]) -> list[Any]:
    dask = require("dask")
    require("distributed")  # its import inside of `set` would lose its settings
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": _LARGE_ARGUMENTS}):
        return list(dask.compute(*tasks))


def _unchanged(rows: np.ndarray) -> np.ndarray:
    return rows


def _shape_and_dtype(rows: np.ndarray) -> tuple[tuple[int, ...], Any]:
    return rows.shape, rows.dtype


def _columns(frame: Any, column: str | None) -> Any:
    """One column of a dataframe, or all of them if they are numeric."""
    names = frame.columns.tolist()
    if column is None and (len(names) == 1 or all(map(_is_number, frame.dtypes))):
        return frame
    if column not in names:
        raise ValueError(f"column={column!r} is not among the columns {names}. Name one of these.")
    return frame[column]


def _feature_names(collection: Any) -> list[str] | None:
    """The columns of a dataframe of numbers."""
    is_frame = getattr(collection, "ndim", 1) == 2 and hasattr(collection, "columns")
    is_matrix = is_frame and all(map(_is_number, collection.dtypes))
    return collection.columns.tolist() if is_matrix else None


def _rows_of(block: Any) -> np.ndarray:
    """A chunk of an array, a partition of a dataframe or series, or the items of a bag."""
    if hasattr(block, "to_numpy"):
        kinds = np.ravel(block.dtypes)
        if all(map(_is_number, kinds)):
            kind = np.result_type(*(getattr(kind, "numpy_dtype", kind) for kind in kinds))
            kind = kind if kind.kind == "f" else np.dtype(np.float64)
            return block.to_numpy(dtype=kind, na_value=np.nan).reshape(len(block), kinds.size)
        block = np.ravel(block.to_numpy(dtype=object))
    if isinstance(block, np.ndarray) and block.dtype.kind in "fiub":
        return block
    rows = block.tolist() if isinstance(block, np.ndarray) else list(block)
    if not rows or np.asarray(rows[0]).dtype.kind not in "fiub":
        return objects(rows)
    return np.asarray(rows)


def _is_number(kind: Any) -> bool:
    return getattr(kind, "kind", "O") in "fiub"
