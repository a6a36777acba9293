"""What each of several fitted heads counts in their average."""

import numpy as np

_TEMPERING = 4.0
_AGREEMENT = 2.0  # nats that a standard deviation of agreement is worth
_CHANCE = 0.5  # agreement that a useless prior may well have
_FEW_LABELS = 50
_FAITH = 3.0  # nats in favour of a prior with half of these; more with less
_PLAIN = 2.0  # agreement beyond which the evidence can speak for itself


def candidate_shares(
    evidence: np.ndarray, anchored: np.ndarray, agreement: float, n_labels: float
) -> np.ndarray:
    """What each candidate counts in the average.

    Those with a prior and those without are weighed against each other by the best of either: by
    their whole evidence, and by whether the labels, none of which the prior has seen, agree with
    it better than chance would have it. With fewer than fifty labels, which can hardly tell, the
    prior has the benefit of the doubt. Among themselves, their evidence is tempered: it has been
    made of few labels, and an average of several heads is better than any.

    Parameters
    ----------
    evidence : array of shape (M,)
        Log-likelihoods of held-out labels.
    anchored : bool array of shape (M,)
        Whether it follows the prior.
    agreement : float
        The prior's, with the labels, in standard deviations.
    n_labels : float
        Number of labels, or their total weight.

    Returns
    -------
    shares : array of shape (M,)
        They sum to 1.

    References
    ----------
    Y. Yao, A. Vehtari, D. Simpson and A. Gelman, "Using stacking to average Bayesian predictive
    distributions", Bayesian Analysis 13, 2018 (pseudo Bayesian model averaging).
    """
    if not anchored.any():
        return evidence_shares(evidence)
    lead = evidence[anchored].max() - evidence[~anchored].max()
    lead += _AGREEMENT * (min(agreement, _PLAIN) - _CHANCE)
    lead += _FAITH * max(_FEW_LABELS / n_labels - 1, 0)
    odds = np.exp(np.clip(lead, -30, 30))
    shares = np.empty(len(evidence))
    shares[anchored] = evidence_shares(evidence[anchored]) * odds / (1 + odds)
    shares[~anchored] = evidence_shares(evidence[~anchored]) / (1 + odds)
    return shares


def evidence_shares(evidence: np.ndarray) -> np.ndarray:
    """Weights for an average of models that are much alike.

    Parameters
    ----------
    evidence : array of shape (M,)
        Log-likelihoods of held-out labels.

    Returns
    -------
    shares : array of shape (M,)
        Proportional to exp(evidence / 4); they sum to 1.
    """
    shares = np.exp((evidence - evidence.max()) / _TEMPERING)
    return shares / shares.sum()
