"""The Pipeline inside ActiveClassifier: steps applied once per row, refitted, or skipped."""

import numpy as np
import pandas as pd
import pytest
from imblearn import FunctionSampler
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_transformer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler, TargetEncoder

from skactive import SoftmaxHead
from skactive._data import containers
from tests.support.active import (
    ESTIMATORS,
    X_NEW,
    Y_NEW,
    FirstRows,
    FitRecorder,
    TransformRecorder,
    X,
    Y,
    make_active,
    make_prior,
)


def test_steps_without_fit_are_applied_once_per_row():
    TransformRecorder.seen = []
    clf = make_active(make_pipeline(TransformRecorder(), StandardScaler(), LogisticRegression()))
    for batch in np.split(np.arange(60), 6):
        clf.partial_fit(X[batch], Y[batch])
    clf.relabel([0], ["cow"])
    assert clf.label_trust_.shape == (60,)
    assert TransformRecorder.seen == [10] * 6
    clf.query(X_NEW, 5)
    assert TransformRecorder.seen == [10] * 6 + [60]


def test_a_step_without_fit_is_refitted_after_a_step_with_fit():
    clf = make_active(make_pipeline(FitRecorder(), Normalizer(), LogisticRegression()))
    clf.partial_fit(X[:20], Y[:20])
    expected = make_pipeline(Normalizer(), LogisticRegression()).fit(X[:20], Y[:20])
    np.testing.assert_allclose(clf.predict_proba(X), expected.predict_proba(X), atol=1e-4)


def test_other_steps_are_refitted_on_all_labels():
    FitRecorder.fits = []
    clf = make_active(make_pipeline(Normalizer(), FitRecorder(), LogisticRegression()), noise=None)
    clf.partial_fit(X[:20], Y[:20]).partial_fit(X[20:50], Y[20:50])
    assert FitRecorder.fits == [20, 50]


def test_before_any_label_other_steps_are_fitted_on_the_pool():
    FitRecorder.fits = []
    pipeline = make_pipeline(Normalizer(), StandardScaler(), FitRecorder(), LogisticRegression())
    clf = make_active(pipeline, strategy=FirstRows())
    clf.query(X, 2, exclude=[3, 4])
    left = np.delete(X, [3, 4], axis=0)
    expected = StandardScaler().fit_transform(Normalizer().transform(left))
    np.testing.assert_allclose(FirstRows.view.X, expected)
    assert sorted(FitRecorder.fits) == [2, 58]  # 2: the selected rows, as in the first fit
    assert FirstRows.view.labeled_X.shape == (0, 4)


@pytest.mark.parametrize("selector", [LinearDiscriminantAnalysis(), SelectKBest(k=2)])
@pytest.mark.filterwarnings("ignore:SelectKBest is skipped")
def test_before_any_label_supervised_steps_are_skipped(selector):
    clf = make_active(make_pipeline(StandardScaler(), selector, LogisticRegression()))
    queried = clf.query(X, 12)
    assert len(set(queried)) == 12
    clf.partial_fit(X[queried], Y[queried]).set_params(strategy=FirstRows()).query(X)
    assert FirstRows.view.X.shape[1] == 2


def test_before_any_label_a_bad_cell_is_named():
    """The message comes from the step, not from a strategy."""
    table = pd.DataFrame({"text": ["a b", np.nan, "c d"], "size": [1.0, 2.0, 3.0]})
    columns = make_column_transformer((TfidfVectorizer(), "text"), ("passthrough", ["size"]))
    with pytest.raises(ValueError, match="invalid document"):
        make_active(make_pipeline(columns, LogisticRegression())).query(table, 2)


def test_estimator_is_never_touched():
    pipeline = make_pipeline(Normalizer(), StandardScaler(), LogisticRegression())
    before = repr(pipeline.get_params())
    clf = make_active(pipeline).fit(X, Y)
    assert repr(pipeline.get_params()) == before
    assert not hasattr(pipeline[-1], "coef_")
    assert not hasattr(pipeline[1], "mean_")
    np.testing.assert_allclose(clf.estimator_.predict_proba(X), clf.predict_proba(X))


def test_passthrough_steps():
    steps = [("nothing", "passthrough"), ("none", None), ("head", LogisticRegression())]
    clf = make_active(Pipeline(steps)).fit(X, Y)
    expected = make_active().fit(X, Y).predict_proba(X_NEW)
    np.testing.assert_array_equal(clf.predict_proba(X_NEW), expected)


class Centered(BaseEstimator):
    """A transformer without fit_transform."""

    def fit(self, X, y=None):
        self.mean_ = X.mean(axis=0)
        return self

    def transform(self, X):
        return X - self.mean_


@pytest.mark.parametrize(
    "step", [Centered(), FrozenEstimator(StandardScaler().fit(X_NEW))], ids=["plain", "frozen"]
)
def test_steps_without_fit_transform(step):
    clf = make_active(make_pipeline(step, LogisticRegression()))
    assert len(clf.query(X_NEW, 3)) == 3
    clf.fit(X, Y)
    features = step.transform(X) if hasattr(step, "estimator") else X - X.mean(axis=0)
    by_hand = LogisticRegression().fit(features, Y)
    np.testing.assert_allclose(clf.estimator_[-1].coef_, by_hand.coef_, atol=1e-3)


def test_a_frozen_step_keeps_what_it_was_fitted_to():
    table = pd.DataFrame(X, columns=list("abcd"))
    step = FrozenEstimator(StandardScaler().fit(table))
    clf = make_active(make_pipeline(step, LogisticRegression())).fit(table, Y)
    assert clf.score(table, Y) > 0.8
    assert len(clf.query(table + 1, 3)) == 3
    assert list(vars(step)) == ["estimator"]


def test_a_supervised_step_inside_a_column_transformer_is_skipped():
    table = pd.DataFrame({"kind": list("uvw") * 20, "size": np.arange(60.0)})
    columns = make_column_transformer((TargetEncoder(cv=2), ["kind"]), remainder="passthrough")
    clf = make_active(make_pipeline(columns, LogisticRegression()), strategy="max_herding")
    with (
        pytest.warns(UserWarning, match="ColumnTransformer is skipped until there are labels"),
        pytest.raises(ValueError, match="has to be fitted on labels, start with strategy='random'"),
    ):
        clf.query(table, 3)
    assert len(clf.set_params(strategy="random").query(table, 3)) == 3


@pytest.mark.parametrize("sampler", [RandomOverSampler(), SMOTE(k_neighbors=2)])
def test_a_sampler_balances_what_the_head_sees(sampler):
    rows = np.r_[np.flatnonzero(Y == "ant"), np.flatnonzero(Y == "bee")[:4]]
    clf = make_active(make_imblearn_pipeline(StandardScaler(), sampler, GaussianNB()))
    clf.fit(X[rows], Y[rows])
    np.testing.assert_allclose(clf.estimator_[-1].class_prior_, 0.5)
    assert clf.predict_proba(X).shape == (60, 2)


@pytest.mark.parametrize("estimator", [ESTIMATORS["imblearn"], KNeighborsClassifier(3)])
def test_rows_are_repeated_where_an_estimator_takes_no_weights(estimator):
    with pytest.raises(ValueError, match="sample_weight has fractions"):
        make_active(estimator).fit(X, Y, sample_weight=np.full(60, 0.5))
    twice = make_active(estimator).fit(X, Y, sample_weight=np.full(60, 2))
    assert twice.score(X, Y) > 0.8


@pytest.mark.parametrize(
    ("sampler", "rows"), [(SMOTE(), [0, 3, 6, 1]), (RandomOverSampler(), [0, 3, 6])]
)
def test_a_sampler_is_skipped_while_labels_are_few(sampler, rows):
    clf = make_active(make_imblearn_pipeline(sampler, LogisticRegression()))
    with pytest.warns(UserWarning, match=f"{type(sampler).__name__} is skipped until"):
        clf.fit(X[rows], Y[rows])
    assert len(clf.predict(X)) == 60
    clf.partial_fit(X, Y)
    assert clf.score(X, Y) > 0.8


def test_a_sampler_that_changes_nothing_changes_nothing():
    weight = 1.0 + np.arange(60) % 2
    sampler = make_imblearn_pipeline(FunctionSampler(), LogisticRegression(tol=1e-8))
    sampled = make_active(sampler).fit(X, Y, sample_weight=weight).predict_proba(X_NEW)
    plain = make_active(LogisticRegression(tol=1e-8)).fit(X, Y, sample_weight=weight)
    np.testing.assert_allclose(sampled, plain.predict_proba(X_NEW), atol=1e-5)


def test_a_sampler_and_a_prior():
    clf = make_active(
        make_imblearn_pipeline(RandomOverSampler(), SoftmaxHead(strength=1.0)), prior=make_prior()
    )
    assert clf.fit(X, Y).score(X_NEW, Y_NEW) > 0.8


def double(rows):
    assert isinstance(rows, np.ndarray)
    return rows * 2


def double_sparse(rows):
    return sparse.csr_array(double(rows))


class CenteredArray(Centered):
    """Takes arrays only."""

    def fit(self, X, y=None):
        return super().fit(double(X) / 2)

    def transform(self, X):
        return super().transform(double(X) / 2)


@pytest.mark.parametrize(
    "steps",
    [[FunctionTransformer(double)], [FunctionTransformer(double_sparse)], [CenteredArray()]],
    ids=["without fit", "sparse", "with fit"],
)
def test_steps_receive_arrays_of_a_mapped_pool(steps, tmp_path, monkeypatch):
    np.save(tmp_path / "pool.npy", X)
    mapped = np.load(tmp_path / "pool.npy", mmap_mode="r")
    monkeypatch.setattr(containers, "_BLOCK", 32)  # eight rows
    expected, clf = (make_active(make_pipeline(*steps, LogisticRegression())) for _ in range(2))
    for _ in range(2):
        queried = clf.query(mapped, 12)
        np.testing.assert_array_equal(queried, expected.query(X, 12))
        clf.partial_fit(mapped[queried], Y[queried])
        expected.partial_fit(X[queried], Y[queried])
    np.testing.assert_array_equal(clf.predict_proba(mapped), expected.predict_proba(X))
