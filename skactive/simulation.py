"""simulate: strategies side by side on data whose labels are known."""

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
from skactive._utils.compat import validate_parameter_constraints
from skactive._utils.optional_imports import require
from skactive._utils.random import draw_seed
from skactive._utils.validation import (
    check_is_container,
    check_labels,
    check_one_label_a_row,
    unique_labels,
)
from skactive.active import ActiveClassifier
from skactive.budget import Round, label_in_batches
from skactive.curves import LearningCurves
from skactive.datasets import flip_labels
from skactive.strategies import QueryStrategy, RandomSampling
from skactive.strategies.parameters import A_STRATEGY, AT_LEAST_ONE, FRACTION, Constraints

_ALLOWED: Constraints = {
    "estimator": [ActiveClassifier],
    "budget": [AT_LEAST_ONE],
    "batch_size": [AT_LEAST_ONE],
    "strategies": [Iterable, A_STRATEGY, None],
    "noise_rate": [FRACTION],
    "n_repeats": [AT_LEAST_ONE],
    "n_jobs": [Integral, None],
    "random_state": ["random_state"],
    "scoring": [str, callable],
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
    n_jobs: int | None = None,
    random_state: int | np.random.RandomState | None = None,
    cache_dir: str | PathLike[str] | None = None,
    verbose: bool = False,
) -> LearningCurves:
    """Play labeling jobs with several strategies, and measure what each batch of labels teaches.

    In one repeat all strategies meet the same answers, wrong ones included, and the same seed.
    Strategies with steps hear the answers between them. All classes in `y` and the answers are
    announced beforehand.

    Parameters
    ----------
    estimator : ActiveClassifier
        What asks and learns, with its prior. It is cloned for each run, and given a seed.
    X : container of n rows
        The pool.
    y : array-like of shape (n,)
        Their true labels.
    budget : int
        Labels asked for in all; no more than there are different rows in X.
    batch_size : int
        Labels given between two fits.
    X_test : container of m rows
        Rows to measure on.
    y_test : array-like of shape (m,)
        Their true labels.
    strategies : dict of name to strategy, list of names or strategies, or None, default=None
        What to compare. None: the estimator's own. Random sampling always takes part, as
        ``"random"``.
    y_given : array-like of shape (n,), default=None
        What the annotator says, where real answers are known.
    noise_rate : float in [0, 1], default=0.0
        Where they are not: the share of answers that are wrong, any other class being as likely.
        Drawn anew in each repeat.
    scoring : str or callable, default="balanced_accuracy"
        The ``score``: a name that scikit-learn knows, or ``scorer(estimator, X, y)``.
    n_repeats : int, default=1
        Runs of each strategy, with other wrong answers and another seed.
    n_jobs : int or None, default=None
        Runs at the same time, as joblib counts them. Processes share an encoder's row cache only
        where it has a cache_dir.
    random_state : int, RandomState instance or None, default=None
        Decides everything but the seconds.
    cache_dir : str or path, default=None
        A folder in which each run is kept as soon as it is over, as JSON. Called again after an
        interruption, by whatever means, only the missing runs are made. Runs of other data,
        estimators, strategies, budgets or seeds are never taken for these; runs of changed code
        are, so empty the folder after a change to a class of your own.
    verbose : bool, default=False
        Show a progress bar.

    Returns
    -------
    curves : LearningCurves
        One record for each measurement: ``strategy``, ``repeat``, ``n_labels``; ``score`` by
        `scoring`; on the test rows ``balanced_accuracy``, ``macro_f1`` and ``worst_class_recall``;
        on the pool ``pool_balanced_accuracy``; ``seconds`` of all queries and fits so far, those
        of the last ones as ``query_seconds`` and ``fit_seconds``; ``asked_LABEL``, how many rows
        truly of that class were asked about so far. With a prior the first is before any label.

    Raises
    ------
    ValueError
        If an argument cannot be used; nothing has been run then.

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
    validate_parameter_constraints(_ALLOWED, locals(), caller_name="simulate")
    if cache_dir is not None and random_state is None:
        raise ValueError("cache_dir needs a random_state: no run could be found again without.")
    y = check_labels(y, None)
    y_test = check_labels(y_test, y, "y_test")
    check_is_container(X, "X")
    check_is_container(X_test, "X_test")
    check_one_label_a_row(X, y)
    check_one_label_a_row(X_test, y_test, "X_test", "y_test")
    _check_budget(budget, X)
    check_scoring(estimator, scoring)
    named = _named(strategies, estimator)

    seed = draw_seed(random_state)
    runs, jobs = [], []
    for repeat in range(n_repeats):
        noise_seed, run_seed = np.random.SeedSequence([seed, repeat]).generate_state(2).tolist()
        answers = _answers(y, y_given, noise_rate, noise_seed)
        for name, strategy in named.items():
            clf = clone(estimator).set_params(strategy=strategy, random_state=run_seed)
            runs.append({"strategy": name, "repeat": repeat})
            jobs.append(_Job(clf, X, y, answers, X_test, y_test, budget, batch_size, scoring))
    paths = _paths(jobs, cache_dir)
    calls = (joblib.delayed(_kept)(path, job) for path, job in zip(paths, jobs, strict=True))
    outcomes = joblib.Parallel(n_jobs=n_jobs, return_as="generator")(calls)
    progress = require("tqdm").tqdm(outcomes, total=len(jobs), unit="run", disable=not verbose)
    return LearningCurves(
        {**run, **measured}
        for run, outcome in zip(runs, progress, strict=True)
        for measured in outcome
    )


class _Job(NamedTuple):
    """All that one run's outcome depends on."""

    clf: ActiveClassifier
    X: Any
    y: np.ndarray
    answers: np.ndarray
    X_test: Any
    y_test: np.ndarray
    budget: int
    batch_size: int
    scoring: str | Callable[..., float]

    def play(self) -> list[dict[str, Any]]:
        clf = clone(self.clf)
        rounds: Iterator[Round] = label_in_batches(
            clf,
            self.X,
            self.answers,
            classes=unique_labels(self.y, self.answers),
            budget=self.budget,
            batch_size=self.batch_size,
        )
        if clf.prior is not None:
            rounds = chain([Round(np.empty(0, dtype=np.int64), 0.0, 0.0)], rounds)
        measured, seconds = [], 0.0
        for asked, query_seconds, fit_seconds in rounds:
            seconds += query_seconds + fit_seconds
            measured.append(
                {
                    "n_labels": len(asked),
                    **self._scores(clf),
                    "seconds": seconds,
                    "query_seconds": query_seconds,
                    "fit_seconds": fit_seconds,
                    **self._asked_of_each_class(asked),
                }
            )
        return measured

    def _scores(self, clf: ActiveClassifier) -> dict[str, float]:
        predicted = clf.predict(self.X_test)
        recalls = _recalls(self.y_test, predicted)
        measures = {
            "balanced_accuracy": recalls.mean(),
            "macro_f1": f1_score(
                self.y_test,
                predicted,
                labels=np.unique(self.y_test),
                average="macro",
                zero_division=0,
            ),
            "worst_class_recall": recalls.min(),
            "pool_balanced_accuracy": _recalls(self.y, clf.predict(self.X)).mean(),
        }
        if self.scoring in measures:
            score = measures[self.scoring]
        else:
            score = get_scorer(self.scoring)(clf, self.X_test, self.y_test)
        return {name: float(value) for name, value in {"score": score, **measures}.items()}

    def _asked_of_each_class(self, asked: np.ndarray) -> dict[str, int]:
        classes, codes = np.unique(self.y, return_inverse=True)
        counts = np.bincount(codes[asked], minlength=len(classes)).tolist()
        return {f"asked_{label}": count for label, count in zip(classes, counts, strict=True)}


def _recalls(y: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    return recall_score(y, predicted, labels=np.unique(y), average=None, zero_division=0)


def _check_budget(budget: int, X: Any) -> None:
    n_different = len(np.unique(row_keys(X)))
    if budget > n_different:
        raise ValueError(
            f"budget={budget}, but X has only {n_different} different rows, of which each is "
            "asked about once. Lower budget, or give a larger pool."
        )


def _named(strategies: Any, estimator: ActiveClassifier) -> dict[str, Any]:
    """Strategies by name, random sampling first; each of them usable."""
    if strategies is None:
        strategies = [estimator.strategy]
    if not isinstance(strategies, Mapping):
        is_one = isinstance(strategies, str) or A_STRATEGY.is_satisfied_by(strategies)
        listed = [strategies] if is_one else list(strategies)
        strategies = {" ".join(str(strategy).split()): strategy for strategy in listed}
        if len(strategies) < len(listed):
            raise ValueError(f"strategies={listed} has one twice; give a dict with other names.")
    named = {"random": "random"} | dict(strategies)
    if named["random"] != "random" and not isinstance(named["random"], RandomSampling):
        raise ValueError(
            f"strategies names {named['random']!r} 'random', which is random sampling's own name: "
            "it takes part always. Give another name."
        )
    for strategy in named.values():
        clf = clone(estimator).set_params(strategy=strategy)
        clf._validate_params()
        clf._query_strategy()
    return named


def _answers(y: np.ndarray, y_given: Any, noise_rate: float, seed: int) -> np.ndarray:
    if y_given is None:
        return flip_labels(y, noise_rate, random_state=seed) if noise_rate else y
    if noise_rate:
        raise ValueError("y_given and noise_rate exclude each other; give one of them.")
    y_given = check_labels(y_given, y, "y_given")
    check_one_label_a_row(y, y_given, "X", "y_given")
    return y_given


def _paths(jobs: list[_Job], cache_dir: str | PathLike[str] | None) -> list[Path | None]:
    """Where each run's outcome is kept: under a name that all it depends on decides."""
    if cache_dir is None:
        return [None] * len(jobs)
    folder = Path(cache_dir)
    folder.mkdir(parents=True, exist_ok=True)
    rows = joblib.hash([row_keys(jobs[0].X), row_keys(jobs[0].X_test)])
    try:
        keys = [
            joblib.hash([__version__, rows, *job._replace(X=None, X_test=None)]) for job in jobs
        ]
    except PicklingError as error:
        raise ValueError(
            "cache_dir names a run by all that it depends on, and something among estimator, "
            "strategies and scoring cannot be pickled: a lambda, most often. Give a named function."
        ) from error
    return [folder / f"{key}.json" for key in keys]


def _kept(path: Path | None, job: _Job) -> list[dict[str, Any]]:
    if path is None:
        return job.play()
    if path.exists():
        return json.loads(path.read_text())
    outcome = job.play()
    # Whoever kills us kills us before or after the renaming: a file by that name is whole.
    with NamedTemporaryFile("w", dir=path.parent, suffix=".tmp", delete=False) as file:
        json.dump(outcome, file)
        file.flush()
        fsync(file.fileno())
    replace(file.name, path)
    return outcome
