"""Callbacks of heads: one task per epoch."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch import NeuralNetClassifier

from skactive import ActiveClassifier, SkorchAdapter, SoftmaxHead
from tests.support.callbacks import Recorder, callback

X = np.random.default_rng(0).normal(size=(30, 4))
Y = np.repeat(["a", "b", "c"], 10)
X[:, :3] += 3 * np.eye(3)[np.arange(30) // 10]


def make_net(**params):
    params = {"max_epochs": 4, "batch_size": -1, "lr": 0.5, "verbose": 0} | params
    return NeuralNetClassifier(
        torch.nn.Linear,
        module__in_features=4,
        module__out_features=3,
        criterion=torch.nn.CrossEntropyLoss,
        **params,
    )


def test_epochs_of_a_skorch_net_notify_callbacks_and_can_be_stopped():
    recorder = Recorder(stop=("epoch", 1))
    adapter = SkorchAdapter(make_net(), random_state=0).set_callbacks(recorder).fit(X, Y)
    epoch = ["begin SkorchAdapter epoch", "end SkorchAdapter epoch"]
    assert recorder.events[2:-2] == [*epoch, *epoch]
    assert len(adapter.net_.history) == 2
    assert "epochs" not in dict(adapter.net_.callbacks_)


@pytest.mark.parametrize("prior", [None, np.log(np.full((30, 3), 1 / 3))])
@pytest.mark.parametrize(
    ("head", "n_epochs"),
    [(SoftmaxHead(), 0), (SoftmaxHead(strength=1.0), 1), (SoftmaxHead((4,), max_iter=3), 3)],
)
def test_a_softmax_head_notifies_callbacks_of_its_epochs(head, n_epochs, prior):
    recorder, monitor = Recorder(), callback.ScoringMonitor(scoring="accuracy")
    no_callbacks = clone(head).set_params(random_state=0).fit(X, Y, prior_log_proba=prior)
    head = clone(no_callbacks).set_callbacks(recorder, monitor).fit(X, Y, prior_log_proba=prior)
    epochs = ["begin SoftmaxHead epoch", "end SoftmaxHead epoch"] * n_epochs
    assert recorder.events[2:-2] == epochs
    scores = [row.get("accuracy") for row in monitor.get_logs().data]
    assert len(scores) == 1 + n_epochs
    assert scores[0] == (head.score(X, Y) if prior is None else None)
    np.testing.assert_array_equal(
        head.predict_proba(X, prior), no_callbacks.predict_proba(X, prior)
    )


def test_a_softmax_head_can_be_stopped_early():
    head = SoftmaxHead((4,), random_state=0).set_callbacks(Recorder(stop=("epoch", 2)))
    assert head.fit(X, Y).n_iter_ == 3


def test_a_skorch_net_inside_active_classifier_notifies_callbacks():
    recorder = Recorder()
    ActiveClassifier(make_net(), random_state=0).set_callbacks(recorder).fit(X, Y)
    assert recorder.events.count("end SkorchAdapter epoch") == 4


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
