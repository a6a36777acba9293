"""The same rows in every container that a pool reads."""

from hashlib import shake_128
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from skactive._data.row_keys import row_keys
from skactive.encoders.base import Encoder
from skactive.encoders.row_checks import cache_keys, check_texts


def parquet_file(folder, row_group_size=17, **columns):
    """A Parquet file with small row groups; its path."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = folder / "rows.parquet"
    table = pa.table({key: _arrow(rows) for key, rows in columns.items()})
    pq.write_table(table, path, row_group_size=row_group_size)
    return path


def parquet_folder(folder, **columns):
    """A directory of two Parquet files; its path."""
    (folder / "parts").mkdir()
    n = len(next(iter(columns.values())))
    for name, part in (("a", slice(0, n // 3)), ("b", slice(n // 3, n))):
        path = parquet_file(folder, **{key: rows[part] for key, rows in columns.items()})
        path.rename(folder / "parts" / f"{name}.parquet")
    return folder / "parts"


def arrow_table(folder, **columns):
    pa = pytest.importorskip("pyarrow")
    return pa.table({key: _arrow(rows) for key, rows in columns.items()})


def arrow_dataset(folder, **columns):
    dataset = pytest.importorskip("pyarrow.dataset")
    return dataset.dataset(parquet_folder(folder, **columns))


def feather_dataset(folder, **columns):
    feather = pytest.importorskip("pyarrow.feather")
    feather.write_feather(arrow_table(folder, **columns), folder / "rows.arrow", chunksize=9)
    return pytest.importorskip("pyarrow.dataset").dataset(folder / "rows.arrow", format="ipc")


def zarr_group(folder, **columns):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(folder / "rows.zarr", mode="w")
    for name, rows in columns.items():
        rows = np.asarray(rows)
        dtype = rows.dtype if rows.dtype.kind == "f" else str
        array = group.create_array(name, shape=rows.shape, chunks=(7, *rows.shape[1:]), dtype=dtype)
        array[:] = rows
    return folder / "rows.zarr"


def hugging_face(folder, **columns):
    datasets = pytest.importorskip("datasets")
    return datasets.Dataset(datasets.table.InMemoryTable(arrow_table(folder, **columns)))


WITH_COLUMNS = [
    parquet_file,
    parquet_folder,
    arrow_table,
    arrow_dataset,
    feather_dataset,
    zarr_group,
    hugging_face,
]


def _arrow(rows):
    import pyarrow as pa

    if isinstance(rows, np.ndarray) and rows.ndim == 2:
        return pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1])
    return pa.array(rows)


class DigestEncoder(Encoder):
    """A cheap encoder of texts: embeddings are digests."""

    takes_row_keys = True

    def __init__(self, width=16, batch_size=256, cache_dir=None):
        self.width = width
        self.batch_size = batch_size
        self.cache_dir = cache_dir

    _parameter_constraints: ClassVar = {"cache_dir": [str, Path, None]}
    model, device, precision, verbose = "digest", "cpu", "float32", False

    def _check_rows(self, X):
        return check_texts(X, "X")

    def _row_keys(self, rows, namespace):
        return cache_keys(row_keys(rows), namespace)

    def _identity(self):
        return "digest", str(self.width)

    def _load(self, device, dtype):
        return None

    def _encode_rows(self, shared, rows, batch_size):
        digests = [shake_128(row.encode()).digest(self.width) for row in rows]
        return np.frombuffer(b"".join(digests), np.uint8).reshape(-1, self.width) - np.float32(127)

    def _encode_texts(self, shared, texts, batch_size):
        return self._encode_rows(shared, texts, batch_size)

    def _tower(self, model):
        raise NotImplementedError

    def _collate(self, model):
        raise NotImplementedError

    def _forward(self, model, batch):
        raise NotImplementedError


def write_embeddings(path, n, width, seed=0):
    """A .npy file of unit rows around ten directions, larger than the memory if need be."""
    rng = np.random.default_rng(seed)
    directions = rng.standard_normal((10, width), np.float32)
    rows = np.lib.format.open_memmap(path, "w+", np.float32, (n, width))
    for start in range(0, n, 8192):
        part = rows[start : start + 8192]
        part[:] = directions[rng.integers(10, size=len(part))]
        part += rng.standard_normal(part.shape, np.float32)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    rows.flush()


def resident_bytes(name):
    """``VmRSS``, the resident memory of this process, or ``VmHWM``, its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(name)).split()[1])
