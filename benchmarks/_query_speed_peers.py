"""Strategies of other libraries, with the same rows, labels and probabilities as ours."""

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


class FixedProba(ClassifierMixin, BaseEstimator):
    """A classifier with fixed probabilities, so that only the query takes time."""

    def __init__(self, proba: np.ndarray | None = None) -> None:
        self.proba = proba

    def fit(
        self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> "FixedProba":
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

    # the wrapper calls predict_proba on these rows to find the classes of the classifier
    together = np.concatenate([X, labeled["labeled_X"]])
    y = np.concatenate([np.full(len(X), np.nan), labeled["labeled_y"]])
    fixed = FixedProba(np.concatenate([proba, labeled["labeled_proba"]]))
    clf = SklearnClassifier(fixed, classes=np.arange(proba.shape[1])).fit(together, y)
    clf.estimator_.proba = fixed.proba  # the clone holds a copy that is not needed
    options = {"method": "margin_sampling"} if name == "margin" else {}
    strategy = getattr(pool, SCIKIT_ACTIVEML[name])(random_state=0, **options)
    parameters = inspect.signature(strategy.query).parameters
    arguments = {"clf": clf, "fit_clf": False} if "clf" in parameters else {}
    return lambda: strategy.query(together, y, batch_size=n, **arguments)


def small_text(
    name: str, X: np.ndarray, proba: np.ndarray, labeled: dict, n: int
) -> Callable[[], np.ndarray]:
    import small_text as library

    together = np.concatenate([X, labeled["labeled_X"]])
    clf = FixedProba(np.concatenate([proba, labeled["labeled_proba"]]))
    strategy = getattr(library, SMALL_TEXT[name])()
    unlabeled, known = np.arange(len(X)), np.arange(len(X), len(together))
    return lambda: strategy.query(clf, together, unlabeled, known, labeled["labeled_y"], n=n)


LIBRARIES = {
    "scikit-activeml": (SCIKIT_ACTIVEML, scikit_activeml),
    "small-text": (SMALL_TEXT, small_text),
}
