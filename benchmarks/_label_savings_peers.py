"""What a user has without skactive: scikit-activeml over a logistic regression, and PriorAL."""

from collections.abc import Callable, Iterator

import numpy as np
from _trials import Trial
from sklearn.linear_model import LogisticRegression

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
BLIND = ("random", "k_center", "typiclust")  # these do not look at the classifier
NORM = 3.0


def peer_runs(
    trial: Trial, name: str, budget: int, batch: int, seed: int
) -> Iterator[tuple[float, list[float]]]:
    """For each C the scores after every batch; the first batch is random."""
    X, Z = (NORM * trial.X, NORM * trial.X_test) if trial.embedded else (trial.X, trial.X_test)
    X, Z = X.astype(np.float64), Z.astype(np.float64)
    if name in BLIND:
        asked = _ask(trial, X, name, CS[0], budget, batch, seed)
        for C in CS:
            yield C, [_score(trial, X, Z, asked[:n], C) for n in range(batch, budget + 1, batch)]
        return
    for C in CS:
        asked = _ask(trial, X, name, C, budget, batch, seed)
        yield C, [_score(trial, X, Z, asked[:n], C) for n in range(batch, budget + 1, batch)]


def _ask(
    trial: Trial, X: np.ndarray, name: str, C: float, budget: int, batch: int, seed: int
) -> np.ndarray:
    from skactiveml import pool
    from skactiveml.classifier import SklearnClassifier

    kind, options = STRATEGIES[name]
    strategy = getattr(pool, kind)(random_state=seed, **options)
    clf = SklearnClassifier(logistic(C), classes=np.arange(trial.n_classes), random_state=seed)
    given = {} if name in BLIND else {"clf": clf}
    answers = np.full(len(X), np.nan)
    asked = np.random.default_rng([seed, 9]).permutation(len(X))[:batch]
    answers[asked] = trial.given[asked]
    while len(asked) < budget:
        new = strategy.query(X, answers, batch_size=batch, **given)
        answers[new] = trial.given[new]
        asked = np.concatenate([asked, new])
    return asked


def _score(trial: Trial, X: np.ndarray, Z: np.ndarray, asked: np.ndarray, C: float) -> float:
    answers = trial.given[asked]
    if len(np.unique(answers)) == 1:
        return trial.score(np.full(len(Z), answers[0]))
    return trial.score(logistic(C).fit(X[asked], answers).predict(Z))


def logistic(C: float) -> LogisticRegression:
    return LogisticRegression(C=C, class_weight="balanced", max_iter=300, tol=1e-3)


def prior_al(
    trial: Trial, C: float, noise_ratio: float, budget: int, batch: int, seed: int
) -> list[float]:
    """PriorAL as published: the small model learns from the answers and from the prior's labels.

    Those of the clean set count as much as answers do; its classes are not weighted.
    """
    from skactive.strategies import CoDecision, PoolView

    model = LogisticRegression(C=C, max_iter=300, tol=1e-3)
    X, Z = NORM * trial.X.astype(np.float64), NORM * trial.X_test.astype(np.float64)
    asked = np.random.default_rng([seed, 9]).permutation(len(X))[:batch]
    rows, answers = asked, trial.given[asked]
    strategy = CoDecision(noise_ratio)
    scores = []
    while True:
        head = _fitted(model, X[rows], answers, trial.n_classes)
        scores.append(trial.score(head(Z).argmax(axis=1)))
        if len(asked) == budget:
            return scores
        left = np.setdiff1d(np.arange(len(X)), asked)
        view = PoolView(len(left), prior_proba=trial.prior[left], head_proba=head(X[left]))
        clean, pseudo = strategy.clean_set(view)
        asked = np.concatenate([asked, left[strategy.select(view, batch)]])
        rows = np.concatenate([asked, left[clean]])
        answers = np.concatenate([trial.given[asked], pseudo])


def _fitted(
    model: LogisticRegression, X: np.ndarray, y: np.ndarray, n_classes: int
) -> Callable[[np.ndarray], np.ndarray]:
    """Probabilities of all classes, of which the answers may hold only some, or one."""
    known = np.unique(y)
    if len(known) > 1:
        model.fit(X, y)

    def proba(rows: np.ndarray) -> np.ndarray:
        among_all = np.full((len(rows), n_classes), 1e-12)
        among_all[:, known] = model.predict_proba(rows) if len(known) > 1 else 1.0
        return among_all

    return proba
