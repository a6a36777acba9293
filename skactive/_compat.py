"""The one place that touches scikit-learn's private parts."""

from inspect import signature
from typing import Any

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    StrOptions,
)
from sklearn.utils.validation import _check_sample_weight, _num_samples

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn < 1.9
    CallbackSupportMixin = object

    def with_callbacks(method):  # type: ignore[no-untyped-def]
        return method


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
    "StrOptions",
    "_check_sample_weight",
    "_fit_context",
    "_num_samples",
    "_safe_indexing",
    "check_sample_weight",
    "with_callbacks",
]
