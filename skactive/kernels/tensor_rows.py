"""Rows of a pool as tensors, a block or a selection at a time."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse
import torch

from skactive._data.lazy_subset import LazySubset

#: Elements of one block, large enough to keep a matrix product busy, small enough to stay cheap.
BLOCK_ELEMENTS = {"cpu": 2**21, "cuda": 2**27}
#: Rows that are looked at to see where the pool lies.
_GLANCE = 1024


class TensorRows:
    """Read-only access to the rows of an array that may be too large to copy.

    Parameters
    ----------
    array : array, memmap, LazySubset, scipy.sparse matrix or tensor of shape (N, d)
        Half and single precision are worked on in single, everything else in double precision.
        On a GPU the array is uploaded once if it fits, else block by block at each pass.
    device : str, default="cpu"
        A torch device.
    centered : bool, default=False
        Whether rows may be moved, all alike, to where they are short: distances from norms and
        products are good to a few units in the last place of the squared norms only. It is done
        where the pool lies farther from the origin than it is wide.

    Attributes
    ----------
    origin : tensor of shape (d,) or None
        What is taken from every row.

    Examples
    --------
    >>> import numpy as np
    >>> rows = TensorRows(np.eye(3, dtype=np.float16))
    >>> rows.take([2])
    tensor([[0., 0., 1.]])
    """

    def __init__(self, array: Any, device: str = "cpu", *, centered: bool = False) -> None:
        self.device = torch.device(device)
        self._sparse = scipy.sparse.issparse(array)
        self._data = array.tocsr() if self._sparse else _as_tensor(array)
        single = str(self._data.dtype).removeprefix("torch.") in ("float16", "bfloat16", "float32")
        self.dtype = torch.float32 if single or self.device.type == "mps" else torch.float64
        if not self._sparse and self.device.type == "cuda" and _fits(self._data):
            self._data = self._data[:].to(self.device)
        self.shape: tuple[int, int] = (array.shape[0], array.shape[1])
        self.origin: torch.Tensor | None = None
        if centered:
            sample = self.take(range(0, len(self), max(1, len(self) // _GLANCE)))
            mean = sample.mean(dim=0)
            if (mean * mean).sum() > ((sample - mean) ** 2).sum(dim=1).mean():
                self.origin = mean

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def eps(self) -> float:
        """The resolution of the numbers that the rows are worked on in."""
        return float(torch.finfo(self.dtype).eps)

    def blocks(self, width: int = 0) -> Iterator[tuple[slice, torch.Tensor]]:
        """The rows in order, as (slice, tensor) pairs; width: columns of what is made of them."""
        elements = BLOCK_ELEMENTS.get(self.device.type, BLOCK_ELEMENTS["cpu"])
        size = max(1, elements // max(1, width, self.shape[1]))
        for start in range(0, len(self), size):
            where = slice(start, min(start + size, len(self)))
            yield where, self._tensor(self._data[where])

    def place(self, array: Any) -> torch.Tensor:
        """Rows of another array, moved and converted as these are."""
        return self._move(TensorRows(array, str(self.device)).all())

    def all(self) -> torch.Tensor:
        """All rows at once: no copy where their precision and device are right already."""
        return self._tensor(self._data[:])

    def take(self, positions: Any) -> torch.Tensor:
        """The rows at the given positions, in that order."""
        index = torch.as_tensor(positions, dtype=torch.int64)
        in_place = isinstance(self._data, torch.Tensor)
        picked = index.to(self._data.device) if in_place else index.cpu().numpy()
        return self._tensor(self._data[picked])

    def square_norms(self) -> torch.Tensor:
        """The squared length of each row, shape (N,)."""
        result = torch.empty(len(self), dtype=self.dtype, device=self.device)
        for where, block in self.blocks():
            torch.linalg.vector_norm(block, dim=1, out=result[where])
        return result.square_()

    def mean(self) -> torch.Tensor:
        """The mean row, shape (d,), summed in double precision where the device has it."""
        wide = torch.float32 if self.device.type == "mps" else torch.float64
        total = torch.zeros(self.shape[1], dtype=wide, device=self.device)
        for _, block in self.blocks():
            total += block.sum(dim=0, dtype=wide)
        return total / len(self)

    def _tensor(self, data: Any) -> torch.Tensor:
        if self._sparse:
            data = torch.from_numpy(data.toarray())
        return self._move(data)

    def _move(self, data: torch.Tensor) -> torch.Tensor:
        data = data.to(device=self.device, dtype=self.dtype)
        return data if self.origin is None else data - self.origin


def _as_tensor(array: Any) -> Any:
    if isinstance(array, LazySubset):
        return LazySubset(_as_tensor(array.array), array.positions)
    if isinstance(array, torch.Tensor):
        return array.detach()
    array = np.asarray(array)
    if not array.dtype.isnative or min(array.strides, default=0) < 0:
        array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    with warnings.catch_warnings():
        # A memmap opened for reading is not writable; nothing here writes.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


def _fits(data: Any) -> bool:
    free, _ = torch.cuda.mem_get_info()
    return data.shape[0] * data.shape[1] * data.dtype.itemsize < 0.7 * free
