"""Private functions of scikit-learn. Other modules import them from here only."""

from inspect import signature
from typing import Any

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils import _safe_indexing
from sklearn.utils._metadata_requests import _raise_for_params
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.validation import _check_sample_weight, _num_samples

n_rows = _num_samples  # number of rows in any container that scikit-learn accepts


def check_sample_weight(sample_weight: Any, X: Any, *, all_zero: bool = False) -> np.ndarray:
    """Check the weights of the rows of X and convert them to float64.

    Parameters
    ----------
    sample_weight : array-like of shape (n,) or None
        Weights as the user gave them. None means ones.
    X : container of n rows
        The rows.
    all_zero : bool, default=False
        Whether all weights may be zero.

    Returns
    -------
    weight : float64 array of shape (n,)
        The weights. None of them is negative.
    """
    options = {"dtype": np.float64, "ensure_non_negative": True}
    if (
        "allow_all_zero_weights" in signature(_check_sample_weight).parameters
    ):  # scikit-learn >= 1.9
        options["allow_all_zero_weights"] = all_zero
    return _check_sample_weight(sample_weight, X, **options)


__all__ = [
    "HasMethods",
    "Interval",
    "StrOptions",
    "_check_sample_weight",
    "_fit_context",
    "_num_samples",
    "_raise_for_params",
    "_safe_indexing",
    "check_sample_weight",
    "n_rows",
    "validate_parameter_constraints",
]
