"""Invalid pools and parameters of a query."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from skactive import ActiveClassifier, BudgetedClassifier
from skactive.strategies import MaxHerding
from tests.support.errors import WITH_NAN, X, fails, table

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
    "None": (None, {}, "X_pool is None, not a sequence of rows"),
    "a generator": (iter(X), {}, "X_pool is one .*iterator, not a sequence of rows"),
    "exclude too large": (
        X,
        {"exclude": [3, 30]},
        "exclude holds 30, but positions go from 0 to 29",
    ),
    "exclude negative": (X, {"exclude": [-1]}, "exclude holds -1, but positions go from 0 to 29"),
    "exclude too short": (X, {"exclude": X[:9, 0] > 0}, r"exclude is a mask of shape \(9,\)"),
    "exclude a table": (X, {"exclude": [[1, 2]]}, "exclude must be a 1-D array of positions"),
    "exclude floats": (X, {"exclude": [1.0]}, "exclude must be a 1-D array of positions"),
    "exclude a mask of numbers": (
        X,
        {"exclude": (X[:, 0] > 0).astype(int)},
        "exclude looks like a mask, but its dtype is int64; give bool",
    ),
    "exclude names": (X, {"exclude": ["a"]}, "exclude must be a 1-D array of positions"),
    "exclude one": (X, {"exclude": 3}, "exclude must be a 1-D array of positions"),
}
BAD_PARAMETERS = {
    "strategy unknown": (
        {"strategy": "margins"},
        "strategy='margins' is unknown; take one of.*margin",
    ),
    "strategy no strategy": ({"strategy": 3}, "'strategy' parameter .* must be"),
    "strategy needs a prior": ({"strategy": "co_decision"}, "needs a prior: give prior=Zero"),
    "estimator without predict_proba": ({"estimator": SVC()}, "around an SVC, Calibrated"),
    "estimator a class": ({"estimator": LogisticRegression}, "estimator|argument: 'self'"),
    "prior without predict_proba": ({"prior": SVC()}, "'prior' parameter .* must be"),
    "noise": ({"noise": "some"}, "'noise' parameter .* must be"),
    "refresh": ({"refresh": 3}, "'refresh' parameter .* must be"),
    "transductive": ({"transductive": "yes"}, "'transductive' parameter .* must be"),
    "random_state": ({"random_state": "seed"}, "'random_state' parameter .* must be"),
    "a generator": ({"random_state": np.random.default_rng(0)}, "'random_state' parameter"),
}


@table(BAD_QUERIES)
def test_invalid_queries(unchanged_clf, case):
    pool, params, match = case
    fails(match, unchanged_clf.query, pool, **params)


@table({name: case for name, case in BAD_QUERIES.items() if name not in ("other columns", "NaN")})
def test_invalid_queries_before_any_label(case):
    pool, params, match = case
    fails(match, ActiveClassifier(random_state=0).query, pool, **params)


@table(BAD_PARAMETERS)
def test_invalid_parameters(case):
    params, match = case
    clf = ActiveClassifier(LogisticRegression()).set_params(**params)
    fails(match, clf.query, X)


@pytest.mark.parametrize("params", [{"strategy": "margins"}, {"strategy": "co_decision"}])
def test_an_invalid_strategy_can_be_replaced_without_a_refit(unchanged_clf, params):
    unchanged_clf.set_params(**params)
    fails("strategy=", unchanged_clf.query, X + 1)


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("strategy__bandwidth", r"strategy='auto' has no .*strategy=strategies.get\('balanced"),
        ("estimator__strength", r"estimator=None has no .*estimator=SoftmaxHead\(\)"),
        ("prior__prompts", r"prior=None has no .*prior=ZeroShotClassifier"),
        ("refresh__mode", r"refresh=None has no .*refresh=FineTunedClassifier"),
        ("strateg__bandwidth", "Invalid parameter 'strateg' .*Valid parameters are: .*'strategy'"),
    ],
)
def test_nested_parameters_of_a_name_or_none(name, match):
    clf = BudgetedClassifier(ActiveClassifier(), budget=3)
    fails(match, ActiveClassifier().set_params, **{name: 1.0})
    fails(match, clf.set_params, **{f"estimator__{name}": 1.0})
    clf = ActiveClassifier().set_params(strategy=MaxHerding(), strategy__bandwidth=1.0)
    assert clf.strategy.bandwidth == 1.0


def test_nan_in_a_pool_before_any_label():
    clf = ActiveClassifier(random_state=0)
    fails("X_pool contain NaN.*Put an imputer into the Pipeline", clf.query, WITH_NAN)


def test_texts_before_any_label_without_an_encoder():
    frame = pd.DataFrame({"a": ["x", "y"], "b": ["u", "v"]})
    clf = ActiveClassifier(LogisticRegression(), random_state=0)
    fails("X_pool are not numbers.*Put an encoder or a ColumnTransformer", clf.query, frame)


IMAGES = np.random.default_rng(0).integers(0, 255, (30, 4, 4, 3)).astype(np.uint8)
WORDS = [f"word {i}" for i in range(30)]
NEVER_LEARNED = {
    "images": (IMAGES, {}, "auto"),
    "texts": (WORDS, {}, "random"),
    "NaN": (WITH_NAN, {}, "random"),
    "infinity": (np.where(X > 1, np.inf, X), {}, "random"),
    "a column of texts": (
        pd.DataFrame({"a": X[:, 0], "b": WORDS}),
        {"estimator": LogisticRegression()},
        "random",
    ),
}


@pytest.mark.parametrize("case", NEVER_LEARNED)
def test_rows_that_the_head_cannot_learn_are_refused_before_they_are_labeled(case):
    rows, options, strategy = NEVER_LEARNED[case]
    clf = ActiveClassifier(**options, strategy=strategy, random_state=0)
    with pytest.raises(
        ValueError, match=r"could not be learned: \w+ does not take (rows|miss|text|col)"
    ):
        clf.query(rows, 20)


class AnyRows(DummyClassifier):
    """Its tags do not tell that it takes texts."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.no_validation = False
        return tags


@pytest.mark.parametrize("head", [DummyClassifier(), AnyRows(), GridSearchCV(AnyRows(), {}, cv=2)])
def test_heads_that_may_take_any_rows_are_trusted(head):
    clf = ActiveClassifier(head, strategy="random", random_state=0)
    asked = clf.query(WORDS, 6)
    clf.fit([WORDS[i] for i in asked], [0, 1, 0, 1, 0, 1])


@pytest.mark.parametrize("strategy", ["auto", "margin", "random"])
def test_a_sparse_pool_after_dense_labels_is_refused(strategy):
    y = np.arange(len(X)) % 2
    for labeled, pool in ((X, sparse.csr_array(X)), (sparse.csr_array(X), X)):
        clf = ActiveClassifier(strategy=strategy, random_state=0).fit(labeled, y)
        with pytest.raises(TypeError, match=r"X_pool is of type \w+, labeled rows came as \w+"):
            clf.query(pool, 3)


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_a_missing_text_is_named_by_its_position_in_the_pool(missing):
    estimator = make_pipeline(HashingVectorizer(n_features=8), LogisticRegression())
    clf = ActiveClassifier(estimator, random_state=0).fit(WORDS[:10], [0, 1] * 5)
    pool = [*WORDS[:15], missing, *WORDS[16:]]
    for method in (clf.query, clf.predict):
        with pytest.raises(TypeError, match=r"X\w*\[15\] is .*, not a text. Drop such rows"):
            method(pool)


def test_a_table_for_a_step_that_takes_texts_is_refused():
    clf = ActiveClassifier(make_pipeline(TfidfVectorizer(), LogisticRegression()))
    table = pd.DataFrame({"text": WORDS})
    with pytest.raises(ValueError, match=r"TfidfVectorizer takes one text.*Give X_pool\['text'\]"):
        clf.query(table, 3)
    assert len(clf.query(table["text"], 3)) == 3
