"""Estimates of performance from an audit, with intervals."""

import warnings
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone

from skactive._data.containers import concatenate, take
from skactive._data.row_keys import row_keys
from skactive._utils.compat import Interval, StrOptions, validate_parameter_constraints
from skactive._utils.validation import check_labels, check_one_label_per_row
from skactive.evaluation.audits import Audit
from skactive.evaluation.confusion_metrics import METRICS, PER_CLASS
from skactive.evaluation.confusion_posterior import AnswerNoise, AuditedCells, draw_confusions
from skactive.evaluation.pool_predictions import pool_predictions
from skactive.evaluation.prediction_powered import prediction_powered_confusion
from skactive.evaluation.strata import confidence_strata
from skactive.noise import NoiseEstimate

_N_FOLDS = 5
_FEW_ROWS = 10
_MANY_CLASSES, _ROWS_PER_CLASS = 25, 20
_WIDENING = 1.15  # for errors of the model, see docs/benchmarks.md
_NOISE_STRENGTH = 30  # answers that an estimated noise rate counts for
_PRIOR_OF_ANSWERS = 2.0, 0.7  # right and wrong, of the rate estimated from second answers
_LEAST_CONFUSION = 1e-3
CONFIDENCE: Any = Interval(Real, 0, 1, closed="neither")
_CONSTRAINTS: dict[str, Any] = {
    "audit": [Audit],
    "metric": [StrOptions(set(METRICS))],
    "confidence": [CONFIDENCE],
    "training": [tuple, None],
    "noise": [NoiseEstimate, Interval(Real, 0, 1, closed="left"), None],
}


class Estimate(NamedTuple):
    """An estimate with its interval.

    Parameters
    ----------
    value : float, or float64 array of shape (K,)
        The estimate; one for each class if the metric is one of a class.
    interval : float64 array of shape (2,) or (2, K)
        Lower and upper end.
    confidence : float, default=0.9
        Probability with which the interval is to contain the true value.
    metric : str or None, default=None
        What is estimated, such as ``"balanced_accuracy"``. Estimates of different metrics are not
        compared: a forecast or a report of both raises an error. None, as for a plain number,
        means that it is not known.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.evaluation import Estimate
    >>> Estimate(0.8, np.array([0.7, 0.9])).value
    0.8
    """

    value: Any
    interval: np.ndarray
    confidence: float = 0.9
    metric: str | None = None


def estimate_performance(
    clf_or_proba: Any,
    audit: Audit,
    y: Any,
    *,
    metric: str = "balanced_accuracy",
    confidence: float = 0.9,
    training: tuple[Any, Any] | None = None,
    noise: NoiseEstimate | float | None = None,
    classes: Any = None,
) -> Estimate:
    """Estimate the performance of a classifier on a pool from the answers to an audit.

    The estimate refers to all rows of the pool that the audit does not exclude. For accuracy, it
    is the prediction-powered estimate (PPI++): answers with importance weights, and the
    classifier's probabilities as control variate. It is unbiased even if the probabilities are
    wrong. For all other metrics, which are ratios, and for answers that may be wrong, it is the
    mean of a Bayesian posterior.

    The interval is one of that posterior: the class frequencies in groups of rows with the same
    prediction and similar confidence have Dirichlet distributions around calibrated probabilities.
    The answers of the audit determine the calibration and how much the probabilities count. The
    rows of the pool that were not drawn are filled in from the posterior.

    Parameters
    ----------
    clf_or_proba : classifier, or float array of shape (N, K)
        The classifier to be evaluated, or its probabilities for the pool. It may have learned more
        than it had when the audit was drawn.
    audit : Audit
        The audit.
    y : array-like of shape (n,) or (n, A)
        Answers to ``audit.positions``, in that order. With A >= 2 answers to each row, the rate of
        wrong answers is estimated from their disagreement.
    metric : str, default="balanced_accuracy"
        ``"accuracy"``, ``"balanced_accuracy"`` or ``"macro_f1"``, or ``"precision"``, ``"recall"``
        or ``"f1"`` of each class. Classes without rows do not count.
    confidence : float in (0, 1), default=0.9
        Probability with which the interval is to contain the performance.
    training : tuple (X, y) or None, default=None
        Give this if the audited rows are among those that the classifier has learned: all
        *other* labeled rows, and their labels. The classifier is then fitted five times, each time
        without a fifth of the audited rows, to predict those.
    noise : NoiseEstimate, float or None, default=None
        Estimated rate of wrong answers, such as ``clf.noise_``, if each row has one answer. None:
        single answers are right.
    classes : array-like of shape (K,) or None, default=None
        Labels of the columns, if probabilities are given, such as ``clf.classes_``. None means 0 to
        K - 1.

    Returns
    -------
    estimate : Estimate
        ``value`` and ``interval``. For a metric of each class, the columns are those of the
        classifier, followed by new classes that occur in `y` only.

    Raises
    ------
    ValueError
        If lengths differ, an answer is missing, probabilities of named classes are given without
        `classes`, or another argument is invalid.

    Warns
    -----
    UserWarning
        If the interval is not to be relied upon: fewer than ten answers, more than 25 classes with
        fewer than 20 answers each on average, audited rows that the classifier has learned, or
        single answers that may be wrong.

    References
    ----------
    A. N. Angelopoulos, J. C. Duchi and T. Zrnic, "PPI++: efficient prediction-powered inference",
    2023, arXiv:2311.01453.

    T. Zrnic and E. J. Candès, "Cross-prediction-powered inference", PNAS 121, 2024.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.evaluation import audit, estimate_performance
    >>> rng = np.random.default_rng(0)
    >>> proba = rng.dirichlet([1, 1, 1], 1000)
    >>> y = np.array([rng.choice(3, p=row) for row in proba])
    >>> drawn = audit(proba, None, 100, random_state=0)
    >>> estimate = estimate_performance(proba, drawn, y[drawn.positions], metric="accuracy")
    >>> low, high = estimate.interval
    >>> bool(low < (proba.argmax(axis=1) == y).mean() < high)
    True
    """
    validate_parameter_constraints(_CONSTRAINTS, locals(), caller_name="estimate_performance")
    _warn_of_unreliable_answers(clf_or_proba, audit, y, training, noise)
    draws = performance_draws(clf_or_proba, audit, y, training, noise, classes)
    n_audited, n_classes = len(audit.positions), len(draws.classes)
    if n_classes > _MANY_CLASSES and n_audited < _ROWS_PER_CLASS * n_classes:
        warnings.warn(
            f"The audit has {n_audited} rows for {n_classes} classes. In benchmarks with so many "
            "classes, intervals contained the true value less often than they should. Audit at "
            f"least {_ROWS_PER_CLASS} rows per class.",
            stacklevel=2,
        )
    return draws.estimate(metric, confidence)


class PerformanceDraws(NamedTuple):
    """Posterior draws of the confusion matrix, and its prediction-powered estimate."""

    confusions: np.ndarray  # (B, K, K)
    prediction_powered: np.ndarray | None  # (K, K); None if answers may be wrong
    classes: np.ndarray  # (K,)

    def of_metric(self, metric: str) -> np.ndarray:
        """Draws of a metric, of shape (B,) or (B, K)."""
        return METRICS[metric](self.confusions)

    def estimate(self, metric: str, confidence: float) -> Estimate:
        """Value and interval of a metric."""
        draws = self.of_metric(metric)
        known = ~np.isnan(draws).all(axis=0)
        filled = np.where(known, draws, 0)
        tail = (1 - confidence) / 2
        low, middle, high = np.nanquantile(filled, [tail, 0.5, 1 - tail], axis=0)
        ends = middle + _WIDENING * (np.stack([low, high]) - middle)
        interval = np.where(known, np.clip(ends, 0, 1), np.nan)
        value = np.where(known, np.nanmean(filled, axis=0), np.nan)
        if metric == "accuracy" and self.prediction_powered is not None:
            value = np.clip(METRICS[metric](self.prediction_powered), *interval)
        of_metric = value if metric in PER_CLASS else float(value)
        return Estimate(of_metric, interval, confidence, metric)


def performance_draws(
    clf_or_proba: Any,
    audit: Audit,
    y: Any,
    training: tuple[Any, ...] | None = None,
    noise: NoiseEstimate | float | None = None,
    classes: Any = None,
) -> PerformanceDraws:
    """Draw confusion matrices of a pool; see `estimate_performance` for the arguments."""
    proba, columns = pool_predictions(clf_or_proba, audit.X_pool, classes)
    if len(proba) != len(audit.inclusion):
        raise ValueError(
            f"clf holds probabilities of {len(proba)} rows, but the audit was drawn from "
            f"{len(audit.inclusion)} rows. Give one row of probabilities for each row of the pool."
        )
    answers = _check_answers(y, audit)
    if (
        not hasattr(clf_or_proba, "predict_proba")
        and classes is None
        and answers.dtype.kind in "Ub"
    ):
        raise ValueError(
            f"y holds labels such as {answers.flat[0].item()!r}, but the columns of the "
            f"probabilities are classes 0 to {len(columns) - 1}, because classes is None. Give the "
            "labels of the columns, for example classes=clf.classes_."
        )
    check_labels(answers[:, 0], columns)
    new = np.setdiff1d(answers, columns)
    classes = np.concatenate([columns, new])
    proba = np.hstack([proba, np.zeros((len(proba), len(new)))])
    order = np.argsort(classes)
    codes = order[np.searchsorted(classes, answers, sorter=order)]
    n_answers = codes.shape[1]
    if training is not None:
        proba = _held_out(clf_or_proba, audit, answers[:, 0], training, proba, classes)
    kept = np.flatnonzero(audit.inclusion)
    stratum = confidence_strata(proba[kept])
    audited = np.searchsorted(kept, audit.positions)
    cells = AuditedCells(proba[kept], stratum, stratum[audited], audit.weights, codes)
    answer_noise = _answer_noise(noise, len(classes), n_answers)
    confusions = draw_confusions(cells, answer_noise, np.random.default_rng(0))
    powered = None
    if answer_noise is None:
        predicted = proba[kept].argmax(axis=1)
        powered = prediction_powered_confusion(
            proba[kept], predicted, stratum, audited, audit.weights, codes[:, 0]
        )
    return PerformanceDraws(confusions, powered, classes)


def _check_answers(y: Any, audit: Audit) -> np.ndarray:
    """The answers, one row for each audited row and one column for each annotator."""
    answers = y if isinstance(y, np.ndarray) and y.dtype.kind != "f" else np.asarray(y, object)
    check_one_label_per_row(audit.positions, answers, "audit.positions")
    if answers.ndim == 1:
        return check_labels(answers, None)[:, None]
    columns: list[np.ndarray] = []
    for j in range(answers.shape[1]):  # an error names the column and the row
        earlier = columns[0] if columns else None
        columns.append(check_labels(answers[:, j], earlier, f"y[:, {j}]"))
    return np.column_stack(columns)


def _held_out(
    clf: Any,
    audit: Audit,
    y: np.ndarray,
    training: tuple[Any, ...],
    proba: np.ndarray,
    classes: np.ndarray,
) -> np.ndarray:
    """Replace the probabilities of the audited rows by those of models without their labels."""
    if not hasattr(clf, "fit") or audit.X_pool is None:
        raise ValueError(
            "training was given, but a fit needs a classifier and rows, and clf_or_proba holds "
            "probabilities, or the audit has no X_pool. Give held-out probabilities instead, and "
            "training=None."
        )
    proba, columns = proba.copy(), np.argsort(classes)
    for k in range(_N_FOLDS):
        held_out = np.arange(len(y)) % _N_FOLDS == k
        if not held_out.any() or held_out.all():
            continue
        X, labels = take(audit.X_pool, audit.positions[~held_out]), y[~held_out]
        if training:
            check_one_label_per_row(training[0], training[1], "training[0]", "training[1]")
            X = concatenate(training[0], X)
            labels = np.concatenate([np.asarray(training[1]), labels])
        model = _refit(clf, X, labels, audit.X_pool)
        rows = audit.positions[held_out]
        proba[rows] = 0
        of_model = columns[np.searchsorted(classes, model.classes_, sorter=columns)]
        proba[rows[:, None], of_model] = model.predict_proba(take(audit.X_pool, rows))
    return proba


def _refit(clf: Any, X: Any, y: np.ndarray, X_pool: Any) -> Any:
    model = clone(clf)
    if not hasattr(model, "query"):
        return model.fit(X, y)
    # the statistics of the pool change the predictions, the strategy does not
    model.set_params(strategy="random", random_state=0).query(X_pool)
    return model.partial_fit(X, y, classes=clf.classes_)


def _warn_of_unreliable_answers(
    clf: Any, audit: Audit, y: Any, training: Any, noise: NoiseEstimate | float | None
) -> None:
    n_audited = len(audit.positions)
    if n_audited < _FEW_ROWS:
        warnings.warn(
            f"The audit has only {n_audited} rows. The interval depends on the classifier's own "
            "probabilities. Audit at least 30 rows.",
            stacklevel=3,
        )
    if np.ndim(y) == 1 and _noise_rate(noise):
        warnings.warn(
            f"Each row has one answer, and {_noise_rate(noise):.0%} of the answers are taken to be "
            "wrong. The interval is wider, and only as good as this rate. Ask a second annotator.",
            stacklevel=3,
        )
    fitted = getattr(getattr(clf, "_state", None), "fitted", None)
    if training is None and audit.X_pool is not None and fitted is not None:
        keys = row_keys(take(audit.X_pool, audit.positions))
        n_learned = int(np.isin(keys, fitted.history.batch.keys).sum())
        if n_learned:
            warnings.warn(
                f"{n_learned} of the {n_audited} audited rows are among those that the classifier "
                "has learned, so the estimate is too high. Give the other labeled rows and their "
                "labels as training.",
                stacklevel=3,
            )


def _answer_noise(
    noise: NoiseEstimate | float | None, n_classes: int, n_answers: int
) -> AnswerNoise | None:
    uniform = (1 - np.eye(n_classes)) / (n_classes - 1)
    if n_answers > 1:
        return AnswerNoise(*_PRIOR_OF_ANSWERS, uniform)
    rate = _noise_rate(noise)
    if rate == 0:
        return None
    confusion = uniform
    if isinstance(noise, NoiseEstimate) and len(noise.transition) == n_classes:
        wrong = noise.transition * (1 - np.eye(n_classes)) + _LEAST_CONFUSION * uniform
        confusion = wrong / wrong.sum(axis=1, keepdims=True)
    return AnswerNoise(_NOISE_STRENGTH * (1 - rate), _NOISE_STRENGTH * rate, confusion)


def _noise_rate(noise: NoiseEstimate | float | None) -> float:
    return float(noise.rate if isinstance(noise, NoiseEstimate) else noise or 0)
