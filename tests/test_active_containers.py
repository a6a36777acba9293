"""One labeling job for each container of rows and labels."""

import pickle
from operator import itemgetter
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from skactive import ClipEncoder, SentenceEncoder, SoftmaxHead, ZeroShotClassifier, strategies
from skactive._data import containers
from tests.support.active import CLASSES, TEXTS, X_NEW, X, Y, make_active

N = 60
RNG = np.random.default_rng(0)
COLORS = np.array(["red", "blue", "green"])[np.arange(N) % 3]
MIXED = {
    "what": [f"{color} thing number {i}" for i, color in enumerate(COLORS)],
    "size": RNG.normal(size=N) + np.arange(N) % 3,
    "kind": RNG.choice(["big", "small"], size=N),
    "count": RNG.integers(0, 5, size=N),
}
SPARSE = np.where(X > -0.5, X, 0)
IMAGES = (40 * (np.arange(N) % 3)[:, None, None, None] + RNG.integers(0, 9, (N, 8, 8, 3))).astype(
    np.uint8
)


def rows_at(rows, positions):
    """Select rows by the container's own rules."""
    if isinstance(rows, list | tuple):
        return type(rows)(rows[i] for i in positions)
    return rows.iloc[positions] if hasattr(rows, "iloc") else rows[positions]


def check_a_job(clf, rows, y, *, least=0.9):
    """Query, label, pickle and refit several times, then check the model."""
    queried = []
    for _ in range(3):
        batch = clf.query(rows, len(y) // 4)
        assert not set(batch) & set(queried)
        clf.partial_fit(rows_at(rows, batch), y[batch])
        queried += batch.tolist()
        clf = pickle.loads(pickle.dumps(clf))
    assert clf.score(rows, y) >= least
    assert clf.predict_proba(rows_at(rows, np.arange(3))).shape == (3, 3)
    assert clf.label_trust_.shape == (len(queried),)
    clf.relabel([0], y[queried[:1]])
    return clf


# Numbers --------------------------------------------------------------------------------------


def memory_mapped(tmp_path, dtype=np.float64):
    np.save(tmp_path / "X.npy", X.astype(dtype))
    return np.load(tmp_path / "X.npy", mmap_mode="r")


NUMBERS = {
    "float64": lambda tmp_path: X,
    "float32": lambda tmp_path: X.astype(np.float32),
    "float16": lambda tmp_path: X.astype(np.float16),
    "integers": lambda tmp_path: np.round(10 * X).astype(np.int16),
    "objects": lambda tmp_path: X.astype(object),
    "Fortran": lambda tmp_path: np.asfortranarray(X),
    "read-only": lambda tmp_path: np.frombuffer(X.tobytes()).reshape(X.shape),
    "memory map": memory_mapped,
    "memory map, float32": lambda tmp_path: memory_mapped(tmp_path, np.float32),
    "list of lists": lambda tmp_path: X.tolist(),
    "list of arrays": lambda tmp_path: list(X),
    "pandas": lambda tmp_path: pd.DataFrame(X, columns=list("abcd"), index=range(100, 160)),
    "pandas nullable": lambda tmp_path: pd.DataFrame(X, columns=list("abcd")).astype("Float64"),
    "polars": lambda tmp_path: pl.DataFrame(X, schema=list("abcd")),
}
SPARSE_ROWS = {
    "csr_array": sparse.csr_array(SPARSE),
    "csr_matrix": sparse.csr_matrix(SPARSE),
    "float32": sparse.csr_array(SPARSE.astype(np.float32)),
}


@pytest.mark.parametrize("head", [LogisticRegression(), RandomForestClassifier(10), SoftmaxHead()])
@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers(kind, head, tmp_path):
    check_a_job(make_active(head), NUMBERS[kind](tmp_path), Y)


@pytest.mark.parametrize("kind", NUMBERS)
def test_the_container_does_not_change_the_answer(kind, tmp_path):
    rows = NUMBERS[kind](tmp_path)
    exact = np.asarray(rows, dtype=np.float64)
    answers = []
    for given in (rows, exact):
        clf = make_active().fit(rows_at(given, np.arange(20)), Y[:20])
        answers.append([clf.query(given, 9), clf.predict_proba(given)])
    np.testing.assert_array_equal(answers[0][0], answers[1][0])
    np.testing.assert_allclose(answers[0][1], answers[1][1], atol=1e-3)


@pytest.mark.parametrize("strategy", strategies.names())
@pytest.mark.parametrize("head", [LogisticRegression(), SoftmaxHead()])
@pytest.mark.parametrize("large", [False, True], ids=["mapped", "large"])
def test_a_mapped_or_large_pool_is_never_read_whole(head, strategy, large, tmp_path, monkeypatch):
    directions = X / np.linalg.norm(X, axis=1, keepdims=True)
    np.save(tmp_path / "X.npy", directions)
    prior = LogisticRegression(C=0.1).fit(directions[::7], Y[::7])
    clf = make_active(head, strategy=strategy, prior=FrozenEstimator(prior))
    clf.fit(directions[:20], Y[:20])
    expected = clf.query(directions, 9, exclude=[30, 31])
    monkeypatch.setattr(containers, "_BLOCK", 8)
    monkeypatch.setattr(containers.LazySubset, "__array__", None)  # reading it as a whole fails
    mapped = np.load(tmp_path / "X.npy", mmap_mode=None if large else "r")
    if large:
        monkeypatch.setattr(containers, "_LARGE", mapped.nbytes)
    np.testing.assert_array_equal(clf.query(mapped, 9, exclude=[30, 31]), expected)


@pytest.mark.parametrize("head", [LogisticRegression(), RandomForestClassifier(10)])
@pytest.mark.parametrize("kind", SPARSE_ROWS)
def test_sparse_rows(kind, head):
    check_a_job(make_active(head), SPARSE_ROWS[kind], Y, least=0.8)


@pytest.mark.parametrize("make", [sparse.csc_array, sparse.coo_array, sparse.lil_array])
def test_sparse_rows_in_other_formats(make):
    rows = make(SPARSE)
    queried = make_active().query(rows, 10)
    np.testing.assert_array_equal(make_active().query(sparse.csr_array(SPARSE), 10), queried)
    clf = make_active().partial_fit(rows.tocsr()[queried], Y[queried])
    assert not set(clf.query(rows, 50)) & set(queried)


# Tables ---------------------------------------------------------------------------------------


def test_a_data_frame_keeps_its_index():
    index = [f"row {i}" for i in range(60)][::-1]
    frame = pd.DataFrame(X, columns=list("abcd"), index=index)
    y = pd.Series(Y, index=index)
    clf = make_active(make_pipeline(StandardScaler(), LogisticRegression()))
    for _ in range(3):
        queried = clf.query(frame, 10)
        rows = frame.iloc[queried]
        assert len(rows.index.unique()) == 10
        clf.partial_fit(rows, y.iloc[queried])
    assert clf.feature_names_in_.tolist() == list("abcd")
    assert clf.n_features_in_ == 4
    assert len(clf.label_trust_) == 30
    assert clf.score(frame, y) > 0.8


@pytest.mark.parametrize("table", [pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize("head", [LogisticRegression(), SoftmaxHead(), RandomForestClassifier(10)])
def test_a_mixed_table(table, head):
    rows = table(MIXED)
    columns = make_column_transformer(
        (TfidfVectorizer(), "what"),
        (make_pipeline(SimpleImputer(), StandardScaler()), ["size", "count"]),
        (OneHotEncoder(handle_unknown="ignore"), ["kind"]),
        sparse_threshold=0,
    )
    clf = check_a_job(make_active(make_pipeline(columns, head)), rows, COLORS)
    assert clf.feature_names_in_.tolist() == list(MIXED)


def test_a_mixed_table_with_a_foundation_model():
    """An encoder embeds the column of texts, and a prior reads that column alone."""
    encoder = SentenceEncoder(verbose=False)
    columns = make_column_transformer(
        (encoder, "what"),
        (make_pipeline(SimpleImputer(), StandardScaler()), ["size", "count"]),
        (OneHotEncoder(handle_unknown="ignore"), ["kind"]),
    )
    prompts = {color: f"a {color} thing" for color in ("red", "blue", "green")}
    texts = FunctionTransformer(itemgetter("what"))
    prior = make_pipeline(texts, ZeroShotClassifier(prompts, encoder=encoder))
    clf = make_active(make_pipeline(columns, SoftmaxHead()), prior=prior)
    assert clf.score(pd.DataFrame(MIXED), COLORS) > 0.8
    check_a_job(clf, pd.DataFrame(MIXED), COLORS)


def test_a_sparse_mixed_table():
    columns = make_column_transformer(
        (TfidfVectorizer(), "what"), (StandardScaler(), ["size", "count"])
    )
    pipeline = make_pipeline(columns, LogisticRegression())
    check_a_job(make_active(pipeline), pd.DataFrame(MIXED), COLORS)


def test_columns_are_known_by_name():
    frame = pd.DataFrame(X, columns=list("abcd"))
    clf = make_active().fit(frame[:30], Y[:30])
    for method in (clf.predict, clf.query):
        with pytest.raises(ValueError, match="feature names should match"):
            method(frame[list("dcba")])
        with pytest.warns(UserWarning, match="X does not have valid feature names"):
            method(X_NEW)


# Texts and pictures ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "container", [list, tuple, np.array, lambda rows: np.array(rows, object), pd.Series, pl.Series]
)
@pytest.mark.parametrize(
    "vectorizer",
    [
        TfidfVectorizer(),
        make_union(TfidfVectorizer()),
        make_pipeline(TfidfVectorizer(), StandardScaler(with_mean=False)),
        make_pipeline(
            FunctionTransformer(lambda rows: [row.upper() for row in rows]), TfidfVectorizer()
        ),
    ],
    ids=["plain", "union", "nested", "function first"],
)
def test_texts(container, vectorizer):
    clf = make_active(make_pipeline(vectorizer, LogisticRegression()))
    pool = container(TEXTS)
    y = np.array([text.split()[0] for text in TEXTS])
    queried = clf.query(pool, 6)
    clf.partial_fit(container([TEXTS[i] for i in queried]), y[queried])
    more = clf.query(pool, 6)
    assert sorted([*queried, *more]) == list(range(12))
    clf.partial_fit(container([TEXTS[i] for i in more]), y[more])
    assert (clf.predict(pool) == y).all()


def test_texts_of_words_never_seen():
    clf = make_active(make_pipeline(TfidfVectorizer(), LogisticRegression()), strategy="k_center")
    clf.fit(TEXTS[:6], list("ababab"))
    assert len(clf.query(["zz yy", "xx", "ww vv"], 2)) == 2


def as_paths(tmp_path, kind):
    for i, image in enumerate(IMAGES):
        Image.fromarray(image).save(tmp_path / f"{i}.png")
    return [kind(tmp_path / f"{i}.png") for i in range(N)]


@pytest.mark.parametrize(
    "container",
    [
        lambda tmp_path: IMAGES,
        lambda tmp_path: list(IMAGES),
        lambda tmp_path: [Image.fromarray(image) for image in IMAGES],
        lambda tmp_path: as_paths(tmp_path, str),
        lambda tmp_path: as_paths(tmp_path, Path),
        lambda tmp_path: pd.Series(as_paths(tmp_path, str)),
    ],
    ids=["stack", "arrays", "PIL", "paths", "Path", "Series"],
)
def test_images(container, clip_checkpoint, tmp_path):
    encoder = ClipEncoder("tiny-clip", pretrained=clip_checkpoint, verbose=False)
    clf = make_active(make_pipeline(encoder, SoftmaxHead()))
    check_a_job(clf, container(tmp_path), Y, least=0.5)


def flatten(stack):
    return stack.reshape(len(stack), -1) / 255


def test_images_without_an_encoder():
    pipeline = make_pipeline(FunctionTransformer(flatten), SoftmaxHead())
    check_a_job(make_active(pipeline), IMAGES, Y)


# Labels ---------------------------------------------------------------------------------------


LABELS = {
    "str": CLASSES,
    "int": np.array([7, -1, 3]),
    "uint8": np.array([7, 1, 3], dtype=np.uint8),
    "whole floats": np.array([1.0, 2.0, 3.0]),
    "bool": np.array([True, False, True]),
    "object": CLASSES.astype(object),
}


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("head", [LogisticRegression(), SoftmaxHead()])
def test_labels_keep_their_type(kind, head):
    labels = LABELS[kind]
    y = labels[np.arange(60) % 3]
    clf = make_active(head).fit(X[::-1], y[::-1])
    expected = "U" if kind == "object" else labels.dtype.kind
    assert clf.predict(X).dtype.kind == clf.classes_.dtype.kind == expected
    np.testing.assert_array_equal(clf.classes_, np.unique(labels))
    assert clf.score(X, y) > 0.9


@pytest.mark.parametrize(
    "container",
    [
        *(list, tuple, np.array, pd.Series, pd.Index, pl.Series),
        lambda y: np.array(y, object),
        pd.Categorical,
        lambda y: pd.Series(pd.Categorical(y, categories=["zebra", *CLASSES[::-1]])),
        lambda y: pd.Series(pd.Categorical(y, ordered=True, categories=CLASSES[[2, 0, 1]])),
        lambda y: pd.Series(y, dtype="string"),
        lambda y: pl.Series(y, dtype=pl.Categorical),
        lambda y: pl.Series(y, dtype=pl.Enum(CLASSES)),
    ],
)
def test_labels_in_any_container(container):
    clf = make_active().fit(X, container(Y.tolist()))
    assert clf.classes_.tolist() == CLASSES.tolist()
    assert clf.classes_.dtype.kind == "U"
    clf.partial_fit(X_NEW[:2], container(["bee", "ant"])).relabel([0], container(["cow"]))
    assert len(clf.label_trust_) == 62


def test_labels_in_a_column():
    with pytest.warns(UserWarning, match="A column-vector y was passed"):
        clf = make_active().fit(X, Y[:, None])
    assert clf.classes_.tolist() == CLASSES.tolist()


@pytest.mark.parametrize("classes", [["zebra"], np.array(["zebra"]), pd.Series(["zebra"])])
def test_announced_classes_in_any_container(classes):
    assert "zebra" in make_active().partial_fit(X, Y, classes=classes).classes_


def test_pandas_nullable_labels_stay_what_they_are():
    assert make_active().fit(X[:2], pd.Series([1, 2], dtype="Int64")).classes_.dtype.kind == "i"
    assert (
        make_active().fit(X[:2], pd.Series([True, False], dtype="boolean")).classes_.dtype == bool
    )
