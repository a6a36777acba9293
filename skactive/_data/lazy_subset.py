"""Rows that are left where they are."""

from typing import Any

import numpy as np


class LazySubset:
    """Some rows of a two-dimensional array, read when they are asked for.

    It stands for rows of an array that lies in a file, which would not fit into memory, or of one
    that is there already and too large to be there twice. ``np.asarray`` copies them all.

    Parameters
    ----------
    array : array or tensor of shape (N, d)
        Left where it is.
    positions : int64 array of shape (n,)
        Which rows, increasing.
    """

    ndim = 2

    def __init__(self, array: Any, positions: np.ndarray) -> None:
        self.array, self.positions = array, positions
        self.dtype, self.shape = array.dtype, (len(positions), array.shape[1])

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, index: Any) -> Any:
        """Rows, or with a tuple parts of them, as the array itself would give them."""
        rows, *columns = index if isinstance(index, tuple) else (index,)
        picked: Any = self.positions[rows]
        if isinstance(rows, slice) and len(picked) and picked[-1] - picked[0] == len(picked) - 1:
            picked = slice(picked[0], picked[-1] + 1)  # nothing is left out: no copy
        return self.array[(slice(None), *columns)][picked]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.array[self.positions], dtype=dtype)
