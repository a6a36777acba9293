"""Label noise: trust in each label, noise rate and transition matrix."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

_N_FOLDS = 5


def out_of_fold(
    keys: np.ndarray, fit_predict: Callable[[np.ndarray, np.ndarray], np.ndarray], n_classes: int
) -> np.ndarray:
    """Out-of-fold class probabilities of each row, by 5-fold cross-validation.

    Parameters
    ----------
    keys : array of shape (m,)
        Digests of the rows. Rows with equal keys are in the same fold. Folds follow the sorted
        order of the keys, which is random because keys are digests.
    fit_predict : callable
        ``fit_predict(train, test)`` takes positions, and returns probabilities of shape
        (len(test), K).
    n_classes : int
        Number K of classes.

    Returns
    -------
    proba : float64 array of shape (m, K)
        Predicted probabilities. They are uniform if there is no other fold to train on.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.noise import out_of_fold
    >>> y = np.array([0, 0, 1, 0])
    >>> def class_frequencies(train, test):
    ...     return np.tile(np.bincount(y[train], minlength=2) / len(train), (len(test), 1))
    >>> out_of_fold(np.array(["a", "b", "c", "d"]), class_frequencies, 2)[2]
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
    """Compute the trust in each label from out-of-fold probabilities.

    The trust is the geometric mean of two numbers: the probability of the given label, and its
    ratio to the largest probability of the row. The ratio keeps labels of rare classes, which
    have lower probabilities in general, from being mistaken for noise.

    Parameters
    ----------
    proba : array of shape (m, K)
        Out-of-fold probabilities.
    codes : int array of shape (m,)
        Given labels, as column numbers of `proba`.

    Returns
    -------
    trust : float64 array of shape (m,)
        Trust between 0 and 1. It is 1 if the label has probability 1.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.noise import label_trust
    >>> label_trust(np.array([[0.6, 0.4], [0.19, 0.81]]), np.array([0, 0])).round(2)
    array([0.77, 0.21])
    """
    proba, codes = _check_proba_and_codes(proba, codes)
    return proba[np.arange(len(codes)), codes] / np.sqrt(proba.max(axis=1))


class NoiseEstimate(NamedTuple):
    """Estimated noise rate and transition matrix of the given labels.

    Parameters
    ----------
    rate : float
        Fraction of wrong labels, between 0 and 1.
    transition : float64 array of shape (K, K)
        Transition matrix. Entry (j, k) is the probability that a row of true class j is labeled k.
        Rows sum to 1.

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
    """Estimate noise rate and transition matrix by confident learning.

    The threshold of a class is its mean probability over the rows with that label. The true class
    of a row is taken to be the most probable one among the classes whose probability reaches their
    threshold. Rows without such a class are ignored.

    Parameters
    ----------
    proba : array of shape (m, K)
        Out-of-fold probabilities.
    codes : int array of shape (m,)
        Given labels, as column numbers of `proba`.
    weight : array of shape (m,)
        Weights of the rows.

    Returns
    -------
    noise : NoiseEstimate
        The estimate. A label is taken to be free of noise if all rows with it are ignored.

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
    proba, codes = _check_proba_and_codes(proba, codes)
    if np.shape(weight) != codes.shape:
        raise ValueError(f"weight has shape {np.shape(weight)}, expected {codes.shape}.")
    n_classes = proba.shape[1]
    totals = np.bincount(codes, weight, n_classes)
    confident = np.where(proba >= _thresholds(proba, codes, weight) - 1e-9, proba, -1.0)
    true = confident.argmax(axis=1)
    counted = confident.max(axis=1) >= 0
    counts = np.zeros((n_classes, n_classes))  # given class, true class
    np.add.at(counts, (codes[counted], true[counted]), weight[counted])
    empty = counts.sum(axis=1) == 0
    counts[empty] = np.eye(n_classes)[empty]
    joint = counts / counts.sum(axis=1, keepdims=True) * totals[:, None]
    true_totals = joint.sum(axis=0)
    occurs = true_totals > 0
    transition = np.eye(n_classes)
    transition[occurs] = (joint[:, occurs] / true_totals[occurs]).T
    return NoiseEstimate(float(1 - np.trace(joint) / joint.sum()), transition)


def _check_proba_and_codes(proba: Any, codes: Any) -> tuple[np.ndarray, np.ndarray]:
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
            f"{codes[:5].tolist()}... Convert labels by np.searchsorted(classes, y)."
        )
    return proba, codes


def _thresholds(proba: np.ndarray, codes: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Mean probability of each class over the rows with that label; inf if there are none."""
    totals = np.bincount(codes, weight, proba.shape[1])
    own = np.bincount(codes, weight * proba[np.arange(len(codes)), codes], proba.shape[1])
    return np.divide(own, totals, out=np.full(proba.shape[1], np.inf), where=totals > 0)
