"""Support of scikit-learn's callbacks: notify them of a fit and of its subtasks."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

from sklearn.base import clone

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn < 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Replacement for versions of scikit-learn without callbacks."""

        def _init_callback_context(self, **options: Any) -> "_NoCallbacks":
            return _NoCallbacks()

    def with_callbacks(method):  # type: ignore[no-untyped-def]
        return method


class _NoCallbacks:
    def subcontext(self, **options: Any) -> "_NoCallbacks":
        return self

    def call_on_fit_task_begin(self, **notified: Any) -> "_NoCallbacks":
        return self

    def call_on_fit_task_end(self, **notified: Any) -> bool:
        return False

    @contextmanager
    def propagate_callback_context(self, sub_estimator: Any) -> Iterator[None]:
        yield


@contextmanager
def notify_fit(
    estimator: Any,
    *,
    max_subtasks: int = 0,
    lacking: Callable[[], dict[str, Any]] = dict,
    **notified: Any,
) -> Iterator[Any]:
    """Notify the callbacks of an estimator when a fit begins, and when it has succeeded.

    Parameters
    ----------
    estimator : estimator with callback support
        The estimator that is fitted.
    max_subtasks : int, default=0
        Maximum number of subtasks.
    lacking : callable, default=dict
        Returns the attributes that a copy of the estimator needs to predict.
    **notified
        ``X``, ``y`` and ``metadata``, as passed to ``fit``.

    Yields
    ------
    context : CallbackContext
        The task of this fit.
    """
    context = estimator._init_callback_context(max_subtasks=max_subtasks)
    context.call_on_fit_task_begin(estimator=estimator, **notified)
    yield context
    context.call_on_fit_task_end(estimator=estimator, reconstruction_attributes=lacking, **notified)


Subtask = Callable[..., AbstractContextManager[Any]]


def subtask_notifier(caller: Any, context: Any, **notified: Any) -> Subtask:
    """Make a function that notifies callbacks of the subtasks of a fit.

    Parameters
    ----------
    caller : estimator
        The estimator that is fitted.
    context : CallbackContext
        Root task of the fit.
    **notified
        Arguments that callbacks receive at the end of a subtask.

    Returns
    -------
    subtask : callable
        ``with subtask(name, sub_estimator) as verdict: sub_estimator.fit(...)``. Afterwards,
        ``verdict.stop`` is True if a callback requests to stop. Without a sub-estimator, the
        subtask belongs to the caller.
    """

    @contextmanager
    def subtask(name: str, sub_estimator: Any = None) -> Iterator[Any]:
        task, verdict = context.subcontext(task_name=name), SimpleNamespace(stop=False)
        own = sub_estimator is None
        with nullcontext() if own else task.propagate_callback_context(sub_estimator):
            task.call_on_fit_task_begin(estimator=caller)
            yield verdict
            verdict.stop = task.call_on_fit_task_end(estimator=caller, **notified)

    return subtask


def no_callbacks(name: str, sub_estimator: Any) -> AbstractContextManager[None]:
    """A subtask without callbacks."""
    return nullcontext()


def clone_without_callbacks(estimator: Any) -> Any:
    """A clone of an estimator without its callbacks."""
    copy = clone(estimator)
    vars(copy).pop("_skl_callbacks", None)
    return copy


__all__ = [
    "CallbackSupportMixin",
    "Subtask",
    "clone_without_callbacks",
    "no_callbacks",
    "notify_fit",
    "subtask_notifier",
    "with_callbacks",
]
