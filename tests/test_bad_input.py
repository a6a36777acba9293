"""Every misuse has a message that says what to do, and costs nobody a label."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from skactive import ActiveClassifier, SoftmaxHead

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 3))
Y = np.repeat(["a", "b", "c"], 10)
X[:, :3] += 2 * np.eye(3)[np.arange(30) // 10]
FRAME = pd.DataFrame(X, columns=["p", "q", "r"])
WITH_NAN = np.where(np.arange(3) == 1, np.nan, X)
WITH_INF = np.where(np.arange(3) == 1, np.inf, X)
TEXTS = ["red apple", "red cherry", "blue sky", "blue sea"]


def put(y, label, dtype=None):
    """Labels, one of which is not like the others."""
    return np.array([label, *y[1:]], dtype=dtype) if dtype else [label, *y[1:].tolist()]


# what was called, with what, and what the message must say
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
    "a scalar": ("a", "y should be a 1d array"),
}
BAD_ROWS = {
    "fewer columns": (X[:, :2], "X has 2 features, but ActiveClassifier is expecting 3"),
    "one row only": (X[0], "Expected 2D array, got 1D array"),
    "empty": (X[:0], r"0 sample\(s\)"),
    "NaN": (WITH_NAN, "Input X contains NaN"),
    "infinity": (WITH_INF, "Input X contains infinity"),
    "texts": (["text"] * 30, "could not convert string to float"),
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
BAD_QUERIES = {
    "n=0": (X, {"n": 0}, "n must be a whole number of at least 1; got 0"),
    "n<0": (X, {"n": -3}, "n must be a whole number of at least 1; got -3"),
    "n=2.0": (X, {"n": 2.0}, "n must be a whole number"),
    "n=True": (X, {"n": True}, "n must be a whole number"),
    "n=None": (X, {"n": None}, "n must be a whole number"),
    "n is a text": (X, {"n": "3"}, "n must be a whole number of at least 1; got '3'"),
    "empty pool": (X[:0], {}, r"0 sample\(s\)"),
    "other columns": (X[:, :2], {}, "X has 2 features, but ActiveClassifier is expecting 3"),
    "NaN": (WITH_NAN, {}, "the features of X_pool contain NaN.*Put an imputer into the Pipeline"),
    "one text": ("text", {}, "X_pool is one str, not a sequence of rows"),
    "exclude too large": (
        X,
        {"exclude": [3, 30]},
        "exclude holds 30, but positions go from 0 to 29",
    ),
    "exclude negative": (X, {"exclude": [-1]}, "exclude holds -1, but positions go from 0 to 29"),
    "exclude too short": (X, {"exclude": X[:9, 0] > 0}, r"exclude is a mask of shape \(9,\)"),
    "exclude a table": (X, {"exclude": [[1, 2]]}, "exclude must be a 1-D array of positions"),
    "exclude floats": (X, {"exclude": [1.0]}, "exclude must be a 1-D array of positions"),
    "exclude names": (X, {"exclude": ["a"]}, "exclude must be a 1-D array of positions"),
    "exclude one": (X, {"exclude": 3}, "exclude must be a 1-D array of positions"),
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
BAD_PARAMETERS = {
    "strategy unknown": (
        {"strategy": "margins"},
        "strategy='margins' is unknown; take one of.*margin",
    ),
    "strategy no strategy": ({"strategy": 3}, "'strategy' parameter .* must be"),
    "strategy needs a prior": ({"strategy": "co_decision"}, "needs a prior: give prior=Zero"),
    "estimator without predict_proba": ({"estimator": SVC()}, "'estimator' parameter .* must be"),
    "estimator a class": ({"estimator": LogisticRegression}, "estimator|argument: 'self'"),
    "prior without predict_proba": ({"prior": SVC()}, "'prior' parameter .* must be"),
    "noise": ({"noise": "some"}, "'noise' parameter .* must be"),
    "refresh": ({"refresh": 3}, "'refresh' parameter .* must be"),
    "transductive": ({"transductive": "yes"}, "'transductive' parameter .* must be"),
    "random_state": ({"random_state": "seed"}, "'random_state' parameter .* must be"),
    "a generator": ({"random_state": np.random.default_rng(0)}, "'random_state' parameter"),
}


def table(cases):
    return pytest.mark.parametrize("case", cases.values(), ids=cases.keys())


@pytest.fixture
def clf():
    """With labels, and a check that a failed call leaves them and what they taught as they were."""
    clf = ActiveClassifier(LogisticRegression(), random_state=0).fit(X, Y)
    clf.partial_fit(X[:1], ["b"], classes=["d"])
    proba, trust, asked = clf.predict_proba(X), clf.label_trust_, clf.query(X + 1, 5)
    yield clf
    clf.set_params(strategy="auto", random_state=0)
    assert clf.classes_.tolist() == ["a", "b", "c", "d"]
    np.testing.assert_array_equal(clf.predict_proba(X), proba)
    np.testing.assert_array_equal(clf.label_trust_, trust)
    np.testing.assert_array_equal(clf.query(X + 1, 5), asked)
    expected = ActiveClassifier(LogisticRegression(), random_state=0).fit(X, Y)
    expected.partial_fit(X[:1], ["b"], classes=["d"]).partial_fit(X[3:4], ["c"])
    clf.partial_fit(X[3:4], ["c"])
    np.testing.assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))


def fails(match, call, *args, error=(ValueError, TypeError), **kwargs):
    with pytest.raises(error, match=f"(?s){match}"):
        call(*args, **kwargs)


@table(BAD_LABELS)
def test_labels(clf, case):
    y, match = case
    fails(match, clf.partial_fit, X, y)


FIT_MAY_CHANGE = ("int after str", "bool after str")  # fit forgets, so the type may change


@table({name: case for name, case in BAD_LABELS.items() if name not in FIT_MAY_CHANGE})
def test_labels_at_fit(clf, case):
    y, match = case
    fails(match, clf.fit, X, y)


@table(BAD_ROWS)
def test_rows(clf, case):
    rows, match = case
    fails(match, clf.predict, rows)
    fails(AGAIN.get(match, match), clf.partial_fit, rows, Y)


@table({name: case for name, case in BAD_ROWS.items() if name != "fewer columns"})
def test_rows_at_fit(clf, case):
    rows, match = case
    fails(match, clf.fit, rows, Y)


@table(BAD_WEIGHTS)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_weights(clf, case, method):
    weight, match = case
    fails(match, getattr(clf, method), X, Y, sample_weight=weight)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_weights_that_are_all_zero(method):
    nothing = getattr(ActiveClassifier(), method)
    fails("at least one", nothing, X, Y, sample_weight=np.zeros(30))


@table(BAD_QUERIES)
def test_queries(clf, case):
    pool, params, match = case
    fails(match, clf.query, pool, **params)


@table({name: case for name, case in BAD_QUERIES.items() if name not in ("other columns", "NaN")})
def test_queries_before_any_label(case):
    pool, params, match = case
    fails(match, ActiveClassifier(random_state=0).query, pool, **params)


@table(BAD_CORRECTIONS)
def test_corrections(clf, case):
    positions, y, match = case
    fails(match, clf.relabel, positions, y)


@table(BAD_PARAMETERS)
def test_parameters(case):
    params, match = case
    clf = ActiveClassifier(LogisticRegression()).set_params(**params)
    fails(match, clf.query, X)


@pytest.mark.parametrize("params", [{"strategy": "margins"}, {"strategy": "co_decision"}])
def test_a_bad_strategy_can_be_set_right_without_a_refit(clf, params):
    clf.set_params(**params)
    fails("strategy=", clf.query, X + 1)


@pytest.mark.parametrize("classes", [["a", 1], [None], [1, 2], [["a"], ["b", "c"]]])
def test_announced_classes(clf, classes):
    fails(
        "types int, str|NaN or None|those known already|label type", clf.partial_fit, X, Y, classes
    )


def test_a_frame_with_other_columns():
    clf = ActiveClassifier(LogisticRegression()).fit(FRAME, Y)
    for rows in (FRAME[["p", "q"]], FRAME.rename(columns={"p": "x"}), FRAME[["q", "p", "r"]]):
        fails("feature names should match", clf.query, rows)
        fails("feature names should match", clf.predict, rows)
        fails("feature names should match", clf.partial_fit, rows, Y)
    assert len(clf.label_trust_) == 30


def test_a_frame_after_arrays(clf):
    with pytest.warns(UserWarning, match="X has feature names"):
        fails("DataFrame, earlier rows came as ndarray", clf.partial_fit, FRAME, Y)


@pytest.mark.parametrize(
    "call",
    [lambda clf: clf.label_trust_, lambda clf: clf.suspects(), lambda clf: clf.relabel([0], ["a"])],
    ids=["label_trust_", "suspects", "relabel"],
)
def test_before_any_label(call):
    with pytest.raises(NotFittedError, match="No labels were given yet; call fit or partial_fit"):
        call(ActiveClassifier())


def test_nan_in_a_pool_before_any_label():
    clf = ActiveClassifier(random_state=0)
    fails("X_pool contain NaN.*Put an imputer into the Pipeline", clf.query, WITH_NAN)


def test_texts_before_any_label_without_an_encoder():
    frame = pd.DataFrame({"a": ["x", "y"], "b": ["u", "v"]})
    clf = ActiveClassifier(random_state=0)
    fails("X_pool are not numbers.*Put an encoder or a ColumnTransformer", clf.query, frame)


@pytest.mark.parametrize("text", [None, float("nan"), 3.5])
def test_texts_that_are_no_texts(text):
    clf = ActiveClassifier(make_pipeline(TfidfVectorizer(), LogisticRegression()), random_state=0)
    clf.fit(TEXTS, list("aabb"))
    before = clf.predict_proba(TEXTS)
    for call in (clf.predict, clf.query, lambda rows: clf.partial_fit(rows, ["a", "b"])):
        with pytest.raises((ValueError, AttributeError)):
            call(["red", text])
    fails("X has 0 sample", clf.predict, [])
    np.testing.assert_array_equal(clf.predict_proba(TEXTS), before)
    assert len(clf.label_trust_) == 4


def test_sparse_rows_for_a_head_that_takes_none():
    fails("Sparse data was passed", ActiveClassifier().fit, sparse.csr_array(X), Y)


def test_fractions_where_rows_must_be_repeated():
    clf = ActiveClassifier(KNeighborsClassifier(3)).fit(X, Y)
    before = clf.predict_proba(X)
    match = "sample_weight has fractions.*Give whole numbers, or an estimator whose fit takes"
    fails(match, clf.partial_fit, X, Y, sample_weight=np.full(30, 0.5))
    np.testing.assert_array_equal(clf.predict_proba(X), before)


# Priors


def make_prior(n_classes=3):
    kept = np.flatnonzero(np.isin(Y, ["a", "b", "c"][:n_classes]))
    return FrozenEstimator(LogisticRegression().fit(X[kept], Y[kept]))


class WrongShape:
    """A prior with more columns than classes."""

    classes_ = np.array(["a", "b"])

    def predict_proba(self, X):
        return np.full((len(X), 3), 1 / 3)


class SaysNaN(WrongShape):
    """A prior that broke down."""

    def predict_proba(self, X):
        return np.full((len(X), 2), np.nan)


@pytest.mark.parametrize("prior", [WrongShape(), SaysNaN()])
def test_a_prior_that_does_not_fit(prior):
    clf = ActiveClassifier(LogisticRegression(), prior=prior)
    for call in (lambda: clf.fit(X, Y), lambda: clf.query(X), lambda: clf.predict(X)):
        fails("prior.predict_proba gave an array of shape.*same rows as the classifier", call)


def test_a_prior_of_labels_of_another_type():
    clf = ActiveClassifier(LogisticRegression(), prior=make_prior())
    fails("labels of type number .* those known already are str", clf.fit, X, np.arange(30) % 3)


def test_a_prior_that_was_never_fitted():
    clf = ActiveClassifier(LogisticRegression(), prior=LogisticRegression())
    with pytest.raises(NotFittedError):
        clf.fit(X, Y)


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, make_prior()), (make_prior(), None), (make_prior(2), make_prior())],
    ids=["set", "removed", "of other classes"],
)
@pytest.mark.parametrize("estimator", [LogisticRegression(), SoftmaxHead(strength=1.0)])
def test_another_prior_needs_fit(estimator, before, after):
    clf = ActiveClassifier(estimator, prior=before, random_state=0).fit(X, Y)
    clf.query(X + 1)
    clf.set_params(prior=after)
    fails("prior was .* call fit anew", clf.partial_fit, X, Y)
    fresh = ActiveClassifier(estimator, prior=after, random_state=0).fit(X, Y)
    np.testing.assert_array_equal(clf.fit(X, Y).predict_proba(X), fresh.predict_proba(X))


# SoftmaxHead


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"hidden_layer_sizes": 8}, "'hidden_layer_sizes' parameter"),
        ({"loss": "hinge"}, "'loss' parameter"),
        ({"strength": 0.0}, "'strength' parameter"),
        ({"strength": "much"}, "'strength' parameter"),
        ({"class_weight": "even"}, "'class_weight' parameter"),
        ({"max_iter": 0}, "'max_iter' parameter"),
        ({"random_state": "seed"}, "'random_state' parameter"),
        ({"stregnth": 1.0}, "no parameter 'stregnth'.*begin with one of: module__"),
    ],
)
def test_softmax_head_parameters(params, match):
    fails(match, SoftmaxHead(**params).fit, X, Y)


def test_softmax_head_set_params():
    fails("Invalid parameter 'stregnth'", SoftmaxHead().set_params, stregnth=1.0)


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"sample_weight": np.zeros(30)}, "at least one"),
        ({"sample_weight": -np.ones(30)}, "Negative values"),
        ({"prior_log_proba": np.zeros((30, 2))}, r"shape \(30, 2\), expected \(30, 3\)"),
        ({"prior_log_proba": np.zeros((3, 3))}, r"shape \(3, 3\), expected \(30, 3\)"),
        ({"prior_log_proba": np.full((30, 3), -np.inf)}, "prior_log_proba contains infinity"),
        ({"classes": ["a", "b"]}, r"not among classes: \['c'\]"),
    ],
)
def test_softmax_head_fit(params, match):
    fails(match, SoftmaxHead().fit, X, Y, **params)


def test_softmax_head_predicts_as_it_was_fitted():
    prior = np.log(np.full((30, 3), 1 / 3))
    anchored, alone = SoftmaxHead().fit(X, Y, prior_log_proba=prior), SoftmaxHead().fit(X, Y)
    fails("fitted with it; predict likewise", anchored.predict, X)
    fails("fitted without it; predict likewise", alone.predict, X, prior)
    fails("X has 2 features", alone.predict, X[:, :2])
    with pytest.raises(NotFittedError):
        SoftmaxHead().predict(X)
