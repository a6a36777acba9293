"""Label noise: trust in each label, noise rate and transition matrix."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

_N_FOLDS = 5
_FLOOR = 1e-12  # of probabilities
_MAX_RATE = 0.7  # labels are more often right than wrong, up to randomness
_N_RATES = 70
_N_COMBINED = 100
_EXPONENTS = 2.0 ** np.arange(-2, 2.6, 0.5)
_TYPICAL_EXPONENT = 2.0**0.5  # regularized models are more often too diffuse than too confident
_ERROR_RATES = np.array([0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7])
_TEMPERING = 0.5  # exponent of the likelihood with many labels
_LABELS_PER_CLASS = 3.0  # with so many, half of this exponent
_MANY_LABELS = 1000.0  # with so many, half of it, too
_DENSITY_RATIO = 0.2585  # exp(-z**2 / 2) for the quantile z of a 90 % interval


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
        Predicted probabilities. They are uniform if there is no other fold to train on, or if the
        predictions for a row are not finite.

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
            predicted = np.asarray(fit_predict(train, test))
            finite = np.isfinite(predicted).all(axis=1)
            proba[test[finite]] = predicted[finite]
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
    interval : (float, float)
        Lower and upper end of a 90 % interval for the rate. It is wide where few labels, or
        uncertain predictions, cannot tell wrong labels from errors of the model.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.noise import NoiseEstimate
    >>> NoiseEstimate(rate=0.1, transition=np.eye(2), interval=(0.0, 0.3)).rate
    0.1
    """

    rate: float
    transition: np.ndarray
    interval: tuple[float, float]


def estimate_noise(proba: np.ndarray, codes: np.ndarray, weight: np.ndarray) -> NoiseEstimate:
    """Estimate noise rate and transition matrix from out-of-fold probabilities.

    A label contradicts a held-out prediction because the row is difficult, because the model is
    wrong, or because the label is wrong. The posterior distribution has one parameter for each:

    - The probabilities are raised to a power and normalized, since they can be too diffuse or too
      confident. The binary logarithm of the power has a normal prior distribution with mean 0.5
      and standard deviation 1.
    - A fraction of the probabilities is replaced by uniform ones: errors of which the model is
      certain. Its prior distribution is exponential with mean K / n, n being the number of labels.
    - The noise rate is the probability that a label is wrong. Each of the other classes is then
      equally probable. The prior distribution is uniform up to 0.7, or up to (K - 1) / K if this is
      less.

    This model is only approximately true, however many labels there are. The log-likelihood is
    therefore multiplied by 0.5 n / ((n + 3 K) (1 + n / 1000)). `rate` is the posterior mean.
    `interval` contains the rates whose posterior density is at least 26 % of the maximum, as a
    likelihood-ratio interval of 90 % does. For the transition matrix, the expected numbers of
    labels of each kind, and one pseudo-label in each class, are scaled to the same rate.

    Parameters
    ----------
    proba : array of shape (m, K)
        Out-of-fold probabilities: each row is predicted by a model that has not seen its label.
    codes : int array of shape (m,)
        Given labels, as column numbers of `proba`.
    weight : array of shape (m,)
        Weights of the rows. A weight of 2 equals a repeated row.

    Returns
    -------
    noise : NoiseEstimate
        The estimate. With a single class, no label is wrong.

    References
    ----------
    D. Angluin and P. Laird, "Learning from noisy examples", Machine Learning 2, 1988 (the model of
    wrong labels).

    P. Grünwald and T. van Ommen, "Inconsistency of Bayesian inference for misspecified linear
    models, and a proposal for repairing it", Bayesian Analysis 12, 2017 (the exponent of the
    likelihood).

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.noise import estimate_noise
    >>> proba = np.tile([[0.9, 0.1], [0.1, 0.9]], (100, 1))
    >>> codes = np.tile([0, 1], 100)
    >>> codes[::10] = 1  # every tenth label contradicts its prediction
    >>> noise = estimate_noise(proba, codes, np.ones(200))
    >>> noise.interval[0] < 0.1 < noise.interval[1]
    True
    """
    proba, codes = _check_proba_and_codes(proba, codes)
    weight = np.asarray(weight, dtype=np.float64)
    if weight.shape != codes.shape:
        raise ValueError(f"weight has shape {weight.shape}, expected {codes.shape}.")
    bad = np.flatnonzero(~(np.isfinite(weight) & (weight >= 0)))
    if len(bad):
        raise ValueError(f"weight must be finite and at least 0; got {weight[bad[0]]}.")
    n_classes = proba.shape[1]
    if n_classes == 1:
        return NoiseEstimate(0.0, np.eye(1), (0.0, 0.0))
    highest = min(_MAX_RATE, (n_classes - 1) / n_classes)
    edges = np.linspace(0, highest, _N_RATES + 1)
    rates = (edges[:-1] + edges[1:]) / 2
    log_proba = np.log(np.maximum(proba, _FLOOR))
    posterior = _posterior(log_proba, codes, weight, rates)
    by_rate = posterior.sum(axis=0)
    rate = float(by_rate @ rates)
    likely = np.flatnonzero(by_rate >= _DENSITY_RATIO * by_rate.max())
    low, high = float(edges[likely[0]]), float(edges[likely[-1] + 1])
    exponent = float(np.exp(posterior.sum(axis=1) @ np.log(_EXPONENTS)))
    transition = _transition(_power(log_proba, exponent), codes, weight, rate)
    return NoiseEstimate(rate, transition, (min(low, rate), max(high, rate)))


def _posterior(
    log_proba: np.ndarray, codes: np.ndarray, weight: np.ndarray, rates: np.ndarray
) -> np.ndarray:
    """Joint posterior distribution (exponents, rates)."""
    n_labels, n_classes = max(weight.sum(), 1.0), log_proba.shape[1]
    log_prior_error = -_ERROR_RATES * n_labels / n_classes
    log_prior_error -= np.log(np.exp(log_prior_error).sum())
    # An error of the model has the same effect as noise: only their combined rate matters.
    chance = (n_classes - 1) / n_classes
    combined = chance - (chance - rates) * (1 - _ERROR_RATES[:, None])
    grid = np.linspace(np.sqrt(rates[0]), np.sqrt(chance), _N_COMBINED) ** 2
    tempering = _TEMPERING * n_labels / (n_labels + _LABELS_PER_CLASS * n_classes)
    tempering /= 1 + n_labels / _MANY_LABELS
    log_posterior = np.empty((len(_EXPONENTS), len(rates)))
    for k, exponent in enumerate(_EXPONENTS):
        own = _power(log_proba, exponent)[np.arange(len(codes)), codes][:, None]
        likelihood = (1 - grid) * own + grid * (1 - own) / (n_classes - 1)
        log_likelihood = np.interp(combined, grid, weight @ np.log(likelihood))
        each = tempering * log_likelihood + log_prior_error[:, None]
        octaves = np.log2(exponent / _TYPICAL_EXPONENT)
        log_posterior[k] = np.logaddexp.reduce(each, axis=0) - octaves**2 / 2
    posterior = np.exp(log_posterior - log_posterior.max())
    return posterior / posterior.sum()


def _power(log_proba: np.ndarray, exponent: float) -> np.ndarray:
    power = np.exp(exponent * (log_proba - log_proba.max(axis=1, keepdims=True)))
    return power / power.sum(axis=1, keepdims=True)


def _transition(
    proba: np.ndarray, codes: np.ndarray, weight: np.ndarray, rate: float
) -> np.ndarray:
    """Transition matrix (K, K) whose expected fraction of wrong labels is `rate`."""
    n_classes = proba.shape[1]
    given = np.eye(n_classes)[codes]
    true = proba * np.where(given > 0, 1 - rate, rate / (n_classes - 1))
    true *= (weight / true.sum(axis=1))[:, None]
    joint = true.T @ given + np.where(np.eye(n_classes) > 0, 1 - rate, rate / (n_classes - 1))
    right = np.trace(joint) / joint.sum()
    joint *= np.where(np.eye(n_classes) > 0, (1 - rate) / right, rate / (1 - right))
    return joint / joint.sum(axis=1, keepdims=True)


def _check_proba_and_codes(proba: Any, codes: Any) -> tuple[np.ndarray, np.ndarray]:
    proba, codes = np.asarray(proba), np.asarray(codes)
    if proba.ndim != 2 or codes.shape != proba.shape[:1]:
        raise ValueError(
            f"proba has shape {proba.shape} and codes {codes.shape}, expected (m, K) and (m,)."
        )
    if proba.dtype.kind not in "biuf":
        raise ValueError(f"proba must hold numbers, but its dtype is {proba.dtype}.")
    possible = np.isfinite(proba) & (proba >= 0)
    bad = np.flatnonzero(~(possible.all(axis=1) & (proba > 0).any(axis=1)))
    if len(bad):
        raise ValueError(
            f"proba must hold finite probabilities that are not all zero in a row; row {bad[0]} is "
            f"{proba[bad[0]][:5].tolist()}. Give 1 / K where nothing is known."
        )
    if codes.dtype.kind not in "iu" or (
        len(codes) and not 0 <= codes.min() <= codes.max() < proba.shape[1]
    ):
        raise ValueError(
            f"codes must be whole numbers from 0 to {proba.shape[1] - 1}, columns of proba; got "
            f"{codes[:5].tolist()}... Convert labels by np.searchsorted(classes, y)."
        )
    return proba, codes
