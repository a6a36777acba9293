"""Pools of Dask: the same results as in memory, on workers that may be killed."""

import gc
import os
import signal
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from skactive import (
    ActiveClassifier,
    BudgetedClassifier,
    ZeroShotClassifier,
    simulate,
    strategies,
)
from skactive.encoders.models import SharedModel
from skactive.kernels import covering
from skactive.pools import Pool
from skactive.strategies import herding
from tests.support.pools import DigestEncoder, resident_bytes

dask = pytest.importorskip("dask", reason="needs the extra dask")
bag, array = pytest.importorskip("dask.bag"), pytest.importorskip("dask.array")
frame = pytest.importorskip("dask.dataframe")
distributed = pytest.importorskip("distributed")
joblib = pytest.importorskip("joblib")

RNG = np.random.default_rng(0)
N = 90
Y = np.arange(N) % 3
X = (np.eye(3, 6)[Y] + RNG.normal(size=(N, 6)) / 4).astype(np.float32)
X /= np.linalg.norm(X, axis=1, keepdims=True)
TEXTS = [f"{['matrix', 'signal', 'root'][k]} number {i}" for i, k in enumerate(Y)]
PRIOR = FrozenEstimator(LogisticRegression(C=0.1).fit(X[::7], Y[::7]))


@pytest.fixture
def in_this_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


@pytest.fixture(scope="module")
def cluster():
    """Two worker processes."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", memory_limit="2GiB"
        ) as workers,
        distributed.Client(workers) as client,
    ):
        yield client


def rows_of(kind):
    """The rows in a Dask collection, and in memory."""
    table = pd.DataFrame(X, columns=list("abcdef")).assign(text=TEXTS, k=Y)
    tables = frame.from_pandas(table, npartitions=4)
    texts = np.array(TEXTS, dtype=object)
    return {
        "array": lambda: (array.from_array(X, chunks=(17, 4)), X),
        "lengths unknown": lambda: (array.from_array(X, chunks=17)[array.ones(N) > 0], X),
        "array of texts": lambda: (array.from_array(np.array(TEXTS), chunks=40), texts),
        "bag": lambda: (bag.from_sequence(TEXTS, npartitions=4), texts),
        "bag with empty partitions": lambda: (
            bag.from_sequence(range(N + 40), npartitions=7).filter(N.__gt__).map(TEXTS.__getitem__),
            texts,
        ),
        "bag of lists": lambda: (bag.from_sequence(X.tolist(), npartitions=4), X.astype(float)),
        "series": lambda: (tables["text"], texts),
        "numeric columns": lambda: (tables[list("abcdef")], X),
        "columns of integers": lambda: (tables[["k", "a"]], np.column_stack([Y, X[:, 0]])),
    }[kind]()


@pytest.mark.usefixtures("in_this_thread")
@pytest.mark.parametrize(
    "kind",
    [
        *["array", "lengths unknown", "array of texts", "bag", "bag with empty partitions"],
        *["bag of lists", "series", "numeric columns", "columns of integers"],
    ],
)
def test_collections_are_read_like_arrays(kind):
    source, expected = rows_of(kind)
    pool = Pool.open(source)
    assert (pool.shape, pool.dtype, pool.is_distributed) == (expected.shape, expected.dtype, True)
    for index in (slice(None), slice(3, 40), slice(40, 20), [5, 2, 2, 60, -1], 7, Y == 1):
        np.testing.assert_array_equal(pool[index], expected[index])
    np.testing.assert_array_equal(np.asarray(pool), expected)
    assert [len(part) for part in pool.map_partitions(np.asarray, positions=np.array([3]))] == [1]


@pytest.mark.usefixtures("in_this_thread")
def test_a_column_is_named():
    table = frame.from_pandas(pd.DataFrame({"text": TEXTS, "k": Y}), npartitions=3)
    assert Pool.open(table, column="text")[[3, 80]].tolist() == [
        TEXTS[3],
        TEXTS[80],
    ]
    for column in (None, "txt"):
        with pytest.raises(ValueError, match=f"column={column!r} is not among the columns"):
            Pool.open(table, column=column)
    with pytest.raises(ValueError, match="column='text' was given, but there are no columns"):
        Pool.open(bag.from_sequence(TEXTS), column="text")
    with pytest.raises(TypeError, match="A DelayedLeaf cannot be a pool"):
        Pool.open(dask.delayed(TEXTS))


@pytest.mark.usefixtures("in_this_thread")
def test_partitions_of_different_width_are_refused():
    items = bag.from_sequence([[1.0, 2.0], [3.0]], npartitions=2)
    with pytest.raises(ValueError, match=r"rows of the shapes \[\(1,\), \(2,\)\]"):
        Pool.open(items)
    with pytest.raises(ValueError, match="The pool has no rows"):
        Pool.open(items.filter(lambda row: not row))


@pytest.mark.usefixtures("in_this_thread")
def test_a_dataframe_with_an_empty_partition():
    table = pd.DataFrame(X, columns=list("abcdef"))
    table.iloc[:30, 0] = -9
    tables = frame.from_pandas(table, npartitions=4)
    pool = Pool.open(tables[tables["a"] > -9])
    np.testing.assert_array_equal(pool[:], table[30:])
    assert pool.feature_names == list("abcdef")


def test_a_query_without_a_client():
    """Dask imports distributed in the first computation; its settings must remain."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_CLIENT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


WITHOUT_CLIENT = """
import dask.array, numpy as np
from skactive import ActiveClassifier
rows = dask.array.from_array(np.random.default_rng(0).normal(size=(40, 3)), chunks=10)
assert len(ActiveClassifier(random_state=0).query(rows, 3)) == 3
rows.sum().compute()
"""


@pytest.mark.usefixtures("in_this_thread")
def test_results_are_kept_for_the_last_two_functions():
    pool = Pool.open(array.from_array(X, chunks=20))
    kept = [pool.persist(partial(np.add, by))._reader for by in (1, 2)]
    np.testing.assert_array_equal(kept[1].read(0, N), X + 2)
    again = [pool.persist(partial(np.add, by))._reader for by in (1, 2, 3, 1)]
    assert again[:2] == kept
    assert again[3] is not kept[0]


@pytest.mark.usefixtures("in_this_thread")
def test_an_error_tells_where_the_partition_starts():
    pool = Pool.open(bag.from_sequence([*TEXTS[:45], None, *TEXTS[:44]], npartitions=3))
    with pytest.raises(TypeError, match=r"X\[15\] is None") as error:
        DigestEncoder().transform(pool)
    assert error.value.__notes__ == ["The partition starts at row 30 of the pool."]


ROUNDS = ["k_center", "badge", "max_herding", "u_herding", "prob_cover"]


@pytest.fixture
def no_similarities_kept(monkeypatch):
    monkeypatch.setattr(covering, "_MAX_KEPT", 0)
    monkeypatch.setattr(herding, "_ALL_CANDIDATES", 10)


def check_query(strategy, pool):
    """A query after 20 labels: that of the rows in memory."""
    clf = ActiveClassifier(LogisticRegression(), strategy=strategy, prior=PRIOR, random_state=0)
    clf.fit(X[:20], Y[:20])
    expected, scores = clf.query(X, 9, exclude=[30, 31], return_scores=True)
    asked, found = clf.query(pool, 9, exclude=[30, 31], return_scores=True)
    np.testing.assert_array_equal(asked, expected)
    np.testing.assert_allclose(found, scores, rtol=1e-5)
    np.testing.assert_allclose(clf.predict_proba(pool), clf.predict_proba(X), rtol=1e-6)


NOT_COMPARED = {"refine", "active_ft"}  # slow; its optimization amplifies rounding errors


@pytest.mark.usefixtures("in_this_thread", "no_similarities_kept")
@pytest.mark.parametrize("strategy", sorted({*strategies.names()} - NOT_COMPARED))
def test_strategies_select_the_same_rows(strategy):
    check_query(strategy, array.from_array(X, chunks=((17, 3, 40, 30), 4)))


@pytest.mark.usefixtures("in_this_thread", "no_similarities_kept")
@pytest.mark.parametrize("strategy", [*ROUNDS, "margin", "balanced_herding"])
def test_rows_are_not_gathered(strategy, monkeypatch):
    """The rows that leave the workers are fewer than those of the pool."""
    big = np.tile(X, (60, 1)) + RNG.normal(size=(60 * N, 6)) / 20
    pool = Pool.open(array.from_array(big, chunks=1000))
    n_moved = []
    take = pool._reader.take
    monkeypatch.setattr(
        pool._reader, "take", lambda rows: (n_moved.append(len(np.unique(rows))), take(rows))[1]
    )
    clf = ActiveClassifier(
        LogisticRegression(), strategy=strategy, prior=PRIOR, transductive=False, random_state=0
    )
    clf.fit(X[:20], Y[:20]).query(pool, 5)
    assert max(n_moved) < len(pool)


STEPS = {
    "sparse": (HashingVectorizer(n_features=64), LogisticRegression()),
    "normalized": (DigestEncoder(), Normalizer(), LogisticRegression()),
    "fitted": (DigestEncoder(), StandardScaler(), LogisticRegression()),
}


@pytest.mark.usefixtures("in_this_thread")
@pytest.mark.parametrize("name", STEPS)
def test_steps_of_a_pipeline(name):
    texts = np.array(TEXTS, dtype=object)
    clf = ActiveClassifier(make_pipeline(*STEPS[name]), random_state=0)
    pool = Pool.open(bag.from_sequence(TEXTS, npartitions=4))
    np.testing.assert_array_equal(clf.query(pool, 9), clf.query(texts, 9))
    clf.fit(texts[:20], Y[:20])
    np.testing.assert_array_equal(clf.query(pool, 9), clf.query(texts, 9))
    np.testing.assert_allclose(clf.predict_proba(pool), clf.predict_proba(texts), rtol=1e-6)


class CountingPrior:
    classes_ = np.array([0, 1, 2])

    def __init__(self):
        self.n_rows = 0

    def predict_proba(self, rows):
        self.n_rows += len(rows)
        words = ["matrix", "signal", "root"]
        return np.array([[1 + 3 * (word in row) for word in words] for row in rows]) / 6


@pytest.mark.usefixtures("in_this_thread")
def test_a_custom_prior_sees_each_row_once():
    texts = [*TEXTS, *TEXTS[:20]]
    prior = CountingPrior()
    estimator = make_pipeline(HashingVectorizer(n_features=64), LogisticRegression())
    clf = ActiveClassifier(estimator, prior=prior, random_state=0)
    pool = Pool.open(bag.from_sequence(texts, npartitions=4))
    asked = clf.query(pool, 5)
    np.testing.assert_array_equal(clf.query(pool, 5), asked)
    assert prior.n_rows == N
    np.testing.assert_array_equal(clf.query(texts, 5), asked)


class KilledOnce(DigestEncoder):
    """Encodes on workers only. One process kills itself, from the third batch on."""

    def __init__(self, diary="", width=16, batch_size=256, cache_dir=None):
        super().__init__(width, batch_size, cache_dir)
        self.diary = diary

    def _shared_model(self, identity, device):
        return SharedModel(None)  # importing torch takes longer than all the rest

    def _encode_rows(self, shared, rows, batch_size):
        with open(self.diary, "a") as file:
            file.write(f"{os.getpid()}\n")
        with open(self.diary) as file:
            n_batches = len(file.readlines())
        with suppress(FileExistsError):
            if n_batches >= 3:
                with open(f"{self.diary}.killed", "x") as file:
                    file.write(str(os.getpid()))
                os.kill(os.getpid(), signal.SIGKILL)
        return super()._encode_rows(shared, rows, batch_size)


@pytest.mark.skipif("KILLS" not in os.environ, reason="part of make durability")
def test_a_worker_is_killed_during_a_query(cluster, tmp_path):
    diary = tmp_path / "diary"

    def make(encoder):
        prior = ZeroShotClassifier({0: "a", 1: "b", 2: "c"}, encoder=encoder)
        estimator = make_pipeline(encoder, LogisticRegression())
        return ActiveClassifier(estimator, strategy="margin", prior=prior, random_state=0)

    n_parts = 6
    pool = Pool.open(bag.from_sequence(TEXTS, npartitions=n_parts))
    clf, expected = make(KilledOnce(str(diary))), make(DigestEncoder())
    asked = clf.query(pool, 6)
    np.testing.assert_array_equal(asked, expected.query(TEXTS, 6))
    pids = diary.read_text().split()
    killed = Path(f"{diary}.killed").read_text()
    assert killed in pids
    assert killed != str(os.getpid())
    assert len(pids) > n_parts  # what the killed worker had is encoded again
    clf.partial_fit(pool[asked], Y[asked])
    expected.partial_fit([TEXTS[i] for i in asked], Y[asked])
    pids = diary.read_text().split()
    np.testing.assert_array_equal(clf.query(pool, 6), expected.query(TEXTS, 6))
    assert diary.read_text().split() == pids  # embeddings have stayed on the workers


@pytest.mark.parametrize("kind", ["array", "bag", "series", "numeric columns"])
def test_persisted_collections_stay_on_the_workers(kind, cluster):
    source, expected = rows_of(kind)
    pool = Pool.open(source.persist())
    gc.collect()
    for _ in range(2):
        np.testing.assert_array_equal(pool[:], expected)


@pytest.mark.parametrize("strategy", ["badge", "u_herding"])
@pytest.mark.usefixtures("no_similarities_kept")
def test_rounds_on_worker_processes(strategy, cluster):
    check_query(strategy, array.from_array(X, chunks=(17, 4)))


def _block(path, number, shape):
    size = 4 * shape[0] * shape[1]
    return np.fromfile(path, np.float32, size // 4, offset=number * size).reshape(shape)


def _forget_peak():
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    return resident_bytes("VmRSS")


@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="needs /proc")
def test_workers_hold_less_than_their_part_of_the_pool(cluster, tmp_path):
    n_blocks, shape = 40, (2000, 512)
    rows = np.random.default_rng(0).random((n_blocks * shape[0], shape[1]), np.float32)
    (rows / np.linalg.norm(rows, axis=1, keepdims=True)).tofile(tmp_path / "rows")
    size = rows.nbytes
    del rows
    blocks = [
        array.from_delayed(dask.delayed(_block)(tmp_path / "rows", i, shape), shape, np.float32)
        for i in range(n_blocks)
    ]
    pool = Pool.open(array.concatenate(blocks))
    clf = ActiveClassifier(
        LogisticRegression(),
        strategy="margin",
        prior=ZeroShotClassifier(class_embeddings=np.eye(2, shape[1]), classes=[0, 1]),
        random_state=0,
    )
    clf.query(Pool.open(array.concatenate(blocks[:2])), 2)  # libraries are imported
    clf.fit(pool[:4], [0, 1, 0, 1])
    before, here = cluster.run(_forget_peak), _forget_peak()
    clf.query(pool, 4)
    peaks = cluster.run(resident_bytes, "VmHWM")
    assert max(peaks[worker] - before[worker] for worker in peaks) < size / 3
    assert resident_bytes("VmHWM") - here < size / 3


def test_simulate_on_workers(cluster):
    clf = ActiveClassifier(LogisticRegression(), strategy="margin")
    options = {"budget": 12, "batch_size": 6, "X_test": X[60:], "y_test": Y[60:], "n_repeats": 2}
    expected = simulate(clf, X[:60], Y[:60], random_state=0, **options)
    with joblib.parallel_config(backend="dask"):
        curves = simulate(clf, X[:60], Y[:60], random_state=0, n_jobs=2, **options)
    columns = ["n_labels", "score"]
    pd.testing.assert_frame_equal(curves.to_frame()[columns], expected.to_frame()[columns])


def test_budgets_on_workers(cluster):
    clf = ActiveClassifier(LogisticRegression(), strategy="margin", random_state=0)
    search = GridSearchCV(BudgetedClassifier(clf, budget=12), {"budget": [9, 12]}, cv=2)
    expected = search.fit(X, Y).cv_results_["mean_test_score"]
    with joblib.parallel_config(backend="dask"):
        found = search.set_params(n_jobs=2).fit(X, Y).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(found, expected)
