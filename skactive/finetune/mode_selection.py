"""The choice between two modes of training, by their accuracy on held-out labels."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

_N_FOLDS = 2
_MANY_ROWS = 300  # with at least so many labels, one fold is enough


class Gain(NamedTuple):
    """Difference of two modes of training in the balanced accuracy on held-out labels.

    Attributes
    ----------
    mean : float
        Mean difference.
    error : float
        Standard error of the mean difference.
    """

    mean: float
    error: float


def held_out_gain(
    keys: np.ndarray,
    codes: np.ndarray,
    weight: np.ndarray,
    fit_predict: Callable[[str, np.ndarray, np.ndarray], np.ndarray],
    modes: tuple[str, str],
) -> Gain:
    """Compare two modes of training by two-fold cross-validation.

    With 300 labels or more, only the first fold is held out.

    Parameters
    ----------
    keys : array of shape (n,)
        Row keys. Equal rows are in the same fold; since keys are digests, the folds are random.
    codes : int array of shape (n,)
        Labels.
    weight : array of shape (n,)
        Sample weights.
    fit_predict : callable
        ``fit_predict(mode, train, test)`` takes positions and returns predicted codes, of shape
        (len(test),).
    modes : pair of str
        The two modes.

    Returns
    -------
    gain : Gain
        Gain of the second mode over the first.
    """
    _, row = np.unique(keys, return_inverse=True)
    fold = row % _N_FOLDS
    difference = np.full(len(codes), np.nan)
    for k in range(_N_FOLDS if len(codes) < _MANY_ROWS else 1):
        train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        correct = [fit_predict(mode, train, test) == codes[test] for mode in modes]
        difference[test] = correct[1].astype(float) - correct[0]
    tested = np.isfinite(difference)
    difference, codes, weight = difference[tested], codes[tested], weight[tested]
    balanced = weight / np.bincount(codes, weight)[codes]
    balanced = balanced / balanced.sum()
    mean = balanced @ difference
    return Gain(float(mean), float(np.sqrt(balanced**2 @ (difference - mean) ** 2)))
