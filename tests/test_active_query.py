"""ActiveClassifier.query: which rows, in which order, and what a strategy receives."""

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skactive import SoftmaxHead, strategies
from tests.support.active import (
    CLASSES,
    TEXTS,
    X_NEW,
    FirstRows,
    TransformRecorder,
    X,
    Y,
    make_active,
    make_prior,
)


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


def test_strategies_without_scores_return_nan():
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


@pytest.mark.parametrize("labeled", [0, 10])
def test_fewer_rows_than_n(labeled):
    clf = make_active(strategy="margin", prior=make_prior())
    if labeled:
        clf.fit(X[:labeled], Y[:labeled])
    left = 60 - labeled - 2
    with pytest.warns(UserWarning, match=f"n=100 rows, but only {left} of the pool's 60"):
        queried = clf.query(X, 100, exclude=[58, 59])
    assert sorted(queried) == list(range(labeled, 58))


def test_no_rows_left():
    clf = make_active().fit(X, Y)
    with pytest.warns(UserWarning, match="only 0 of the pool's 60"):
        positions, scores = clf.query(X, 3, return_scores=True)
    assert positions.shape == scores.shape == (0,)
    assert positions.dtype == np.int64


def test_cold_start_takes_typiclust():
    cold = make_active(strategy="margin").query(X, 6)
    np.testing.assert_array_equal(cold, make_active(strategy="typiclust").query(X, 6))
    one_class = make_active(strategy="entropy").fit(X[:3], ["ant"] * 3)
    expected = make_active(strategy="typiclust").fit(X[:3], ["ant"] * 3).query(X, 6)
    np.testing.assert_array_equal(one_class.query(X, 6), expected)


def test_a_strategy_without_needs_runs_before_any_label():
    clf = make_active(strategy=FirstRows())
    assert clf.query(X, 3).tolist() == [0, 1, 2]


@pytest.mark.parametrize("strategy", [FirstRows(), "random"])
def test_a_strategy_embeds_only_the_rows_that_it_reads(strategy):
    TransformRecorder.seen = []
    estimator = make_pipeline(TransformRecorder(), LogisticRegression())
    make_active(estimator, strategy=strategy, transductive=False).query(X, 3)
    assert TransformRecorder.seen == []
    make_active(estimator, strategy=strategy).query(np.repeat(X, 50, axis=0), 3)
    assert TransformRecorder.seen == [2048]  # of 3,000, to cluster the pool


def test_a_row_that_a_strategy_reads_is_not_embedded_again():
    TransformRecorder.seen = []
    clf = make_active(make_pipeline(TransformRecorder(), LogisticRegression()), strategy="k_center")
    clf.query(X, 3)
    assert TransformRecorder.seen == [60]


def test_the_view_of_a_strategy():
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
    assert view.labeled_X.shape == (13, 4)
    assert view.labeled_y.dtype == np.int64
    seen = zip(view.labeled_X[:, 0], CLASSES[view.labeled_y], strict=True)
    given_ = [*zip(X[:12, 0], Y[:12], strict=True), (X[0, 0], "cow")]
    assert sorted(seen) == sorted(given_)
    assert view.label_trust.shape == (13,)
    assert isinstance(view.rng, np.random.Generator)


def test_before_any_label_a_strategy_receives_no_proba():
    make_active(strategy=FirstRows()).query(X)
    view = FirstRows.view
    assert view.proba is view.head_proba is view.prior_proba is view.classes is None
    assert view.labeled_y.shape == view.label_trust.shape == (0,)


def test_sparse_features_are_dense_for_a_strategy():
    clf = make_active(make_pipeline(TfidfVectorizer(), LogisticRegression()), strategy=FirstRows())
    clf.fit(TEXTS[:6], list("ababab")).query(TEXTS)
    view = FirstRows.view
    assert isinstance(view.X, np.ndarray)
    assert view.X.shape == (6, view.labeled_X.shape[1])
    assert len(view.labeled_X) == 6


def test_another_strategy_needs_no_refit():
    clf = make_active(strategy="margin").fit(X[:20], Y[:20])
    learned = clf.estimator_
    clf.set_params(strategy="entropy")
    entropy = clf.query(X, 9)
    assert clf.estimator_ is learned
    expected = make_active(strategy="entropy").fit(X[:20], Y[:20]).query(X, 9)
    np.testing.assert_array_equal(entropy, expected)
    np.testing.assert_array_equal(clf.set_params(strategy=FirstRows()).query(X, 2), [20, 21])


@pytest.mark.parametrize("strategy", ["margin", "entropy", "random", "auto", "badge", "direct"])
@pytest.mark.parametrize("as_texts", [False, True])
def test_one_of_several_equal_rows_is_queried(strategy, as_texts):
    positions = np.random.default_rng(0).permutation(80) % 20
    rows, labeled, estimator = X_NEW[positions], X[:9], LogisticRegression()
    if as_texts:
        rows, labeled = ([str(row.round(2)) for row in each] for each in (rows, labeled))
        estimator = make_pipeline(HashingVectorizer(n_features=32), estimator)
    clf = make_active(estimator, strategy=strategy).fit(labeled, Y[:9])
    assert len(set(positions[clf.query(rows, 8)])) == 8
    with pytest.warns(UserWarning, match=r"n=60 rows, but only \d+ of the remaining rows differ"):
        everything = clf.query(rows, 60)
    assert sorted(positions[everything]) == list(range(20))


def test_equal_rows_do_not_change_the_choice_among_different_ones():
    """The next best rows replace the omitted ones."""
    clf = make_active(strategy="margin").fit(X[:9], Y[:9])
    best = clf.query(X_NEW, 10)
    twice = np.concatenate([X_NEW, X_NEW])
    np.testing.assert_array_equal(np.sort(clf.query(twice, 10) % 60), np.sort(best))
