"""simulate against plain loops, and against SIGKILL."""

import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
import types
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.datasets import make_blobs
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss, recall_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

from skactive import ActiveClassifier, simulate, simulation
from skactive.datasets import flip_labels
from skactive.strategies import Margin, SequentialStrategy

X, CODES = make_blobs(240, centers=4, cluster_std=3, random_state=0)
Y = np.array(["ant", "bee", "cat", "dog"])[CODES]
POOL, Y_POOL, TEST, Y_TEST = X[:120], Y[:120], X[120:], Y[120:]
CLF = ActiveClassifier(LogisticRegression())
PRIOR = FrozenEstimator(GaussianNB().fit(X[:20], Y[:20]))
SIZES = {"budget": 30, "batch_size": 10}
SECONDS = ["seconds", "query_seconds", "fit_seconds"]


def run(estimator=CLF, pool=POOL, y=Y_POOL, test=TEST, y_test=Y_TEST, **options):
    options = {"random_state": 0, **SIZES, **options}
    return simulate(estimator, pool, y, X_test=test, y_test=y_test, **options)


def timeless(curves):
    return curves.to_frame().drop(columns=SECONDS)


def assert_same(curves, others):
    pd.testing.assert_frame_equal(timeless(curves), timeless(others))


def by_hand(strategy, answers, seed, prior=None):
    """The records of one run, computed with public methods only."""
    clf = ActiveClassifier(LogisticRegression(), strategy=strategy, prior=prior, random_state=seed)
    queried, records = np.empty(0, dtype=int), []
    for n_labels in range(0 if prior else 10, 31, 10):
        if n_labels:
            batch = clf.query(POOL, 10)
            clf.partial_fit(POOL[batch], answers[batch], classes=np.unique(answers))
            queried = np.append(queried, batch)
        predicted = clf.predict(TEST)
        records.append(
            {
                "n_labels": n_labels,
                "balanced_accuracy": balanced_accuracy_score(Y_TEST, predicted),
                "macro_f1": f1_score(Y_TEST, predicted, average="macro"),
                "worst_class_recall": recall_score(Y_TEST, predicted, average=None).min(),
                "pool_balanced_accuracy": balanced_accuracy_score(Y_POOL, clf.predict(POOL)),
                "log_loss": log_loss(Y_TEST, clf.predict_proba(TEST)),
                **{f"asked_{label}": (Y_POOL[queried] == label).sum() for label in np.unique(Y)},
            }
        )
    return pd.DataFrame(records)


def seeds(repeat):
    return np.random.SeedSequence([0, repeat]).generate_state(2).tolist()


@pytest.mark.parametrize("prior", [None, PRIOR])
def test_simulate_equals_plain_loops(prior):
    estimator = ActiveClassifier(LogisticRegression(), prior=prior)
    options = {"strategies": ["margin"], "noise_rate": 0.3, "n_repeats": 2}
    frame = run(estimator, scoring="neg_log_loss", **options).to_frame()
    assert frame[["strategy", "repeat"]].drop_duplicates().to_numpy().tolist() == [
        ["random", 0],
        ["margin", 0],
        ["random", 1],
        ["margin", 1],
    ]
    for (name, repeat), own in frame.groupby(["strategy", "repeat"]):
        noise_seed, run_seed = seeds(repeat)
        answers = flip_labels(Y_POOL, 0.3, random_state=noise_seed)
        expected = by_hand(name, answers, run_seed, prior)
        own = own.reset_index(drop=True)
        np.testing.assert_allclose(-own["score"], expected.pop("log_loss"))
        pd.testing.assert_frame_equal(own[expected.columns], expected)
        spent = own["query_seconds"] + own["fit_seconds"]
        np.testing.assert_allclose(own["seconds"], spent.cumsum())
        assert (spent[own["n_labels"] > 0] > 0).all()


def test_answers_may_be_given():
    given = np.random.default_rng(0).permutation(Y_POOL)
    frame = run(y_given=given, strategies=[]).to_frame()
    expected = by_hand("random", given, seeds(0)[1])
    assert frame["score"].tolist() == expected["balanced_accuracy"].tolist()


def test_classes_without_answers_are_announced():
    given = np.where(Y_POOL == "dog", "eel", Y_POOL)
    clf = ActiveClassifier(LogisticRegression())

    def n_classes(estimator, X, y):
        assert estimator.classes_.tolist() == ["ant", "bee", "cat", "dog", "eel"]
        return 1.0

    assert run(clf, y_given=given, scoring=n_classes).records


def test_all_strategies_of_a_repeat_use_the_same_seeds():
    equal = {"one": "margin", "other": Margin()}
    frame = timeless(run(strategies=equal, noise_rate=0.4, n_repeats=2))
    one, other = (frame[frame["strategy"] == name].drop(columns="strategy") for name in equal)
    assert one.to_numpy().tolist() == other.to_numpy().tolist()
    halves = [half["score"].tolist() for _, half in one.groupby("repeat")]
    assert halves[0] != halves[1]


@pytest.mark.parametrize(
    ("strategies", "names"),
    [
        (None, ["random", "auto"]),
        (["random", Margin(), "badge"], ["random", "Margin()", "badge"]),
        ("margin", ["random", "margin"]),
        ({"mine": Margin(), "random": "random"}, ["random", "mine"]),
    ],
)
def test_random_is_always_included(strategies, names):
    assert run(strategies=strategies, budget=10).strategies == names


class Listener(SequentialStrategy):
    answers: list = []  # noqa: RUF012

    def steps(self, view, n):
        for i in range(n):
            self.answers.append((yield np.array([i])))


def test_sequential_strategies_receive_the_answers():
    Listener.answers.clear()
    estimator = ActiveClassifier(LogisticRegression(), prior=PRIOR)
    run(estimator, strategies={"it": Listener()}, budget=9)
    assert np.concatenate(Listener.answers).tolist() == CODES[:8].tolist()


def test_frames_texts_and_sparse_rows():
    frame = pd.DataFrame(POOL, columns=["a", "b"], index=np.arange(120) + 1000)
    as_frames = run(pool=frame, test=pd.DataFrame(TEST, columns=["a", "b"]), y=pd.Series(Y_POOL))
    assert_same(as_frames, run())
    as_sparse = run(pool=sparse.coo_array(POOL), test=sparse.csc_array(TEST), strategies=[])
    assert as_sparse.records[-1]["score"] > 0.5
    texts = [f"{label} {i}" for i, label in enumerate(Y)]
    clf = ActiveClassifier(make_pipeline(HashingVectorizer(n_features=64), LogisticRegression()))
    of_texts = run(clf, texts[:120], test=texts[120:], y=Y_POOL.tolist(), y_test=Y_TEST.tolist())
    assert of_texts.records[-1]["score"] > 0.5


def test_several_processes_give_the_same_results_as_one():
    options = {"strategies": ["margin"], "n_repeats": 2, "noise_rate": 0.2}
    assert_same(run(n_jobs=2, **options), run(**options))


def test_a_custom_scorer():
    def count(estimator, X, y):
        return len(X) + len(estimator.label_trust_)

    frame = run(scoring=count).to_frame()
    assert (frame["score"] == 120 + frame["n_labels"]).all()


def test_progress_is_shown_on_request(capsys):
    run(budget=10)
    assert capsys.readouterr().err == ""
    run(budget=10, verbose=True)
    assert "2/2" in capsys.readouterr().err


def test_runs_are_cached(tmp_path, monkeypatch):
    options = {"strategies": ["margin"], "n_repeats": 2, "noise_rate": 0.2}
    first = run(cache_dir=tmp_path / "new" / "folder", **options)
    played = []
    run_job = simulation._Job.run
    monkeypatch.setattr(simulation._Job, "run", lambda job: played.append(job) or run_job(job))
    again = run(cache_dir=tmp_path / "new" / "folder", **options)
    assert not played
    assert again.records == first.records  # including the seconds
    run(cache_dir=tmp_path / "new" / "folder", **{**options, "n_repeats": 3})
    assert len(played) == 2


@pytest.mark.parametrize(
    "other",
    [
        {"budget": 40},
        {"batch_size": 5},
        {"random_state": 1},
        {"noise_rate": 0.2},
        {"y_given": Y_POOL[::-1]},
        {"scoring": "accuracy"},
        {"pool": POOL + 1},
        {"y": Y_POOL[::-1]},
        {"test": TEST + 1},
        {"y_test": Y_TEST[::-1]},
        {"estimator": ActiveClassifier(LogisticRegression(C=2))},
        {"estimator": ActiveClassifier(LogisticRegression(), prior=PRIOR)},
        {"strategies": ["margin"]},
    ],
    ids=lambda other: next(iter(other)),
)
def test_runs_of_another_configuration_are_cached_separately(tmp_path, other):
    run(cache_dir=tmp_path, strategies=["badge"])
    before = set(tmp_path.iterdir())
    assert_same(
        run(cache_dir=tmp_path, **{"strategies": ["badge"], **other}),
        run(**{"strategies": ["badge"], **other}),
    )
    new = set(tmp_path.iterdir()) - before
    assert len(new) == (1 if "strategies" in other else 2)


def test_a_prior_with_other_weights_is_another_configuration(tmp_path):
    for rows in (20, 30):
        prior = FrozenEstimator(GaussianNB().fit(X[:rows], Y[:rows]))
        run(ActiveClassifier(LogisticRegression(), prior=prior), cache_dir=tmp_path, strategies=[])
    assert len(list(tmp_path.iterdir())) == 2


OF_USER = """
from sklearn.linear_model import LogisticRegression
from skactive.evaluation import StoppingRule
from skactive.strategies import QueryStrategy

class Mine(QueryStrategy):
    def select(self, view, n):
        return view.X[:, 0].argsort()[:n]

class Head(LogisticRegression):
    def fit(self, X, y, sample_weight=None):
        return super().fit(1 * X, y, sample_weight=sample_weight)

class Rule(StoppingRule):
    def should_stop(self, progress):
        return len(progress.predicted) >= 1

def scorer(estimator, X, y):
    return 1.0 * estimator.score(X, y)
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [("[:, 0]", "[:, 1]"), ("1 * X", "0 * X"), (">= 1", ">= 2"), ("1.0 *", "0.5 *")],
)
def test_changed_code_of_the_user_gives_new_curves(tmp_path, monkeypatch, before, after):
    def curves(source, **options):
        module = types.ModuleType("of_user")
        monkeypatch.setitem(sys.modules, "of_user", module)
        exec(source, vars(module))
        options |= {"strategies": {"mine": module.Mine()}, "scoring": module.scorer}
        stopping = {"rule": module.Rule()}
        return run(ActiveClassifier(module.Head()), stopping=stopping, **options)

    changed = OF_USER.replace(before, after)
    first = curves(OF_USER, cache_dir=tmp_path)
    again = curves("# a comment" + OF_USER, cache_dir=tmp_path)
    assert again.records == first.records  # including the seconds
    assert not timeless(curves(changed)).equals(timeless(first))
    assert_same(curves(changed, cache_dir=tmp_path), curves(changed))


def test_an_interrupted_write_leaves_no_run(tmp_path, monkeypatch):
    def cut_off(source, target):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(simulation, "replace", cut_off)
        with pytest.raises(KeyboardInterrupt):
            run(cache_dir=tmp_path)
    assert not list(tmp_path.glob("*.json"))
    assert_same(run(cache_dir=tmp_path), run())


KILLED = """
    import os, sys
    import numpy as np
    from sklearn.datasets import make_blobs
    from sklearn.linear_model import LogisticRegression
    from skactive import ActiveClassifier, simulate

    X, codes = make_blobs(240, centers=4, cluster_std=3, random_state=0)
    y = np.array(["ant", "bee", "cat", "dog"])[codes]
    while sys.stdin.readline():  # a process for each line; imports are slow
        child = os.fork()
        if child == 0:
            simulate(
                ActiveClassifier(LogisticRegression()), X[:120], y[:120], X_test=X[120:],
                y_test=y[120:], budget=15, batch_size=3, strategies=["margin"], noise_rate=0.2,
                n_repeats=12, random_state=0, cache_dir=sys.argv[1],
            )
            os._exit(0)
        print(child, flush=True)
        print(os.waitpid(child, 0)[1], flush=True)
"""


@contextmanager
def killed_after(seconds, command, **options):
    """A process that does not outlive the block, and is killed when it takes too long."""
    with subprocess.Popen(command, **options) as process:
        timer = threading.Timer(seconds, process.kill)
        timer.start()
        try:
            yield process
        except BaseException:
            process.kill()
            raise
        finally:
            timer.cancel()


def test_a_killed_run_resumes_where_it_stopped(tmp_path):
    options = {"budget": 15, "batch_size": 3, "strategies": ["margin"], "noise_rate": 0.2}
    options["n_repeats"] = 12
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    rng = random.Random(0)
    kept = 0
    with killed_after(120, command, text=True, bufsize=1, **pipes) as parent:
        for _ in range(4):
            parent.stdin.write("run\n")
            child, deadline = int(parent.stdout.readline()), time.monotonic() + 60
            while len(list(tmp_path.glob("*.json"))) == kept:
                os.kill(child, 0)  # fails if the run has ended by itself
                assert time.monotonic() < deadline, "no run is finished"
                time.sleep(0.001)
            time.sleep(rng.uniform(0, 0.05))
            os.kill(child, signal.SIGKILL)
            assert int(parent.stdout.readline()) == signal.SIGKILL
            kept = len(list(tmp_path.glob("*.json")))
            assert kept < 24, "there is nothing left to interrupt"
        parent.stdin.close()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.json")}
    resumed = run(cache_dir=tmp_path, **options)
    assert len(list(tmp_path.glob("*.json"))) == 24
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    assert_same(resumed, run(**options))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"budget": 121}, "budget=121, but X has only 120 different rows"),
        ({"strategies": ["margn"]}, "strategy='margn' is unknown"),
        ({"strategies": ["margin", "margin"]}, "names one strategy twice"),
        ({"strategies": ["selective"]}, "needs a prior"),
        ({"noise_rate": 0.1, "y_given": Y_POOL}, "exclude each other"),
        ({"y_test": CODES[120:]}, "labels of one type"),
        ({"cache_dir": "x", "random_state": None}, "cache_dir needs a random_state"),
    ],
)
def test_invalid_arguments(options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        run(**options)
    assert not list(tmp_path.iterdir())
