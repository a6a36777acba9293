"""Whether to tune the model: what is foretold of labels held out decides."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

_N_FOLDS = 2
_MANY_ROWS = 300  # from here on one fold is enough


class Gain(NamedTuple):
    """What one way of training foretells of labels that it has not seen, less what another does.

    Attributes
    ----------
    mean : float
        In balanced accuracy.
    error : float
        Standard error of the mean.
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
    """Train on one half of the labels in two ways, foretell the other half, and the reverse.

    Where labels are many, the reverse is left out.

    Parameters
    ----------
    keys : array of shape (n,)
        Digests of the rows: equal rows share a half, and halves made from their order are random.
    codes : int array of shape (n,)
        Labels.
    weight : array of shape (n,)
        How much each counts.
    fit_predict : callable
        ``fit_predict(mode, train, test)`` gives codes (len(test),) from positions.
    modes : pair of str
        The two ways.

    Returns
    -------
    gain : Gain
        Of the second way over the first.
    """
    _, group = np.unique(keys, return_inverse=True)
    fold = group % _N_FOLDS
    gained = np.full(len(codes), np.nan)
    for k in range(_N_FOLDS if len(codes) < _MANY_ROWS else 1):
        train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        right = [fit_predict(mode, train, test) == codes[test] for mode in modes]
        gained[test] = right[1].astype(float) - right[0]
    tested = np.isfinite(gained)
    gained, codes, weight = gained[tested], codes[tested], weight[tested]
    share = weight / np.bincount(codes, weight)[codes]
    share = share / share.sum()
    mean = share @ gained
    return Gain(float(mean), float(np.sqrt(share**2 @ (gained - mean) ** 2)))
