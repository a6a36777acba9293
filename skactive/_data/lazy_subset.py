"""LazySubset: a subset of the rows of a large array that is read without a copy of all rows."""

from typing import Any

import numpy as np


class LazySubset:
    """Subset of the rows of a two-dimensional array. Rows are copied when they are indexed.

    It is used for memory-mapped arrays, which may not fit into memory, and for arrays that are too
    large to be copied. ``np.asarray`` copies all rows of the subset.

    Parameters
    ----------
    array : array or tensor of shape (N, d)
        The whole array. It is not copied.
    positions : int64 array of shape (n,)
        Positions of the rows of the subset, increasing.
    """

    ndim = 2

    def __init__(self, array: Any, positions: np.ndarray) -> None:
        self.array, self.positions = array, positions
        self.dtype, self.shape = array.dtype, (len(positions), array.shape[1])

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, index: Any) -> Any:
        """Rows of the subset, indexed like the array; a tuple also selects columns."""
        rows, *columns = index if isinstance(index, tuple) else (index,)
        positions: Any = self.positions[rows]
        if (
            isinstance(rows, slice)
            and len(positions)
            and positions[-1] - positions[0] == len(positions) - 1
        ):
            positions = slice(positions[0], positions[-1] + 1)  # consecutive rows need no copy
        return self.array[(slice(None), *columns)][positions]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.array[self.positions], dtype=dtype)
