"""How far each given label can be trusted."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

_N_FOLDS = 5


def out_of_fold(
    keys: np.ndarray, fit_predict: Callable[[np.ndarray, np.ndarray], np.ndarray], n_classes: int
) -> np.ndarray:
    """Probabilities for each row by a model that has not seen its label.

    Parameters
    ----------
    keys : array of shape (m,)
        Rows of equal key share a fold. Keys are digests, so folds made from their order are random.
    fit_predict : callable
        ``fit_predict(train, test)`` gives probabilities (len(test), K) from positions.
    n_classes : int
        K.

    Returns
    -------
    proba : float64 array of shape (m, K)
        Uniform where there is nothing to train on.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.noise import out_of_fold
    >>> y = np.array([0, 0, 1, 0])
    >>> def shares(train, test):
    ...     return np.tile(np.bincount(y[train], minlength=2) / len(train), (len(test), 1))
    >>> out_of_fold(np.array(["a", "b", "c", "d"]), shares, 2)[2]
    array([1., 0.])
    """
    _, group = np.unique(keys, return_inverse=True)
    fold = group % _N_FOLDS
    proba = np.full((len(keys), n_classes), 1 / n_classes)
    for k in np.unique(fold):
        train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        if len(train):
            proba[test] = fit_predict(train, test)
    return proba


def label_trust(proba: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Trust in each label: how likely it is, and how likely beside the likeliest of that row.

    It is the geometric mean of the two. Comparing within a row is what keeps a rare class, of which
    every model is less sure, from being taken for noise.

    Parameters
    ----------
    proba : array of shape (m, K)
        Out-of-fold probabilities.
    codes : int array of shape (m,)
        Given labels, as columns of `proba`.

    Returns
    -------
    trust : float64 array of shape (m,)
        Between 0 and 1; 1 for a label that is certain.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.noise import label_trust
    >>> label_trust(np.array([[0.6, 0.4], [0.19, 0.81]]), np.array([0, 0])).round(2)
    array([0.77, 0.21])
    """
    proba, codes = _checked(proba, codes)
    return proba[np.arange(len(codes)), codes] / np.sqrt(proba.max(axis=1))


class NoiseEstimate(NamedTuple):
    """How many of the labels given are wrong, and which are taken for which.

    Parameters
    ----------
    rate : float
        Share of wrong labels, between 0 and 1.
    transition : float64 array of shape (K, K)
        Row j: how rows that are truly of class j are labeled. Rows sum to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.noise import NoiseEstimate
    >>> NoiseEstimate(rate=0.0, transition=np.eye(2)).rate
    0.0
    """

    rate: float
    transition: np.ndarray


def estimate_noise(proba: np.ndarray, codes: np.ndarray, weight: np.ndarray) -> NoiseEstimate:
    """Noise rate and transition by confident learning.

    A row counts as truly of the likeliest class among those whose probability reaches the average
    that rows so labeled have; a row that reaches none tells nothing.

    Parameters
    ----------
    proba : array of shape (m, K)
        Out-of-fold probabilities.
    codes : int array of shape (m,)
        Given labels, as columns of `proba`.
    weight : array of shape (m,)
        How much each row counts.

    Returns
    -------
    noise : NoiseEstimate
        Without noise where no row tells anything.

    References
    ----------
    C. Northcutt, L. Jiang and I. Chuang, "Confident learning: estimating uncertainty in dataset
    labels", JAIR 70, 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.noise import estimate_noise
    >>> proba = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.1, 0.9]])
    >>> estimate_noise(proba, np.array([0, 0, 0, 1]), np.ones(4)).rate
    0.25
    """
    proba, codes = _checked(proba, codes)
    if np.shape(weight) != codes.shape:
        raise ValueError(f"weight has shape {np.shape(weight)}, expected {codes.shape}.")
    n_classes = proba.shape[1]
    totals = np.bincount(codes, weight, n_classes)
    confident = np.where(proba >= _thresholds(proba, codes, weight) - 1e-9, proba, -1.0)
    true = confident.argmax(axis=1)
    tells = confident.max(axis=1) >= 0
    counts = np.zeros((n_classes, n_classes))  # given, true
    np.add.at(counts, (codes[tells], true[tells]), weight[tells])
    told = counts.sum(axis=1)
    counts[told == 0] = np.eye(n_classes)[told == 0]
    joint = counts / counts.sum(axis=1, keepdims=True) * totals[:, None]
    truly = joint.sum(axis=0)
    transition = np.eye(n_classes)
    transition[truly > 0] = (joint[:, truly > 0] / truly[truly > 0]).T
    return NoiseEstimate(float(1 - np.trace(joint) / joint.sum()), transition)


def _checked(proba: Any, codes: Any) -> tuple[np.ndarray, np.ndarray]:
    proba, codes = np.asarray(proba), np.asarray(codes)
    if proba.ndim != 2 or codes.shape != proba.shape[:1]:
        raise ValueError(
            f"proba has shape {proba.shape} and codes {codes.shape}, expected (m, K) and (m,)."
        )
    if codes.dtype.kind not in "iu" or (
        len(codes) and not 0 <= codes.min() <= codes.max() < proba.shape[1]
    ):
        raise ValueError(
            f"codes must be whole numbers from 0 to {proba.shape[1] - 1}, columns of proba; got "
            f"{codes[:5].tolist()}... Of labels make them by np.searchsorted(classes, y)."
        )
    return proba, codes


def _thresholds(proba: np.ndarray, codes: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """For each class, its average probability among the rows so labeled; infinite where none."""
    totals = np.bincount(codes, weight, proba.shape[1])
    own = np.bincount(codes, weight * proba[np.arange(len(codes)), codes], proba.shape[1])
    return np.divide(own, totals, out=np.full(proba.shape[1], np.inf), where=totals > 0)
