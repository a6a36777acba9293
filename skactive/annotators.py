"""Annotator reliability: Dawid-Skene, Krippendorff's alpha and the gain of a further answer."""

from typing import Any, NamedTuple

import numpy as np
from scipy.special import softmax

_MAX_ITER = 100
_TOLERANCE = 1e-5  # largest change of a probability in the last iteration
# Pseudo-counts, chosen on simulated crowds. An annotator with few answers has the accuracy of all
# annotators, and an annotator with few answers per class makes the same errors in all classes.
_OVERALL, _OVERALL_STRENGTH = 0.8, 20.0
_ACCURACY_STRENGTH = 4.0
_GUESS_STRENGTH = 4.0
_CONFUSION_STRENGTH = 10.0
_CLASS_STRENGTH = 1.0


class _Answers(NamedTuple):
    rows: np.ndarray
    annotators: np.ndarray
    codes: np.ndarray


class AnnotatorEstimate(NamedTuple):
    """True classes of rows and reliability of annotators.

    Parameters
    ----------
    proba : float64 array of shape (n, K)
        Probability of each true class, given the answers. Rows sum to 1.
    confusion : float64 array of shape (A, K, K)
        Entry (a, j, k) is the probability that annotator a gives label k to a row of class j.
    accuracy : float64 array of shape (A,)
        Probability that an answer of each annotator is correct.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.annotators import AnnotatorEstimate
    >>> AnnotatorEstimate(np.array([[0.9, 0.1]]), np.ones((1, 2, 2)) / 2, np.array([0.5])).accuracy
    array([0.5])
    """

    proba: np.ndarray
    confusion: np.ndarray
    accuracy: np.ndarray


def dawid_skene(
    rows: Any, annotators: Any, codes: Any, n_classes: int, *, prior: Any = None
) -> AnnotatorEstimate:
    """Estimate true classes and annotator confusion matrices by expectation maximization.

    This is the model of Dawid and Skene with priors: each confusion matrix is shrunk toward a
    one-coin matrix, and its accuracy toward the accuracy of all annotators. Few answers then
    suffice. In the one-coin matrix, an annotator either knows the class or guesses, and guesses are
    distributed as all labels of this annotator, as in MACE (Hovy et al., below).

    Parameters
    ----------
    rows : int array of shape (m,)
        Number of the row of each answer, from 0 to n - 1.
    annotators : int array of shape (m,)
        Number of its annotator, from 0 to A - 1.
    codes : int array of shape (m,)
        Given labels, from 0 to K - 1.
    n_classes : int
        Number K of classes, at least 1.
    prior : array of shape (n, K), default=None
        Probabilities of each true class before any answer, such as held-out predictions of a
        classifier. None estimates class frequencies, the same for all rows.

    Returns
    -------
    estimate : AnnotatorEstimate
        The estimate. It does not depend on the order of the answers.

    Raises
    ------
    ValueError
        If shapes differ, or numbers are outside their range.

    References
    ----------
    A. P. Dawid and A. M. Skene, "Maximum likelihood estimation of observer error-rates using the EM
    algorithm", Applied Statistics 28, 1979.

    D. Hovy et al., "Learning whom to trust with MACE", NAACL 2013.

    V. C. Raykar et al., "Learning from crowds", JMLR 11, 2010.

    Examples
    --------
    >>> from skactive.annotators import dawid_skene
    >>> rows = [0, 0, 0, 1, 1, 1, 2, 2, 2]
    >>> annotators = [0, 1, 2, 0, 1, 2, 0, 1, 2]
    >>> estimate = dawid_skene(rows, annotators, [0, 0, 1, 1, 1, 0, 1, 1, 1], 2)
    >>> estimate.proba.argmax(axis=1)
    array([0, 1, 1])
    >>> int(estimate.accuracy.argmin())
    2
    """
    rows, annotators, codes = _check_answers(rows, annotators, codes, n_classes)
    answers, n = _Answers(rows, annotators, codes), int(rows.max()) + 1
    # a single answer says nothing about its annotator, unless the prior knows the row
    informative = np.ones(len(rows)) if prior is not None else np.bincount(rows)[rows] > 1
    given = None if prior is None else _check_prior(prior, n, n_classes)
    proba = _vote_fractions(rows, codes, n, n_classes, given)
    for _ in range(_MAX_ITER):
        confusion, accuracy = _confusion(proba, answers, informative)
        logits = np.log(_class_frequencies(proba) if given is None else given)
        logits = np.broadcast_to(logits, proba.shape).copy()
        np.add.at(logits, rows, np.log(confusion[annotators, :, codes]))
        previous, proba = proba, softmax(logits, axis=1)
        if np.abs(proba - previous).max() < _TOLERANCE:
            break
    confusion, accuracy = _confusion(proba, answers, informative)
    return AnnotatorEstimate(proba, confusion, accuracy)


def krippendorff_alpha(rows: Any, codes: Any) -> float:
    """Krippendorff's alpha for nominal labels: agreement of annotators beyond chance.

    Parameters
    ----------
    rows : int array of shape (m,)
        Number of the row of each answer.
    codes : int array of shape (m,)
        Given labels, whole numbers from 0.

    Returns
    -------
    alpha : float
        1 for perfect agreement, 0 for agreement by chance, negative below. NaN if no row has two
        answers, or if all of these answers are equal.

    Raises
    ------
    ValueError
        If shapes differ, or numbers are negative or not whole.

    References
    ----------
    K. Krippendorff, "Computing Krippendorff's alpha-reliability", 2011.

    Examples
    --------
    >>> from skactive.annotators import krippendorff_alpha
    >>> krippendorff_alpha([0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 0, 1])
    0.444...
    """
    if np.shape(rows) == np.shape(codes) == (0,):
        return float("nan")
    rows, codes = _check_numbers(rows=rows, codes=codes)
    _, number = np.unique(rows, return_inverse=True)
    counts = np.zeros((number.max() + 1, codes.max() + 1))
    np.add.at(counts, (number, codes), 1.0)
    size = counts.sum(axis=1)
    counts, size = counts[size > 1], size[size > 1]
    total, of_class = size.sum(), counts.sum(axis=0)
    expected = (total**2 - (of_class**2).sum()) / max(total - 1, 1)
    if expected <= 0:
        return float("nan")
    observed = ((size**2 - (counts**2).sum(axis=1)) / (size - 1)).sum()
    return float(1 - observed / expected)


def answer_gain(proba: Any, confusion: Any) -> np.ndarray:
    """Expected gain in the probability that a row is labeled correctly, by one further answer.

    The same formula serves rows with answers, whose `proba` follows from `dawid_skene`, and rows
    without, whose `proba` is predicted by a classifier. So it says which rows are worth a second
    answer rather than a new row.

    Parameters
    ----------
    proba : array of shape (n, K)
        Probability of each true class before the answer.
    confusion : array of shape (K, K)
        Entry (j, k) is the probability that the annotator gives label k to a row of class j.

    Returns
    -------
    gain : float64 array of shape (n,)
        Between 0 and 1 - 1 / K.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.annotators import answer_gain
    >>> answer_gain([[0.5, 0.5], [1.0, 0.0]], np.array([[0.9, 0.1], [0.1, 0.9]])).round(2)
    array([0.4, 0. ])
    """
    proba, confusion = np.asarray(proba, dtype=float), np.asarray(confusion, dtype=float)
    joint = proba[:, :, None] * confusion  # row, true class, answer
    return np.maximum(joint.max(axis=1).sum(axis=1) - proba.max(axis=1), 0.0)


def _confusion(
    proba: np.ndarray, answers: "_Answers", informative: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Confusion matrices and accuracies, given the probabilities of the true classes."""
    n_classes = proba.shape[1]
    counts = np.zeros((answers.annotators.max() + 1, n_classes, n_classes))
    weighted = proba[answers.rows] * informative[:, None]
    np.add.at(counts.transpose(0, 2, 1), (answers.annotators, answers.codes), weighted)
    totals, correct = counts.sum(axis=(1, 2)), np.trace(counts, axis1=1, axis2=2)
    overall = (correct.sum() + _OVERALL_STRENGTH * _OVERALL) / (totals.sum() + _OVERALL_STRENGTH)
    accuracy = (correct + _ACCURACY_STRENGTH * overall) / (totals + _ACCURACY_STRENGTH)
    given = counts.sum(axis=1) + _GUESS_STRENGTH / n_classes
    given /= given.sum(axis=1, keepdims=True)
    # heads: the true class; tails: a guess, distributed as the annotator's labels are
    by_chance = given @ _class_frequencies(counts.sum(axis=0).T)
    heads = np.clip((accuracy - by_chance) / np.maximum(1 - by_chance, 1e-9), 0, 1)[:, None, None]
    one_coin = heads * np.eye(n_classes) + (1 - heads) * given[:, None, :]
    smoothed = counts + _CONFUSION_STRENGTH * one_coin + 1e-9
    return smoothed / smoothed.sum(axis=2, keepdims=True), accuracy


def _class_frequencies(proba: np.ndarray) -> np.ndarray:
    totals = proba.sum(axis=0) + _CLASS_STRENGTH
    return totals / totals.sum()


def _vote_fractions(
    rows: np.ndarray, codes: np.ndarray, n: int, n_classes: int, prior: np.ndarray | None
) -> np.ndarray:
    counts = np.zeros((n, n_classes)) if prior is None else prior.copy()
    np.add.at(counts, (rows, codes), 1.0)
    counts += 1e-9  # rows without an answer
    return counts / counts.sum(axis=1, keepdims=True)


def _check_answers(
    rows: Any, annotators: Any, codes: Any, n_classes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows, annotators, codes = _check_numbers(rows=rows, annotators=annotators, codes=codes)
    if codes.max() >= n_classes:
        raise ValueError(f"codes holds {codes.max()}, but n_classes={n_classes}.")
    return rows, annotators, codes


def _check_numbers(**given: Any) -> list[np.ndarray]:
    arrays = {name: np.asarray(numbers) for name, numbers in given.items()}
    n = len(arrays["codes"]) if arrays["codes"].ndim else 0
    for name, array in arrays.items():
        if array.shape != (n,) or not n:
            raise ValueError(
                f"{name} has shape {array.shape}; give {' and '.join(arrays)} of one length."
            )
        if array.dtype.kind not in "iu" or array.min() < 0:
            raise ValueError(f"{name} must hold whole numbers from 0; got {array[:5].tolist()}...")
    return list(arrays.values())


def _check_prior(prior: Any, n: int, n_classes: int) -> np.ndarray:
    prior = np.asarray(prior, dtype=float)
    if prior.shape != (n, n_classes) or not np.isfinite(prior).all() or (prior < 0).any():
        raise ValueError(f"prior must hold probabilities of shape ({n}, {n_classes}).")
    prior = np.maximum(prior, 1e-6)  # no answer can change a probability of zero
    return prior / prior.sum(axis=1, keepdims=True)
