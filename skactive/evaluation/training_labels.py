"""Estimate of performance from the training labels alone, without an audit."""

import warnings
from numbers import Real
from typing import Any

import numpy as np

from skactive._utils.compat import Interval, StrOptions, validate_parameter_constraints
from skactive._utils.validation import check_positions
from skactive.evaluation.audits import Audit
from skactive.evaluation.confusion_metrics import METRICS
from skactive.evaluation.performance import CONFIDENCE, Estimate, performance_draws
from skactive.evaluation.pool_predictions import pool_predictions
from skactive.noise import NoiseEstimate
from skactive.pools.pool import as_pool

_CONSTRAINTS: dict[str, Any] = {
    "metric": [StrOptions(set(METRICS))],
    "confidence": [CONFIDENCE],
    "noise": [NoiseEstimate, Interval(Real, 0, 1, closed="left"), None],
}


def estimate_without_audit(
    clf_or_proba: Any,
    X_pool: Any,
    labeled: Any,
    y: Any,
    *,
    metric: str = "balanced_accuracy",
    confidence: float = 0.9,
    noise: NoiseEstimate | float | None = None,
    classes: Any = None,
) -> Estimate:
    """Estimate the performance from the training labels alone. Not to be trusted: see below.

    The labeled rows are predicted out of fold: the classifier is fitted five times, each time
    without a fifth of them. They are then compared with rows of the pool that have the same
    prediction and a similar confidence, as the rows of an audit are. This corrects for a selection
    that depends on the predictions, such as margin sampling. It does not correct for a selection
    that depends on anything else, nor for labels that are wrong in an unexpected way. No data
    reveal such an error. In benchmarks/evaluation.py, with margin sampling, the median error was 7
    to 15 points, the largest 51, and most intervals missed the true value where labels were right.
    A warning says so with every call.

    Parameters
    ----------
    clf_or_proba : classifier, or float array of shape (N, K)
        The classifier, or its probabilities for the pool. In the rows of the labeled rows, these
        must be out-of-fold probabilities.
    X_pool : container of N rows, or None
        The pool. It may be None where probabilities are given.
    labeled : int array of shape (n,), or bool array of shape (N,)
        Positions of the labeled rows in the pool, or a mask.
    y : array-like of shape (n,)
        Their labels.
    metric : str, default="balanced_accuracy"
        As in `estimate_performance`.
    confidence : float in (0, 1), default=0.9
        Probability with which the interval would contain the performance if the selection
        depended on the predictions only.
    noise : NoiseEstimate, float or None, default=None
        Rate of wrong labels, such as ``clf.noise_``. None: no label is wrong.
    classes : array-like of shape (K,) or None, default=None
        Labels of the columns, if probabilities are given. None means 0 to K - 1.

    Returns
    -------
    estimate : Estimate
        ``value`` and ``interval``.

    Warns
    -----
    UserWarning
        Always.

    Examples
    --------
    >>> import warnings
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skactive.evaluation import estimate_without_audit
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = GaussianNB().fit(X[::5], y[::5])
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     estimate = estimate_without_audit(clf, X, range(0, 150, 5), y[::5])
    >>> estimate.value > 0.8
    True
    """
    validate_parameter_constraints(_CONSTRAINTS, locals(), caller_name="estimate_without_audit")
    X_pool = as_pool(X_pool)
    warnings.warn(
        "Without an audit, the estimate may be wrong by any amount, and its interval does not "
        "account for that: the labeled rows were selected, and their labels may be wrong. Use "
        "audit and estimate_performance before you rely on it.",
        stacklevel=2,
    )
    proba = pool_predictions(clf_or_proba, X_pool, classes).proba
    positions = check_positions(labeled, len(proba), "labeled")
    as_audit = Audit(positions, np.ones(len(proba)), X_pool)
    is_classifier = hasattr(clf_or_proba, "predict_proba")
    draws = performance_draws(
        clf_or_proba,
        as_audit,
        y,
        training=() if is_classifier else None,
        noise=noise,
        classes=classes,
    )
    return draws._replace(prediction_powered=None).estimate(metric, confidence)
