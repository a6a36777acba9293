"""Row caches: they keep the embedding of each row, in memory or on disk.

A key is a digest of everything that affects an embedding: content, model, revision, preprocessing.
Rows are therefore found again in a shuffled pool, in a part of a pool, and in a larger pool. They
are stored as float32, and are returned bit for bit as they were stored.
"""

import os
import shutil
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from skactive._utils.locks import exclusive, fork_safe
from skactive._utils.optional_imports import require

MEMORY_BYTES = 2**30  # for the whole process; about 610,000 rows of 384 numbers
_BLOCK_BYTES = 2**22
_KEY_BYTES = 220  # of a key and its entries in a list and a dict that may just be growing
_MAP_BYTES = 2**28  # initial size of the memory map of a store on disk
_READ_AT_ONCE = 2048
_OFFSET_BITS = 20  # a block holds fewer than 2**20 rows

Embeddings = NDArray[np.float32]
_T = TypeVar("_T")


class RowCache(Protocol):
    """Interface of a row cache."""

    def get(self, keys: Sequence[bytes]) -> tuple[NDArray[np.int64], Embeddings | None]:
        """Positions of the keys that are stored, (h,) int64, and their rows, (h, d) float32.

        The rows are a new array, or None if no key is stored.
        """
        ...

    def put(self, keys: Sequence[bytes], rows: Embeddings) -> None:
        """Store the rows, (n, d) float32, under n distinct keys."""
        ...


def open_cache(cache_dir: str | os.PathLike[str] | None) -> RowCache:
    """The row cache of a folder, or the row cache in memory.

    Parameters
    ----------
    cache_dir : str, path or None
        Folder of the store on disk; it is created if it does not exist. None is the cache in the
        memory of this process, which holds at most 1 GiB and drops the oldest rows first.

    Returns
    -------
    RowCache
        Calls with the same folder return the same object.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    if cache_dir is None:
        return _MEMORY
    folder = Path(cache_dir).expanduser().resolve()
    with _DISK_LOCK:
        if folder not in _ON_DISK:
            _ON_DISK[folder] = DiskRows(folder)
        return _ON_DISK[folder]


class MemoryRows:
    """A row cache in memory: blocks of 4 MiB, of which the oldest is dropped beyond `max_bytes`.

    The memory of the keys counts: that of narrow rows, such as probabilities, is small beside it.

    Unlike one growing array, blocks are never copied to make room, and rows of different models
    (and widths) share one limit.

    Parameters
    ----------
    max_bytes : int, default=2**30
        Maximum size of all blocks together; one block is always kept.
    """

    def __init__(self, max_bytes: int = MEMORY_BYTES) -> None:
        self.max_bytes = max_bytes
        self._slots: dict[bytes, int] = {}
        self._blocks: OrderedDict[int, _Block] = OrderedDict()
        self._open: dict[int, _Block] = {}
        self._n_blocks_made = 0

    @exclusive
    def get(self, keys: Sequence[bytes]) -> tuple[NDArray[np.int64], Embeddings | None]:
        slots = np.fromiter(map(self._slots.get, keys, repeat(-1)), np.int64, len(keys))
        hits = np.flatnonzero(slots >= 0)
        return hits, self._gather(slots[hits]) if hits.size else None

    @exclusive
    def put(self, keys: Sequence[bytes], rows: Embeddings) -> None:
        new = [i for i, key in enumerate(keys) if key not in self._slots]
        while new:
            block = self._block_with_room(rows.shape[1])
            fitting, new = new[: block.room], new[block.room :]
            first = block.add([keys[i] for i in fitting], rows[fitting])
            # last, so that a child forked by another thread finds complete rows only
            self._slots.update(
                zip(block.keys[-len(fitting) :], range(first, first + len(fitting)), strict=True)
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
            block = self._open[width] = _Block(self._n_blocks_made, width)
            self._blocks[self._n_blocks_made] = block
            self._n_blocks_made += 1
            while len(self._blocks) > 1 and len(self._blocks) * _BLOCK_BYTES > self.max_bytes:
                self._drop_oldest()
        return block

    def _drop_oldest(self) -> None:
        block = next(iter(self._blocks.values()))
        for key in block.keys:
            self._slots.pop(key, None)
        del self._blocks[block.number]
        if self._open.get(block.rows.shape[1]) is block:
            del self._open[block.rows.shape[1]]


class _Block:
    def __init__(self, number: int, width: int) -> None:
        self.number = number
        n_rows = max(1, _BLOCK_BYTES // (4 * width + _KEY_BYTES))
        self.rows = np.empty((n_rows, width), np.float32)
        self.keys: list[bytes] = []

    @property
    def room(self) -> int:
        return len(self.rows) - len(self.keys)

    def add(self, keys: list[bytes], rows: Embeddings) -> int:
        """Append the rows and return the slot of the first one."""
        used = len(self.keys)
        self.rows[used : used + len(keys)] = rows
        self.keys.extend(keys)
        return (self.number << _OFFSET_BITS) + used


class DiskRows:
    """A row cache on disk, in an lmdb store.

    Several processes can use the store at the same time. A process that is killed does not damage
    the store. A file that was truncated, by an interrupted copy for example, is detected when the
    store is opened: a warning is issued, and the store starts empty.

    Parameters
    ----------
    folder : path
        Folder of the store; it is created if it does not exist.
    map_bytes : int, default=2**28
        Initial size of the memory map; it is doubled whenever the map is full.
    """

    def __init__(self, folder: Path, map_bytes: int = _MAP_BYTES) -> None:
        self.folder = folder
        self._lmdb = require("lmdb")
        self._lock = threading.Lock()
        self._n_used = 0  # rows read or written since the pages were released
        store = folder / "skactive-rows-1"
        try:
            env = self._open(store, map_bytes)
            if env is None:
                warnings.warn(
                    f"cache_dir={str(folder)!r}: the file of the row cache was truncated. It is "
                    "replaced by an empty one, and rows are computed again.",
                    stacklevel=2,
                )
                shutil.rmtree(store)
                env = self._open(store, map_bytes)
            self._env = env
            self._env.reader_check()  # frees the pages held by readers that were killed
        except (OSError, self._lmdb.Error) as error:
            raise OSError(
                f"cache_dir={str(folder)!r} cannot be used as a row cache ({error}). "
                "Give a folder on a local disk that is writable, or cache_dir=None."
            ) from error

    def get(self, keys: Sequence[bytes]) -> tuple[NDArray[np.int64], Embeddings | None]:
        with self._lock:
            return self._with_map(lambda: self._read(keys))

    def put(self, keys: Sequence[bytes], rows: Embeddings) -> None:
        rows = np.ascontiguousarray(rows, np.float32)
        # In the order of the keys, neighbors in the tree are written together, which is faster.
        items = sorted(zip(keys, rows, strict=True), key=lambda item: item[0])
        with self._lock:
            try:
                self._with_map(lambda: self._write(items))
                self._release_pages(len(items))
            except self._lmdb.DiskError as error:
                raise OSError(
                    f"cache_dir={str(self.folder)!r}: a row could not be written ({error}). "
                    "Free some space or choose another folder; rows written earlier are kept."
                ) from error

    def close(self) -> None:
        """Close the store; another `DiskRows` can then open it."""
        self._env.close()

    def _open(self, store: Path, map_bytes: int) -> Any:
        """The lmdb environment, or None if its file is shorter than it must be.

        Only the first two pages are read here. To read a page beyond the end of the file kills the
        process (SIGBUS).
        """
        store.mkdir(parents=True, exist_ok=True)
        try:
            # metasync=False: if the machine crashes, the last write may be lost, but the store
            # stays intact.
            env = self._lmdb.open(str(store), map_size=map_bytes, metasync=False, max_readers=1024)
        except self._lmdb.InvalidError:  # not even these two pages are complete
            return None
        n_bytes = (env.info()["last_pgno"] + 1) * env.stat()["psize"]
        if (store / "data.mdb").stat().st_size >= n_bytes:
            return env
        env.close()
        return None

    def _read(self, keys: Sequence[bytes]) -> tuple[NDArray[np.int64], Embeddings | None]:
        data, hits = bytearray(), []
        # Copying a few rows at a time is five times faster than lmdb's buffers, and needs hardly
        # more memory.
        for start in range(0, len(keys), _READ_AT_ONCE):
            part = keys[start : start + _READ_AT_ONCE]
            with self._env.begin() as txn, txn.cursor() as cursor:
                found = cursor.getmulti(part)
            self._release_pages(_READ_AT_ONCE)  # a search for a missing key uses pages, too
            data += b"".join([value for _, value in found])
            # by part: another process may write a row between two of them
            known = {key for key, _ in found}
            is_known = np.fromiter(map(known.__contains__, part), bool, len(part))
            hits.append(start + np.flatnonzero(is_known))
        positions = np.concatenate([np.empty(0, np.int64), *hits])
        if not positions.size:
            return positions, None
        return positions, np.frombuffer(data, np.float32).reshape(len(positions), -1)

    def _write(self, items: list[tuple[bytes, Any]]) -> None:
        with self._env.begin(write=True) as txn, txn.cursor() as cursor:
            cursor.putmulti(items, overwrite=False)

    def _release_pages(self, n_rows: int) -> None:
        """Map the store again from time to time, since used pages count as resident memory.

        Linux makes 16 pages around a used one resident, 64 KiB for each row at a random position.
        """
        self._n_used += n_rows
        if self._n_used >= _READ_AT_ONCE:
            self._env.set_mapsize(self._env.info()["map_size"])
            self._n_used = 0

    def _with_map(self, work: Callable[[], _T]) -> _T:
        """Call `work`, and again after each time that the memory map had to grow."""
        while True:
            try:
                return work()
            except self._lmdb.MapFullError:
                self._env.set_mapsize(2 * self._env.info()["map_size"])
            except self._lmdb.MapResizedError:  # another process made it larger
                self._env.set_mapsize(0)


_MEMORY = MemoryRows()
_ON_DISK: dict[Path, DiskRows] = {}
_DISK_LOCK = fork_safe(threading.Lock())


def _reset_in_child() -> None:
    """Replace the caches in a forked child process.

    lmdb forbids the use of an environment that the parent process opened, and a lock that another
    thread held at the time of the fork is never released in the child.
    """
    global _MEMORY
    _MEMORY = MemoryRows()
    for store in _ON_DISK.values():
        store.close()
    _ON_DISK.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_in_child)
