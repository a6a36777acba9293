"""The seed and the labels determine every result, in any run, process and thread."""

import os
import random
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.model_selection import cross_val_predict

from skactive import BudgetedClassifier, SoftmaxHead, strategies
from tests.support.active import ESTIMATORS, X_NEW, X, Y, every_estimator, make_active, make_prior
from tests.support.reproducibility import jobs_digest


def test_randomness_depends_on_the_seed_and_the_labels_only():
    clf = make_active(strategy="random")
    first = clf.query(X, 5)
    np.testing.assert_array_equal(make_active(strategy="random").query(X, 5), first)
    assert (make_active(strategy="random", random_state=1).query(X, 5) != first).any()
    clf.fit(X[:10], Y[:10])
    second = clf.query(X_NEW, 5)
    clf.query(X, 30)  # other queries do not change it
    np.testing.assert_array_equal(clf.query(X_NEW, 5), second)
    clf.partial_fit(X[10:11], Y[10:11])
    assert (clf.query(X_NEW, 5) != second).any()
    corrected = clf.relabel([0], ["cow"]).query(X_NEW, 5)
    assert (corrected != clf.relabel([0], Y[:1]).query(X_NEW, 5)).any()


@pytest.mark.parametrize("seed", [None, np.random.RandomState(0)])
def test_repeated_queries_agree_without_a_fixed_seed(seed):
    clf = make_active(strategy="random", random_state=seed)
    np.testing.assert_array_equal(clf.query(X, 20), clf.query(X, 20))
    clf.fit(X[:9], Y[:9])
    np.testing.assert_array_equal(clf.query(X, 20), clf.query(X, 20))


def test_without_a_seed_two_classifiers_differ():
    queried = [make_active(strategy="random", random_state=None).query(X, 30) for _ in range(2)]
    assert (queried[0] != queried[1]).any()


@every_estimator
def test_a_seed_determines_the_results(name):
    """A fixture checks around every test that the global generators are not used."""
    first, second = (make_active(ESTIMATORS[name], prior=make_prior()) for _ in range(2))
    for clf in (first, second):
        for _ in range(2):
            queried = clf.query(X, 15)
            clf.partial_fit(X[queried], Y[queried])
    np.testing.assert_array_equal(first.predict_proba(X_NEW), second.predict_proba(X_NEW))
    np.testing.assert_array_equal(first.label_trust_, second.label_trust_)


def test_a_seed_of_the_estimator_is_kept():
    seeded = make_active(RandomForestClassifier(n_estimators=5, random_state=7)).fit(X, Y)
    assert seeded.estimator_.random_state == 7
    assert make_active(RandomForestClassifier(5)).fit(X, Y).estimator_.random_state == 0
    forests = [(name, RandomForestClassifier(2)) for name in "ab"]
    members = make_active(VotingClassifier(forests, voting="soft")).fit(X, Y).estimator_.estimators_
    assert [member.random_state for member in members] == [0, 1]


@pytest.fixture(scope="module")
def digest():
    return jobs_digest()


def test_pythons_generator_is_not_used(digest):
    """A fixture checks the generators of numpy and torch around every test."""
    before = random.getstate()
    assert jobs_digest() == digest
    assert random.getstate() == before


def test_another_process_gives_the_same_results(digest):
    """With other hashes, which determine the order of a set."""
    code = "from tests.support.reproducibility import jobs_digest; print(jobs_digest())"
    env = os.environ | {"PYTHONHASHSEED": "12345"}
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=root, capture_output=True, text=True
    )
    assert done.stdout.strip() == digest, done.stderr


@pytest.mark.parametrize(
    "inside", [RandomForestClassifier(5, n_jobs=2), SoftmaxHead((4,), strength=1.0, max_iter=5)]
)
def test_any_number_of_jobs_gives_the_same_results(inside):
    clf = BudgetedClassifier(make_active(inside, strategy="badge"), budget=20, batch_size=5)
    one = cross_val_predict(clf, X, Y, cv=3, method="predict_proba")
    with joblib.parallel_config("threading", n_jobs=3):
        threads = cross_val_predict(clf, X, Y, cv=3, method="predict_proba")
    processes = cross_val_predict(clf, X, Y, cv=3, method="predict_proba", n_jobs=2)
    np.testing.assert_array_equal(threads, one)
    np.testing.assert_array_equal(processes, one)


@pytest.mark.parametrize("strategy", strategies.names())
def test_every_strategy_selects_the_same_rows_in_threads(strategy):
    """No strategy keeps state that other threads share."""
    clf = make_active(SoftmaxHead(strength=1.0), strategy=strategy, prior=make_prior())
    clf.fit(X[:9], Y[:9])
    alone = clf.query(X, 6)
    others = [clone(clf).fit(X[:9], Y[:9]) for _ in range(3)]
    calls = (joblib.delayed(other.query)(X, 6) for other in others)
    for queried in joblib.Parallel(n_jobs=3, backend="threading")(calls):
        np.testing.assert_array_equal(queried, alone)
