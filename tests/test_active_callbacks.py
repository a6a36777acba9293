"""Callbacks of ActiveClassifier: one task per fitted step, as in scikit-learn's meta-estimators."""

import numpy as np
import pytest
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from skactive import ActiveClassifier
from tests.support.callbacks import Recorder, callback

X = np.random.default_rng(0).normal(size=(30, 4))
Y = np.repeat(["a", "b", "c"], 10)
X[:, :3] += 3 * np.eye(3)[np.arange(30) // 10]


class DataRecorder(Recorder):
    """Records the arguments of the end of the classifier's own fit."""

    max_propagation_depth = 0

    def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
        if context.parent is None:
            self.data = X, y, metadata, fitted_estimator
            self.n_steps = context.max_subtasks


def make_active():
    estimator = make_pipeline(Normalizer(), StandardScaler(), LogisticRegression())
    return ActiveClassifier(estimator, random_state=0)


# the task of a step is also the root task of the estimator fitted in it
EVENTS = [
    *["setup", "begin ActiveClassifier fit"],
    *["begin StandardScaler fit", "end StandardScaler fit"],
    *["begin LogisticRegression fit", "end LogisticRegression fit"],
    *["end ActiveClassifier fit", "teardown"],
]


@pytest.mark.parametrize(
    "fit",
    [
        lambda clf: clf.fit(X, Y),
        lambda clf: clf.partial_fit(X[:5], Y[:5]),
        lambda clf: clf.relabel([0], ["b"]),
    ],
    ids=["fit", "partial_fit", "relabel"],
)
def test_every_fit_notifies_callbacks_of_its_steps(fit):
    recorder = Recorder()
    clf = make_active().fit(X, Y).set_callbacks(recorder)
    fit(clf)
    assert recorder.events == EVENTS
    recorder.events.clear()
    clf.query(X + 1, 3)
    clf.predict(X)
    assert recorder.events == []


def test_a_callback_receives_data_weights_and_the_fitted_classifier():
    recorder, weight = DataRecorder(), np.ones(30)
    clf = ActiveClassifier(LogisticRegression()).set_callbacks(recorder)
    clf.fit(X, Y, sample_weight=weight)
    given_X, given_y, metadata, fitted = recorder.data
    assert given_X is X
    assert given_y is Y
    assert metadata == {"sample_weight": weight}
    np.testing.assert_array_equal(fitted.predict_proba(X), clf.predict_proba(X))


@pytest.mark.parametrize(
    ("estimator", "n_steps"),
    [
        (None, 1),
        (make_pipeline(Normalizer(), LogisticRegression()), 1),
        (make_pipeline(StandardScaler(), Normalizer(), LogisticRegression()), 3),
        (make_imblearn_pipeline(StandardScaler(), RandomOverSampler(), LogisticRegression()), 2),
    ],
)
def test_the_number_of_steps_is_known_in_advance(estimator, n_steps):
    recorder = DataRecorder()
    ActiveClassifier(estimator).set_callbacks(recorder).fit(X, Y)
    assert recorder.n_steps == n_steps


def test_every_fit_is_scored_by_a_monitor():
    monitor = callback.ScoringMonitor(scoring="accuracy")
    clf = ActiveClassifier(LogisticRegression(), random_state=0).set_callbacks(monitor)
    clf.fit(X[:20], Y[:20]).partial_fit(X[20:], Y[20:])
    logs = monitor.get_logs(select="all")
    assert len(logs) == 2
    assert logs[1].data[0]["accuracy"] == clf.score(X[20:], Y[20:])


def test_a_progress_bar(capfd):
    pytest.importorskip("rich")
    clf = ActiveClassifier(LogisticRegression()).set_callbacks(callback.ProgressBar())
    clf.fit(X, Y)
    assert "ActiveClassifier - fit-head | LogisticRegression - fit" in capfd.readouterr().out


def test_a_failed_fit_calls_teardown_and_changes_nothing():
    recorder = Recorder()
    clf = ActiveClassifier(LogisticRegression(), random_state=0).fit(X, Y).set_callbacks(recorder)
    before = vars(clf).copy()
    with pytest.raises(ValueError, match="NaN"):
        clf.partial_fit(np.full((1, 4), np.nan), ["a"])
    assert recorder.events[0] == "setup"
    assert recorder.events[-1] == "teardown"
    assert vars(clf) == before


def test_a_search_propagates_its_callbacks():
    recorder = Recorder()
    search = GridSearchCV(make_active(), {"strategy": ["auto"]}, cv=2).set_callbacks(recorder)
    search.fit(X, Y)
    assert recorder.events.count("end ActiveClassifier fit") == 3  # two folds, and all rows
    assert recorder.events.count("end LogisticRegression fit") == 3
    assert not hasattr(search.best_estimator_, "_skl_callbacks")


def test_parts_without_callbacks_are_named_in_a_warning():
    pipeline = make_imblearn_pipeline(RandomOverSampler(), LogisticRegression())
    clf = ActiveClassifier(pipeline, random_state=0).set_callbacks(Recorder())
    clf.fit(X, Y)  # a sampler has no task of its own
    clf.set_params(estimator=make_pipeline(Normalizer(), NoCallbackScaler(), LogisticRegression()))
    with pytest.warns(UserWarning, match="NoCallbackScaler does not support callbacks"):
        clf.fit(X, Y)


class NoCallbackScaler(StandardScaler):
    """A step without callback support."""

    set_callbacks = property()


def test_one_class_fits_no_step():
    recorder = Recorder()
    ActiveClassifier(LogisticRegression()).set_callbacks(recorder).fit(X[:5], Y[:5])
    own = ["begin ActiveClassifier fit", "end ActiveClassifier fit"]
    assert recorder.events == ["setup", *own, "teardown"]
