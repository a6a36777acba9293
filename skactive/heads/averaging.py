"""What each of several fitted heads counts in their average."""

import numpy as np

_TEMPERING = 4.0
_AGREEMENT = 2.0  # nats that a standard deviation of agreement is worth
_CHANCE = 0.5  # agreement that a useless prior may well have
_FEW_LABELS = 50
_FAITH = 3.0  # nats in favour of a prior with half of these; more with less
_PLAIN = 2.0  # agreement beyond which the evidence can speak for itself
_BENEFIT = 100.0  # imaginary labels for the prior, over n
_EXPECTED = 0.4  # agreement of a prior of use, over the square root of n
_MOST_AGREEING = 0.1  # imaginary labels for the prior that agreement can bring, for each of n
_SEVERITY = 2.0  # imaginary labels against it, for each nat by which it looks useless,
_MOST_DOUBT = 400.0  # but no more than this over n
_TOO_FEW = 20  # labels, to hold anything against it
_WRONG = 0.1  # share of labels reckoned to be wrong when opinions are weighed
_SHARES = np.linspace(0.0125, 0.9875, 40)


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


def mixture_share(
    with_prior: np.ndarray,
    without: np.ndarray,
    codes: np.ndarray,
    weight: np.ndarray,
    n_classes: int,
    agreement: float,
) -> float:
    """What an expert with a prior counts in a mixture with one without.

    The mean of the share's posterior, given labels that neither has seen. It begins with 100 / n
    imaginary labels in favour of the prior, n being the number of labels, because few can hardly
    tell. Then the agreement is compared: 0.4 sqrt(n) is expected of a prior of use, 0 of any other.
    The log-likelihood ratio is added in favour of the prior, up to n / 10, because labels that a
    strategy has asked for are of rows on which even a good prior is in doubt. Where it is negative,
    twice its size counts against the prior, in so far as there are more than twenty labels, and up
    to 400 / n: many can tell by themselves, and where many are wrong a good prior may look useless.
    For what a label counts, see `label_worth`.

    Parameters
    ----------
    with_prior, without : array of shape (n,)
        Probabilities by which either foretold each label; NaN where one was not asked.
    codes : int array of shape (n,)
        The labels.
    weight : array of shape (n,)
        Their weights.
    n_classes : int
        How many labels there may be.
    agreement : float
        The prior's, with the labels, in standard deviations above chance.

    Returns
    -------
    share : float
        Between 0 and 1.

    References
    ----------
    Y. Yao, A. Vehtari, D. Simpson and A. Gelman, "Using stacking to average Bayesian predictive
    distributions", Bayesian Analysis 13, 2018.
    """
    asked = ~(np.isnan(with_prior) | np.isnan(without))
    worth, n_labels = label_worth(codes, weight, asked), weight.sum()
    expected = _EXPECTED * np.sqrt(n_labels)
    ratio = expected * (agreement - expected / 2)
    benefit = _BENEFIT / n_labels + np.clip(ratio, 0, _MOST_AGREEING * n_labels)
    doubt = np.clip(-_SEVERITY * ratio, 0, _MOST_DOUBT / n_labels)
    doubt *= max(1 - _TOO_FEW / n_labels, 0)
    log_posterior = benefit * np.log(_SHARES) + doubt * np.log(1 - _SHARES)
    mixture = np.outer(_SHARES, with_prior[asked]) + np.outer(1 - _SHARES, without[asked])
    log_posterior += log_likelihood(mixture, n_classes) @ worth[asked]
    posterior = np.exp(log_posterior - log_posterior.max())
    return float(posterior @ _SHARES / posterior.sum())


def label_worth(codes: np.ndarray, weight: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """What each label counts when opinions are weighed.

    One over the square root of its class's labels, since rare classes matter as much as others.

    Parameters
    ----------
    codes : array of shape (n,)
        The labels.
    weight : array of shape (n,)
        Their weights.
    asked : bool array of shape (n,)
        Whether it was foretold; those that were stand for all.

    Returns
    -------
    worth : array of shape (n,)
        They sum to the labels' weights.
    """
    counts = np.bincount(codes, weight)
    worth = np.where(asked, weight / np.sqrt(counts[codes]), 0)
    return worth * (weight.sum() / max(worth.sum(), 1e-12))


def log_likelihood(proba: np.ndarray, n_classes: int) -> np.ndarray:
    """Of labels, one in ten of which is reckoned to be wrong.

    Parameters
    ----------
    proba : array of any shape
        Probabilities by which labels were foretold.
    n_classes : int
        How many labels there may be.

    Returns
    -------
    log_likelihood : array of the same shape
    """
    return np.log((1 - _WRONG) * proba + _WRONG / n_classes)
