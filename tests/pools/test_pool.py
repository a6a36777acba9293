"""Pool: rows of files and of objects, indexed like those of an array."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skactive._data.containers import apply_by_blocks, reduce_blocks
from skactive._data.lazy_subset import LazySubset
from skactive.pools import Pool, lazy_rows
from skactive.pools.lazy_rows import is_distributed
from skactive.pools.pool import as_pool
from tests.support.pools import (
    WITH_COLUMNS,
    arrow_table,
    hugging_face,
    parquet_file,
    zarr_group,
)

N = 61
X = np.random.default_rng(0).normal(size=(N, 5)).astype(np.float32)
TEXTS = [f"text {i} {'x' * (i % 7)}" for i in range(N)]


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(lazy_rows, "_BLOCK_BYTES", 200)
    monkeypatch.setattr(lazy_rows, "_ITEM_BYTES", 20)


def check_reads_like(pool, expected):
    assert (len(pool), pool.shape, pool.ndim) == (N, expected.shape, expected.ndim)
    assert pool.dtype == expected.dtype
    slices = [slice(None), slice(3, 9), slice(40, 20), slice(N, N), slice(-5, 200), slice(0, 60, 7)]
    indices = [[5, 2, 2, 60, -1], np.arange(N) % 2 == 0, np.arange(N - 1, -1, -1), 7, -3]
    for index in (*slices, *indices, np.empty(0, dtype=int)):
        np.testing.assert_array_equal(pool[index], expected[index], strict=np.ndim(index) > 0)
    np.testing.assert_array_equal(np.asarray(pool), expected)
    np.testing.assert_array_equal(list(pool), list(expected))
    with pytest.raises(IndexError, match="outside of the pool of 61 rows"):
        pool[[N]]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("store", WITH_COLUMNS)
def test_texts_and_embeddings_in_named_columns(store, tmp_path):
    source = store(tmp_path, text=TEXTS, embedding=X)
    check_reads_like(Pool.open(source, column="text"), np.array(TEXTS, dtype=object))
    embeddings = Pool.open(source, column="embedding")
    check_reads_like(embeddings, X)
    np.testing.assert_array_equal(embeddings[3:9, [2, 0]], X[3:9, [2, 0]])
    np.testing.assert_array_equal(embeddings[[9, 3], 1], X[[9, 3], 1])
    with pytest.raises(ValueError, match="column='txt' is not among"):
        Pool.open(source, column="txt")
    with pytest.raises(ValueError, match=r"[Nn]ame"):
        Pool.open(source)


@pytest.mark.usefixtures("small_blocks")
def test_containers_without_columns(tmp_path):
    np.save(tmp_path / "X.npy", X)
    texts = np.array(TEXTS, dtype=object)
    np.save(tmp_path / "texts.npy", TEXTS)
    for source in (tmp_path / "X.npy", np.load(tmp_path / "X.npy", mmap_mode="r"), X):
        check_reads_like(Pool.open(source), X)
    check_reads_like(Pool.open(X.tolist()), X.astype(np.float64))
    for source in (TEXTS, texts, tmp_path / "texts.npy"):
        check_reads_like(Pool.open(source), texts)
    paths = [Path(text) for text in TEXTS]
    check_reads_like(Pool.open(paths), np.array(paths, dtype=object))
    for source in (X, tmp_path / "X.npy"):
        with pytest.raises(ValueError, match="column='a' was given"):
            Pool.open(source, column="a")


@pytest.mark.usefixtures("small_blocks")
def test_numeric_columns_are_features(tmp_path):
    columns = {"a": X[:, 0], "b": X[:, 1]}
    check_reads_like(Pool.open(parquet_file(tmp_path, **columns)), X[:, :2])
    check_reads_like(Pool.open(arrow_table(tmp_path, a=X[:, 0])), X[:, :1])
    check_reads_like(Pool.open(hugging_face(tmp_path, a=X[:, 0])), X[:, :1])
    counts = arrow_table(tmp_path, a=[None, *range(1, N)], b=[True, *[False] * (N - 1)])
    assert Pool.open(counts).dtype == np.float64
    np.testing.assert_array_equal(Pool.open(counts)[:2], [[np.nan, 1], [1, 0]])


def test_objects_of_pyarrow(tmp_path):
    pa = pytest.importorskip("pyarrow")
    dataset = pytest.importorskip("pyarrow.dataset")
    table = arrow_table(tmp_path, text=TEXTS)
    for source in (table, table["text"], pa.array(TEXTS), table.to_batches()[0]):
        assert list(Pool.open(source)) == TEXTS
    assert list(Pool.open(table["text"].dictionary_encode())) == TEXTS
    with pytest.raises(TypeError, match=r"RecordBatchReader cannot be a pool.*Parquet file"):
        Pool.open(table.to_reader())
    filtered = dataset.dataset(parquet_file(tmp_path, n=np.arange(N))).filter(
        dataset.field("n") > 9
    )
    with pytest.raises(ValueError, match="filtered"):
        Pool.open(filtered)
    ragged = pa.table({"embedding": [[1.0], [1.0, 2.0]]})
    with pytest.raises(ValueError, match="'embedding' has missing lists"):
        Pool.open(ragged)[:]


def test_a_zarr_array(tmp_path):
    zarr = pytest.importorskip("zarr")
    group = zarr.open(zarr_group(tmp_path, embedding=X), mode="r")
    check_reads_like(Pool.open(group["embedding"]), X)
    check_reads_like(Pool.open(group), X)
    with pytest.raises(ValueError, match="has no named columns"):
        Pool.open(group["embedding"], column="embedding")


@pytest.mark.parametrize("source", [iter(TEXTS), (t for t in TEXTS), map(str, TEXTS), {"a": 1}, 3])
def test_what_cannot_be_read_twice_is_refused(source):
    with pytest.raises(TypeError, match=r"cannot be a pool.*Parquet file.*list\(\.\.\.\)"):
        Pool.open(source)


def test_paths_that_are_no_pools(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing.parquet' does not exist"):
        Pool.open(tmp_path / "nothing.parquet")
    (tmp_path / "rows.csv").write_text("a\n1\n")
    with pytest.raises(ValueError, match=r"rows.csv' is neither a .parquet file"):
        Pool.open(tmp_path / "rows.csv")


def test_only_what_needs_a_pool_becomes_one(tmp_path):
    path = parquet_file(tmp_path, text=TEXTS)
    for source in (
        path,
        f"{path}/",
        *(make(tmp_path, text=TEXTS) for make in (arrow_table, hugging_face)),
    ):
        assert isinstance(as_pool(source), Pool)
    pool = Pool.open(X)
    assert Pool.open(pool) is as_pool(pool) is pool
    for given_rows in (X, TEXTS, "a text", None, tmp_path):
        assert as_pool(given_rows) is given_rows


def test_a_pool_needs_one_pass_for_increasing_positions(tmp_path, monkeypatch):
    pq = pytest.importorskip("pyarrow.parquet")
    pool = Pool.open(parquet_file(tmp_path, text=TEXTS))
    opened, iterate = [], pq.ParquetFile.iter_batches

    def counting(self, size, *, row_groups, **options):
        opened.extend(row_groups)
        return iterate(self, size, row_groups=row_groups, **options)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", counting)
    monkeypatch.setattr(lazy_rows, "_BLOCK_BYTES", 3 * 2**10)
    assert list(pool) == TEXTS
    assert opened == [0, 1, 2, 3]
    assert pool[20] == TEXTS[20]
    assert opened[4:] == [1]
    # slices and positions in turn, as for a pool with labeled rows
    opened.clear()
    kept = [*range(0, 14), *range(15, 33), *range(34, N)]
    subset = LazySubset(pool, np.array(kept))
    found = [text for start in range(0, len(kept), 7) for text in subset[start : start + 7]]
    assert found == [TEXTS[position] for position in kept]
    assert opened == [0, 1, 2, 3]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_order_of_reads(data):
    pool = Pool.open(PARQUET["path"], column="embedding")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lazy_rows, "_BLOCK_BYTES", data.draw(st.integers(1, 400)))
        for _ in range(4):
            start, stop = data.draw(st.integers(0, N)), data.draw(st.integers(0, N))
            some = data.draw(st.lists(st.integers(0, N - 1)))
            np.testing.assert_array_equal(pool[start:stop], X[start:stop])
            np.testing.assert_array_equal(pool[np.array(some, dtype=int)], X[some])


PARQUET = {}


@pytest.fixture(autouse=True, scope="module")
def _parquet(tmp_path_factory):
    PARQUET["path"] = parquet_file(tmp_path_factory.mktemp("parquet"), embedding=X)


class TwoParts:
    """The interface of a reader whose rows are on two workers."""

    has_random_access = True

    def __init__(self, rows):
        self._rows, self._half = rows, len(rows) // 2
        self.shape, self.dtype = rows.shape, rows.dtype

    def read(self, start, stop):
        return self._rows[start:stop]

    def map_partitions(self, function, *others, positions=None):
        positions = np.arange(len(self._rows)) if positions is None else positions
        first = positions < self._half
        return [
            function(self._rows[positions[part]], *(other[part] for other in others))
            for part in (first, ~first)
        ]

    def persist(self, function):
        return TwoParts(np.concatenate([function(self._rows[:30]), function(self._rows[30:])]))


def test_functions_run_where_the_rows_are():
    pool, weight = Pool(TwoParts(X)), np.arange(N) / N
    assert is_distributed(pool)
    assert not is_distributed(Pool.open(X))
    kept = np.arange(1, N, 2)
    results = pool.map_partitions(np.sum, positions=kept)
    np.testing.assert_allclose(results, [X[1:30:2].sum(), X[31::2].sum()], rtol=1e-5)
    subset = LazySubset(pool.persist(np.negative), kept)
    totals = reduce_blocks(_weighted_sum, sum, subset, weight[kept])
    np.testing.assert_allclose(totals, -weight[kept] @ X[kept], rtol=1e-5)
    rows = apply_by_blocks(_scaled, subset, weight[kept])
    np.testing.assert_allclose(rows, -weight[kept, None] * X[kept], rtol=1e-6)


def _weighted_sum(rows, weight):
    return weight @ rows


def _scaled(rows, weight):
    return rows * weight[:, None]
