"""Notify scikit-learn's callbacks of the epochs of a skorch net."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from skorch import NeuralNet
from skorch.callbacks import Callback

from skactive._utils.callbacks import notify_fit


@contextmanager
def notify_epochs(
    estimator: Any,
    net: NeuralNet,
    reconstruction_attributes: Callable[[], dict[str, Any]] = dict,
    **notified: Any,
) -> Iterator[None]:
    """Notify the callbacks of an estimator of its fit, and of each epoch inside the block.

    The fit is a task, and each epoch is a subtask. A progress bar can thus show the epochs, and a
    scoring monitor can score the net after each epoch. A callback that returns True stops the
    training.

    Parameters
    ----------
    estimator : classifier with callback support
        The estimator that trains the net.
    net : skorch.NeuralNet
        The initialized net.
    reconstruction_attributes : callable, default=dict
        Returns the attributes that a copy of the estimator needs to predict with the current net.
    **notified
        ``X`` and ``y``, as given to ``fit``.
    """
    with notify_fit(
        estimator, max_subtasks=net.max_epochs, lacking=reconstruction_attributes, **notified
    ) as context:
        notified |= {"reconstruction_attributes": reconstruction_attributes}
        net.callbacks_.append(("epochs", _Epochs(estimator, context, notified)))
        try:
            yield
        finally:
            net.callbacks_.pop()


class _Epochs(Callback):
    def __init__(self, estimator: Any, context: Any, notified: dict[str, Any]) -> None:
        self.estimator = estimator
        self.context = context
        self.notified = notified

    def on_epoch_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        self.task = self.context.subcontext(task_name="epoch")
        self.task.call_on_fit_task_begin(estimator=self.estimator)

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        if self.task.call_on_fit_task_end(estimator=self.estimator, **self.notified):
            raise KeyboardInterrupt  # skorch catches it and stops the training
