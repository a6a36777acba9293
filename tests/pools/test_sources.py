"""Sources of pools as users have them: what is read, and what is refused."""

import pickle
import shutil
from collections.abc import Iterator

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

from skactive import (
    ActiveClassifier,
    BudgetedClassifier,
    LabelingProject,
    ZeroShotClassifier,
    simulate,
)
from skactive.evaluation import audit, pool_report, report
from skactive.pools import Pool
from tests.support.pools import DigestEncoder, hugging_face

pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
zarr, datasets = pytest.importorskip("zarr"), pytest.importorskip("datasets")
open_dataset = pytest.importorskip("pyarrow.dataset").dataset

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = (X[:, 0] > 0).astype(int)
TEXTS = [f"text {i}" for i in range(5)]


def frame(names="abc"):
    return pd.DataFrame(X, columns=list("abc"))[list(names)]


def write_parts(folder, *tables):
    folder.mkdir()
    for number, table in enumerate(tables):
        pq.write_table(table, folder / f"{number}.parquet")
    return folder


def test_the_index_of_a_data_frame_is_no_feature(tmp_path):
    shuffled = frame().sample(frac=1, random_state=0)
    shuffled.to_parquet(tmp_path / "a.parquet")
    np.testing.assert_array_equal(Pool.open(tmp_path / "a.parquet")[:], shuffled)
    texts = pd.DataFrame({"text": TEXTS}, index=[4, 2, 0, 1, 3])
    assert Pool.open(pa.Table.from_pandas(texts))[:].tolist() == TEXTS


def test_a_read_that_failed_is_repeated(tmp_path):
    rows = [f"row {i}" for i in range(9000)]
    tables = [pa.table({"t": part}) for part in (rows[:5000], rows[5000:8000], rows[8000:])]
    pool = Pool.open(write_parts(tmp_path / "d", *tables))
    shutil.move(tmp_path / "d/1.parquet", tmp_path / "gone")
    with pytest.raises(OSError, match=r"1\.parquet"):
        pool[:]
    shutil.move(tmp_path / "gone", tmp_path / "d/1.parquet")
    assert pool[[8500, 5001]].tolist() == [rows[8500], rows[5001]]
    assert pool[:].tolist() == rows


def test_files_of_a_directory_differ(tmp_path):
    tables = [pa.table({"x": pa.array([1.5], kind)}) for kind in (pa.float32(), pa.float64())]
    tables.append(pa.table({"x": [1e300]}))
    np.testing.assert_array_equal(
        Pool.open(write_parts(tmp_path / "types", *tables))[:], [[1.5], [1.5], [1e300]]
    )
    lists = [pa.table({"x": pa.array([[1e300]])}), pa.table({"x": pa.array([[1.0, 2.0]])})]
    with pytest.raises(ValueError, match="'x' has missing lists, or lists of different lengths"):
        Pool.open(write_parts(tmp_path / "lists", *lists))[:]
    tables[1] = pa.table({"y": [1.0]})
    folder = write_parts(tmp_path / "columns", *tables)
    for column in (None, "x"):
        with pytest.raises(ValueError, match=r"1.parquet' has no column 'x'"):
            Pool.open(folder, column=column)
    with pytest.raises(ValueError, match=r"column='z' is not among the columns \['x'\]"):
        Pool.open(folder, column="z")
    with pytest.raises(ValueError, match=r"empty' has no Parquet files"):
        Pool.open(write_parts(tmp_path / "empty"))


def test_names_of_directories_are_no_features(tmp_path):
    table = pa.table({"x": [1.0, 2.0], "y": [1, 2]})
    pq.write_to_dataset(table, tmp_path / "d", partition_cols=["y"])
    pool = Pool.open(open_dataset(tmp_path / "d", format="parquet", partitioning="hive"))
    np.testing.assert_array_equal(pool[:], [[1.0], [2.0]])


def test_columns_of_one_name_are_refused():
    with pytest.raises(ValueError, match="Several columns are named 'a'"):
        Pool.open(pa.table([[1.0], [2.0]], names=["a", "a"]))


@pytest.mark.parametrize("kind", ["float32", "float64", "int64", "uint8", "bool"])
def test_numbers_of_hugging_face_datasets_are_those_of_arrow(kind, tmp_path):
    rows = (X * 50).astype(kind)
    data = hugging_face(tmp_path, x=rows)
    expected = rows if rows.dtype.kind == "f" else rows.astype(np.float64)
    for source, kept in ((data, slice(None)), (data.select(range(9, 30)), slice(9, 30))):
        np.testing.assert_array_equal(Pool.open(source, column="x")[:], expected[kept], strict=True)
    shuffled = Pool.open(data.shuffle(seed=0).with_format("torch"))
    assert sorted(shuffled[:].tolist()) == sorted(expected.tolist())


@pytest.mark.parametrize("rows", [[[1.0], [1.0, 2.0]], [[1.0], None], [None, [1.0]]])
def test_lists_of_different_lengths_are_refused(rows):
    for source in (pa.table({"x": rows}), datasets.Dataset.from_dict({"x": rows})):
        with pytest.raises(ValueError, match="'x' has missing lists, or lists of different"):
            Pool.open(source)[:]


def test_missing_numbers_of_hugging_face_datasets():
    data = datasets.Dataset.from_dict(
        {"x": [None, 1, 2], "y": [[None, 1.0], [1.0, 2.0], [0.0, 0.0]]}
    )
    np.testing.assert_array_equal(Pool.open(data, column="x")[:], [[np.nan], [1], [2]])
    np.testing.assert_array_equal(Pool.open(data, column="y")[:2], [[np.nan, 1], [1, 2]])


def test_transforms_of_hugging_face_datasets_are_applied():
    data = datasets.Dataset.from_dict({"text": TEXTS})
    upper = data.with_transform(lambda batch: {"text": [t.upper() for t in batch["text"]]})
    assert Pool.open(upper)[[1, 0]].tolist() == ["TEXT 1", "TEXT 0"]


def test_a_split_has_to_be_named():
    splits = datasets.DatasetDict({"train": datasets.Dataset.from_dict({"text": TEXTS})})
    with pytest.raises(TypeError, match=r"DatasetDict.*splits \['train'\].*dataset\['train'\]"):
        Pool.open(splits, column="text")


def test_frames_in_memory():
    for library in (pd, pl):
        table = library.DataFrame({"text": TEXTS, "k": range(5)})
        assert Pool.open(table, column="text")[[3, 1]].tolist() == [TEXTS[3], TEXTS[1]]
        assert Pool.open(library.Series(TEXTS))[:].tolist() == TEXTS
        with pytest.raises(ValueError, match=r"column=None is not among the columns \['text', 'k'"):
            Pool.open(table)
    assert Pool.open(pd.Series(TEXTS, index=[4, 2, 0, 1, 3]))[0] == TEXTS[0]
    with pytest.raises(TypeError, match="sparse matrix cannot be a pool"):
        Pool.open(sparse.eye(3))


def test_arrays_that_have_no_rows_or_no_numbers(tmp_path):
    words = zarr.create_array(tmp_path / "w.zarr", shape=(2, 2), dtype=str)
    words[:] = np.array([["a", "b"], ["c", "d"]])
    assert Pool.open(words)[[1, 0]].tolist() == [["c", "d"], ["a", "b"]]
    np.save(tmp_path / "scalar.npy", np.array(1.0))
    with pytest.raises(ValueError, match="no dimension"):
        Pool.open(tmp_path / "scalar.npy")
    np.save(tmp_path / "objects.npy", np.array([{}, []], dtype=object))
    with pytest.raises(ValueError, match=r"objects.npy' cannot be mapped.*Parquet"):
        Pool.open(tmp_path / "objects.npy")


def test_positions_are_checked_like_those_of_an_array():
    pool = Pool.open(X)
    for index in (np.ones(10, dtype=bool), [1.7], ["a"]):
        with pytest.raises(IndexError):
            X[index]
        with pytest.raises(IndexError, match=r"mask of shape \(10,\)|give integers"):
            pool[index]


def test_a_pool_is_not_pickled():
    with pytest.raises(TypeError, match="Open it again"):
        pickle.dumps(Pool.open(X))


@pytest.mark.parametrize("make", [iter, lambda rows: (row for row in rows)])
def test_encoders_refuse_what_is_read_once(make):
    encoder = DigestEncoder()
    prior = ZeroShotClassifier({"a": "a", "b": "b"}, encoder=encoder)
    for function in (encoder.transform, prior.predict_proba):
        with pytest.raises(TypeError, match=r"X is a \w+, which is read only once. Give list"):
            function(make(TEXTS))
    assert not isinstance(TEXTS, Iterator)


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")  # blocks are arrays
def test_columns_are_checked_by_name(tmp_path):
    frame("cba").to_parquet(tmp_path / "cba.parquet")
    frame().to_parquet(tmp_path / "abc.parquet")
    clf = ActiveClassifier(random_state=0).fit(frame()[:30], Y[:30])
    assert clf.score(tmp_path / "abc.parquet", Y) == clf.score(frame(), Y)
    for rows in (frame("cba"), tmp_path / "cba.parquet", pa.Table.from_pandas(frame("cba"))):
        for method in (clf.predict, clf.query):
            with pytest.raises(ValueError, match="feature names should match"):
                method(rows)
    fitted = ActiveClassifier(random_state=0).fit(str(tmp_path / "abc.parquet"), Y)
    assert fitted.feature_names_in_.tolist() == ["a", "b", "c"]


def test_one_estimator_for_one_source(tmp_path):
    frame().to_parquet(tmp_path / "a.parquet")
    table = pa.Table.from_pandas(frame())
    expected = ActiveClassifier(random_state=0).fit(Pool.open(table), Y)
    for source in (table, tmp_path / "a.parquet"):
        clf = ActiveClassifier(random_state=0)
        clf.query(source, 6)
        clf.fit(source, Y)
        assert type(clf.estimator_) is type(expected.estimator_)
        np.testing.assert_array_equal(clf.predict_proba(source), expected.predict_proba(source))


@pytest.mark.parametrize("strategy", ["auto", "random", "typiclust"])
def test_images_as_a_pool(strategy, tmp_path):
    images = RNG.integers(0, 255, (30, 4, 4, 3)).astype(np.uint8)
    source = zarr.create_array(tmp_path / "i.zarr", data=images)
    clf = ActiveClassifier(DummyClassifier(), strategy=strategy, random_state=0)
    np.testing.assert_array_equal(clf.query(source, 4), clf.query(images, 4))


def test_rows_that_are_no_numbers_need_an_encoder():
    for source in (pa.table({"t": TEXTS}), Pool.open(TEXTS)):
        with pytest.raises(TypeError, match=r"features of X_pool are not numbers.*Put an encoder"):
            ActiveClassifier().query(source, 2)
    with pytest.raises(ValueError, match="Expected 2D array, got 1D"):
        ActiveClassifier().query(Pool.open(np.arange(5.0)), 2)


def test_the_whole_library_takes_the_same_sources(tmp_path):
    np.save(tmp_path / "X.npy", X)
    path = str(tmp_path / "X.npy")
    given = RNG.permutation(Y[:20])
    clf = ActiveClassifier(LogisticRegression(), random_state=0).fit(X[:20], given)
    drawn = [audit(clf, rows, 30, random_state=0) for rows in (X, path)]
    np.testing.assert_array_equal(drawn[0].positions, drawn[1].positions)
    y = Y[drawn[0].positions]
    expected, found = (
        str(report(clf, rows, audit=a, y=y)) for rows, a in zip((X, path), drawn, strict=True)
    )
    assert found == expected
    expected = pool_report(clf, X, X_new=X[:9] + 1, random_state=0).summary()
    for pool, new in ((path, X[:9] + 1), (Pool.open(X), Pool.open(X[:9] + 1))):
        assert pool_report(clf, pool, X_new=new, random_state=0).summary() == expected
    options = {"budget": 8, "batch_size": 4, "X_test": X[50:], "y_test": Y[50:], "random_state": 0}
    curves = [simulate(clf, rows, Y, **options).to_frame() for rows in (X, path)]
    pd.testing.assert_series_equal(curves[0]["score"], curves[1]["score"])
    budgeted = [BudgetedClassifier(clf, budget=8).fit(rows, Y) for rows in (X, path)]
    np.testing.assert_array_equal(budgeted[0].queried_, budgeted[1].queried_)
    project = LabelingProject(tmp_path / "project", pool=path, estimator=clf)
    (task,) = project.next(annotator="ann")
    assert (task.row == X).all(axis=1).any()
