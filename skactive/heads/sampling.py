"""Opinions that a fitted head might as well have come to, had its labels been a little others."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from scipy import sparse
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from skactive.heads.softmax import SoftmaxHead

#: Heads whose opinions can be sampled.
SAMPLED = (SoftmaxHead, LogisticRegression, RandomForestClassifier, ExtraTreesClassifier)


class Sampler(Protocol):
    """What gives plausible opinions of a head."""

    def opinions(self, features: Any, proba: np.ndarray, m: int, seed: int) -> np.ndarray:
        """Plausible opinions on some rows: for one m and one seed always of the same m heads.

        Parameters
        ----------
        features : array or sparse matrix of shape (n, d)
            What the head sees of the rows.
        proba : array of shape (n, K)
            The head's own opinion.
        m : int
            How many.
        seed : int
            Decides which.

        Returns
        -------
        opinions : array of shape (m, n, K)
            Their rows sum to 1.
        """


def make_sampler(
    head: Any, classes: np.ndarray, X: Any, weight: np.ndarray, proba: np.ndarray
) -> Sampler:
    """What samples the opinions of a fitted head: its last layer, or parts of its forest.

    Parameters
    ----------
    head : classifier
        Fitted; one of `SAMPLED`.
    classes : array of shape (K,)
        All classes, sorted; the head's among them.
    X : array or sparse matrix of shape (L, d)
        What it was fitted on.
    weight : array of shape (L,)
        Weights of these rows.
    proba : array of shape (L, K)
        Its opinion on them.

    Returns
    -------
    sampler : Sampler
    """
    if isinstance(head, SoftmaxHead):
        return LastLayer(head.last_layer_inputs, head.strength_, X, weight, proba)
    if isinstance(head, LogisticRegression):
        # Of two classes it has one vector of weights, the difference of the two meant here.
        precision = (2 if len(head.classes_) == 2 else 1) / head.C
        return LastLayer(_as_it_is, precision, X, weight, proba)
    return Forest(head, np.searchsorted(classes, head.classes_))


class LastLayer:
    """A Gaussian around the weights of a softmax layer: Laplace's approximation, factored.

    Its precision is that of the prior, plus the Kronecker product of the labels' mean curvature
    between classes and their second moments between features.

    Parameters
    ----------
    see : callable
        From features to what the layer sees, (n, d) to (n, h).
    precision : float
        Of the prior on the weights.
    X : array or sparse matrix of shape (L, d)
        What the head was fitted on.
    weight : array of shape (L,)
        Weights of these rows.
    proba : array of shape (L, K)
        The head's opinion on them.

    References
    ----------
    .. [1] H. Ritter, A. Botev and D. Barber (2018). A scalable Laplace approximation for neural
       networks. ICLR.
    """

    def __init__(
        self,
        see: Callable[[Any], Any],
        precision: float,
        X: Any,
        weight: np.ndarray,
        proba: np.ndarray,
    ) -> None:
        self._see = see
        self._precision = max(precision, 1e-6)
        inputs = _with_ones(see(X)) * np.sqrt(weight)[:, None]
        self._moments, self._directions = _principal(inputs)
        mean = proba.T @ (weight[:, None] * proba)
        curvature = np.diag(weight @ proba) - mean
        self._curvatures, self._classes = np.linalg.eigh(curvature / weight.sum())

    def opinions(self, features: Any, proba: np.ndarray, m: int, seed: int) -> np.ndarray:
        inputs, shifts = self._see(features).astype(np.float32), self._shifts(m, seed)
        logits = inputs @ shifts[:, :, :-1].reshape(-1, shifts.shape[2] - 1).T
        logits = logits.reshape(len(proba), m, -1) + shifts[:, :, -1]
        logits += np.log(proba.astype(np.float32) + np.finfo(np.float32).tiny)[:, None, :]
        logits -= logits.max(axis=2, keepdims=True)
        np.exp(logits, out=logits)
        logits /= logits.sum(axis=2, keepdims=True)
        return logits.transpose(1, 0, 2)

    def _shifts(self, m: int, seed: int) -> np.ndarray:
        """Draws of the weights, less their mean: (m, K, h + 1), the last column being biases."""
        width = len(self._directions)
        draws = np.random.default_rng(seed).standard_normal((m, len(self._classes), width))
        free = 1 / np.sqrt(self._precision)
        known = np.maximum(self._curvatures, 0)[:, None] * self._moments
        narrower = 1 / np.sqrt(known + self._precision) - free
        draws = free * draws + (draws @ self._directions * narrower) @ self._directions.T
        return (self._classes @ draws).astype(np.float32)


class Forest:
    """The trees of a forest dealt out to m smaller forests.

    Parameters
    ----------
    head : RandomForestClassifier or ExtraTreesClassifier
        Fitted.
    columns : int array
        Where the head's classes stand among all.
    """

    def __init__(self, head: Any, columns: np.ndarray) -> None:
        self._trees = head.estimators_
        self._columns = columns

    def opinions(self, features: Any, proba: np.ndarray, m: int, seed: int) -> np.ndarray:
        X = features if sparse.issparse(features) else np.asarray(features, dtype=np.float32)
        opinions = np.zeros((m, *proba.shape))
        dealt = [self._trees[i % len(self._trees) :: m] for i in range(m)]
        for opinion, trees in zip(opinions, dealt, strict=True):
            opinion[:, self._columns] = np.mean([tree.predict_proba(X) for tree in trees], axis=0)
        return opinions


def _as_it_is(features: Any) -> Any:
    return features if sparse.issparse(features) else np.asarray(features)


def _with_ones(inputs: Any) -> np.ndarray:
    dense = inputs.toarray() if sparse.issparse(inputs) else np.asarray(inputs, dtype=np.float64)
    return np.column_stack([dense, np.ones(len(dense))])


def _principal(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues (r,) and eigenvectors (h, r) of the second moments, those of none left out."""
    if len(rows) >= rows.shape[1]:
        moments, basis = np.linalg.eigh(rows.T @ rows)
        return np.maximum(moments, 0), basis  # rounding can leave them below
    moments, basis = np.linalg.eigh(rows @ rows.T)
    kept = moments > 1e-10 * moments.max(initial=0)
    return moments[kept], rows.T @ basis[:, kept] / np.sqrt(moments[kept])
