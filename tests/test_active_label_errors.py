"""Invalid rows and labels: the message names the remedy, and no label is lost."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from skactive import ActiveClassifier
from tests.support.errors import WITH_NAN, X, Y, fails, table

WITH_INF = np.where(np.arange(3) == 1, np.inf, X)
FRAME = pd.DataFrame(X, columns=["p", "q", "r"])
TEXTS = ["red apple", "red cherry", "blue sky", "blue sea"]


def put(y, label, dtype=None):
    """Labels whose first one is replaced."""
    return np.array([label, *y[1:]], dtype=dtype) if dtype else [label, *y[1:].tolist()]


# the argument and the expected message
BAD_LABELS = {
    "y is None": (None, "requires y to be passed"),
    "too few": (Y[:29], "X has 30 rows, but y has 29 labels.*one label for each row"),
    "too many": ([*Y, "a"], "X has 30 rows, but y has 31 labels"),
    "none": ([], "X has 30 rows, but y has 0 labels"),
    "NaN in a list": (put(Y, float("nan")), "NaN or None, at position 0.*leave the others out"),
    "None in a list": (put(Y, None), "NaN or None, at position 0.*leave the others out"),
    "None in an object array": (put(Y, None, object), "NaN or None, at position 0"),
    "NA in a Series": (pd.Series(put(Y, pd.NA), dtype="string"), "NaN or None, at position 0"),
    "NaT": (put(Y, pd.NaT), "NaN or None, at position 0"),
    "str and int": (put(Y, 1), "y mixes labels of types int, str.*one type"),
    "bool and int": ([True, *range(29)], "y mixes labels of types bool, int"),
    "str and bytes": (put(Y, b"a"), "y mixes labels of types bytes, str"),
    "int after str": (np.arange(30) % 3, r"type number \(\[0, 1, 2\]...\), those known.* str"),
    "bool after str": (np.arange(30) < 3, "labels of type bool .* those known already are str"),
    "continuous": (np.linspace(0, 1, 30), "Unknown label type: continuous"),
    "infinite": (np.where(np.arange(30) == 3, np.inf, 1.0), "Input y contains infinity"),
    "one label a column": (np.tile(Y[:, None], 2), "y should be a 1d array"),
    "a list of lists": ([["a"], ["b", "c"]] * 15, "Unknown label type: list"),
    "a set of labels": ([{"a"}] * 30, "Unknown label type: set"),
    "a scalar": ("a", "y should be a 1d array of labels; got 'a'"),
}
BAD_ROWS = {
    "fewer columns": (X[:, :2], "X has 2 features, but ActiveClassifier is expecting 3"),
    "one row only": (X[0], "Expected 2D array, got 1D array"),
    "empty": (X[:0], r"0 sample\(s\)"),
    "NaN": (WITH_NAN, "Input X contains NaN"),
    "infinity": (WITH_INF, "Input X contains infinity"),
    "texts": (["text"] * 30, "could not convert string to float"),
    "None": (None, "X is None, not a sequence of rows"),
    "a number": (3, "X is one int, not a sequence of rows"),
    "a generator": ((row for row in X), "X is one generator, not a sequence of rows"),
    "a dict": ({"p": X[:, 0]}, "X is one dict, not a sequence of rows"),
    "one text": ("text", "X is one str, not a sequence of rows"),
    "bytes": (b"text", "X is one bytes, not a sequence of rows"),
    "complex": (X * 1j, "Complex data not supported"),
}
AGAIN = {"could not convert string to float": r"rows of shape \(\), earlier ones have \(3,\)"}
BAD_WEIGHTS = {
    "too few": (np.ones(29), r"sample_weight.shape == \(29,\), expected \(30,\)"),
    "negative": (-np.ones(30), "Negative values.*sample_weight"),
    "NaN": (np.full(30, np.nan), "sample_weight contains NaN"),
    "infinite": (np.full(30, np.inf), "sample_weight contains infinity"),
    "a table": (np.ones((30, 2)), "Sample weights must be 1D"),
}
BAD_CORRECTIONS = {
    "too large": ([31], ["a"], "positions holds 31, but positions go from 0 to 30"),
    "negative": ([-1], ["a"], "positions holds -1"),
    "twice": ([3, 3], ["a", "b"], "positions holds one more than once"),
    "mask too short": (np.ones(9, bool), ["a"] * 9, r"positions is a mask of shape \(9,\)"),
    "floats": ([1.0], ["a"], "positions must be a 1-D array of positions"),
    "too few labels": ([1, 2], ["a"], "inconsistent numbers of samples"),
    "no label": ([1], [None], "NaN or None, at position 0"),
    "labels of a new type": ([1], [0], "labels of type number .* those known already are str"),
}


@table(BAD_LABELS)
def test_invalid_labels(unchanged_clf, case):
    y, match = case
    fails(match, unchanged_clf.partial_fit, X, y)


FIT_MAY_CHANGE = (
    "int after str",
    "bool after str",
)  # fit discards earlier labels, so the type may change


@table({name: case for name, case in BAD_LABELS.items() if name not in FIT_MAY_CHANGE})
def test_invalid_labels_at_fit(unchanged_clf, case):
    y, match = case
    fails(match, unchanged_clf.fit, X, y)


@table(BAD_ROWS)
def test_invalid_rows(unchanged_clf, case):
    rows, match = case
    fails(match, unchanged_clf.predict, rows)
    fails(AGAIN.get(match, match), unchanged_clf.partial_fit, rows, Y)


@table({name: case for name, case in BAD_ROWS.items() if name != "fewer columns"})
def test_invalid_rows_at_fit(unchanged_clf, case):
    rows, match = case
    fails(match, unchanged_clf.fit, rows, Y)


@table(BAD_WEIGHTS)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_invalid_weights(unchanged_clf, case, method):
    weight, match = case
    fails(match, getattr(unchanged_clf, method), X, Y, sample_weight=weight)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_all_zero_weights(method):
    nothing = getattr(ActiveClassifier(), method)
    fails("at least one", nothing, X, Y, sample_weight=np.zeros(30))


@table(BAD_CORRECTIONS)
def test_invalid_corrections(unchanged_clf, case):
    positions, y, match = case
    fails(match, unchanged_clf.relabel, positions, y)


@pytest.mark.parametrize("classes", [["a", 1], [None], [1, 2], [["a"], ["b", "c"]]])
def test_invalid_announced_classes(unchanged_clf, classes):
    fails(
        "types int, str|NaN or None|those known already|label type",
        unchanged_clf.partial_fit,
        X,
        Y,
        classes,
    )


def test_a_frame_with_other_columns():
    clf = ActiveClassifier(LogisticRegression()).fit(FRAME, Y)
    for rows in (FRAME[["p", "q"]], FRAME.rename(columns={"p": "x"}), FRAME[["q", "p", "r"]]):
        fails("feature names should match", clf.query, rows)
        fails("feature names should match", clf.predict, rows)
        fails("feature names should match", clf.partial_fit, rows, Y)
    assert len(clf.label_trust_) == 30


def test_a_frame_after_arrays(unchanged_clf):
    with pytest.warns(UserWarning, match="X has feature names"):
        fails("DataFrame, earlier rows came as ndarray", unchanged_clf.partial_fit, FRAME, Y)


@pytest.mark.parametrize(
    "call",
    [lambda clf: clf.label_trust_, lambda clf: clf.suspects(), lambda clf: clf.relabel([0], ["a"])],
    ids=["label_trust_", "suspects", "relabel"],
)
def test_methods_that_need_labels(call):
    with pytest.raises(NotFittedError, match="No labels were given yet; call fit or partial_fit"):
        call(ActiveClassifier())


@pytest.mark.parametrize("text", [None, float("nan"), 3.5])
def test_invalid_texts(text):
    clf = ActiveClassifier(make_pipeline(TfidfVectorizer(), LogisticRegression()), random_state=0)
    clf.fit(TEXTS, list("aabb"))
    before = clf.predict_proba(TEXTS)
    for call in (clf.predict, clf.query, lambda rows: clf.partial_fit(rows, ["a", "b"])):
        with pytest.raises((ValueError, TypeError, AttributeError)):
            call(["red", text])
    fails("X has 0 sample", clf.predict, [])
    np.testing.assert_array_equal(clf.predict_proba(TEXTS), before)
    assert len(clf.label_trust_) == 4


@pytest.mark.parametrize(
    ("rows", "head"),
    [
        (["text"] * 30, None),
        (["text"] * 30, LogisticRegression()),
        (FRAME.assign(q="text"), LogisticRegression()),
    ],
)
def test_texts_for_a_head_that_takes_numbers(rows, head):
    fit = ActiveClassifier(head).fit
    fails("could not convert string.*put an encoder, .* or a ColumnTransformer", fit, rows, Y)


@pytest.mark.parametrize("classes", ["abc", 3])
def test_announced_classes_that_are_not_a_list(unchanged_clf, classes):
    fails(
        f"classes should be a 1d array of labels; got {classes!r}",
        unchanged_clf.partial_fit,
        X,
        Y,
        classes,
    )


def test_sparse_rows_for_a_head_that_takes_none():
    fails("Sparse data was passed", ActiveClassifier(GaussianNB()).fit, sparse.csr_array(X), Y)


def test_fractional_weights_for_an_estimator_without_sample_weight():
    clf = ActiveClassifier(KNeighborsClassifier(3)).fit(X, Y)
    before = clf.predict_proba(X)
    match = "sample_weight has fractions.*Give whole numbers, or an estimator whose fit takes"
    fails(match, clf.partial_fit, X, Y, sample_weight=np.full(30, 0.5))
    np.testing.assert_array_equal(clf.predict_proba(X), before)
