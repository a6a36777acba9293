"""Readers of rows from arrays, binary files and zarr arrays."""

from io import RawIOBase
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol
from weakref import finalize

import numpy as np


class RowReader(Protocol):
    """Interface of a reader.

    Attributes
    ----------
    shape : tuple
        Of all rows.
    dtype : numpy dtype
        Of all rows; object for rows that are no arrays of numbers.
    has_random_access : bool
        Whether single rows are read about as fast as consecutive ones.

    Notes
    -----
    A reader of named features also has the attribute `feature_names`, a list.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    has_random_access: bool

    def read(self, start: int, stop: int) -> np.ndarray:
        """Rows from `start` to `stop`; neither exceeds the number of rows."""
        ...


class ArrayReader:
    """Rows of an array in memory, or of a memory map that is already open.

    Parameters
    ----------
    array : array of shape (n, ...)
    """

    has_random_access = True

    def __init__(self, array: np.ndarray) -> None:
        self._array = array
        self.shape = array.shape
        self.dtype = _pool_dtype(array.dtype)

    def read(self, start: int, stop: int) -> np.ndarray:
        return self.take(slice(start, stop))

    def take(self, positions: Any) -> np.ndarray:
        """Rows at any positions."""
        return np.array(self._array[positions], dtype=self.dtype, subok=False)


class FileReader:
    """Rows of a binary file.

    The file is not mapped: mapped pages that were read would count as resident memory.

    Parameters
    ----------
    file : unbuffered binary file
        Closed when the reader is gone.
    dtype : numpy dtype
        Of the rows in the file.
    shape : tuple
        Of all rows, in C order.
    offset : int, default=0
        Where the first row begins.
    """

    has_random_access = True

    def __init__(
        self, file: RawIOBase, dtype: np.dtype[Any], shape: tuple[int, ...], offset: int = 0
    ) -> None:
        self._file = file
        self._stored = np.dtype(dtype)
        self._offset = offset
        self.shape = shape
        self.dtype = _pool_dtype(self._stored)
        finalize(self, file.close)

    @classmethod
    def of_npy(cls, path: Path) -> "FileReader | ArrayReader":
        """The reader of a .npy file; one whose columns are contiguous has to be mapped."""
        try:
            mapped = np.load(path, mmap_mode="r")
        except ValueError as error:
            raise ValueError(
                f"The pool {str(path)!r} cannot be mapped ({error}). Save numbers or texts of one "
                "dtype; write Python objects to a Parquet file."
            ) from error
        if not mapped.flags.c_contiguous:
            return ArrayReader(mapped)
        return cls(path.open("rb", buffering=0), mapped.dtype, mapped.shape, mapped.offset)

    def read(self, start: int, stop: int) -> np.ndarray:
        rows = np.empty((stop - start, *self.shape[1:]), self._stored)
        self._fill(rows, start)
        return rows.astype(self.dtype, copy=False)

    def take(self, positions: np.ndarray) -> np.ndarray:
        """Rows at any positions; consecutive rows are read at once."""
        ordered, inverse = np.unique(positions, return_inverse=True)
        rows = np.empty((len(ordered), *self.shape[1:]), self._stored)
        firsts = np.flatnonzero(np.diff(ordered, prepend=-2) != 1)
        for first, last in pairwise([*firsts.tolist(), len(ordered)]):
            self._fill(rows[first:last], int(ordered[first]))
        in_order = len(ordered) == len(positions) and (np.diff(positions) > 0).all()
        return (rows if in_order else rows[inverse]).astype(self.dtype, copy=False)

    def _fill(self, rows: np.ndarray, start: int) -> None:
        if not rows.size:
            return
        left = memoryview(rows.view(np.uint8).reshape(-1))
        self._file.seek(self._offset + start * (rows.nbytes // len(rows)))
        while left:
            n_read = self._file.readinto(left)
            if not n_read:
                raise OSError("The file of the pool is shorter than it was when it was opened.")
            left = left[n_read:]


class ZarrReader:
    """Rows of a zarr array.

    The chunk that was decoded last is kept, so that rows in order decode each chunk once.

    Parameters
    ----------
    array : zarr.Array
        Numbers of any shape, or texts of shape (n,).
    """

    has_random_access = True

    def __init__(self, array: Any) -> None:
        self._array = array
        self.shape = tuple(array.shape)
        self.dtype = _pool_dtype(array.dtype)
        self._kept_from = 0
        self._kept = np.empty((0, *self.shape[1:]), array.dtype)

    def read(self, start: int, stop: int) -> np.ndarray:
        kept = self._kept[:0]
        if self._kept_from <= start < self._kept_from + len(self._kept):
            kept = self._kept[start - self._kept_from : stop - self._kept_from]
        if len(kept) == stop - start:
            rows = kept.copy()
        else:
            rows = self._decode(start + len(kept), stop)
            rows = np.concatenate([kept, rows]) if len(kept) else rows
        is_flat = self.dtype == object and rows.ndim == 1
        return objects(rows.tolist()) if is_flat else rows.astype(self.dtype, copy=False)

    def _decode(self, start: int, stop: int) -> np.ndarray:
        """Decode whole chunks, and keep the last one."""
        size = self._array.chunks[0]
        first = start // size * size
        rows = np.asarray(self._array[first : (stop + size - 1) // size * size])
        self._kept_from = (stop - 1) // size * size
        self._kept = rows[self._kept_from - first :].copy()
        return rows[start - first : stop - first]


def _pool_dtype(dtype: Any) -> np.dtype[Any]:
    """The same dtype for numbers, object for anything else."""
    return np.dtype(dtype if getattr(dtype, "kind", "O") in "fiubc" else object)


def objects(items: Any) -> np.ndarray:
    """A one-dimensional object array of some items.

    Parameters
    ----------
    items : sequence of n items

    Returns
    -------
    rows : object array of shape (n,)
    """
    rows = np.empty(len(items), dtype=object)
    for position, item in enumerate(items):
        rows[position] = item
    return rows
