"""Row caches: what an encoder made of one row, kept in memory or on disk.

A key says everything that decides an embedding (content, model, revision, preprocessing), so that
a cache knows nothing of encoders and a shuffled, sub-setted or grown pool hits it. Rows are kept
as float32: what comes back is bit for bit what went in.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import blake2b
from itertools import repeat
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from skactive._utils.locks import fork_safe
from skactive._utils.optional_imports import require
from skactive.encoders.row_checks import cache_keys

MEMORY_BYTES = 2**30  # about 700,000 rows of 384 numbers, for the whole process
_BLOCK_BYTES = 2**22
_MAP_BYTES = 2**28  # what a new store on disk may hold before its map grows
_READ_AT_ONCE = 4096
_OFFSET_BITS = 20  # a block of 2**22 bytes holds at most 2**20 float32 rows

Embeddings = NDArray[np.float32]
_T = TypeVar("_T")


class RowCache(Protocol):
    """What an encoder asks of a cache."""

    def get(self, keys: Sequence[bytes]) -> tuple[NDArray[np.int64], Embeddings | None]:
        """Positions of the keys that are known, (h,) int64, and their rows, (h, d) float32.

        The rows are a fresh array, and None where no key is known.
        """
        ...

    def put(self, keys: Sequence[bytes], rows: Embeddings) -> None:
        """Keep the rows, (n, d) float32, under n distinct keys."""
        ...


def open_cache(cache_dir: str | os.PathLike[str] | None) -> RowCache:
    """The cache of this process for a folder, or the one in memory.

    Parameters
    ----------
    cache_dir : str, path or None
        Folder of the store on disk; it is made if need be. None is the memory of this process,
        at most 1 GiB, where the oldest rows give way.

    Returns
    -------
    RowCache
        The same object for the same folder, as often as it is asked for.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    if cache_dir is None:
        return _MEMORY
    folder = Path(cache_dir).expanduser().resolve()
    with _OPENING:
        if folder not in _ON_DISK:
            _ON_DISK[folder] = DiskRows(folder)
        return _ON_DISK[folder]


def computed_once(
    compute: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    row_keys: NDArray[np.bytes_],
    namespace: str,
    cache_dir: str | os.PathLike[str] | None,
) -> NDArray[np.float64]:
    """Numbers for each row, computed for distinct new rows only.

    Parameters
    ----------
    compute : callable
        From positions of some rows to their numbers, an array (m, K).
    row_keys : array of shape (n,), dtype S16
        Digests of the rows.
    namespace : str
        All that the numbers depend on beside the row.
    cache_dir : str, path or None
        As in `open_cache`.

    Returns
    -------
    numbers : float64 array of shape (n, K)
        If `compute` returns another shape, or numbers that are not finite, its result as it is.
    """
    cache = open_cache(cache_dir)
    keys = cache_keys(row_keys, blake2b(namespace.encode(), digest_size=16).digest())
    hits, known = cache.get(keys)
    missing = np.setdiff1d(np.arange(len(keys)), hits)
    result = None if known is None else np.empty((len(keys), known.shape[1] // 2))
    if result is not None and known is not None:
        result[hits] = known.view(np.float64)  # stored as pairs of float32, bit by bit
    if len(missing):
        _, first, entry = np.unique(row_keys[missing], return_index=True, return_inverse=True)
        order = np.argsort(first)
        positions = missing[first[order]]
        new = np.ascontiguousarray(compute(positions), dtype=np.float64)
        if new.ndim != 2 or len(new) != len(positions) or not np.isfinite(new).all():
            return new
        cache.put([keys[position] for position in positions], new.view(np.float32))
        if result is None:
            result = np.empty((len(keys), new.shape[1]))
        result[missing] = new[np.argsort(order)[entry.ravel()]]
    assert result is not None  # there is at least one row
    return result


class MemoryRows:
    """Rows in blocks of 4 MiB; beyond `max_bytes` the oldest block is dropped.

    Blocks, and not one growing array: nothing is ever copied to make room, and rows of different
    models (and widths) share one bound.

    Parameters
    ----------
    max_bytes : int, default=2**30
        What all blocks together may take; one block is always kept.
    """

    def __init__(self, max_bytes: int = MEMORY_BYTES) -> None:
        self.max_bytes = max_bytes
        self._lock = threading.Lock()
        self._slots: dict[bytes, int] = {}
        self._blocks: OrderedDict[int, _Block] = OrderedDict()
        self._open: dict[int, _Block] = {}
        self._n_made = 0

    def get(self, keys: Sequence[bytes]) -> tuple[NDArray[np.int64], Embeddings | None]:
        with self._lock:
            slots = np.fromiter(map(self._slots.get, keys, repeat(-1)), np.int64, len(keys))
            hits = np.flatnonzero(slots >= 0)
            return hits, self._gather(slots[hits]) if hits.size else None

    def put(self, keys: Sequence[bytes], rows: Embeddings) -> None:
        with self._lock:
            todo = [i for i, key in enumerate(keys) if key not in self._slots]
            while todo:
                block = self._block_with_room(rows.shape[1])
                now, todo = todo[: block.room], todo[block.room :]
                first = block.add([keys[i] for i in now], rows[now])
                self._slots.update(
                    zip(block.keys[-len(now) :], range(first, first + len(now)), strict=True)
                )

    def _gather(self, slots: NDArray[np.int64]) -> Embeddings:
        numbers, offsets = slots >> _OFFSET_BITS, slots & (2**_OFFSET_BITS - 1)
        order = np.argsort(numbers, kind="stable")
        starts = np.flatnonzero(np.diff(numbers[order], prepend=-1))
        out = np.empty((len(slots), self._blocks[int(numbers[0])].rows.shape[1]), np.float32)
        for part in np.split(order, starts[1:]):
            out[part] = self._blocks[int(numbers[part[0]])].rows[offsets[part]]
        return out

    def _block_with_room(self, width: int) -> "_Block":
        block = self._open.get(width)
        if block is None or not block.room:
            block = self._open[width] = _Block(self._n_made, width)
            self._blocks[self._n_made] = block
            self._n_made += 1
            while len(self._blocks) > 1 and len(self._blocks) * _BLOCK_BYTES > self.max_bytes:
                self._drop_oldest()
        return block

    def _drop_oldest(self) -> None:
        _, block = self._blocks.popitem(last=False)
        for key in block.keys:
            del self._slots[key]
        if self._open.get(block.rows.shape[1]) is block:
            del self._open[block.rows.shape[1]]


class _Block:
    def __init__(self, number: int, width: int) -> None:
        self.number = number
        self.rows = np.empty((max(1, _BLOCK_BYTES // (4 * max(1, width))), width), np.float32)
        self.keys: list[bytes] = []

    @property
    def room(self) -> int:
        return len(self.rows) - len(self.keys)

    def add(self, keys: list[bytes], rows: Embeddings) -> int:
        """Append the rows; returns the slot of the first."""
        used = len(self.keys)
        self.rows[used : used + len(keys)] = rows
        self.keys.extend(keys)
        return (self.number << _OFFSET_BITS) + used


class DiskRows:
    """Rows in an lmdb store, which kill -9 cannot damage and several processes may share.

    Parameters
    ----------
    folder : path
        Where the store lies, or is made.
    map_bytes : int, default=2**28
        What the store may hold before its map is doubled.
    """

    def __init__(self, folder: Path, map_bytes: int = _MAP_BYTES) -> None:
        self.folder = folder
        self._lmdb = require("lmdb")
        self._lock = threading.Lock()
        store = folder / "skactive-rows-1"
        try:
            store.mkdir(parents=True, exist_ok=True)
            # metasync=False: a crash of the machine may cost the last write, never the store.
            self._env = self._lmdb.open(
                str(store), map_size=map_bytes, metasync=False, max_readers=1024
            )
            self._env.reader_check()  # readers that were killed no longer hold old pages
        except (OSError, self._lmdb.Error) as error:
            raise OSError(
                f"cache_dir={str(folder)!r} cannot be used as a row cache ({error}). "
                "Give a folder on a local disk that you may write to, or cache_dir=None."
            ) from error

    def get(self, keys: Sequence[bytes]) -> tuple[NDArray[np.int64], Embeddings | None]:
        with self._lock:
            return self._with_map(lambda: self._read(keys))

    def put(self, keys: Sequence[bytes], rows: Embeddings) -> None:
        rows = np.ascontiguousarray(rows, np.float32)
        # In the order of the keys, neighbors in the tree are written together.
        items = sorted(zip(keys, rows, strict=True), key=lambda item: item[0])
        with self._lock:
            try:
                self._with_map(lambda: self._write(items))
            except self._lmdb.DiskError as error:
                raise OSError(
                    f"cache_dir={str(self.folder)!r}: a row could not be written ({error}). "
                    "Free some space or choose another folder; rows written earlier are kept."
                ) from error

    def close(self) -> None:
        """Let go of the store; afterwards it may be opened again."""
        self._env.close()

    def _read(self, keys: Sequence[bytes]) -> tuple[NDArray[np.int64], Embeddings | None]:
        data, known = bytearray(), set()
        # Copies, a few at a time: five times faster than lmdb's buffers, and hardly more memory.
        with self._env.begin() as txn, txn.cursor() as cursor:
            for start in range(0, len(keys), _READ_AT_ONCE):
                found = cursor.getmulti(keys[start : start + _READ_AT_ONCE])
                data += b"".join([value for _, value in found])
                known.update([key for key, _ in found])
        hits = np.flatnonzero(np.fromiter(map(known.__contains__, keys), bool, len(keys)))
        if not hits.size:
            return hits, None
        return hits, np.frombuffer(data, np.float32).reshape(len(hits), -1)

    def _write(self, items: list[tuple[bytes, Any]]) -> None:
        with self._env.begin(write=True) as txn, txn.cursor() as cursor:
            cursor.putmulti(items, overwrite=False)

    def _with_map(self, work: Callable[[], _T]) -> _T:
        while True:
            try:
                return work()
            except self._lmdb.MapFullError:
                self._env.set_mapsize(2 * self._env.info()["map_size"])
            except self._lmdb.MapResizedError:  # another process made it larger
                self._env.set_mapsize(0)


_MEMORY = MemoryRows()
_ON_DISK: dict[Path, DiskRows] = {}
_OPENING = fork_safe(threading.Lock())


def _start_afresh() -> None:
    """In a forked child: lmdb forbids the parent's environments, and locks may be held for ever."""
    global _MEMORY
    _MEMORY = MemoryRows()
    for store in _ON_DISK.values():
        store.close()
    _ON_DISK.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_afresh)
