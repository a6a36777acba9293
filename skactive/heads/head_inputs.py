"""Inputs of a head: checked prior probabilities, encoded labels, and scaled features."""

from typing import Any

import numpy as np
from sklearn.utils import check_array


def check_prior_log_proba(
    prior_log_proba: Any, shape: tuple[int, int], fitted_with_prior: bool | None = None
) -> np.ndarray | None:
    """Log-probabilities of a prior as a float64 array.

    Parameters
    ----------
    prior_log_proba : array-like or None
        Log-probabilities.
    shape : tuple (n, K)
        Expected shape.
    fitted_with_prior : bool, default=None
        Whether the head was fitted with a prior; None if it is not fitted yet.

    Returns
    -------
    prior_log_proba : float64 array of shape (n, K) or None
        None for None.

    Raises
    ------
    ValueError
        If the shape differs, if a value is positive or missing, or if log-probabilities are given
        to only one of fit and prediction.
    """
    if fitted_with_prior is not None and fitted_with_prior != (prior_log_proba is not None):
        raise ValueError(
            "The head was fitted with prior_log_proba; pass it to predict as well."
            if fitted_with_prior
            else "The head was fitted without prior_log_proba; do not pass it to predict."
        )
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
            f"prior_log_proba holds {prior.max():.3g}, but the logarithm of a probability is at "
            "most 0. Give np.log(proba)."
        )
    return prior


def encode_labels(y: np.ndarray, classes: Any) -> tuple[np.ndarray, np.ndarray]:
    """Sorted classes, and the position of each label among them.

    Parameters
    ----------
    y : array of shape (n,)
        Labels.
    classes : array-like or None
        All classes. None: the classes in `y`.

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
        raise ValueError(
            f"y holds labels that are not among classes: {unknown.tolist()}. Add them to classes."
        )
    return classes, np.searchsorted(classes, y)


def center_and_scale(X: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Center and scale of features, so that the shrinkage does not depend on their scale.

    All features are divided by the same number, except those that are constant up to rounding.

    Parameters
    ----------
    X : float array of shape (n, d)
        Features.
    weight : array of shape (n,)
        Sample weights.

    Returns
    -------
    center : float64 array of shape (d,)
        Weighted mean.
    scale : float64 array of shape (d,)
        Root of the mean squared distance to the center; infinite for constant features.
    """
    X, weight = (X, weight) if weight.all() else (X[weight > 0], weight[weight > 0])
    rounding = 1e-12 if X.dtype == np.float64 else 4 * np.finfo(X.dtype).eps
    low, high = (extreme.astype(np.float64) for extreme in (X.min(axis=0), X.max(axis=0)))
    varies = high - low > rounding * np.maximum(np.abs(low), np.abs(high))
    center = np.average(X.astype(np.float64), axis=0, weights=weight)
    unit = power_of_two(np.max(high - low, initial=0, where=varies))  # squares could overflow
    distance = np.where(varies, X - center, 0) / unit
    scale = unit * np.average((distance**2).sum(axis=1), weights=weight) ** 0.5
    return center, np.where(varies, scale, np.inf)


def power_of_two(number: float) -> float:
    """The largest power of two up to a number: a division by it is exact.

    Parameters
    ----------
    number : float
        Not negative.

    Returns
    -------
    power : float
        0.5 for 0.
    """
    return float(np.ldexp(1.0, np.frexp(number)[1] - 1))
