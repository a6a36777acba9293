"""Callbacks of FineTunedClassifier: one task per epoch, and early stops."""

import numpy as np
import pytest
from sklearn.base import clone

from skactive import ActiveClassifier, FineTunedClassifier, SentenceEncoder
from tests.support.callbacks import Recorder, callback

TEXTS = np.array([f"{word} of {i}" for i in range(30) for word in ("apple", "car")], dtype=object)
Y = np.array(["fruit", "road"] * 30)
EPOCH = ["begin FineTunedClassifier epoch", "end FineTunedClassifier epoch"]


@pytest.fixture
def make(tiny_sentence_model):
    def make_classifier(mode="lp-ft", **params):
        encoder = SentenceEncoder(str(tiny_sentence_model), verbose=False)
        params = {"lr": 0.01, "max_epochs": 3, "random_state": 0} | params
        return FineTunedClassifier(encoder, mode=mode, **params)

    return make_classifier


@pytest.mark.parametrize("mode", ["frozen", "lp-ft", "auto"])
def test_epochs_notify_callbacks_but_not_those_of_held_out_halves(make, mode):
    recorder = Recorder()
    clf = make(mode).set_callbacks(recorder).fit(TEXTS, Y)
    assert recorder.events[:2] == ["setup", "begin FineTunedClassifier fit"]
    assert recorder.events[2:-2] == EPOCH * len(clf.history_)
    assert recorder.events[-2:] == ["end FineTunedClassifier fit", "teardown"]
    assert len(clf.history_) == (0 if clf.mode_ == "frozen" else 3)


@pytest.mark.parametrize("mode", ["lp-ft", "full", "lora"])
def test_every_epoch_is_scored_and_scoring_changes_nothing(make, mode):
    no_callbacks, monitor = (
        make(mode).fit(TEXTS, Y),
        callback.ScoringMonitor(scoring="neg_log_loss"),
    )
    clf = make(mode).set_callbacks(monitor).fit(TEXTS, Y)
    np.testing.assert_array_equal(clf.predict_proba(TEXTS), no_callbacks.predict_proba(TEXTS))
    whole, *epochs = (row["neg_log_loss"] for row in monitor.get_logs().data)
    one = make(mode, max_epochs=3).set_callbacks(Recorder(stop=("epoch", 0))).fit(TEXTS, Y)
    by_hand = np.log(one.predict_proba(TEXTS)[np.arange(60), np.arange(60) % 2]).mean()
    assert len(epochs) == 3
    assert epochs[0] == pytest.approx(by_hand)
    assert epochs[2] == whole


def test_training_can_be_stopped_between_epochs(make, tmp_path):
    recorder = Recorder(stop=("epoch", 1))
    clf = make(max_epochs=9, checkpoint_dir=tmp_path).set_callbacks(recorder).fit(TEXTS, Y)
    assert len(clf.history_) == 2
    assert not list(tmp_path.iterdir())
    assert clf.score(TEXTS, Y) > 0.9


def test_epochs_are_part_of_the_fit_of_active_classifier(make):
    recorder = Recorder()
    clf = ActiveClassifier(make(), random_state=0).set_callbacks(recorder).fit(TEXTS, Y)
    epochs = [line for line in recorder.events if "epoch" in line]
    assert epochs == EPOCH * 3
    assert recorder.events.count("end FineTunedClassifier fit") == 1
    assert not hasattr(clone(clf.estimator_), "_skl_callbacks")
