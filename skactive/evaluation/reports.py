"""Report on a labeling project: what is known, what to expect, what to do next."""

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from skactive._data.row_keys import row_keys
from skactive._learner.fitted_state import FittedState
from skactive._utils.compat import HasMethods, StrOptions, validate_parameter_constraints
from skactive._utils.optional_imports import require
from skactive._utils.validation import check_is_container
from skactive.active import ActiveClassifier
from skactive.evaluation.advice import N_MORE, advice
from skactive.evaluation.audits import Audit
from skactive.evaluation.forecasts import common_metric, forecast
from skactive.evaluation.labeling_progress import LabelingProgress
from skactive.evaluation.performance import CONFIDENCE, Estimate, estimate_performance
from skactive.evaluation.pool_reports import PoolReport
from skactive.evaluation.training_labels import estimate_without_audit
from skactive.pools.pool import as_pool

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MIN_ROUNDS = 3
_CONSTRAINTS: dict[str, Any] = {
    "clf": [ActiveClassifier],
    "audit": [Audit, None],
    "progress": [LabelingProgress, None],
    "metric": [StrOptions({"accuracy", "balanced_accuracy", "macro_f1"})],
    "confidence": [CONFIDENCE],
    "annotators": [HasMethods("__getitem__"), None],
    "pool_report": [PoolReport, None],
}
_OF_ANNOTATORS = ("annotator", "answers", "accuracy")
_OF_POOL_REPORT = (
    "near_duplicates",
    "conflicting_labels",
    "leaked_rows",
    "new_frequency_shift",
    "new_p_value",
)


class Report:
    """Report on a labeling project, made by `report`.

    ``str(report)`` is a table, `to_dict` returns the values, and `plot` draws the classes.

    Parameters
    ----------
    values : dict
        The values by name.

    Examples
    --------
    >>> from skactive.evaluation import Report
    >>> print(Report({"labels": 20, "advice": "Audit."}))
    labels  20
    advice  Audit.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def __str__(self) -> str:
        lines = {name: _cell(value) for name, value in self._values.items() if value is not None}
        width = max(map(len, lines))
        return "\n".join(f"{name:{width}}  {text}" for name, text in lines.items())

    def to_dict(self) -> dict[str, Any]:
        """Return the values.

        Returns
        -------
        values : dict
            ``labels`` (number of labels), ``classes_found``, ``classes_expected`` (estimate of the
            number of classes), ``labels_per_class`` and ``expected_frequencies`` (dicts by class),
            ``metric``, ``estimate`` (Estimate), ``audited`` (number of audited rows, 0 without an
            audit), ``forecast`` (Estimate after 100 further labels, or None), ``noise_rate`` and
            ``suspects`` (number of labels that are probably wrong; ``clf.suspects`` lists them) or
            None, ``annotators`` (for each name a dict with ``answers`` and ``accuracy``) or None,
            ``shift`` (total variation distance between the class frequencies of the labels and
            those expected in the pool), and ``advice``. With a `PoolReport`: ``near_duplicates``,
            ``conflicting_labels`` and, if it has new rows, ``leaked_rows``,
            ``new_frequency_shift`` and ``new_p_value``, as in `PoolReport.summary`.
        """
        return dict(self._values)

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Plot the class frequencies of the labels beside those expected in the pool.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.

        Returns
        -------
        ax : matplotlib Axes
            The axes, with the advice as title.
        """
        if ax is None:
            ax = require("matplotlib.pyplot").subplots(layout="constrained")[1]
        counts = self._values["labels_per_class"]
        at, total = np.arange(len(counts)), sum(counts.values())
        expected = list(self._values["expected_frequencies"].values())
        ax.bar(at - 0.2, [n / total for n in counts.values()], 0.4, label="labels")
        ax.bar(at + 0.2, expected, 0.4, label="expected in the pool")
        ax.set_xticks(at, [str(label) for label in counts], rotation="vertical")
        ax.set(ylabel="class frequency", title=self._values["advice"])
        ax.legend()
        return ax


def report(
    clf: ActiveClassifier,
    X_pool: Any,
    *,
    audit: Audit | None = None,
    y: Any = None,
    progress: LabelingProgress | None = None,
    target: float | None = None,
    metric: str = "balanced_accuracy",
    confidence: float = 0.9,
    annotators: Any = None,
    pool_report: PoolReport | None = None,
) -> Report:
    """Report on a labeling project.

    The estimate is that of the audit, if there is one, and otherwise one from the training labels
    alone, which is not to be trusted: see `estimate_without_audit`. Audited rows that the
    classifier has learned are predicted out of fold. The number of expected classes is Chao's lower
    bound, from the numbers of classes with one and with two labels. Accuracies of annotators are
    those of `skactive.annotators.dawid_skene`, with out-of-fold predictions as prior.

    Parameters
    ----------
    clf : ActiveClassifier
        The classifier, after its first labels. Wrap any other one, so that its labels are known:
        ``ActiveClassifier(estimator).fit(X, y)``.
    X_pool : container of N rows
        The pool.
    audit : Audit, default=None
        An audit of the pool. Its rows may be among the labels of the classifier.
    y : array-like of shape (n,) or (n, A), default=None
        Answers to the audit, as in `estimate_performance`.
    progress : LabelingProgress, default=None
        Earlier fits, with estimates of the same metric, for a forecast. Plain numbers are taken to
        be scores of this metric.
    target : float, default=None
        The score to be reached.
    metric : {"accuracy", "balanced_accuracy", "macro_f1"}, default="balanced_accuracy"
        What is estimated.
    confidence : float in (0, 1), default=0.9
        Of the intervals.
    annotators : DataFrame, default=None
        A table with columns ``annotator``, ``answers`` and ``accuracy``, such as
        ``LabelingProject.annotators()``. None estimates them, if labels were given with
        `annotators`.
    pool_report : PoolReport, default=None
        Adds what `pool_report` found about duplicates, conflicts, leakage and shift.

    Returns
    -------
    report : Report
        A table when printed; a dictionary by `Report.to_dict`.

    Raises
    ------
    NotFittedError
        If the classifier has no labels.
    ValueError
        If only one of `audit` and `y` is given, the estimates in `progress` are of another metric,
        or `annotators` lacks a column.

    References
    ----------
    A. Chao, "Nonparametric estimation of the number of classes in a population", Scandinavian
    Journal of Statistics 11, 1984.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive import ActiveClassifier
    >>> from skactive.evaluation import report
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = ActiveClassifier(LogisticRegression(), random_state=0).fit(X[::10], y[::10])
    >>> values = report(clf, X).to_dict()
    >>> values["labels"], values["classes_found"], values["advice"]
    (15, 3, 'Audit: without an audit, nobody knows how good the classifier is.')
    """
    validate_parameter_constraints(_CONSTRAINTS, locals(), caller_name="report")
    X_pool = as_pool(X_pool)
    check_is_container(X_pool, "X_pool")
    if (audit is None) != (y is None):
        raise ValueError("Give audit and y together: the audit, and the answers to its rows.")
    ahead = _forecast(progress, metric, confidence)
    fitted = clf._fitted()
    labels = fitted.labels
    proba, classes = clf.predict_proba(X_pool), clf.classes_
    count = np.bincount(np.searchsorted(classes, labels.y), minlength=len(classes))
    frequency = proba.mean(axis=0)
    held_out, positions, given = _predict_out_of_fold(fitted, X_pool, proba)
    if audit is not None:
        audited = np.isin(np.arange(len(proba)), audit.positions)
        proba[audited] = held_out[audited]
        estimate = estimate_performance(
            proba, audit, y, metric=metric, confidence=confidence, classes=classes
        )
    elif len(positions):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the advice says the same
            estimate = estimate_without_audit(
                held_out,
                None,
                positions,
                given,
                metric=metric,
                confidence=confidence,
                noise=clf.noise_,
                classes=classes,
            )
    else:
        estimate = None
    annotators = _annotator_table(fitted) if annotators is None else annotators
    noise_rate = None if clf.noise is None else float(clf.noise_.rate)
    values = {
        "labels": len(fitted.history),
        "classes_found": int((count > 0).sum()),
        "classes_expected": _expected_classes(count),
        "labels_per_class": dict(zip(classes.tolist(), count.tolist(), strict=True)),
        "expected_frequencies": dict(zip(classes.tolist(), frequency.tolist(), strict=True)),
        "metric": metric,
        "estimate": estimate,
        "audited": 0 if audit is None else len(audit.positions),
        "forecast": ahead,
        "noise_rate": noise_rate,
        "suspects": None if noise_rate is None else round(noise_rate * len(fitted.history)),
        "annotators": None if annotators is None else _by_name(annotators),
        "shift": float(np.abs(count / count.sum() - frequency).sum() / 2),
    }
    if pool_report is not None:
        found = pool_report.summary()
        values |= {name: found[name] for name in _OF_POOL_REPORT if name in found}
    return Report(values | {"advice": advice(values, target)})


def _predict_out_of_fold(
    fitted: FittedState, X_pool: Any, proba: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities with those of labeled rows out of fold; their positions and labels."""
    keys = row_keys(X_pool)
    # of several labels of one row, the first entry
    labeled, entry = np.unique(fitted.labels.batch.keys, return_index=True)
    at = np.minimum(np.searchsorted(labeled, keys), len(labeled) - 1)
    rows = np.flatnonzero(labeled[at] == keys)
    entry = entry[at[rows]]
    proba = proba.copy()
    proba[rows] = fitted.predictor.corrected(fitted._out_of_fold[0])[entry]
    _, once = np.unique(entry, return_index=True)  # equal rows of the pool have one label
    return proba, rows[once], fitted.labels.y[entry[once]]


def _annotator_table(fitted: FittedState) -> dict[str, np.ndarray] | None:
    if fitted.annotators is None:
        return None
    given = fitted.history.annotator[fitted.history.learned]  # type: ignore[index]
    names, n_answers = np.unique(given, return_counts=True)
    return {"annotator": names, "answers": n_answers, "accuracy": fitted.annotators.accuracy}


def _by_name(table: Any) -> dict[str, dict[str, Any]]:
    missing = [name for name in _OF_ANNOTATORS if name not in table]
    if missing:
        raise ValueError(
            f"annotators has no column {missing[0]!r}. Give {', '.join(_OF_ANNOTATORS)}."
        )
    columns = (table[name] for name in _OF_ANNOTATORS)
    return {
        str(name): {"answers": int(n), "accuracy": float(accuracy)}
        for name, n, accuracy in zip(*columns, strict=True)
    }


def _forecast(progress: LabelingProgress | None, metric: str, confidence: float) -> Estimate | None:
    known = [] if progress is None else progress.known_estimates()
    given = common_metric(estimate for _, estimate in known)
    if given not in (None, metric):
        raise ValueError(
            f"progress holds estimates of {given!r}, but the report is to estimate {metric!r}. "
            f"Give report metric={given!r}, or give LabelingProgress.add estimates with "
            f"metric={metric!r}."
        )
    if len(known) < _MIN_ROUNDS:
        return None
    n_labels, estimates = zip(*known, strict=True)
    return forecast(n_labels, estimates, N_MORE, confidence=confidence)._replace(metric=metric)


def _expected_classes(count: np.ndarray) -> int:
    """Chao's estimate of the number of classes, and at least those that are announced."""
    found, once, twice = (count > 0).sum(), (count == 1).sum(), (count == 2).sum()
    unseen = once * (once - 1) / (2 * (twice + 1))
    return int(max(len(count), np.ceil(found + unseen)))


def _cell(value: Any) -> str:
    if isinstance(value, Estimate):
        low, high = value.interval
        return f"{value.value:.3f} [{low:.3f}, {high:.3f}]"
    if isinstance(value, dict) and any(isinstance(item, dict) for item in value.values()):
        return "; ".join(f"{key} ({_cell(item)})" for key, item in value.items())
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_cell(item)}" for key, item in value.items())
    return f"{value:.3f}" if isinstance(value, float) else str(value)
