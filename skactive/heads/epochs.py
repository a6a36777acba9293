"""What scikit-learn's callbacks hear of a skorch net in training."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from skorch import NeuralNet
from skorch.callbacks import Callback


@contextmanager
def epochs_told(estimator: Any, net: NeuralNet, **told: Any) -> Iterator[None]:
    """Make the fit a task, and every epoch inside the block a task below it.

    A progress bar shows the epochs, a monitor scores the net after each of them, and a callback
    that answers with True ends the training.

    Parameters
    ----------
    estimator : classifier with callback support
        The one that trains the net. A copy of it must be able to predict with the net as it is.
    net : skorch.NeuralNet
        Initialized.
    **told
        ``X``, ``y`` and ``metadata``, as they came into ``fit``.
    """
    context = estimator._init_callback_context(max_subtasks=net.max_epochs)
    context.call_on_fit_task_begin(estimator=estimator, **told)
    # a copy of the estimator is as good as fitted, with no attribute to add
    told |= {"estimator": estimator, "reconstruction_attributes": dict}
    net.callbacks_.append(("epochs", _Epochs(context, told)))
    try:
        yield
    finally:
        net.callbacks_.pop()
    context.call_on_fit_task_end(**told)


class _Epochs(Callback):
    def __init__(self, context: Any, told: dict[str, Any]) -> None:
        self.context = context
        self.told = told

    def on_epoch_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        self.task = self.context.subcontext(task_name="epoch")
        self.task.call_on_fit_task_begin(estimator=self.told["estimator"])

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        if self.task.call_on_fit_task_end(**self.told):
            raise KeyboardInterrupt  # skorch's own way to end a training
