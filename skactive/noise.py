"""How far each given label can be trusted."""

from collections.abc import Callable

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
    """
    _, group = np.unique(keys, return_inverse=True)
    fold = group % _N_FOLDS
    proba = np.full((len(keys), n_classes), 1 / n_classes)
    for k in np.unique(fold):
        train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        if len(train):
            proba[test] = fit_predict(train, test)
    return proba


def label_trust(proba: np.ndarray, codes: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Trust in each label, by confident learning with a threshold for each class.

    A label is fully trusted where the model gives it at least the probability that it gives that
    class on average among the rows so labelled; below that, in proportion. The threshold of its
    own keeps a rare class, of which every model is less sure, from being taken for noise.

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
    trust : float64 array of shape (m,)
        Between 0 and 1.

    References
    ----------
    C. Northcutt, L. Jiang and I. Chuang, "Confident learning: estimating uncertainty in dataset
    labels", JAIR 70, 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.noise import label_trust
    >>> proba = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9]])
    >>> label_trust(proba, np.array([0, 0, 0]), np.ones(3)).round(2)
    array([1.  , 1.  , 0.17])
    """
    own = proba[np.arange(len(codes)), codes]
    totals = np.bincount(codes, weight, proba.shape[1])
    threshold = np.bincount(codes, weight * own, proba.shape[1]) / np.maximum(totals, 1e-300)
    return np.clip(own / np.maximum(threshold[codes], 1e-300), 0.0, 1.0)
