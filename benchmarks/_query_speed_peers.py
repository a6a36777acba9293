"""The strategies of other libraries, given the same rows, labels and probabilities."""

import inspect
from collections.abc import Callable

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

SCIKIT_ACTIVEML = {
    "margin": "UncertaintySampling",
    "k_center": "CoreSet",
    "badge": "Badge",
    "typiclust": "TypiClust",
    "falcun": "Falcun",
    "drop_query": "DropQuery",
    "prob_cover": "ProbCover",
    "max_herding": "MaxHerding",
}
SMALL_TEXT = {
    "margin": "BreakingTies",
    "entropy": "PredictionEntropy",
    "least_confident": "LeastConfidence",
    "k_center": "GreedyCoreset",
}


class Ready(ClassifierMixin, BaseEstimator):
    """A classifier that knows the probabilities already, so that only the choice takes time."""

    def __init__(self, proba: np.ndarray | None = None) -> None:
        self.proba = proba

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> "Ready":
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return self.proba[: len(X)]

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.predict_proba(X).argmax(axis=1)

    def embed(self, X: np.ndarray, return_proba: bool = False, pbar: object = None):
        return (X, self.predict_proba(X)) if return_proba else X


def scikit_activeml(
    name: str, X: np.ndarray, proba: np.ndarray, labeled: dict, n: int
) -> Callable[[], np.ndarray]:
    from skactiveml import pool
    from skactiveml.classifier import SklearnClassifier

    # It learns by trial which classes a classifier was fitted on, so the rows must be those.
    together = np.concatenate([X, labeled["labeled_X"]])
    y = np.concatenate([np.full(len(X), np.nan), labeled["labeled_y"]])
    ready = Ready(np.concatenate([proba, labeled["labeled_proba"]]))
    clf = SklearnClassifier(ready, classes=np.arange(proba.shape[1])).fit(together, y)
    clf.estimator_.proba = ready.proba  # a clone has a copy, one more than needed
    options = {"method": "margin_sampling"} if name == "margin" else {}
    strategy = getattr(pool, SCIKIT_ACTIVEML[name])(random_state=0, **options)
    takes = inspect.signature(strategy.query).parameters
    given = {"clf": clf, "fit_clf": False} if "clf" in takes else {}
    return lambda: strategy.query(together, y, batch_size=n, **given)


def small_text(
    name: str, X: np.ndarray, proba: np.ndarray, labeled: dict, n: int
) -> Callable[[], np.ndarray]:
    import small_text as library

    together = np.concatenate([X, labeled["labeled_X"]])
    clf = Ready(np.concatenate([proba, labeled["labeled_proba"]]))
    strategy = getattr(library, SMALL_TEXT[name])()
    unlabeled, known = np.arange(len(X)), np.arange(len(X), len(together))
    return lambda: strategy.query(clf, together, unlabeled, known, labeled["labeled_y"], n=n)


LIBRARIES = {
    "scikit-activeml": (SCIKIT_ACTIVEML, scikit_activeml),
    "small-text": (SMALL_TEXT, small_text),
}
