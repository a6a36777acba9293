"""Experts: a head's opinion with a prior or without one, sharpened by what a pool looks like."""

from copy import copy
from typing import Any, NamedTuple

import numpy as np

from skactive.heads.averaging import evidence_shares, label_worth, log_likelihood
from skactive.heads.directions import (
    Directions,
    Groups,
    class_directions,
    normalised,
    sharpened,
)

_CONCENTRATION = 4.0  # before any label was foretold
_OCTAVES = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])  # by which it may turn out to be another
_CAUTION = 1.0  # nats against an octave, four times as many against two
_TEMPERATURES = np.array([0.4, 0.6, 1.0, 1.6, 2.4])


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


Twins = list[tuple[np.ndarray, "Expert"]]


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
    concentration = _CONCENTRATION

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
        return self._sharpened(proba, features, self.concentration)

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

    def twins(self, labelled: Labelled, groups: Groups | None) -> Twins:
        """The expert as it would be, had it not seen some of the labels.

        Parameters
        ----------
        labelled : Labelled
            What the head was fitted on. The head has `held_out_heads_`.
        groups : Groups or None
            Of a pool, by which each twin is sharpened.

        Returns
        -------
        twins : list of (bool array of shape (m,), Expert)
            Which labels each has not seen.
        """
        twins = []
        for unseen, head in self.head.held_out_heads_:
            twin = copy(self)
            twin.head, twin.directions = head, None
            if groups is not None:
                twin.sharpen(groups, labelled.take(~unseen))
            twins.append((unseen, twin))
        return twins

    def concentrate(self, twins: Twins, labelled: Labelled) -> None:
        """Find out how far to go by the classes' directions.

        Concentrations from 1 to 16 are averaged, on a logarithmic scale, by how well each would
        have foretold the labels at the best of a few temperatures: it has to put the classes of a
        row in the right order, and that it makes the opinion surer is no merit. Few labels leave it
        near 4.

        Parameters
        ----------
        twins : list of (bool array of shape (m,), Expert)
            Of this expert, sharpened.
        labelled : Labelled
            What the head was fitted on.
        """
        given = np.searchsorted(self.classes, labelled.y)
        foretold = np.full((len(given), len(_OCTAVES), len(_TEMPERATURES)), np.nan)
        for unseen, twin in twins:
            rows, codes = labelled.take(unseen), given[unseen]
            by_labels = twin.proba_by_labels(rows.rows, rows.prior_proba)
            for i, concentration in enumerate(_CONCENTRATION * 2**_OCTAVES):
                proba = twin._sharpened(by_labels, rows.rows, concentration)
                powers = proba ** _TEMPERATURES[:, None, None]
                foretold[unseen, i] = (
                    powers[:, np.arange(len(codes)), codes] / powers.sum(axis=2)
                ).T
        asked = ~np.isnan(foretold[:, 0, 0])
        worth = label_worth(given, labelled.weight, asked)[asked]
        likelihood = log_likelihood(foretold[asked], len(self.classes))
        evidence = np.einsum("n,nct->ct", worth, likelihood).max(axis=1) - _CAUTION * _OCTAVES**2
        self.concentration = float(_CONCENTRATION * 2 ** (evidence_shares(evidence) @ _OCTAVES))

    def foretell(self, twins: Twins, labelled: Labelled) -> np.ndarray:
        """What the expert would have said of labels, had it not seen them.

        Parameters
        ----------
        twins : list of (bool array of shape (m,), Expert)
            Of this expert.
        labelled : Labelled
            What the head was fitted on.

        Returns
        -------
        likelihood : array of shape (m,)
            The probability of each label given; NaN where no twin is without it.
        """
        given = np.searchsorted(self.classes, labelled.y)
        likelihood = np.full(len(given), np.nan)
        for unseen, twin in twins:
            rows = labelled.take(unseen)
            by_labels = twin.proba_by_labels(rows.rows, rows.prior_proba)
            proba = twin._sharpened(by_labels, rows.rows, self.concentration)
            likelihood[unseen] = proba[np.arange(len(proba)), given[unseen]]
        return likelihood

    def _sharpened(self, proba: np.ndarray, features: Any, concentration: float) -> np.ndarray:
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
