"""JointModel: preprocessing, head and prior, fitted together on the labels so far."""

import warnings
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.utils.validation import has_fit_parameter

from skactive._memory import Canonical
from skactive._rows import repeat_by_weight, take


class JointModel:
    """What is refitted after every answer, and the joint opinion that it forms with a prior.

    A head whose ``fit`` takes ``prior_log_proba`` is anchored to the prior by itself. Any other is
    joined to it by a log-linear pool: its probabilities, smoothed by one imaginary label shared
    among all classes, times the prior's.

    Parameters
    ----------
    steps : list of transformers and samplers
        Unfitted; applied in order before the head.
    head : classifier
        Unfitted.
    """

    def __init__(self, steps: list[Any], head: Any) -> None:
        self.steps = steps
        self.head = head

    def fit(
        self, canonical: Canonical, classes: np.ndarray, prior_proba: np.ndarray | None
    ) -> "JointModel":
        """Fit steps and head.

        Parameters
        ----------
        canonical : Canonical
            The labels, m entries.
        classes : array of shape (K,)
            All labels there may be, sorted.
        prior_proba : array of shape (m, K) or None
            The prior's opinion on the entries.

        Returns
        -------
        self : JointModel
            The fitted model.
        """
        self.classes = classes
        self.n_labels = canonical.weight.sum()
        X, y, weight = self._fit_steps(canonical)
        one_class = len(np.unique(y)) == 1
        if one_class and not has_fit_parameter(self.head, "classes"):
            self.head = DummyClassifier(strategy="most_frequent")
        # a sampler makes rows of which the prior has no opinion
        resampled = any(hasattr(step, "fit_resample") for step in self.steps)
        takes_prior = has_fit_parameter(self.head, "prior_log_proba") and not resampled
        self.anchored = prior_proba is not None and takes_prior
        self._labelled = (X, y, weight)
        self._alone = None
        self._fit_head(self.head, prior_proba if self.anchored else None)
        return self

    def features(self, rows: Any) -> Any:
        """What the head sees of the rows.

        Parameters
        ----------
        rows : container of n rows
            The representation.

        Returns
        -------
        features : array or sparse matrix of shape (n, d), or rows
            After all steps but the samplers.
        """
        for step in self.steps:
            if hasattr(step, "transform"):
                rows = step.transform(rows)
        return rows

    def proba(self, features: Any, prior_proba: np.ndarray | None) -> np.ndarray:
        """The joint opinion.

        Parameters
        ----------
        features : array of shape (n, d)
            From `features`.
        prior_proba : array of shape (n, K) or None
            The prior's opinion.

        Returns
        -------
        proba : float64 array of shape (n, K)
            Rows sum to 1.
        """
        if prior_proba is None:
            return self._spread(self.head, features)
        if self.anchored:
            return self.head.predict_proba(features, prior_log_proba=np.log(prior_proba))
        proba = self._spread(self.head, features)
        smoothed = self.n_labels * proba + 1 / len(self.classes)
        return _normalised(smoothed * prior_proba)

    def head_proba(self, features: Any) -> np.ndarray:
        """What the head would say had it never heard of the prior.

        Parameters
        ----------
        features : array of shape (n, d)
            From `features`.

        Returns
        -------
        proba : float64 array of shape (n, K)
            Rows sum to 1.
        """
        if not self.anchored:
            return self._spread(self.head, features)
        if self._alone is None:
            self._alone = clone(self.head)
            self._fit_head(self._alone, None)
        return self._spread(self._alone, features)

    def linear(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Weights (K, d) and biases (K,) of a linear head on its features; None for any other."""
        coef: Any = getattr(self.head, "coef_", None)
        intercept: Any = getattr(self.head, "intercept_", None)
        if coef is None or len(self.head.classes_) != len(self.classes):
            return None
        if len(coef) == 1 < len(self.classes):  # two classes, one boundary
            return np.concatenate([-coef, coef]) / 2, np.concatenate([-intercept, intercept]) / 2
        return coef, intercept

    def _fit_steps(self, canonical: Canonical) -> tuple[Any, np.ndarray, np.ndarray]:
        X, y, weight = canonical.rows, canonical.y, canonical.weight
        for step in self.steps:
            if not hasattr(step, "fit_resample"):
                X = step.fit_transform(X, y)
                continue
            repeated = repeat_by_weight(weight)
            X, y = take(X, repeated), y[repeated]
            try:
                X, y = step.fit_resample(X, y)
            except ValueError as error:
                warnings.warn(
                    f"{type(step).__name__} steps aside until there are more labels: {error}",
                    stacklevel=2,
                )
            weight = np.ones(len(y))
        return X, y, weight

    def _fit_head(self, head: Any, prior_proba: np.ndarray | None) -> None:
        X, y, weight = self._labelled
        extra: dict[str, Any] = {}
        if has_fit_parameter(head, "classes"):
            extra["classes"] = self.classes
        if prior_proba is not None:
            extra["prior_log_proba"] = np.log(prior_proba)
        if has_fit_parameter(head, "sample_weight"):
            extra["sample_weight"] = weight
        elif not np.all(weight == 1):
            repeated = repeat_by_weight(weight)
            X, y = take(X, repeated), y[repeated]
        head.fit(X, y, **extra)

    def _spread(self, head: Any, features: Any) -> np.ndarray:
        """The head's columns among those of all classes; zero for a class it has not met."""
        proba = np.zeros((features.shape[0], len(self.classes)))
        proba[:, np.searchsorted(self.classes, head.classes_)] = head.predict_proba(features)
        return proba


def _normalised(proba: np.ndarray) -> np.ndarray:
    return proba / proba.sum(axis=1, keepdims=True)
