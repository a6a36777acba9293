"""BudgetedClassifier against a plain loop."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.datasets import make_blobs
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

from skactive import ActiveClassifier, BudgetedClassifier
from skactive.strategies import SequentialStrategy

X, CODES = make_blobs(80, centers=4, cluster_std=3, random_state=0)
Y = np.array(["ant", "bee", "cat", "dog"])[CODES]


def active(strategy="margin", **options):
    return ActiveClassifier(LogisticRegression(), strategy=strategy, random_state=0, **options)


class OneByOne(SequentialStrategy):
    """Selects the rows in their order, one at a time, and records the answers."""

    answers: list = []  # noqa: RUF012

    def steps(self, view, n):
        for i in range(n):
            self.answers.append((yield np.array([i])))


@pytest.fixture
def answers():
    OneByOne.answers.clear()
    return OneByOne.answers


def test_fit_equals_a_plain_loop():
    by_hand, queried = active(), []
    for n in (10, 10, 3):
        queried.append(by_hand.query(X, n))
        by_hand.partial_fit(X[queried[-1]], Y[queried[-1]], classes=np.unique(Y))
    clf = BudgetedClassifier(active(), budget=23).fit(X, Y)
    assert clf.queried_.tolist() == np.concatenate(queried).tolist()
    np.testing.assert_array_equal(clf.predict_proba(X), by_hand.predict_proba(X))
    np.testing.assert_array_equal(clf.predict(X), by_hand.predict(X))


@pytest.mark.parametrize("strategy", ["auto", "random", "u_herding", "galaxy", "tailor"])
def test_labels_of_rows_not_queried_have_no_influence(strategy):
    clf = BudgetedClassifier(active(strategy), budget=20, batch_size=5).fit(X, Y)
    unseen = np.setdiff1d(np.arange(len(X)), clf.queried_)
    other = Y.copy()
    other[unseen] = np.random.default_rng(0).permutation(Y[unseen])
    assert (other != Y).sum() > 20
    again = BudgetedClassifier(active(strategy), budget=20, batch_size=5).fit(X, other)
    np.testing.assert_array_equal(again.queried_, clf.queried_)
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))


def test_sequential_strategies_receive_the_labels(answers):
    clf = BudgetedClassifier(active(OneByOne()), budget=16, batch_size=8).fit(X, Y)
    codes = np.searchsorted(clf.classes_, Y[clf.queried_])
    # TypiClust selects the first batch; the last answer of a batch is not sent to the strategy
    assert np.concatenate(answers).tolist() == codes[8:15].tolist()
    by_prediction = active(OneByOne()).fit(X[clf.queried_[:8]], Y[clf.queried_[:8]])
    answers.clear()
    by_prediction.query(X, 8)
    assert np.concatenate(answers).tolist() != codes[8:15].tolist()


def test_answers_of_a_class_unknown_to_the_prior_are_received_after_the_fit(answers):
    two = np.isin(Y, ["ant", "dog"])
    prior = FrozenEstimator(GaussianNB().fit(X[two], Y[two]))
    clf = BudgetedClassifier(active(OneByOne(), prior=prior), budget=16, batch_size=8).fit(X, Y)
    assert clf.queried_.tolist() == list(range(16))
    first = np.concatenate(answers[:7])
    seen = two[:7]
    assert not seen.all()
    assert first[seen].tolist() == (Y[:7][seen] == "dog").astype(int).tolist()
    assert first[~seen].tolist() == (prior.predict(X[:7][~seen]) == "dog").astype(int).tolist()
    assert np.concatenate(answers[7:]).tolist() == np.searchsorted(clf.classes_, Y[8:15]).tolist()


def test_a_budget_larger_than_the_pool_queries_every_row_once():
    doubled = np.concatenate([X[:20], X[:10]])
    clf = BudgetedClassifier(active(), budget=500).fit(doubled, np.concatenate([Y[:20], Y[:10]]))
    assert len(set(map(tuple, doubled[clf.queried_]))) == 20
    assert len(set(clf.queried_)) == len(clf.queried_)


def test_classes_come_from_all_of_y():
    clf = BudgetedClassifier(active("random"), budget=3).fit(X, Y)
    assert clf.classes_.tolist() == ["ant", "bee", "cat", "dog"]
    assert clf.predict_proba(X).shape == (80, 4)


def test_strategies_are_compared_by_search_and_cross_validation():
    clf = BudgetedClassifier(active(), budget=12)
    grid = {"estimator__strategy": ["random", "margin"], "budget": [8, 12]}
    search = GridSearchCV(clf, grid, cv=2).fit(X, Y)
    assert len(search.cv_results_["params"]) == 4
    assert len(search.best_estimator_.queried_) == search.best_params_["budget"]
    assert cross_val_score(clf, X, Y, cv=2).mean() > 0.4


def test_frames_and_texts():
    frame = pd.DataFrame(X, columns=["a", "b"], index=np.arange(80) + 1000)
    clf = BudgetedClassifier(active(), budget=20).fit(frame, pd.Series(Y, index=frame.index))
    assert clf.feature_names_in_.tolist() == ["a", "b"]
    assert clf.n_features_in_ == 2
    assert (
        clf.queried_.tolist() == BudgetedClassifier(active(), budget=20).fit(X, Y).queried_.tolist()
    )
    texts = [f"{label} {i}" for i, label in enumerate(Y)]
    model = make_pipeline(HashingVectorizer(n_features=2**12), LogisticRegression())
    of_texts = BudgetedClassifier(ActiveClassifier(model, random_state=0), budget=30)
    assert of_texts.fit(texts, Y.tolist()).score(texts, Y) > 0.7
    assert not hasattr(of_texts, "n_features_in_")


def test_the_seed_reaches_an_estimator_without_one():
    def queried(own, given):
        inner = ActiveClassifier(LogisticRegression(), strategy="random", random_state=own)
        clf = BudgetedClassifier(inner, budget=10, random_state=given).fit(X, Y)
        return clf.queried_.tolist()

    assert queried(None, 1) == queried(1, None) == queried(1, 2)
    assert queried(None, 2) != queried(None, 1)


def test_weights_are_routed():
    weight = np.ones(80)
    weight[::2] = 0
    clf = BudgetedClassifier(active(), budget=20)
    with pytest.raises(ValueError, match="enable_metadata_routing=True"):
        clf.fit(X, Y, sample_weight=weight)
    with sklearn.config_context(enable_metadata_routing=True):
        clf = BudgetedClassifier(active().set_partial_fit_request(sample_weight=True), budget=20)
        assert clf.get_metadata_routing().consumes("fit", ["sample_weight"]) == {"sample_weight"}
        clf.fit(X, Y, sample_weight=weight)
        assert (clf.queried_ % 2 == 1).all()
        with pytest.raises(ValueError, match="zero for every row"):
            clf.fit(X, Y, sample_weight=0 * weight)
        heavy = BudgetedClassifier(clf.estimator, budget=20).fit(X, Y, sample_weight=1 + 9 * weight)
        light = BudgetedClassifier(clf.estimator, budget=20).fit(X, Y)
        assert not np.array_equal(heavy.predict_proba(X), light.predict_proba(X))
        clf.set_score_request(sample_weight=False)
        search = GridSearchCV(clf, {"budget": [10]}, cv=2).fit(X, Y, sample_weight=weight)
        assert (search.best_estimator_.queried_ % 2 == 1).all()


@pytest.mark.parametrize(
    ("estimator", "options", "message"),
    [
        (LogisticRegression(), {"budget": 5}, "'estimator' parameter.*ActiveClassifier"),
        (active(), {"budget": 0}, "'budget' parameter.*Got 0"),
        (active(), {"budget": 5, "batch_size": 2.5}, "'batch_size' parameter.*Got 2.5"),
        (active("selective"), {"budget": 5}, "needs a prior"),
    ],
)
def test_invalid_arguments(estimator, options, message):
    with pytest.raises(ValueError, match=message):
        BudgetedClassifier(estimator, **options).fit(X, Y)


def test_invalid_data():
    clf = BudgetedClassifier(active(), budget=5)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        clf.fit(X, Y[:-1])
    with pytest.raises(ValueError, match="NaN or None"):
        clf.fit(X, [None, *Y[1:]])


def test_a_fit_that_fails_changes_nothing():
    clf = BudgetedClassifier(active(), budget=5).fit(X, Y)
    before, queried = clf.predict_proba(X), clf.queried_
    wrong = np.where(np.arange(X.shape[1]) == 0, np.nan, X)
    with pytest.raises(ValueError, match="NaN"):
        clf.fit(wrong, Y)
    np.testing.assert_array_equal(clf.predict_proba(X), before)
    np.testing.assert_array_equal(clf.queried_, queried)
    fresh = BudgetedClassifier(active(), budget=5)
    with pytest.raises(ValueError, match="NaN"):
        fresh.fit(wrong, Y)
    assert not hasattr(fresh, "estimator_")
