"""scikit-learn's callbacks hear of every fit, as from scikit-learn's own meta-estimators."""

import runpy
import sys
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from skorch import NeuralNetClassifier

from skactive import ActiveClassifier, BudgetedClassifier, SkorchAdapter, SoftmaxHead
from skactive._utils import callbacks

callback = pytest.importorskip("sklearn.callback")

X = np.random.default_rng(0).normal(size=(30, 4))
Y = np.repeat(["a", "b", "c"], 10)
X[:, :3] += 3 * np.eye(3)[np.arange(30) // 10]


class Recorder:
    """Writes down what it hears, and stops the task of the given name and number."""

    max_propagation_depth = None

    def __init__(self, stop=None):
        self.heard = []
        self.stop = stop

    def setup(self, estimator, context):
        self.heard.append("setup")

    def teardown(self, estimator, context):
        self.heard.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self._hear("begin", context)

    def on_fit_task_end(self, estimator, context):
        self._hear("end", context)
        return (context.task_name, context.task_id) == self.stop

    def _hear(self, what, context):
        if context.task_name != "lbfgs-iter":  # of which there are as many as it takes
            self.heard.append(f"{what} {context.estimator_name} {context.task_name}")


class DataRecorder(Recorder):
    """Writes down what came with the end of the classifier's own fit."""

    max_propagation_depth = 0

    def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
        if context.parent is None:
            self.data = X, y, metadata, fitted_estimator
            self.n_parts = context.max_subtasks


class StopsAt:
    """Wants no further round once so many labels are given; is not handed on to the parts."""

    def __init__(self, n_labels):
        self.n_labels = n_labels

    def setup(self, estimator, context):
        pass

    teardown = on_fit_task_begin = setup

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        return len(fitted_estimator.queried_) >= self.n_labels


def make_active():
    estimator = make_pipeline(Normalizer(), StandardScaler(), LogisticRegression())
    return ActiveClassifier(estimator, random_state=0)


def make_net(**params):
    params = {"max_epochs": 4, "batch_size": -1, "lr": 0.5, "verbose": 0} | params
    return NeuralNetClassifier(
        torch.nn.Linear,
        module__in_features=4,
        module__out_features=3,
        criterion=torch.nn.CrossEntropyLoss,
        **params,
    )


# the task of each part is also the root task of what is fitted in it
PARTS = [
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
def test_every_fit_is_told_part_by_part(fit):
    recorder = Recorder()
    clf = make_active().fit(X, Y).set_callbacks(recorder)
    fit(clf)
    assert recorder.heard == PARTS
    recorder.heard.clear()
    clf.query(X + 1, 3)
    clf.predict(X)
    assert recorder.heard == []


def test_a_callback_hears_data_weights_and_the_fitted_classifier():
    recorder, weight = DataRecorder(), np.ones(30)
    clf = ActiveClassifier(LogisticRegression()).set_callbacks(recorder)
    clf.fit(X, Y, sample_weight=weight)
    heard_X, heard_y, metadata, fitted = recorder.data
    assert heard_X is X
    assert heard_y is Y
    assert metadata == {"sample_weight": weight}
    np.testing.assert_array_equal(fitted.predict_proba(X), clf.predict_proba(X))


@pytest.mark.parametrize(
    ("estimator", "n_parts"),
    [
        (None, 1),
        (make_pipeline(Normalizer(), LogisticRegression()), 1),
        (make_pipeline(StandardScaler(), Normalizer(), LogisticRegression()), 3),
        (make_imblearn_pipeline(StandardScaler(), RandomOverSampler(), LogisticRegression()), 2),
    ],
)
def test_how_many_parts_there_are_is_known_beforehand(estimator, n_parts):
    recorder = DataRecorder()
    ActiveClassifier(estimator).set_callbacks(recorder).fit(X, Y)
    assert recorder.n_parts == n_parts


def test_scores_of_every_round_are_monitored():
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


def test_a_failed_fit_is_torn_down_and_changes_nothing():
    recorder = Recorder()
    clf = ActiveClassifier(LogisticRegression(), random_state=0).fit(X, Y).set_callbacks(recorder)
    before = vars(clf).copy()
    with pytest.raises(ValueError, match="NaN"):
        clf.partial_fit(np.full((1, 4), np.nan), ["a"])
    assert recorder.heard[0] == "setup"
    assert recorder.heard[-1] == "teardown"
    assert vars(clf) == before


def test_a_search_hands_its_callbacks_on():
    recorder = Recorder()
    search = GridSearchCV(make_active(), {"strategy": ["auto"]}, cv=2).set_callbacks(recorder)
    search.fit(X, Y)
    assert recorder.heard.count("end ActiveClassifier fit") == 3  # two folds, and all rows
    assert recorder.heard.count("end LogisticRegression fit") == 3
    assert not hasattr(search.best_estimator_, "_skl_callbacks")


def test_parts_without_callbacks_are_named_in_a_warning():
    pipeline = make_imblearn_pipeline(RandomOverSampler(), LogisticRegression())
    clf = ActiveClassifier(pipeline, random_state=0).set_callbacks(Recorder())
    clf.fit(X, Y)  # a sampler is no part of its own
    clf.set_params(estimator=make_pipeline(Normalizer(), SelectKeeps(), LogisticRegression()))
    with pytest.warns(UserWarning, match="SelectKeeps does not support callbacks"):
        clf.fit(X, Y)


class SelectKeeps(StandardScaler):
    """A step that knows nothing of callbacks."""

    set_callbacks = property()


def test_one_class_is_nobodys_part():
    recorder = Recorder()
    ActiveClassifier(LogisticRegression()).set_callbacks(recorder).fit(X[:5], Y[:5])
    own = ["begin ActiveClassifier fit", "end ActiveClassifier fit"]
    assert recorder.heard == ["setup", *own, "teardown"]


def test_rounds_of_a_budget_are_told_and_can_be_stopped():
    recorder, monitor = Recorder(), callback.ScoringMonitor(scoring="accuracy")
    active = ActiveClassifier(LogisticRegression(), random_state=0)
    clf = BudgetedClassifier(active, budget=25).set_callbacks(recorder, monitor, StopsAt(20))
    clf.fit(X, Y)
    assert recorder.heard.count("end ActiveClassifier fit") == 2
    assert len(clf.queried_) == 20
    first = BudgetedClassifier(active, budget=10).fit(X, Y)
    whole, one, two = (row["accuracy"] for row in monitor.get_logs().data)
    assert (one, two) == (first.score(X, Y), clf.score(X, Y))
    assert whole == two
    np.testing.assert_array_equal(clf.queried_[:10], first.queried_)


def test_rounds_end_where_the_pool_does():
    recorder = Recorder()
    clf = BudgetedClassifier(ActiveClassifier(LogisticRegression()), budget=100)
    clf.set_callbacks(recorder).fit(X[:15], Y[:15])
    assert len(clf.queried_) == 15
    assert recorder.heard.count("end ActiveClassifier fit") == 2


def test_epochs_of_a_skorch_net_are_told_and_can_be_stopped():
    recorder = Recorder(stop=("epoch", 1))
    adapter = SkorchAdapter(make_net(), random_state=0).set_callbacks(recorder).fit(X, Y)
    epoch = ["begin SkorchAdapter epoch", "end SkorchAdapter epoch"]
    assert recorder.heard[2:-2] == [*epoch, *epoch]
    assert len(adapter.net_.history) == 2
    assert "epochs" not in dict(adapter.net_.callbacks_)


@pytest.mark.parametrize("prior", [None, np.log(np.full((30, 3), 1 / 3))])
@pytest.mark.parametrize(
    ("head", "n_epochs"),
    [(SoftmaxHead(), 0), (SoftmaxHead(strength=1.0), 1), (SoftmaxHead((4,), max_iter=3), 3)],
)
def test_a_softmax_head_tells_its_epochs(head, n_epochs, prior):
    recorder, monitor = Recorder(), callback.ScoringMonitor(scoring="accuracy")
    no_callbacks = clone(head).set_params(random_state=0).fit(X, Y, prior_log_proba=prior)
    head = clone(no_callbacks).set_callbacks(recorder, monitor).fit(X, Y, prior_log_proba=prior)
    epochs = ["begin SoftmaxHead epoch", "end SoftmaxHead epoch"] * n_epochs
    assert recorder.heard[2:-2] == epochs
    scores = [row.get("accuracy") for row in monitor.get_logs().data]
    assert len(scores) == 1 + n_epochs
    assert scores[0] == (head.score(X, Y) if prior is None else None)
    np.testing.assert_array_equal(
        head.predict_proba(X, prior), no_callbacks.predict_proba(X, prior)
    )


def test_a_softmax_head_can_be_stopped():
    head = SoftmaxHead((4,), random_state=0).set_callbacks(Recorder(stop=("epoch", 2)))
    assert head.fit(X, Y).n_iter_ == 3


def test_a_skorch_net_inside_is_told_too():
    recorder = Recorder()
    ActiveClassifier(make_net(), random_state=0).set_callbacks(recorder).fit(X, Y)
    assert recorder.heard.count("end SkorchAdapter epoch") == 4


def test_every_epoch_is_scored():
    monitor = callback.ScoringMonitor(scoring="neg_log_loss")
    weight = np.repeat([1, 2, 3], 10)
    adapter = SkorchAdapter(make_net(), random_state=0).set_callbacks(monitor)
    adapter.fit(X, Y, sample_weight=weight)
    scores = [row["neg_log_loss"] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(scores) == 4
    assert (np.diff(scores) > 0).all()
    no_callbacks = SkorchAdapter(make_net(), random_state=0).fit(X, Y, sample_weight=weight)
    np.testing.assert_array_equal(no_callbacks.predict_proba(X), adapter.predict_proba(X))


def test_silence_where_scikit_learn_has_no_callbacks(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    old = runpy.run_path(callbacks.__file__)
    context = old["CallbackSupportMixin"]()._init_callback_context(max_subtasks=3)
    assert not hasattr(old["CallbackSupportMixin"], "set_callbacks")
    with old["subtask_notifier"](None, context)("part", LogisticRegression()):
        assert context.call_on_fit_task_end(estimator=None) is False
    assert old["with_callbacks"](nullcontext) is nullcontext
