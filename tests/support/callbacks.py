"""A callback in scikit-learn's protocol that records the tasks of a fit."""

import pytest

callback = pytest.importorskip("sklearn.callback")


class Recorder:
    """Records the tasks of a fit, and stops the task with the given name and number."""

    max_propagation_depth = None

    def __init__(self, stop=None):
        self.events = []
        self.stop = stop

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self._record("begin", context)

    def on_fit_task_end(self, estimator, context):
        self._record("end", context)
        return (context.task_name, context.task_id) == self.stop

    def _record(self, what, context):
        if context.task_name != "lbfgs-iter":  # their number varies
            self.events.append(f"{what} {context.estimator_name} {context.task_name}")
