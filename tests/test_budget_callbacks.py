"""Callbacks of BudgetedClassifier: one task per round."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from skactive import ActiveClassifier, BudgetedClassifier
from tests.support.callbacks import Recorder, callback

X = np.random.default_rng(0).normal(size=(30, 4))
Y = np.repeat(["a", "b", "c"], 10)
X[:, :3] += 3 * np.eye(3)[np.arange(30) // 10]


class StopsAt:
    """Stops after the round in which the given number of labels is reached."""

    def __init__(self, n_labels):
        self.n_labels = n_labels

    def setup(self, estimator, context):
        pass

    teardown = on_fit_task_begin = setup

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        return len(fitted_estimator.queried_) >= self.n_labels


def test_rounds_notify_callbacks_and_can_be_stopped():
    recorder, monitor = Recorder(), callback.ScoringMonitor(scoring="accuracy")
    active = ActiveClassifier(LogisticRegression(), random_state=0)
    clf = BudgetedClassifier(active, budget=25).set_callbacks(recorder, monitor, StopsAt(20))
    clf.fit(X, Y)
    assert recorder.events.count("end ActiveClassifier fit") == 2
    assert len(clf.queried_) == 20
    first = BudgetedClassifier(active, budget=10).fit(X, Y)
    whole, one, two = (row["accuracy"] for row in monitor.get_logs().data)
    assert (one, two) == (first.score(X, Y), clf.score(X, Y))
    assert whole == two
    np.testing.assert_array_equal(clf.queried_[:10], first.queried_)


def test_rounds_end_with_the_pool():
    recorder = Recorder()
    clf = BudgetedClassifier(ActiveClassifier(LogisticRegression()), budget=100)
    clf.set_callbacks(recorder).fit(X[:15], Y[:15])
    assert len(clf.queried_) == 15
    assert recorder.events.count("end ActiveClassifier fit") == 2
