"""Experts: a head's opinion with a prior or without one, sharpened by what a pool looks like."""

from typing import Any, NamedTuple

import numpy as np

from skactive.heads.directions import (
    Directions,
    Groups,
    class_directions,
    normalised,
    sharpened,
)


class Labelled(NamedTuple):
    """Rows with labels, and the prior's opinion on them.

    Attributes
    ----------
    rows : array or other container of m rows
        What a head was fitted on.
    y : array of shape (m,)
        Labels.
    weight : array of shape (m,)
        Their weights.
    prior_proba : array of shape (m, K) or None
        The prior's opinion.
    """

    rows: Any
    y: np.ndarray
    weight: np.ndarray
    prior_proba: np.ndarray | None

    def take(self, chosen: np.ndarray) -> "Labelled":
        """Some of the rows.

        Parameters
        ----------
        chosen : bool array of shape (m,)
            Which.

        Returns
        -------
        part : Labelled
        """
        prior_proba = None if self.prior_proba is None else self.prior_proba[chosen]
        return Labelled(self.rows[chosen], self.y[chosen], self.weight[chosen], prior_proba)


class Expert:
    """A fitted head that says how likely each class is.

    Parameters
    ----------
    head : classifier
        Fitted.
    classes : array of shape (K,)
        All classes, sorted; the head's among them.
    anchored : bool, default=False
        Whether the head itself takes the prior's opinion.
    prior_power : float, default=0.0
        Otherwise: the power of the prior's probabilities by which the head's are multiplied.
    n_labels : float, default=0.0
        What the head's probabilities are worth beside one imaginary label that is shared among all
        classes, before they are multiplied.
    """

    directions: Directions | None = None
    concentration = 4.0  # how far it goes by them; found by `Twins` where there are labels

    def __init__(
        self,
        head: Any,
        classes: np.ndarray,
        *,
        anchored: bool = False,
        prior_power: float = 0.0,
        n_labels: float = 0.0,
    ) -> None:
        self.head = head
        self.classes = classes
        self.anchored = anchored
        self.prior_power = prior_power
        self.n_labels = n_labels

    def proba(self, features: Any, prior_proba: np.ndarray | None) -> np.ndarray:
        """The opinion.

        Parameters
        ----------
        features : array of shape (n, d)
            What the head sees of the rows.
        prior_proba : array of shape (n, K) or None
            The prior's opinion on them.

        Returns
        -------
        proba : float64 array of shape (n, K)
            Rows sum to 1.
        """
        proba = self.proba_by_labels(features, prior_proba)
        return self.sharpened(proba, features, self.concentration)

    def proba_by_labels(self, features: Any, prior_proba: np.ndarray | None) -> np.ndarray:
        """The opinion as if no pool had been seen.

        Parameters
        ----------
        features : array of shape (n, d)
            What the head sees of the rows.
        prior_proba : array of shape (n, K) or None
            The prior's opinion on them.

        Returns
        -------
        proba : float64 array of shape (n, K)
            Rows sum to 1.
        """
        if self.anchored and prior_proba is not None:
            return self.head.predict_proba(features, prior_log_proba=np.log(prior_proba))
        proba = np.zeros((features.shape[0], len(self.classes)))
        # zero for a class that the head has not met
        proba[:, np.searchsorted(self.classes, self.head.classes_)] = self.head.predict_proba(
            features
        )
        if self.prior_power == 0 or prior_proba is None:
            return proba
        return self.pooled(proba, prior_proba)

    def pooled(self, proba: np.ndarray, prior_proba: np.ndarray) -> np.ndarray:
        """An opinion like that of the head, joined to the prior as the head's own is.

        Parameters
        ----------
        proba : array of shape (n, K)
            The opinion.
        prior_proba : array of shape (n, K)
            The prior's.

        Returns
        -------
        proba : array of shape (n, K)
            Rows sum to 1.
        """
        return log_linear_pool(proba, prior_proba, self.prior_power, self.n_labels)

    def sharpen(self, groups: Groups, labelled: Labelled) -> None:
        """Let the opinion go by what a pool looks like, too.

        The classes' directions are found by what the expert says of the pool's groups and of the
        labelled rows; a class that has no label, and no prior that knows it, has none. The more a
        prior is heeded, whose opinion the pool has sharpened already, the less they count.

        Parameters
        ----------
        groups : Groups
            Of a pool whose rows are directions, with the prior's opinion if there is one.
        labelled : Labelled
            What the head was fitted on.
        """
        if self._heeded >= 1:
            return
        rows = np.concatenate([groups.centers, labelled.rows])
        sizes = np.concatenate([groups.sizes, labelled.weight])
        prior_proba = groups.prior_proba
        if prior_proba is not None and labelled.prior_proba is not None:
            prior_proba = np.concatenate([prior_proba, labelled.prior_proba])
        self._known = np.isin(self.classes, labelled.y)
        if prior_proba is not None and (self.anchored or self.prior_power > 0):
            self._known[:] = True
        opinion = self.proba_by_labels(rows, prior_proba)
        self.directions = class_directions(opinion[:, self._known], rows, sizes)

    def sharpened(self, proba: np.ndarray, features: Any, concentration: float) -> np.ndarray:
        """An opinion like that by labels, brought towards the classes' directions.

        Parameters
        ----------
        proba : array of shape (n, K)
            The opinion.
        features : array of shape (n, d)
            What the head sees of the rows.
        concentration : float
            How far to go.

        Returns
        -------
        proba : array of shape (n, K)
            Rows sum to 1. As it was where there are no directions.
        """
        if self.directions is None:
            return proba
        proba, known = proba.copy(), self._known
        total = proba[:, known].sum(axis=1, keepdims=True)
        concentration *= (1 - self._heeded) ** 2
        proba[:, known] = total * sharpened(
            proba[:, known], self.directions, features, concentration
        )
        return proba

    @property
    def _heeded(self) -> float:
        if not self.anchored:
            return self.prior_power
        # a head that keeps to itself how far it heeds the prior is taken to heed it
        return getattr(self.head, "prior_scale_", 1.0)


def log_linear_pool(
    proba: np.ndarray, prior_proba: np.ndarray, power: float, n_labels: float
) -> np.ndarray:
    """A head's opinion times a power of the prior's.

    Parameters
    ----------
    proba : array of shape (n, K)
        Of a head; one imaginary label, shared among all classes, is put beside its own.
    prior_proba : array of shape (n, K)
        Of the prior.
    power : float
        Its power.
    n_labels : float
        How many labels the head has seen.

    Returns
    -------
    proba : array of shape (n, K)
        Rows sum to 1.
    """
    smoothed = n_labels * proba + 1 / proba.shape[1]
    return normalised(smoothed * prior_proba**power)
