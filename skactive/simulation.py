"""Simulated active-learning runs on labeled data, to compare strategies."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from numbers import Integral
from os import PathLike, fsync, replace
from pathlib import Path
from pickle import PicklingError
from tempfile import NamedTemporaryFile
from typing import Any, NamedTuple

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.metrics import check_scoring, f1_score, get_scorer, recall_score

from skactive import __version__
from skactive._data.row_keys import row_keys
from skactive._data.user_code import user_code_digest
from skactive._utils.compat import validate_parameter_constraints
from skactive._utils.optional_imports import require
from skactive._utils.random import draw_seed
from skactive._utils.validation import (
    check_is_container,
    check_labels,
    check_one_label_per_row,
    unique_labels,
)
from skactive.active import ActiveClassifier
from skactive.budget import Round, label_in_batches
from skactive.curves import LearningCurves
from skactive.datasets import flip_labels
from skactive.evaluation import StoppingRule
from skactive.evaluation.stop_recorder import StopRecorder, check_rules
from skactive.pools.pool import as_pool
from skactive.strategies import QueryStrategy, RandomSampling
from skactive.strategies.parameters import A_STRATEGY, AT_LEAST_ONE, FRACTION, Constraints

_AUDITED = ("accuracy", "balanced_accuracy", "macro_f1")
_PARAMETER_CONSTRAINTS: Constraints = {
    "estimator": [ActiveClassifier],
    "budget": [AT_LEAST_ONE],
    "batch_size": [AT_LEAST_ONE],
    "strategies": [Iterable, A_STRATEGY, None],
    "noise_rate": [FRACTION],
    "n_repeats": [AT_LEAST_ONE],
    "n_jobs": [Integral, None],
    "random_state": ["random_state"],
    "scoring": [str, callable],
    "stopping": [Mapping, None],
    "audit_size": [AT_LEAST_ONE],
    "cache_dir": [str, PathLike, None],
    "verbose": ["verbose"],
}


def simulate(
    estimator: ActiveClassifier,
    X: Any,
    y: Any,
    *,
    budget: int,
    batch_size: int,
    X_test: Any,
    y_test: Any,
    strategies: Mapping[str, Any] | Iterable[str | QueryStrategy] | None = None,
    y_given: Any = None,
    noise_rate: float = 0.0,
    scoring: str | Callable[..., float] = "balanced_accuracy",
    n_repeats: int = 1,
    stopping: Mapping[str, StoppingRule] | None = None,
    audit_size: int = 100,
    n_jobs: int | None = None,
    random_state: int | np.random.RandomState | None = None,
    cache_dir: str | PathLike[str] | None = None,
    verbose: bool = False,
) -> LearningCurves:
    """Simulate active-learning runs for several strategies.

    Each run queries batches of rows from a pool, reveals their labels and measures the classifier
    after each fit. Within one repeat all strategies receive the same labels, wrong ones included,
    and use the same seed. Sequential strategies receive each label before they select the next
    row. The classifier receives the list of all classes with the first labels.

    Parameters
    ----------
    estimator : ActiveClassifier
        The classifier to simulate, with its prior. It is cloned for each run; the clone receives
        the strategy and the seed of the run.
    X : container of n rows
        The pool.
    y : array-like of shape (n,)
        True labels of the pool.
    budget : int
        Number of labels of each run; at most the number of distinct rows in X.
    batch_size : int
        Number of labels between two fits.
    X_test : container of m rows
        Test rows.
    y_test : array-like of shape (m,)
        True labels of the test rows.
    strategies : dict of name to strategy, list of names or strategies, or None, default=None
        Strategies to compare. None means the strategy of `estimator`. Random sampling is always
        included, as ``"random"``.
    y_given : array-like of shape (n,), default=None
        Labels that the annotator gives, if real annotations are available. None means `y` with
        simulated errors, see `noise_rate`.
    noise_rate : float in [0, 1], default=0.0
        Probability that a given label is wrong. A wrong label is any of the other classes with
        equal probability. Each repeat draws its own wrong labels. Cannot be combined with
        `y_given`.
    scoring : str or callable, default="balanced_accuracy"
        How ``score`` is computed: a scorer name of scikit-learn, or ``scorer(estimator, X, y)``.
    n_repeats : int, default=1
        Number of runs of each strategy. Each repeat has its own seed.
    stopping : dict of name to StoppingRule, default=None
        Stopping rules, see `skactive.evaluation`. Runs do not stop, but record where each rule
        would have stopped.
    audit_size : int, default=100
        Number of rows, with correct labels, of the audit for rules that need estimates of the
        score. It is drawn uniformly from the pool after the first fit; the classifier does not
        learn it.
    n_jobs : int or None, default=None
        Number of runs in parallel, as in joblib. Processes share the row cache of an encoder only
        if the encoder has a cache_dir.
    random_state : int, RandomState instance or None, default=None
        Seed of all results except the measured times.
    cache_dir : str or path, default=None
        Folder that stores the result of each run, as JSON, as soon as the run ends. After an
        interruption, the same call computes only the missing runs. A stored run is used only if
        the data, the estimator, the strategy, the budget, the seed and all other arguments of the
        run are equal, and the code of your own strategies, scorers and estimators has not changed.
        Own code is that of all classes and functions that are not installed packages, with what it
        names. Not detected are changes of installed packages other than skactive, and of files,
        arrays, containers of more than 1,000 items and other objects that the code reads: empty the
        folder after such a change.
    verbose : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    curves : LearningCurves
        One record per measurement: ``strategy``, ``repeat``, ``n_labels``; ``score`` as defined by
        `scoring`; ``balanced_accuracy``, ``macro_f1`` and ``worst_class_recall`` on the test rows;
        ``pool_balanced_accuracy`` on the pool; ``query_seconds`` and ``fit_seconds`` of the last
        query and fit, ``seconds`` of all queries and fits so far; ``asked_LABEL``, the number of
        queried rows whose true class is LABEL; ``stop_RULE``, whether a stopping rule has said
        stop by then. With a prior, the first measurement is taken before any label.

    Raises
    ------
    ValueError
        If an argument is invalid. All arguments are checked before the first run.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import train_test_split
    >>> from skactive import ActiveClassifier, simulate
    >>> X, y = load_digits(return_X_y=True)
    >>> pool, X_test, y_pool, y_test = train_test_split(X / 16, y, random_state=0)
    >>> curves = simulate(
    ...     ActiveClassifier(LogisticRegression()), pool, y_pool, X_test=X_test, y_test=y_test,
    ...     budget=60, batch_size=20, strategies=["margin"], random_state=0,
    ... )
    >>> curves
    LearningCurves(random, margin; 1 repeats)
    """
    validate_parameter_constraints(_PARAMETER_CONSTRAINTS, locals(), caller_name="simulate")
    if cache_dir is not None and random_state is None:
        raise ValueError(
            "cache_dir needs a random_state: without a seed, no stored run can be found again. "
            "Give an int as random_state."
        )
    y = check_labels(y, None)
    y_test = check_labels(y_test, y, "y_test")
    X, X_test = as_pool(X), as_pool(X_test)
    check_is_container(X, "X")
    check_is_container(X_test, "X_test")
    check_one_label_per_row(X, y)
    check_one_label_per_row(X_test, y_test, "X_test", "y_test")
    _check_budget(budget, X)
    check_scoring(estimator, scoring)
    named_strategies = _name_strategies(strategies, estimator)
    rules = check_rules(stopping, audit_size, len(y))

    seed = draw_seed(random_state)
    runs, jobs = [], []
    for repeat in range(n_repeats):
        noise_seed, run_seed = np.random.SeedSequence([seed, repeat]).generate_state(2).tolist()
        annotations = _annotations(y, y_given, noise_rate, noise_seed)
        for name, strategy in named_strategies.items():
            clf = clone(estimator).set_params(strategy=strategy, random_state=run_seed)
            runs.append({"strategy": name, "repeat": repeat})
            data = X, y, annotations, X_test, y_test
            jobs.append(_Job(clf, *data, budget, batch_size, scoring, rules, audit_size))
    paths = _cache_paths(jobs, cache_dir)
    calls = (joblib.delayed(_load_or_run)(path, job) for path, job in zip(paths, jobs, strict=True))
    results = joblib.Parallel(n_jobs=n_jobs, return_as="generator")(calls)
    progress = require("tqdm").tqdm(results, total=len(jobs), unit="run", disable=not verbose)
    return LearningCurves(
        {**run, **measurement}
        for run, measurements in zip(runs, progress, strict=True)
        for measurement in measurements
    )


class _Job(NamedTuple):
    """One run: everything that its result depends on."""

    clf: ActiveClassifier
    X: Any
    y: np.ndarray
    annotations: np.ndarray
    X_test: Any
    y_test: np.ndarray
    budget: int
    batch_size: int
    scoring: str | Callable[..., float]
    rules: dict[str, StoppingRule]
    audit_size: int

    def run(self) -> list[dict[str, Any]]:
        clf = clone(self.clf)
        rounds: Iterator[Round] = label_in_batches(
            clf,
            self.X,
            self.annotations,
            classes=unique_labels(self.y, self.annotations),
            budget=self.budget,
            batch_size=self.batch_size,
        )
        if clf.prior is not None:
            rounds = chain([Round(np.empty(0, dtype=np.int64), 0.0, 0.0)], rounds)
        measurements, seconds = [], 0.0
        metric = self.scoring if self.scoring in _AUDITED else "balanced_accuracy"
        stops = StopRecorder(self.rules, self.y, self.audit_size, metric, clf.random_state)
        for queried, query_seconds, fit_seconds in rounds:
            seconds += query_seconds + fit_seconds
            measurements.append(
                {
                    "n_labels": len(queried),
                    **self._scores(clf),
                    "seconds": seconds,
                    "query_seconds": query_seconds,
                    "fit_seconds": fit_seconds,
                    **self._n_queried_per_class(queried),
                    **stops.after(clf, self.X, queried),
                }
            )
        return measurements

    def _scores(self, clf: ActiveClassifier) -> dict[str, float]:
        predicted = clf.predict(self.X_test)
        recalls = _recall_per_class(self.y_test, predicted)
        metrics = {
            "balanced_accuracy": recalls.mean(),
            "macro_f1": f1_score(
                self.y_test,
                predicted,
                labels=np.unique(self.y_test),
                average="macro",
                zero_division=0,
            ),
            "worst_class_recall": recalls.min(),
            "pool_balanced_accuracy": _recall_per_class(self.y, clf.predict(self.X)).mean(),
        }
        if self.scoring in metrics:
            score = metrics[self.scoring]
        else:
            score = get_scorer(self.scoring)(clf, self.X_test, self.y_test)
        return {name: float(value) for name, value in {"score": score, **metrics}.items()}

    def _n_queried_per_class(self, queried: np.ndarray) -> dict[str, int]:
        classes, codes = np.unique(self.y, return_inverse=True)
        counts = np.bincount(codes[queried], minlength=len(classes)).tolist()
        return {f"asked_{label}": count for label, count in zip(classes, counts, strict=True)}


def _recall_per_class(y: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    return recall_score(y, predicted, labels=np.unique(y), average=None, zero_division=0)


def _check_budget(budget: int, X: Any) -> None:
    n_distinct = len(np.unique(row_keys(X)))
    if budget > n_distinct:
        raise ValueError(
            f"budget={budget}, but X has only {n_distinct} different rows, and each is queried at "
            "most once. Lower budget, or give a larger pool."
        )


def _name_strategies(strategies: Any, estimator: ActiveClassifier) -> dict[str, Any]:
    """Map names to strategies, random sampling first, and check that each can be used."""
    if strategies is None:
        strategies = [estimator.strategy]
    if not isinstance(strategies, Mapping):
        is_single = isinstance(strategies, str) or A_STRATEGY.is_satisfied_by(strategies)
        listed = [strategies] if is_single else list(strategies)
        strategies = {" ".join(str(strategy).split()): strategy for strategy in listed}
        if len(strategies) < len(listed):
            raise ValueError(
                f"strategies={listed} names one strategy twice. Give a dict with distinct names."
            )
    named = {"random": "random"} | dict(strategies)
    if named["random"] != "random" and not isinstance(named["random"], RandomSampling):
        raise ValueError(
            f"strategies gives {named['random']!r} the name 'random', which is reserved for random "
            "sampling. Give it another name."
        )
    for strategy in named.values():
        clf = clone(estimator).set_params(strategy=strategy)
        clf._validate_params()
        clf._query_strategy()
    return named


def _annotations(y: np.ndarray, y_given: Any, noise_rate: float, seed: int) -> np.ndarray:
    """Labels that the annotator gives to all rows of the pool."""
    if y_given is None:
        return flip_labels(y, noise_rate, random_state=seed) if noise_rate else y
    if noise_rate:
        raise ValueError("y_given and noise_rate exclude each other; give one of them.")
    y_given = check_labels(y_given, y, "y_given")
    check_one_label_per_row(y, y_given, "X", "y_given")
    return y_given


def _cache_paths(jobs: list[_Job], cache_dir: str | PathLike[str] | None) -> list[Path | None]:
    """Path of the stored result of each run: a hash of data, arguments and users' own code."""
    if cache_dir is None:
        return [None] * len(jobs)
    rows = joblib.hash([row_keys(jobs[0].X), row_keys(jobs[0].X_test)])
    try:
        keys = [_key(job._replace(X=None, X_test=None), rows) for job in jobs]
    except PicklingError as error:
        raise ValueError(
            "cache_dir stores each run under a hash of its arguments, but one of estimator, "
            "strategies and scoring cannot be pickled, probably because of a lambda. "
            "Give a named function."
        ) from error
    folder = Path(cache_dir)
    folder.mkdir(parents=True, exist_ok=True)
    return [folder / f"{key}.json" for key in keys]


def _key(job: _Job, rows: str) -> str:
    code = user_code_digest(job)
    return joblib.hash([__version__, rows, *job] + [code] * bool(code))


def _load_or_run(path: Path | None, job: _Job) -> list[dict[str, Any]]:
    if path is None:
        return job.run()
    if path.exists():
        return json.loads(path.read_text())
    measurements = job.run()
    # renaming is atomic: a file of that name is complete even if the process is killed
    with NamedTemporaryFile("w", dir=path.parent, suffix=".tmp", delete=False) as file:
        json.dump(measurements, file)
        file.flush()
        fsync(file.fileno())
    replace(file.name, path)
    return measurements
