"""A callback in scikit-learn's protocol that records the tasks of a fit."""

import pytest

callback = pytest.importorskip("sklearn.callback")


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
