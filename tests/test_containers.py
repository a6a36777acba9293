"""Rows and labels in whatever they come in."""

import numpy as np
import pandas as pd
import pytest
from active_cases import CLASSES, TEXTS, X, Y, make_active
from scipy import sparse
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler


def test_a_data_frame_keeps_its_index():
    index = [f"row {i}" for i in range(60)][::-1]
    frame = pd.DataFrame(X, columns=list("abcd"), index=index)
    y = pd.Series(Y, index=index)
    clf = make_active(make_pipeline(StandardScaler(), LogisticRegression()))
    for _ in range(3):
        asked = clf.query(frame, 10)
        rows = frame.iloc[asked]
        assert len(rows.index.unique()) == 10
        clf.partial_fit(rows, y.iloc[asked])
    assert clf.feature_names_in_.tolist() == list("abcd")
    assert clf.n_features_in_ == 4
    assert len(clf.label_trust_) == 30
    assert clf.score(frame, y) > 0.8


def test_a_data_frame_answers_as_its_array_does():
    frame = pd.DataFrame(X, columns=list("abcd"))
    from_frame, from_array = (
        make_active(RandomForestClassifier(n_estimators=5)).fit(rows[:30], Y[:30]).query(rows, 9)
        for rows in (frame, X)
    )
    np.testing.assert_array_equal(from_frame, from_array)


def test_polars():
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame(X, schema=list("abcd"))
    clf = make_active()
    for _ in range(2):
        asked = clf.query(frame, 10)
        clf.partial_fit(frame[asked], Y[asked])
    assert len(clf.label_trust_) == 20
    assert clf.feature_names_in_.tolist() == list("abcd")


@pytest.mark.parametrize("make", [sparse.csr_array, sparse.csr_matrix, sparse.coo_array])
def test_sparse_rows(make):
    rows = make(np.where(X > -0.5, X, 0))
    clf = make_active()
    asked = clf.query(rows, 10)
    taken = rows.tocsr()[asked]
    clf.partial_fit(taken, Y[asked])
    more = clf.query(rows, 50)
    assert not set(more) & set(asked)
    assert clf.partial_fit(rows.tocsr()[more], Y[more]).score(rows, Y) > 0.7


@pytest.mark.parametrize("container", [list, tuple, np.array, pd.Series])
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
    asked = clf.query(pool, 6)
    clf.partial_fit(container([TEXTS[i] for i in asked]), y[asked])
    more = clf.query(pool, 6)
    assert sorted([*asked, *more]) == list(range(12))
    clf.partial_fit(container([TEXTS[i] for i in more]), y[more])
    assert (clf.predict(pool) == y).all()


def test_texts_of_words_never_seen():
    clf = make_active(make_pipeline(TfidfVectorizer(), LogisticRegression()), strategy="k_center")
    clf.fit(TEXTS[:6], list("ababab"))
    assert len(clf.query(["zz yy", "xx", "ww vv"], 2)) == 2


@pytest.mark.parametrize(
    "container", [list, tuple, np.array, pd.Series, pd.Categorical, lambda y: np.array(y, object)]
)
def test_labels_in_any_container(container):
    clf = make_active().fit(X, container(Y.tolist()))
    assert clf.classes_.tolist() == CLASSES.tolist()
    assert clf.classes_.dtype.kind == "U"


def test_pandas_nullable_labels_stay_what_they_are():
    assert make_active().fit(X[:2], pd.Series([1, 2], dtype="Int64")).classes_.dtype.kind == "i"
    assert (
        make_active().fit(X[:2], pd.Series([True, False], dtype="boolean")).classes_.dtype == bool
    )
