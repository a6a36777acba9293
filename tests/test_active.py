"""ActiveClassifier's contracts, one after the other."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn import FunctionSampler
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler

from skactive import ActiveClassifier, SoftmaxHead, strategies
from skactive.priors import ZeroShotClassifier
from skactive.strategies import Margin, QueryStrategy

CLASSES = np.array(["ant", "bee", "cow"])
TEXTS = [
    f"{animal} {verb}"
    for animal in ("cat", "dog", "fish", "bird")
    for verb in ("ran", "sat", "ate")
]


def make_data(n=60, seed=0):
    """Three classes that overlap a little, so that opinions are neither sure nor equal."""
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % 3
    X = rng.normal(size=(n, 4))
    X[:, :3] += 2.5 * np.eye(3)[codes]
    return X, CLASSES[codes]


X, Y = make_data()
X_NEW, Y_NEW = make_data(seed=1)

ESTIMATORS = {
    "logistic": LogisticRegression(),
    "forest": RandomForestClassifier(n_estimators=5),
    "pipeline": make_pipeline(StandardScaler(), LogisticRegression()),
    "softmax": SoftmaxHead(strength=1.0),
    "bayes": GaussianNB(),
    "hidden": SoftmaxHead((4,), strength=1.0, max_iter=5),
    "imblearn": make_imblearn_pipeline(RandomOverSampler(), LogisticRegression()),
}
every_estimator = pytest.mark.parametrize("name", ESTIMATORS)


def make_prior(classes=CLASSES):
    """A prior that is fitted already, on other data, and knows these classes."""
    rows, labels = make_data(30, seed=2)
    kept = np.isin(labels, classes)
    return FrozenEstimator(LogisticRegression(C=0.1).fit(rows[kept], labels[kept]))


def make_active(estimator=None, **params):
    estimator = LogisticRegression() if estimator is None else estimator
    return ActiveClassifier(estimator, **({"random_state": 0} | params))


class Opinion(ClassifierMixin, BaseEstimator):
    """A prior that says the same of every row, and must neither be fitted nor cloned."""

    def __init__(self, shares):
        self.shares = shares

    @property
    def classes_(self):
        return np.array(list(self.shares))

    def fit(self, X, y):
        raise AssertionError("a prior was fitted")

    def __sklearn_clone__(self):
        raise AssertionError("a prior was cloned")

    def predict_proba(self, X):
        return np.tile(list(self.shares.values()), (len(X), 1))


class Counting(TransformerMixin, BaseEstimator):
    """Needs no fit, and writes down every row that it is applied to."""

    seen: list = []  # noqa: RUF012

    def fit(self, X, y=None):
        raise AssertionError("a step that needs no fit was fitted")

    def transform(self, X):
        Counting.seen.append(len(X))
        return X

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags


class Watching(TransformerMixin, BaseEstimator):
    """Needs a fit, and writes down how many rows each had."""

    fits: list = []  # noqa: RUF012

    def fit(self, X, y=None):
        Watching.fits.append(len(X))
        self.is_fitted_ = True
        return self

    def transform(self, X):
        return X


class FirstRows(QueryStrategy):
    """Takes the first rows, and keeps the view."""

    def select(self, view, n):
        FirstRows.view = view
        return np.arange(n)


# Memory ---------------------------------------------------------------------------------------


@every_estimator
@pytest.mark.parametrize(
    ("prior", "tolerance"),
    # a prior's own last digit may depend on how many rows it is shown together
    [(None, 0), (make_prior(), 1e-6), (Opinion({"ant": 0.2, "cow": 0.8}), 0)],
    ids=["alone", "with a prior", "with an even prior"],
)
def test_neither_order_nor_size_of_batches_matters(name, prior, tolerance):
    whole = make_active(ESTIMATORS[name], prior=prior).fit(X, Y)
    order = np.random.default_rng(3).permutation(len(X))
    parts = make_active(ESTIMATORS[name], prior=prior)
    for batch in (order[:40], order[40:41], order[41:]):
        parts.partial_fit(X[batch], Y[batch])
    proba = whole.predict_proba(X_NEW)
    np.testing.assert_allclose(parts.predict_proba(X_NEW), proba, rtol=0, atol=tolerance)
    np.testing.assert_array_equal(parts.query(X_NEW, 9), whole.query(X_NEW, 9))
    trust = whole.label_trust_[order]
    np.testing.assert_allclose(parts.label_trust_, trust, rtol=0, atol=tolerance)


@settings(max_examples=15, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("strategy", ["random", "badge", "margin"])
def test_any_split_of_the_history_gives_the_same_query(strategy, data):
    positions = data.draw(st.lists(st.integers(0, len(X) - 1), min_size=2, max_size=12))
    order = data.draw(st.permutations(positions))
    cut = data.draw(st.integers(1, len(order) - 1))
    whole = make_active(GaussianNB(var_smoothing=1e-2), strategy=strategy)
    parts = clone(whole)
    whole.fit(X[positions], Y[positions])
    parts.partial_fit(X[order[:cut]], Y[order[:cut]]).partial_fit(X[order[cut:]], Y[order[cut:]])
    np.testing.assert_array_equal(parts.query(X_NEW, 5), whole.query(X_NEW, 5))


@every_estimator
def test_weight_of_two_is_a_row_given_twice(name):
    weight = 1.0 + np.arange(len(X)) % 2
    weighted = make_active(ESTIMATORS[name]).fit(X, Y, sample_weight=weight)
    twice = np.repeat(np.arange(len(X)), weight.astype(int))
    repeated = make_active(ESTIMATORS[name]).fit(X[twice], Y[twice])
    np.testing.assert_array_equal(weighted.predict_proba(X_NEW), repeated.predict_proba(X_NEW))
    np.testing.assert_array_equal(weighted.query(X_NEW, 5), repeated.query(X_NEW, 5))


def test_weights_matter():
    weight = np.where(Y == "ant", 5.0, 1.0)
    heavy = make_active().fit(X, Y, sample_weight=weight).predict_proba(X_NEW)[:, 0]
    assert heavy.mean() > make_active().fit(X, Y).predict_proba(X_NEW)[:, 0].mean() + 0.01


@every_estimator
def test_zero_weight_is_absent(name):
    without = make_active(ESTIMATORS[name]).fit(X[10:], Y[10:])
    zero = make_active(ESTIMATORS[name])
    labels = np.where(np.arange(len(X)) < 10, "never", Y)
    zero.fit(X, labels, sample_weight=np.arange(len(X)) >= 10)
    assert zero.classes_.tolist() == CLASSES.tolist()
    np.testing.assert_array_equal(zero.predict_proba(X_NEW), without.predict_proba(X_NEW))
    np.testing.assert_array_equal(zero.query(X_NEW, 5), without.query(X_NEW, 5))
    assert (zero.label_trust_[:10] == 0).all()
    np.testing.assert_array_equal(zero.label_trust_[10:], without.label_trust_)


def test_a_batch_of_zero_weight_is_absent_too():
    clf = make_active().fit(X, Y)
    before = clf.predict_proba(X_NEW)
    clf.partial_fit(X_NEW[:2], ["cow", "never"], sample_weight=[0, 0])
    np.testing.assert_array_equal(clf.predict_proba(X_NEW), before)


def test_a_row_of_weight_zero_may_be_asked_about():
    clf = make_active().fit(X[:20], Y[:20], sample_weight=np.arange(20) > 0)
    assert clf.query(X[:20], 1).tolist() == [0]


def test_different_labels_for_a_row_are_votes():
    clf = make_active(GaussianNB(var_smoothing=0.1)).fit(X, Y)
    row = X[:1]
    for _ in range(40):
        clf.partial_fit(row, ["cow"])
    assert Y[0] == "ant"
    assert clf.predict(row) == ["cow"]


def test_relabel_is_a_correction_and_not_a_vote():
    wrong = Y.copy()
    wrong[[4, 8]] = "ant"
    corrected = make_active().fit(X, wrong).relabel([8, 4], Y[[8, 4]])
    right = make_active().fit(X, Y)
    np.testing.assert_array_equal(corrected.predict_proba(X_NEW), right.predict_proba(X_NEW))
    np.testing.assert_array_equal(corrected.query(X_NEW, 5), right.query(X_NEW, 5))
    np.testing.assert_array_equal(corrected.label_trust_, right.label_trust_)


def test_relabel_speaks_of_one_label_among_several_of_a_row():
    clf = make_active().fit(X, Y).partial_fit(X[:1], ["cow"])
    clf.relabel([len(X)], ["bee"])
    expected = make_active().fit(X, Y).partial_fit(X[:1], ["bee"])
    np.testing.assert_array_equal(clf.predict_proba(X_NEW), expected.predict_proba(X_NEW))


def test_relabel_by_mask_with_a_longer_new_label():
    mask = np.arange(len(X)) == 5
    clf = make_active().fit(X, Y).relabel(mask, ["hippopotamus"])
    assert clf.classes_.tolist() == [*CLASSES.tolist(), "hippopotamus"]


def test_relabel_forgets_a_class_that_nobody_means_any_more():
    clf = make_active().fit(X, np.where(np.arange(len(X)) == 5, "typo", Y))
    assert "typo" in clf.classes_
    clf.relabel([5], Y[[5]])
    assert clf.classes_.tolist() == CLASSES.tolist()


def test_fit_forgets_and_partial_fit_remembers():
    clf = make_active(strategy=FirstRows()).fit(X[:30], Y[:30]).partial_fit(X[30:], Y[30:])
    assert len(clf.label_trust_) == 60
    clf.partial_fit(X[:1], Y[:1], classes=["dodo"])
    clf.fit(X[:9], Y[:9])
    fresh = make_active().fit(X[:9], Y[:9])
    assert clf.classes_.tolist() == CLASSES.tolist()
    assert len(clf.label_trust_) == 9
    np.testing.assert_array_equal(clf.predict_proba(X_NEW), fresh.predict_proba(X_NEW))


@every_estimator
def test_new_classes_may_turn_up_in_any_call(name):
    clf = make_active(ESTIMATORS[name])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="RandomOverSampler steps aside")
        for i, label in enumerate(CLASSES[::-1]):
            rows = label == Y
            clf.partial_fit(X[rows], Y[rows])
            assert clf.classes_.tolist() == CLASSES[2 - i :].tolist()
            assert clf.predict_proba(X).shape == (60, i + 1)
    np.testing.assert_array_equal(
        clf.predict_proba(X_NEW), make_active(ESTIMATORS[name]).fit(X, Y).predict_proba(X_NEW)
    )


@every_estimator
def test_one_class_only(name):
    clf = make_active(ESTIMATORS[name])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="RandomOverSampler steps aside")
        clf.fit(X[:5], ["ant"] * 5)
        assert (clf.label_trust_ == 1).all()
    assert (clf.predict(X) == "ant").all()
    np.testing.assert_allclose(clf.predict_proba(X), 1)


@every_estimator
def test_announced_classes_have_a_column(name):
    clf = make_active(ESTIMATORS[name]).partial_fit(X, Y, classes=["zebra", "ant", "aardvark"])
    assert clf.classes_.tolist() == ["aardvark", *CLASSES.tolist(), "zebra"]
    proba = clf.predict_proba(X_NEW)
    assert proba.shape == (60, 5)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    clf.partial_fit(X[:1], Y[:1])
    assert "zebra" in clf.classes_


@pytest.mark.parametrize(
    "labels", [[1, 0, 7], [True, False, True], ["b", "a", "c"], [1.0, 2.0, 3.0]]
)
def test_labels_keep_their_type(labels):
    labels = np.array(labels)
    y = labels[np.arange(60) % 3]
    clf = make_active().fit(X, y.tolist())
    assert clf.predict(X).dtype.kind == labels.dtype.kind
    np.testing.assert_array_equal(clf.classes_, np.unique(labels))


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


# Trust ----------------------------------------------------------------------------------------


def test_trust_and_suspects_speak_in_the_order_given():
    y = Y.copy()
    y[[8, 31]] = ["ant", "cow"]
    assert Y[[8, 31]].tolist() == ["cow", "bee"]
    clf = make_active().fit(X[:20], y[:20]).partial_fit(X[20:], y[20:])
    trust = clf.label_trust_
    assert trust.shape == (60,)
    assert trust.min() >= 0
    assert trust.max() <= 1
    assert set(clf.suspects(2).tolist()) == {8, 31}
    assert clf.suspects(2).dtype == np.int64
    np.testing.assert_array_equal(clf.suspects(60), np.argsort(trust, kind="stable"))
    assert len(clf.suspects(1000)) == 60


def test_without_noise_every_label_is_trusted():
    clf = make_active(noise=None, strategy=FirstRows()).fit(X, np.roll(Y, 1))
    assert (clf.label_trust_ == 1).all()
    clf.query(X_NEW)
    assert (FirstRows.view.label_trust == 1).all()


def test_trust_comes_from_models_that_have_not_seen_the_row():
    """Of a row with two labels, no model that has seen one judges the other."""
    sure = int(make_active().fit(X, Y).predict_proba(X)[:, 0].argmax())
    learns_by_heart = RandomForestClassifier(n_estimators=10, bootstrap=False)
    clf = make_active(learns_by_heart).fit(X, Y).partial_fit(X[[sure]], ["cow"])
    assert clf.label_trust_[sure] > 0.9
    assert clf.label_trust_[-1] < 0.1


# The Pipeline, split once -----------------------------------------------------------------------


def test_steps_that_need_no_fit_see_a_row_once():
    Counting.seen = []
    clf = make_active(make_pipeline(Counting(), StandardScaler(), LogisticRegression()))
    for batch in np.split(np.arange(60), 6):
        clf.partial_fit(X[batch], Y[batch])
    clf.relabel([0], ["cow"])
    assert clf.label_trust_.shape == (60,)
    assert Counting.seen == [10] * 6
    clf.query(X_NEW, 5)
    assert Counting.seen == [10] * 6 + [60]


def test_a_step_that_needs_no_fit_is_refitted_behind_one_that_does():
    clf = make_active(make_pipeline(Watching(), Normalizer(), LogisticRegression()))
    clf.partial_fit(X[:20], Y[:20])
    expected = make_pipeline(Normalizer(), LogisticRegression()).fit(X[:20], Y[:20])
    np.testing.assert_allclose(clf.predict_proba(X), expected.predict_proba(X), atol=1e-4)


def test_other_steps_are_refitted_on_all_labels():
    Watching.fits = []
    clf = make_active(make_pipeline(Normalizer(), Watching(), LogisticRegression()), noise=None)
    clf.partial_fit(X[:20], Y[:20]).partial_fit(X[20:50], Y[20:50])
    assert Watching.fits == [20, 50]


def test_before_any_label_other_steps_are_fitted_on_the_pool():
    Watching.fits = []
    pipeline = make_pipeline(Normalizer(), StandardScaler(), Watching(), LogisticRegression())
    clf = make_active(pipeline, strategy=FirstRows())
    clf.query(X, 2, exclude=[3, 4])
    left = np.delete(X, [3, 4], axis=0)
    expected = StandardScaler().fit_transform(Normalizer().transform(left))
    np.testing.assert_allclose(FirstRows.view.X, expected)
    assert Watching.fits == [58]
    assert FirstRows.view.labelled_X.shape == (0, 4)


@pytest.mark.parametrize("selector", [LinearDiscriminantAnalysis(), SelectKBest(k=2)])
@pytest.mark.filterwarnings("ignore:SelectKBest steps aside")
def test_before_any_label_supervised_steps_stand_aside(selector):
    clf = make_active(make_pipeline(StandardScaler(), selector, LogisticRegression()))
    asked = clf.query(X, 12)
    assert len(set(asked)) == 12
    clf.partial_fit(X[asked], Y[asked]).set_params(strategy=FirstRows()).query(X)
    assert FirstRows.view.X.shape[1] == 2


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


# Prior ----------------------------------------------------------------------------------------


def test_before_any_label_the_prior_speaks():
    prior = make_prior()
    clf = make_active(prior=prior)
    np.testing.assert_allclose(clf.predict_proba(X), prior.predict_proba(X))
    np.testing.assert_array_equal(clf.predict(X), prior.predict(X))
    assert clf.score(X, Y) == prior.score(X, Y)
    np.testing.assert_array_equal(clf.classes_, CLASSES)


def test_before_any_label_a_query_goes_by_the_prior():
    prior = make_prior()
    top = -np.sort(-prior.predict_proba(X), axis=1)
    expected = np.argsort(top[:, 0] - top[:, 1], kind="stable")[:7]
    np.testing.assert_array_equal(make_active(prior=prior, strategy="margin").query(X, 7), expected)


def test_without_a_prior_nothing_is_predicted_before_a_label():
    for method in ("predict", "predict_proba"):
        with pytest.raises(NotFittedError, match="no labels and no prior"):
            getattr(make_active(), method)(X)
    assert not hasattr(make_active(), "classes_")


@pytest.mark.parametrize("estimator", [LogisticRegression(), SoftmaxHead(strength=1.0)])
def test_a_prior_is_neither_fitted_nor_cloned(estimator):
    prior = Opinion({"ant": 0.2, "bee": 0.3, "cow": 0.5})
    clf = make_active(estimator, prior=prior)
    clf.query(X, 3)
    clf.fit(X, Y).partial_fit(X_NEW, Y_NEW)
    assert clf.label_trust_.shape == (120,)
    assert clf.prior is prior


@every_estimator
def test_the_order_of_the_priors_classes_does_not_matter(name):
    sorted_, reordered = (
        make_active(ESTIMATORS[name], prior=Opinion(shares))
        for shares in (
            {"ant": 0.2, "bee": 0.3, "cow": 0.5},
            {"cow": 0.5, "ant": 0.2, "bee": 0.3},
        )
    )
    for clf in (sorted_, reordered):
        assert clf.classes_.tolist() == CLASSES.tolist()
        assert (clf.predict(X) == "cow").all()
        clf.query(X_NEW)
        clf.partial_fit(X, Y)
    np.testing.assert_array_equal(sorted_.predict_proba(X_NEW), reordered.predict_proba(X_NEW))


@pytest.mark.parametrize("estimator", [LogisticRegression(), SoftmaxHead(strength=1.0)])
def test_a_class_unknown_to_the_prior(estimator):
    clf = make_active(estimator, prior=make_prior(["ant", "cow"]))
    assert clf.classes_.tolist() == ["ant", "cow"]
    clf.partial_fit(X, Y)
    assert clf.classes_.tolist() == CLASSES.tolist()
    assert clf.score(X_NEW, Y_NEW) > 0.8
    assert (clf.predict(X_NEW) == "bee").any()


@pytest.mark.parametrize("estimator", [LogisticRegression(), SoftmaxHead(strength=1.0)])
def test_a_class_that_only_the_prior_knows(estimator):
    clf = make_active(estimator, prior=make_prior()).fit(X[Y != "cow"], Y[Y != "cow"])
    assert clf.classes_.tolist() == CLASSES.tolist()
    proba = clf.predict_proba(X_NEW)
    assert (proba[:, 2] > 0).all()
    cow = Y_NEW == "cow"
    assert proba[cow, 2].mean() > proba[~cow, 2].mean()


def test_a_head_that_knows_no_prior_is_joined_by_a_log_linear_pool():
    """The prior moves log-odds by a share of its own, the same for every row."""
    prior, forest = make_prior(), ESTIMATORS["forest"]
    joint = make_active(forest, prior=prior).fit(X, Y)
    head = make_active(forest).fit(X, Y).predict_proba(X_NEW)
    smooth = np.log(60 * head + 1 / 3)
    log_joint, log_prior = (
        np.log(model.predict_proba(X_NEW)) - np.log(model.predict_proba(X_NEW)[:, :1])
        for model in (joint, prior)
    )
    shift = log_joint - (smooth - smooth[:, :1])
    weight = (shift * log_prior).sum() / (log_prior**2).sum()
    assert weight > 0
    np.testing.assert_allclose(shift, weight * log_prior, atol=1e-6)


@pytest.mark.parametrize("estimator", [ESTIMATORS["forest"], SoftmaxHead(strength=1.0)])
def test_a_good_prior_helps_while_labels_are_few(estimator):
    few = [0, 4, 8, 3]
    alone = make_active(estimator).fit(X[few], Y[few]).score(X_NEW, Y_NEW)
    assert (
        make_active(estimator, prior=make_prior()).fit(X[few], Y[few]).score(X_NEW, Y_NEW) > alone
    )


def test_a_frozen_prior_survives_clone_and_grid_search():
    clf = make_active(SoftmaxHead(), prior=make_prior())
    np.testing.assert_array_equal(clone(clf).predict_proba(X), clf.predict_proba(X))
    search = GridSearchCV(clf, {"estimator__strength": [0.5, 5.0], "prior": [None, make_prior()]})
    search.fit(X, Y)
    assert search.best_score_ > 0.8


def test_zero_shot_prior_on_embeddings():
    prior = ZeroShotClassifier(class_embeddings=np.eye(3, 4), classes=CLASSES)
    clf = make_active(SoftmaxHead(strength=1.0), prior=prior)
    assert clf.score(X, Y) > 0.8
    asked = clf.query(X, 9)
    assert clf.partial_fit(X[asked], Y[asked]).score(X_NEW, Y_NEW) > 0.8


def test_what_a_query_learns_counts_from_the_next_fit_on():
    prior = Opinion({"ant": 0.8, "bee": 0.1, "cow": 0.1})
    clf = make_active(SoftmaxHead(strength=1.0), prior=prior).fit(X[:9], Y[:9])
    before = clf.predict_proba(X_NEW)
    asked = clf.query(X_NEW, 5)
    np.testing.assert_array_equal(clf.predict_proba(X_NEW), before)
    np.testing.assert_array_equal(clf.query(X_NEW, 5), asked)

    unaware = clone_labels(clf)
    for model in (clf, unaware):
        model.partial_fit(X[9:10], Y[9:10])
    assert not np.allclose(clf.predict_proba(X_NEW), unaware.predict_proba(X_NEW))
    clf.fit(X[:9], Y[:9])
    np.testing.assert_array_equal(clf.predict_proba(X_NEW), before)


def clone_labels(clf):
    """A copy that was given the same labels, and no query."""
    return ActiveClassifier(**clf.get_params(deep=False)).fit(X[:9], Y[:9])


def test_without_transductive_a_query_leaves_no_trace():
    prior = Opinion({"ant": 0.8, "bee": 0.1, "cow": 0.1})
    clf = make_active(SoftmaxHead(strength=1.0), prior=prior, transductive=False)
    clf.fit(X[:9], Y[:9])
    unaware = clone_labels(clf)
    clf.query(X_NEW, 5)
    for model in (clf, unaware):
        model.partial_fit(X[9:10], Y[9:10])
    np.testing.assert_array_equal(clf.predict_proba(X_NEW), unaware.predict_proba(X_NEW))


def test_a_query_keeps_no_rows():
    clf = make_active(prior=make_prior()).fit(X[:9], Y[:9])
    before = len(pickle.dumps(clf))
    clf.query(np.random.default_rng(0).normal(size=(5000, 4)), 5)
    assert len(pickle.dumps(clf)) < before + 2000


# Query ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [0, 1, 2, 20])
@pytest.mark.parametrize("strategy", ["auto", *strategies.names()])
def test_every_strategy_gives_distinct_int64_positions(strategy, labels):
    clf = make_active(SoftmaxHead(strength=1.0), strategy=strategy, prior=make_prior())
    if labels:
        clf.fit(X[:labels], Y[:labels])
    first, again = clf.query(X, 8), clf.query(X, 8)
    assert first.dtype == np.int64
    assert first.shape == (8,)
    assert len(set(first)) == 8
    assert first.min() >= labels
    np.testing.assert_array_equal(again, first)


@pytest.mark.parametrize("strategy", ["margin", "entropy", "least_confident"])
def test_best_first(strategy):
    clf = make_active(strategy=strategy).fit(X[:30], Y[:30])
    positions, scores = clf.query(X, 30, return_scores=True)
    assert scores.dtype == np.float64
    assert (np.diff(scores) <= 0).all()
    assert scores[0] > scores[-1]
    np.testing.assert_array_equal(clf.query(X, 5), positions[:5])


def test_scores_belong_to_their_rows():
    clf = make_active(strategy="least_confident").fit(X[:30], Y[:30])
    positions, scores = clf.query(X, 5, exclude=[40, 41], return_scores=True)
    np.testing.assert_allclose(scores, 1 - clf.predict_proba(X[positions]).max(axis=1))


def test_strategies_that_do_not_score_say_nan():
    positions, scores = make_active(strategy="random").query(X, 5, return_scores=True)
    assert positions.shape == scores.shape == (5,)
    assert np.isnan(scores).all()


@pytest.mark.parametrize("exclude", [[3, 5, 5], np.isin(np.arange(60), [3, 5]), pd.Series([3, 5])])
def test_exclude_by_position_or_mask(exclude):
    clf = make_active(strategy="random")
    assert set(clf.query(X, 58, exclude=exclude)) == set(range(60)) - {3, 5}


@pytest.mark.parametrize("exclude", [None, [], np.zeros(60, bool)])
def test_exclude_nothing(exclude):
    assert len(make_active(strategy="random").query(X, 60, exclude=exclude)) == 60


def test_known_rows_are_skipped_wherever_they_stand():
    clf = make_active(strategy="random").fit(X[:10], Y[:10])
    pool = np.vstack([X_NEW[:5], X[:10][::-1], X_NEW[5:9], X[2:3]])
    assert set(clf.query(pool, 9)) == {*range(5), *range(15, 19)}


def test_known_rows_are_skipped_in_another_dtype():
    rows = np.round(X).astype(int)
    clf = make_active(strategy="random").fit(rows[:30], Y[:30])
    left = [i for i in range(60) if not (rows[i] == rows[:30]).all(axis=1).any()]
    assert set(clf.query(rows.astype(np.float32), len(left))) == set(left)


@pytest.mark.parametrize("labelled", [0, 10])
def test_fewer_rows_left_than_n(labelled):
    clf = make_active(strategy="margin", prior=make_prior())
    if labelled:
        clf.fit(X[:labelled], Y[:labelled])
    left = 60 - labelled - 2
    with pytest.warns(UserWarning, match=f"n=100 rows, but only {left} of the pool's 60"):
        asked = clf.query(X, 100, exclude=[58, 59])
    assert sorted(asked) == list(range(labelled, 58))


def test_nothing_left():
    clf = make_active().fit(X, Y)
    with pytest.warns(UserWarning, match="only 0 of the pool's 60"):
        positions, scores = clf.query(X, 3, return_scores=True)
    assert positions.shape == scores.shape == (0,)
    assert positions.dtype == np.int64


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


def test_cold_start_takes_typiclust():
    cold = make_active(strategy="margin").query(X, 6)
    np.testing.assert_array_equal(cold, make_active(strategy="typiclust").query(X, 6))
    one_class = make_active(strategy="entropy").fit(X[:3], ["ant"] * 3)
    expected = make_active(strategy="typiclust").fit(X[:3], ["ant"] * 3).query(X, 6)
    np.testing.assert_array_equal(one_class.query(X, 6), expected)


def test_a_strategy_that_needs_no_opinion_starts_cold_itself():
    clf = make_active(strategy=FirstRows())
    assert clf.query(X, 3).tolist() == [0, 1, 2]


def test_chance_comes_from_seed_and_labels_only():
    clf = make_active(strategy="random")
    first = clf.query(X, 5)
    np.testing.assert_array_equal(make_active(strategy="random").query(X, 5), first)
    assert (make_active(strategy="random", random_state=1).query(X, 5) != first).any()
    clf.fit(X[:10], Y[:10])
    second = clf.query(X_NEW, 5)
    clf.query(X, 30)  # other queries do not advance it
    np.testing.assert_array_equal(clf.query(X_NEW, 5), second)
    clf.partial_fit(X[10:11], Y[10:11])
    assert (clf.query(X_NEW, 5) != second).any()
    corrected = clf.relabel([0], ["cow"]).query(X_NEW, 5)
    assert (corrected != clf.relabel([0], Y[:1]).query(X_NEW, 5)).any()


@pytest.mark.parametrize("seed", [None, np.random.RandomState(0)])
def test_asked_twice_it_answers_the_same_without_a_fixed_seed(seed):
    clf = make_active(strategy="random", random_state=seed)
    np.testing.assert_array_equal(clf.query(X, 20), clf.query(X, 20))
    clf.fit(X[:9], Y[:9])
    np.testing.assert_array_equal(clf.query(X, 20), clf.query(X, 20))


def test_without_a_seed_two_classifiers_differ():
    asked = [make_active(strategy="random", random_state=None).query(X, 30) for _ in range(2)]
    assert (asked[0] != asked[1]).any()


@pytest.mark.parametrize("strategy", [FirstRows(), "random"])
def test_a_strategy_pays_only_for_what_it_reads(strategy):
    Counting.seen = []
    make_active(make_pipeline(Counting(), LogisticRegression()), strategy=strategy).query(X, 3)
    assert Counting.seen == []


def test_what_a_strategy_sees():
    clf = make_active(strategy=FirstRows(), prior=make_prior(["ant", "cow"]))
    clf.fit(X[:12], Y[:12]).partial_fit(X[:1], ["cow"])
    assert clf.query(X, 2, exclude=[12]).tolist() == [13, 14]
    view = FirstRows.view
    assert len(view) == 47
    np.testing.assert_array_equal(view.X, X[13:])
    np.testing.assert_array_equal(view.proba, clf.predict_proba(X[13:]))
    alone = make_active().fit(X[:12], Y[:12]).partial_fit(X[:1], ["cow"])
    np.testing.assert_allclose(view.head_proba, alone.predict_proba(X[13:]))
    assert view.prior_proba.shape == (47, 3)
    assert view.classes.tolist() == CLASSES.tolist()
    assert view.labelled_X.shape == (13, 4)
    assert view.labelled_y.dtype == np.int64
    seen = zip(view.labelled_X[:, 0], CLASSES[view.labelled_y], strict=True)
    given_ = [*zip(X[:12, 0], Y[:12], strict=True), (X[0, 0], "cow")]
    assert sorted(seen) == sorted(given_)
    assert view.label_trust.shape == (13,)
    assert isinstance(view.rng, np.random.Generator)


def test_before_any_label_a_strategy_sees_no_opinion():
    make_active(strategy=FirstRows()).query(X)
    view = FirstRows.view
    assert view.proba is view.head_proba is view.prior_proba is view.classes is None
    assert view.labelled_y.shape == view.label_trust.shape == (0,)


def test_sparse_features_are_dense_for_a_strategy():
    clf = make_active(make_pipeline(TfidfVectorizer(), LogisticRegression()), strategy=FirstRows())
    clf.fit(TEXTS[:6], list("ababab")).query(TEXTS)
    view = FirstRows.view
    assert isinstance(view.X, np.ndarray)
    assert view.X.shape == (6, view.labelled_X.shape[1])
    assert len(view.labelled_X) == 6


def test_another_strategy_needs_no_refit():
    clf = make_active(strategy="margin").fit(X[:20], Y[:20])
    learned = clf.estimator_
    clf.set_params(strategy="entropy")
    entropy = clf.query(X, 9)
    assert clf.estimator_ is learned
    expected = make_active(strategy="entropy").fit(X[:20], Y[:20]).query(X, 9)
    np.testing.assert_array_equal(entropy, expected)
    np.testing.assert_array_equal(clf.set_params(strategy=FirstRows()).query(X, 2), [20, 21])


# As scikit-learn does it -----------------------------------------------------------------------


@every_estimator
def test_a_pickled_classifier_goes_on(name):
    clf = make_active(ESTIMATORS[name], prior=make_prior()).fit(X[:30], Y[:30])
    clf.query(X, 3)
    copy = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(copy.query(X, 5), clf.query(X, 5))
    for model in (clf, copy):
        model.partial_fit(X[30:], Y[30:]).relabel([0], ["cow"])
    np.testing.assert_array_equal(copy.predict_proba(X_NEW), clf.predict_proba(X_NEW))


def test_an_unseeded_classifier_remembers_its_chance_when_pickled():
    clf = make_active(strategy="random", random_state=None)
    asked = clf.query(X, 20)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(clf)).query(X, 20), asked)


def test_clone_forgets_labels_and_keeps_parameters():
    clf = make_active(strategy=Margin(), prior=make_prior()).fit(X, Y)
    copy = clone(clf)
    assert not hasattr(copy, "estimator_")
    with pytest.raises(NotFittedError):
        copy.suspects()
    assert repr(copy) == repr(clf)


@pytest.mark.parametrize(
    ("estimator", "grid"),
    [
        (SoftmaxHead(), {"estimator__strength": [0.1, 100.0]}),
        (
            make_pipeline(StandardScaler(), LogisticRegression()),
            {"estimator__logisticregression__C": [0.01, 1]},
        ),
        (LogisticRegression(), {"strategy": ["margin", "random"], "noise": ["auto", None]}),
        (LogisticRegression(), {"strategy__n_samples": [2, 3]}),
    ],
)
def test_grid_search(estimator, grid):
    strategy = strategies.get("bald") if "strategy__n_samples" in grid else "margin"
    search = GridSearchCV(make_active(estimator, strategy=strategy), grid, cv=3).fit(X, Y)
    assert search.best_score_ > 0.8
    assert set(search.best_params_) == set(grid)


def test_grid_search_tells_values_apart():
    grid = {"estimator__strength": [1.0, 1e6]}
    search = GridSearchCV(make_active(SoftmaxHead(class_weight=None)), grid, scoring="neg_log_loss")
    near, far = search.fit(X, Y).cv_results_["mean_test_score"]
    assert near > far
    assert far == pytest.approx(-np.log(3), abs=0.01)


def test_last_step_of_a_pipeline():
    outer = make_pipeline(StandardScaler(), make_active()).fit(X, Y)
    inner = make_active(make_pipeline(StandardScaler(), LogisticRegression())).fit(X, Y)
    np.testing.assert_allclose(outer.predict_proba(X_NEW), inner.predict_proba(X_NEW), atol=1e-3)


def test_metadata_routing_of_sample_weight():
    weight = np.where(Y == "ant", 0.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        clf = make_active().set_fit_request(sample_weight=True)
        clf.set_partial_fit_request(sample_weight=True, classes=True)
        outer = make_pipeline(Normalizer(), clf).fit(X, Y, sample_weight=weight)
        assert outer.classes_.tolist() == ["bee", "cow"]
        scorer_free = clf.set_score_request(sample_weight=False)
        scores = cross_val_score(scorer_free, X, Y, cv=3, params={"sample_weight": weight})
    assert (scores <= 2 / 3).all()  # no ant was ever learned


def test_inner_pipelines_need_no_routing_for_weights():
    weight = np.where(Y == "ant", 0.25, 1.0)
    for routing in (False, True):
        with sklearn.config_context(enable_metadata_routing=routing):
            clf = make_active(ESTIMATORS["pipeline"]).fit(X, Y, sample_weight=weight)
        unweighted = make_active(ESTIMATORS["pipeline"]).fit(X, Y)
        ants = clf.predict_proba(X)[:, 0].mean()
        assert ants < unweighted.predict_proba(X)[:, 0].mean() - 0.01


def test_set_output_and_names_do_not_get_in_the_way():
    frame = pd.DataFrame(X, columns=list("abcd"))
    scaler = StandardScaler().set_output(transform="pandas")
    clf = make_active(make_pipeline(scaler, LogisticRegression())).fit(frame, Y)
    assert clf.score(frame, Y) > 0.8
    assert len(clf.query(pd.DataFrame(X_NEW, columns=list("abcd")), 4)) == 4


@every_estimator
def test_a_seed_decides_everything(name):
    """That the global generators stay untouched is checked around every test."""
    first, second = (make_active(ESTIMATORS[name], prior=make_prior()) for _ in range(2))
    for clf in (first, second):
        for _ in range(2):
            asked = clf.query(X, 15)
            clf.partial_fit(X[asked], Y[asked])
    np.testing.assert_array_equal(first.predict_proba(X_NEW), second.predict_proba(X_NEW))
    np.testing.assert_array_equal(first.label_trust_, second.label_trust_)


def test_a_seed_of_the_estimators_own_is_kept():
    seeded = make_active(RandomForestClassifier(n_estimators=5, random_state=7)).fit(X, Y)
    assert seeded.estimator_.random_state == 7
    assert make_active(RandomForestClassifier(5)).fit(X, Y).estimator_.random_state == 0


def test_verbose_prints_one_line_a_fit(capsys):
    make_active(verbose=True).fit(X, Y).query(X_NEW)
    assert capsys.readouterr().out == "ActiveClassifier: 60 labels, 3 classes\n"
    make_active().fit(X, Y)
    assert capsys.readouterr().out == ""


# Samplers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", [RandomOverSampler(), SMOTE(k_neighbors=2)])
def test_a_sampler_balances_what_the_head_sees(sampler):
    rows = np.r_[np.flatnonzero(Y == "ant"), np.flatnonzero(Y == "bee")[:4]]
    clf = make_active(make_imblearn_pipeline(StandardScaler(), sampler, GaussianNB()))
    clf.fit(X[rows], Y[rows])
    np.testing.assert_allclose(clf.estimator_[-1].class_prior_, 0.5)
    assert clf.predict_proba(X).shape == (60, 2)


@pytest.mark.parametrize("estimator", [ESTIMATORS["imblearn"], KNeighborsClassifier(3)])
def test_where_weights_cannot_be_given_rows_are_repeated(estimator):
    with pytest.raises(ValueError, match="sample_weight has fractions"):
        make_active(estimator).fit(X, Y, sample_weight=np.full(60, 0.5))
    twice = make_active(estimator).fit(X, Y, sample_weight=np.full(60, 2))
    assert twice.score(X, Y) > 0.8


@pytest.mark.parametrize(
    ("sampler", "rows"), [(SMOTE(), [0, 3, 6, 1]), (RandomOverSampler(), [0, 3, 6])]
)
def test_a_sampler_steps_aside_while_labels_are_few(sampler, rows):
    clf = make_active(make_imblearn_pipeline(sampler, LogisticRegression()))
    with pytest.warns(UserWarning, match=f"{type(sampler).__name__} steps aside until"):
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
