"""What a user has without skactive: scikit-activeml around a logistic regression, and PriorAL."""

import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec

import numpy as np
from _learner_peers import NORM, logistic
from _trials import Trial
from sklearn.linear_model import LogisticRegression

from skactive.strategies import CoDecision, PoolView

CS = (0.1, 1.0, 10.0)
STRATEGIES = {
    "random": ("RandomSampling", {}),
    "margin": ("UncertaintySampling", {"method": "margin_sampling"}),
    "entropy": ("UncertaintySampling", {"method": "entropy"}),
    "least_confident": ("UncertaintySampling", {"method": "least_confident"}),
    "k_center": ("CoreSet", {}),
    "badge": ("Badge", {}),
    "typiclust": ("TypiClust", {}),
    "falcun": ("Falcun", {}),
    "drop_query": ("DropQuery", {}),
}
WITHOUT_CLASSIFIER = ("random", "k_center", "typiclust")


@cache
def has_scikit_activeml() -> bool:
    if find_spec("skactiveml"):
        return True
    print(
        'skipped: scikit-activeml, which is not installed. Run pip install "skactive[bench]".',
        file=sys.stderr,
    )
    return False


def peer_runs(
    trial: Trial, name: str, budget: int, batch: int, seed: int
) -> Iterator[tuple[float, list[float]]]:
    """For each C, the scores after every batch. The first batch is random."""
    X, Z = (NORM * trial.X, NORM * trial.X_test) if trial.embedded else (trial.X, trial.X_test)
    X, Z = X.astype(np.float64), Z.astype(np.float64)
    queried = None
    for C in CS:
        if queried is None or name not in WITHOUT_CLASSIFIER:
            queried = _query(trial, X, name, C, budget, batch, seed)
        yield C, [_score(trial, X, Z, queried[:n], C) for n in range(batch, budget + 1, batch)]


def _query(
    trial: Trial, X: np.ndarray, name: str, C: float, budget: int, batch: int, seed: int
) -> np.ndarray:
    from skactiveml import pool
    from skactiveml.classifier import SklearnClassifier

    kind, options = STRATEGIES[name]
    strategy = getattr(pool, kind)(random_state=seed, **options)
    clf = SklearnClassifier(logistic(C), classes=np.arange(trial.n_classes), random_state=seed)
    arguments = {} if name in WITHOUT_CLASSIFIER else {"clf": clf}
    answers = np.full(len(X), np.nan)
    queried = np.random.default_rng([seed, 9]).permutation(len(X))[:batch]
    answers[queried] = trial.given[queried]
    while len(queried) < budget:
        new = strategy.query(X, answers, batch_size=batch, **arguments)
        answers[new] = trial.given[new]
        queried = np.concatenate([queried, new])
    return queried


def _score(trial: Trial, X: np.ndarray, Z: np.ndarray, queried: np.ndarray, C: float) -> float:
    answers = trial.given[queried]
    if len(np.unique(answers)) == 1:
        return trial.score(np.full(len(Z), answers[0]))
    return trial.score(logistic(C).fit(X[queried], answers).predict(Z))


def prior_al(
    trial: Trial, C: float, noise_ratio: float, budget: int, batch: int, seed: int
) -> list[float]:
    """PriorAL as published: the small model learns from the answers and from pseudo-labels.

    The pseudo-labels are those of the clean set. They have the weight of an answer, and classes
    are not weighted.
    """
    model = LogisticRegression(C=C, max_iter=300, tol=1e-3)
    X, Z = NORM * trial.X.astype(np.float64), NORM * trial.X_test.astype(np.float64)
    queried = np.random.default_rng([seed, 9]).permutation(len(X))[:batch]
    rows, answers = queried, trial.given[queried]
    strategy = CoDecision(noise_ratio)
    scores = []
    while True:
        head = _fitted(model, X[rows], answers, trial.n_classes)
        scores.append(trial.score(head(Z).argmax(axis=1)))
        if len(queried) == budget:
            return scores
        left = np.setdiff1d(np.arange(len(X)), queried)
        view = PoolView(len(left), prior_proba=trial.prior[left], head_proba=head(X[left]))
        clean, pseudo = strategy.clean_set(view)
        queried = np.concatenate([queried, left[strategy.select(view, batch)]])
        rows = np.concatenate([queried, left[clean]])
        answers = np.concatenate([trial.given[queried], pseudo])


def _fitted(
    model: LogisticRegression, X: np.ndarray, y: np.ndarray, n_classes: int
) -> Callable[[np.ndarray], np.ndarray]:
    """A function that predicts probabilities of all classes, also if some have no answer."""
    known = np.unique(y)
    if len(known) > 1:
        model.fit(X, y)

    def proba(rows: np.ndarray) -> np.ndarray:
        spread = np.full((len(rows), n_classes), 1e-12)
        spread[:, known] = model.predict_proba(rows) if len(known) > 1 else 1.0
        return spread

    return proba
