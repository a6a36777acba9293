"""What scikit-learn's callbacks hear of a skorch net in training."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from skorch import NeuralNet
from skorch.callbacks import Callback

from skactive._utils.callbacks import notify_fit


@contextmanager
def notify_epochs(
    estimator: Any, net: NeuralNet, lacking: Callable[[], dict[str, Any]] = dict, **told: Any
) -> Iterator[None]:
    """Make the fit a task, and every epoch inside the block a task below it.

    A progress bar shows the epochs, a monitor scores the net after each of them, and a callback
    that answers with True ends the training.

    Parameters
    ----------
    estimator : classifier with callback support
        The one that trains the net.
    net : skorch.NeuralNet
        Initialized.
    lacking : callable, default=dict
        Attributes that a copy of the estimator lacks to predict with the net as it is.
    **told
        ``X`` and ``y``, as they came into ``fit``.
    """
    with notify_fit(estimator, max_subtasks=net.max_epochs, lacking=lacking, **told) as context:
        told |= {"reconstruction_attributes": lacking}
        net.callbacks_.append(("epochs", _Epochs(estimator, context, told)))
        try:
            yield
        finally:
            net.callbacks_.pop()


class _Epochs(Callback):
    def __init__(self, estimator: Any, context: Any, told: dict[str, Any]) -> None:
        self.estimator = estimator
        self.context = context
        self.told = told

    def on_epoch_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        self.task = self.context.subcontext(task_name="epoch")
        self.task.call_on_fit_task_begin(estimator=self.estimator)

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        if self.task.call_on_fit_task_end(estimator=self.estimator, **self.told):
            raise KeyboardInterrupt  # skorch's own way to end a training
