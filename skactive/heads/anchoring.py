"""The prior's opinion, made fit for anchoring a head to it."""

import numpy as np

_FLOOR = 1e-6  # no prior is so sure that labels could not change its mind
_DEBIASING = 0.5


def calibrated_prior(
    proba: np.ndarray, prior_classes: np.ndarray, classes: np.ndarray, shares: np.ndarray | None
) -> np.ndarray:
    """Debias a prior's probabilities, and spread them over all classes.

    A class that the prior sees everywhere in a pool is discounted: probabilities are divided by
    the square root of the class's mean over the pool. A class that the prior does not know gets
    the probability that it would have if all were equally likely.

    Parameters
    ----------
    proba : array of shape (n, K_prior)
        What the prior says.
    prior_classes : array of shape (K_prior,)
        Its classes.
    classes : array of shape (K,)
        All classes, sorted; the prior's among them.
    shares : array of shape (K_prior,) or None
        The prior's mean probabilities over a pool; None where no pool was seen.

    Returns
    -------
    proba : float64 array of shape (n, K)
        Positive; rows sum to 1.
    """
    proba = np.maximum(np.asarray(proba, dtype=np.float64), _FLOOR)
    if shares is not None:
        proba = proba / np.maximum(shares, _FLOOR) ** _DEBIASING
    known = len(prior_classes) / len(classes)
    spread = np.full((len(proba), len(classes)), 1 / len(classes))
    columns = np.searchsorted(classes, prior_classes)
    spread[:, columns] = known * proba / proba.sum(axis=1, keepdims=True)
    return spread
