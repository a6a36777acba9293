"""Pool: rows on disk or in memory, behind one interface."""

from collections.abc import Callable
from threading import Lock
from typing import Any

import numpy as np

from skactive.pools.lazy_rows import LazyRows
from skactive.pools.readers import RowReader
from skactive.pools.sources import is_source, make_reader


class Pool(LazyRows):
    """Rows that are read block by block, from a file that may be larger than the memory.

    `Pool.open` makes a pool. `ActiveClassifier`, the encoders and `ZeroShotClassifier` take it
    instead of an array or a list of texts; their results are the same. ``pool[positions]`` reads
    the rows at these positions, for example those that `query` has selected.

    Parameters
    ----------
    reader : RowReader
        Reads the rows.

    Attributes
    ----------
    shape : tuple
        (n, d) for a pool of numbers, (n,) for texts, paths and other objects.
    dtype : numpy dtype
        Of the numbers; object for texts and other objects.
    ndim : int
        Number of dimensions.
    n_block_rows : int
        Number of rows in a block of about 16 MiB.
    is_distributed : bool
        Whether the rows are on the workers of a cluster (Dask), where functions of them run.
    has_random_access : bool
        Whether a few rows at any positions are read without the rows between them. False for
        Parquet files.
    feature_names : list of str or None
        Names of the columns of a table of numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.pools import Pool
    >>> from tempfile import mkdtemp
    >>> path = f"{mkdtemp()}/X.npy"
    >>> np.save(path, np.eye(3))
    >>> pool = Pool.open(path)
    >>> len(pool), pool.shape
    (3, (3, 3))
    >>> pool[[2, 0]]
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """

    def __init__(self, reader: RowReader) -> None:
        if not reader.shape:
            raise ValueError("A pool is an array of rows; this array has no dimension.")
        self._reader: Any = reader
        self.shape = reader.shape
        self.dtype = reader.dtype
        self._lock = Lock()
        self._buffered: tuple[int, np.ndarray] | None = None

    @classmethod
    def open(cls, source: Any, column: str | None = None) -> "Pool":
        """Open a file, a directory or an object.

        Parameters
        ----------
        source : path or object
            A ``.parquet`` file, a directory of such files, a ``.npy`` file, a ``.zarr`` directory;
            a table, dataset or column of pyarrow, a zarr array or group, a Hugging Face dataset,
            a Dask array, bag or dataframe, an array, a memory map or a list.
        column : str, default=None
            Name of the column, or of the array in a zarr group, that holds the rows: texts, paths
            of images, or lists of numbers of one length. None is possible if there is only one, or
            if all columns are numbers; these are then the features.

        Returns
        -------
        pool : Pool
            Its rows are not read yet.

        Raises
        ------
        TypeError
            If `source` can be read only once, such as a generator, or is of another type.
        ValueError
            If `column` is missing, or is not a column of `source`.
        ImportError
            If pyarrow or zarr is not installed (extra ``pools``), or Dask (extra ``dask``).

        Examples
        --------
        >>> from skactive.pools import Pool
        >>> pool = Pool.open("texts.parquet", column="text")  # doctest: +SKIP
        """
        if isinstance(source, Pool):
            return source
        return cls(make_reader(source, column))

    def __reduce__(self) -> Any:
        raise TypeError("A Pool cannot be pickled or copied. Open it again where it is needed.")

    @property
    def feature_names(self) -> list[str] | None:
        return getattr(self._reader, "feature_names", None)

    @property
    def has_random_access(self) -> bool:
        return self._reader.has_random_access

    @property
    def is_distributed(self) -> bool:
        return hasattr(self._reader, "map_partitions")

    def map_partitions(
        self, function: Callable[..., Any], *others: Any, positions: np.ndarray | None = None
    ) -> list[Any]:
        """Call a function where the rows are. Only for a pool that is distributed.

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
            One result for each partition that has such rows, in the order of the rows.
        """
        return self._reader.map_partitions(function, *others, positions=positions)

    def persist(self, function: Callable[[np.ndarray], np.ndarray]) -> "Pool":
        """Compute rows, and keep them where they are. Only for a pool that is distributed.

        Parameters
        ----------
        function : callable
            Function of an array of rows that returns one row for each.

        Returns
        -------
        pool : Pool
            The computed rows. The pool keeps the results of the last two functions.
        """
        return Pool(self._reader.persist(function))

    def __getitem__(self, index: Any) -> Any:
        rows, *columns = index if isinstance(index, tuple) else (index,)
        if np.ndim(rows) == 0 and not isinstance(rows, slice):
            return self[(np.array([rows]), *columns)][0]
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            if step == 1:
                found = self._slice(start, max(start, stop))
            else:
                found = self._take(np.arange(start, stop, step))
        else:
            rows = np.asarray(rows)
            if rows.dtype == bool:
                if rows.shape != (len(self),):
                    raise IndexError(f"a mask of shape {rows.shape} for {len(self)} rows")
                rows = np.flatnonzero(rows)
            elif rows.size and rows.dtype.kind not in "iu":
                raise IndexError(f"positions have dtype {rows.dtype}; give integers")
            rows = np.where(rows < 0, rows + len(self), rows).astype(np.int64)
            if len(rows) and not 0 <= rows.min() <= rows.max() < len(self):
                raise IndexError(f"a position is outside of the pool of {len(self)} rows")
            found = self._take(rows)
        return found[(slice(None), *columns)] if columns else found

    def _slice(self, start: int, stop: int) -> np.ndarray:
        """Rows of a range; short ranges are parts of larger blocks, of which the last is kept.

        Without random access, all ranges are, so that reading never has to go back.
        """
        size = self.n_block_rows
        is_long = stop - start >= size or self.is_distributed
        if start == stop or (is_long and self.has_random_access):
            with self._lock:
                return self._reader.read(start, stop)
        parts = [
            self._block(number)[max(start - number * size, 0) : stop - number * size]
            for number in range(start // size, (stop - 1) // size + 1)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _take(self, positions: np.ndarray) -> np.ndarray:
        if hasattr(self._reader, "take"):
            with self._lock:
                return self._reader.take(positions)
        out = np.empty((len(positions), *self.shape[1:]), self.dtype)
        order = np.argsort(positions, kind="stable")
        numbers = positions[order] // self.n_block_rows
        for part in np.split(order, np.flatnonzero(np.diff(numbers)) + 1):
            if len(part):
                number = int(positions[part[0]]) // self.n_block_rows
                out[part] = self._block(number)[positions[part] - number * self.n_block_rows]
        return out

    def _block(self, number: int) -> np.ndarray:
        with self._lock:
            if self._buffered is None or self._buffered[0] != number:
                start = number * self.n_block_rows
                rows = self._reader.read(start, min(start + self.n_block_rows, len(self)))
                rows.flags.writeable = False  # several callers may get the same rows
                self._buffered = number, rows
            return self._buffered[1]


def as_pool(X: Any) -> Any:
    """The pool of a container that is read block by block; any other container itself.

    Parameters
    ----------
    X : object
        What the user gave.

    Returns
    -------
    rows : Pool or object
        A Pool for a path that ends in .parquet, .npy or .zarr, for objects of pyarrow, zarr and
        Dask, and for Hugging Face datasets.
    """
    return Pool.open(X) if is_source(X) else X
