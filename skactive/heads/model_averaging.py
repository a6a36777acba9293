"""Weights for an average of models, from the log-likelihood of held-out labels."""

import numpy as np

_TEMPERATURE = 4.0
_NATS_PER_Z_SCORE = 2.0
_USELESS_Z_SCORE = 0.5  # a useless prior can reach this z-score
_MAX_Z_SCORE = 2.0  # a higher z-score adds nothing
_FEW_LABELS = 50
_PRIOR_LOG_ODDS = 3.0  # in favor of a prior, at half of _FEW_LABELS; more with fewer labels


def candidate_weights(
    evidence: np.ndarray, anchored: np.ndarray, prior_z_score: float, n_labels: float
) -> np.ndarray:
    """Weight of each candidate head in the average.

    First, the candidates with a prior are compared with the candidates without, each group
    represented by its best candidate. The log-odds between the groups are a sum of up to three
    terms: the difference of the evidence; a term that grows with the z-score of the prior's fit to
    the labels; and, with fewer than 50 labels, a term in favor of the prior. Within each group, the
    weights follow from the tempered evidence: see `evidence_weights`.

    Parameters
    ----------
    evidence : array of shape (M,)
        Log-likelihoods of held-out labels.
    anchored : bool array of shape (M,)
        Whether the candidate uses the prior.
    prior_z_score : float
        Permutation z-score of the prior's fit to the labels.
    n_labels : float
        Number of labels, or their total weight.

    Returns
    -------
    weights : array of shape (M,)
        They sum to 1.

    References
    ----------
    Y. Yao, A. Vehtari, D. Simpson and A. Gelman, "Using stacking to average Bayesian predictive
    distributions", Bayesian Analysis 13, 2018 (pseudo Bayesian model averaging).
    """
    if not anchored.any():
        return evidence_weights(evidence)
    log_odds = evidence[anchored].max() - evidence[~anchored].max()
    log_odds += _NATS_PER_Z_SCORE * (min(prior_z_score, _MAX_Z_SCORE) - _USELESS_Z_SCORE)
    log_odds += _PRIOR_LOG_ODDS * max(_FEW_LABELS / n_labels - 1, 0)
    odds = np.exp(np.clip(log_odds, -30, 30))
    weights = np.empty(len(evidence))
    weights[anchored] = evidence_weights(evidence[anchored]) * odds / (1 + odds)
    weights[~anchored] = evidence_weights(evidence[~anchored]) / (1 + odds)
    return weights


def evidence_weights(evidence: np.ndarray) -> np.ndarray:
    """Weights for an average of similar models, from the tempered evidence.

    Tempering keeps several models in the average, which is better than the best of them alone: the
    evidence is based on few labels.

    Parameters
    ----------
    evidence : array of shape (M,)
        Log-likelihoods of held-out labels.

    Returns
    -------
    weights : array of shape (M,)
        Proportional to exp(evidence / 4); they sum to 1.
    """
    weights = np.exp((evidence - evidence.max()) / _TEMPERATURE)
    return weights / weights.sum()
