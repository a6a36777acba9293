"""Checks of the labels and prior probabilities that a head is given."""

from typing import Any

import numpy as np
from sklearn.utils import check_array


def check_prior_log_proba(prior_log_proba: Any, shape: tuple[int, int]) -> np.ndarray | None:
    """Log-probabilities of a prior as a float64 array.

    Parameters
    ----------
    prior_log_proba : array-like or None
        What the caller gave.
    shape : tuple (n, K)
        Expected shape.

    Returns
    -------
    prior_log_proba : float64 array of shape (n, K) or None
        None for None.

    Raises
    ------
    ValueError
        If the shape differs, or a value is positive or missing.
    """
    if prior_log_proba is None:
        return None
    prior = check_array(prior_log_proba, dtype=np.float64, input_name="prior_log_proba")
    if prior.shape != shape:
        raise ValueError(
            f"prior_log_proba has shape {prior.shape}, expected {shape}: one row per row of X, "
            "one column per class."
        )
    if prior.max() > 1e-6:
        raise ValueError(
            f"prior_log_proba holds {prior.max():.3g}, but the logarithm of a probability is "
            "never above 0. Give np.log(proba)."
        )
    return prior


def encode_labels(y: np.ndarray, classes: Any) -> tuple[np.ndarray, np.ndarray]:
    """Classes, sorted, and the position of each label among them.

    Parameters
    ----------
    y : array of shape (n,)
        Labels.
    classes : array-like or None
        All classes. None: those in `y`.

    Returns
    -------
    classes : array of shape (K,)
        Sorted.
    codes : int64 array of shape (n,)
        Positions in `classes`.

    Raises
    ------
    ValueError
        If `classes` lacks a label.
    """
    if classes is None:
        classes, codes = np.unique(y, return_inverse=True)
        return classes, codes
    classes = np.unique(classes)
    unknown = np.setdiff1d(y, classes)
    if len(unknown):
        raise ValueError(f"y holds labels that are not among classes: {unknown.tolist()}.")
    return classes, np.searchsorted(classes, y)
