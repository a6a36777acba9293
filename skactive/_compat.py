"""The one place that touches scikit-learn's private parts."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from inspect import signature
from types import SimpleNamespace
from typing import Any

import numpy as np
from sklearn.base import _fit_context, clone
from sklearn.utils import _safe_indexing
from sklearn.utils._metadata_requests import _raise_for_params
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.validation import _check_sample_weight, _num_samples

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn < 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nobody can have set a callback, so nobody is told anything."""

        def _init_callback_context(self, **options: Any) -> "_NoCallbacks":
            return _NoCallbacks()

    def with_callbacks(method):  # type: ignore[no-untyped-def]
        return method


class _NoCallbacks:
    def subcontext(self, **options: Any) -> "_NoCallbacks":
        return self

    def call_on_fit_task_begin(self, **what: Any) -> "_NoCallbacks":
        return self

    def call_on_fit_task_end(self, **what: Any) -> bool:
        return False

    @contextmanager
    def propagate_callback_context(self, sub_estimator: Any) -> Iterator[None]:
        yield


@contextmanager
def fit_told(
    estimator: Any,
    *,
    max_subtasks: int = 0,
    lacking: Callable[[], dict[str, Any]] = dict,
    **told: Any,
) -> Iterator[Any]:
    """Tell an estimator's callbacks of a fit: when it begins, and when it has not failed.

    Parameters
    ----------
    estimator : estimator with callback support
        The one whose ``fit`` it is.
    max_subtasks : int, default=0
        How many tasks there are below it.
    lacking : callable, default=dict
        Attributes that a copy of the estimator lacks to be as good as fitted.
    **told
        ``X``, ``y`` and ``metadata``, as they came into ``fit``.

    Yields
    ------
    context : CallbackContext
        The task of this fit.
    """
    context = estimator._init_callback_context(max_subtasks=max_subtasks)
    context.call_on_fit_task_begin(estimator=estimator, **told)
    yield context
    context.call_on_fit_task_end(estimator=estimator, reconstruction_attributes=lacking, **told)


PartOfFit = Callable[..., AbstractContextManager[Any]]


def parts_of_fit(caller: Any, context: Any, **told: Any) -> PartOfFit:
    """How an estimator tells callbacks of the parts of its fit.

    Parameters
    ----------
    caller : estimator
        The one whose ``fit`` it is.
    context : CallbackContext
        Its root task.
    **told
        What callbacks hear when a part has ended.

    Returns
    -------
    part : callable
        ``with part(name, sub_estimator) as verdict: sub_estimator.fit(...)``; afterwards
        ``verdict.stop`` says whether a callback wants no further part. Without a sub-estimator,
        the part is the caller's own.
    """

    @contextmanager
    def part(name: str, sub_estimator: Any = None) -> Iterator[Any]:
        task, verdict = context.subcontext(task_name=name), SimpleNamespace(stop=False)
        own = sub_estimator is None
        with nullcontext() if own else task.propagate_callback_context(sub_estimator):
            task.call_on_fit_task_begin(estimator=caller)
            yield verdict
            verdict.stop = task.call_on_fit_task_end(estimator=caller, **told)

    return part


def untold(name: str, sub_estimator: Any) -> AbstractContextManager[None]:
    """A part of a fit that no callback hears of."""
    return nullcontext()


def unheard(estimator: Any) -> Any:
    """A clone of an estimator, of whose fit no callback hears."""
    copy = clone(estimator)
    vars(copy).pop("_skl_callbacks", None)
    return copy


def check_sample_weight(sample_weight: Any, X: Any, *, all_zero: bool = False) -> np.ndarray:
    """Weights of the rows of X as float64, none of them negative; ones for None.

    Parameters
    ----------
    sample_weight : array-like of shape (n,) or None
        What the user gave.
    X : container of n rows
        The rows.
    all_zero : bool, default=False
        Whether every weight may be zero.

    Returns
    -------
    weight : float64 array of shape (n,)
        The weights.
    """
    options = {"dtype": np.float64, "ensure_non_negative": True}
    if "allow_all_zero_weights" in signature(_check_sample_weight).parameters:  # from 1.9 on
        options["allow_all_zero_weights"] = all_zero
    return _check_sample_weight(sample_weight, X, **options)


__all__ = [
    "CallbackSupportMixin",
    "HasMethods",
    "Interval",
    "PartOfFit",
    "StrOptions",
    "_check_sample_weight",
    "_fit_context",
    "_num_samples",
    "_raise_for_params",
    "_safe_indexing",
    "check_sample_weight",
    "fit_told",
    "parts_of_fit",
    "unheard",
    "untold",
    "validate_parameter_constraints",
    "with_callbacks",
]
