"""A saved classifier resumes where it stopped."""

import importlib
import pickle

import joblib
import numpy as np
import polars as pl
import pytest
import skops.io
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skactive import (
    TRUSTED_TYPES,
    ActiveClassifier,
    BudgetedClassifier,
    SentenceEncoder,
    SoftmaxHead,
    TabularClassifier,
    ZeroShotClassifier,
    strategies,
)
from tests.support.active import (
    CLASSES,
    ESTIMATORS,
    TEXTS,
    X_NEW,
    X,
    Y,
    every_estimator,
    make_active,
    make_prior,
)
from tests.support.tables import TABLE
from tests.support.tables import Y as TABLE_Y


def through_pickle(clf, tmp_path):
    return pickle.loads(pickle.dumps(clf))


def through_joblib(clf, tmp_path):
    joblib.dump(clf, tmp_path / "clf.joblib")
    return joblib.load(tmp_path / "clf.joblib")


def through_a_memory_map(clf, tmp_path):
    """The arrays of the loaded classifier are read-only."""
    joblib.dump(clf, tmp_path / "clf.joblib")
    return joblib.load(tmp_path / "clf.joblib", mmap_mode="r")


def through_skops(clf, tmp_path):
    skops.io.dump(clf, tmp_path / "clf.skops")
    trusted = [*TRUSTED_TYPES, *OF_OTHERS]
    return skops.io.load(tmp_path / "clf.skops", trusted=trusted)


every_way = pytest.mark.parametrize(
    "way", [through_pickle, through_joblib, through_a_memory_map, through_skops]
)

# harmless types of other packages that skops does not trust by default
OF_OTHERS = [
    "functools.partial",
    "imblearn.over_sampling._random_over_sampler.RandomOverSampler",
    "imblearn.pipeline.Pipeline",
    "numpy.dtype",
    "scipy.sparse._csr.csr_matrix",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
    "sklearn.utils.validation.check_array",
]


@every_way
@every_estimator
def test_a_saved_classifier_resumes(name, way, tmp_path):
    clf = make_active(ESTIMATORS[name], prior=make_prior()).fit(X[:30], Y[:30])
    clf.query(X, 3)
    copy = way(clf, tmp_path)
    np.testing.assert_array_equal(copy.query(X, 5), clf.query(X, 5))
    np.testing.assert_array_equal(copy.label_trust_, clf.label_trust_)
    for model in (clf, copy):
        model.partial_fit(X[30:], Y[30:]).relabel([0], ["cow"])
    np.testing.assert_array_equal(copy.predict_proba(X_NEW), clf.predict_proba(X_NEW))
    assert repr(clone(copy)) == repr(clf)


@every_way
@pytest.mark.parametrize("labels", [0, 12])
def test_texts_with_a_foundation_model(labels, way, tmp_path):
    encoder = SentenceEncoder(verbose=False)
    prior = ZeroShotClassifier({"pet": "a dog or a cat", "wild": ["a bird"]}, encoder=encoder)
    pipeline = make_pipeline(encoder, SoftmaxHead())
    clf = ActiveClassifier(pipeline, prior=prior, random_state=0)
    if labels:
        clf.fit(TEXTS, ["pet"] * 6 + ["wild"] * 6)
    copy = way(clf, tmp_path)
    pool = ["a cow sat", "a hen ran", "a cat slept"]
    np.testing.assert_array_equal(copy.query(pool, 2), clf.query(pool, 2))
    for model in (clf, copy):
        model.partial_fit(pool, ["pet", "wild", "pet"])
    np.testing.assert_array_equal(copy.predict_proba(pool), clf.predict_proba(pool))


@every_way
@pytest.mark.parametrize(
    ("clf", "rows"),
    [
        (SoftmaxHead(), X),
        (SoftmaxHead((4,), max_iter=3, random_state=0), X),
        (TabularClassifier(random_state=0), X),
        (ActiveClassifier(HistGradientBoostingClassifier(max_iter=3), random_state=0), X),
        (ActiveClassifier(make_pipeline(TfidfVectorizer(), LogisticRegression())), TEXTS * 5),
        (BudgetedClassifier(ActiveClassifier(LogisticRegression(), random_state=0), budget=12), X),
        (ZeroShotClassifier(class_embeddings=np.eye(3, 4), classes=CLASSES), X),
    ],
    ids=lambda case: type(case).__name__,
)
def test_other_classifiers_round_trip(clf, rows, way, tmp_path):
    clf = clone(clf).fit(rows, Y)
    copy = way(clf, tmp_path)
    np.testing.assert_array_equal(copy.predict_proba(rows), clf.predict_proba(rows))


def mixed_columns(head):
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["color", "tame"]),
        (SimpleImputer(keep_empty_features=True), ["size", "legs"]),
        sparse_threshold=0,
    )
    return make_pipeline(columns, StandardScaler(), head)


BOOSTING = HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=2)


@pytest.mark.parametrize("way", [through_pickle, through_skops])
@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize(
    "estimator",
    [mixed_columns(LogisticRegression()), mixed_columns(SoftmaxHead()), BOOSTING],
    ids=["logistic", "softmax", "boosting"],
)
def test_a_classifier_of_tables_resumes(estimator, library, way, tmp_path):
    """With and without steps; the pool leaves a sample of its rows where the head is balanced."""
    table = TABLE.drop(columns="empty").reset_index(drop=True)
    table["legs"] = table["legs"].astype(float)
    if library == "polars":
        table = pl.from_pandas(table)
    clf = ActiveClassifier(estimator, random_state=0)
    clf.query(table, 5)
    clf.partial_fit(table[:30], TABLE_Y[:30]).query(table, 3)
    copy = way(clf, tmp_path)
    np.testing.assert_array_equal(copy.predict_proba(table), clf.predict_proba(table))
    np.testing.assert_array_equal(copy.label_trust_, clf.label_trust_)
    np.testing.assert_array_equal(copy.query(table, 5), clf.query(table, 5))
    for model in (clf, copy):
        model.partial_fit(table[30:60], TABLE_Y[30:60])
    np.testing.assert_array_equal(copy.predict_proba(table), clf.predict_proba(table))


def test_an_unseeded_classifier_keeps_its_seed():
    clf = make_active(strategy="random", random_state=None)
    queried = clf.query(X, 20)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(clf)).query(X, 20), queried)


@pytest.mark.parametrize("name", strategies.names())
def test_skops_trusts_every_strategy(name):
    clf = ActiveClassifier(strategy=strategies.get(name))
    assert set(skops.io.get_untrusted_types(data=skops.io.dumps(clf))) <= set(TRUSTED_TYPES)


def test_trusted_types_are_skactives_own_or_parts_of_its_defaults():
    for name in TRUSTED_TYPES:
        module, _, kind = name.rpartition(".")
        parts = (
            "sklearn.gaussian_process.kernels",
            "sklearn.neural_network._stochastic_optimizers",
        )
        assert module.startswith("skactive.") or module in parts
        assert isinstance(getattr(importlib.import_module(module), kind), type)


def test_without_trust_nothing_is_loaded():
    saved = skops.io.dumps(SoftmaxHead().fit(X, Y))
    with pytest.raises(skops.io.exceptions.UntrustedTypesFoundException, match="SoftmaxHead"):
        skops.io.loads(saved, trusted=[])
