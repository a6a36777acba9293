"""What an expert would have said of labels, had it not seen them."""

from copy import copy

import numpy as np

from skactive.heads.averaging import evidence_shares, label_worth, log_likelihood
from skactive.heads.directions import Groups
from skactive.heads.expert import Expert, Labelled

_OCTAVES = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])  # by which the concentration may be another
_CAUTION = 1.0  # nats against one octave, four times as many against two
_POWERS = np.array([0.4, 0.6, 1.0, 1.6, 2.4])  # of probabilities: inverse temperatures


class Twins:
    """An expert as it would be without some of its labels, and then without others.

    Parameters
    ----------
    expert : Expert
        Its head has `held_out_heads_`.
    labelled : Labelled
        What the head was fitted on.
    groups : Groups or None
        Of a pool, by which each twin is sharpened.
    """

    def __init__(self, expert: Expert, labelled: Labelled, groups: Groups | None) -> None:
        self._n_classes = len(expert.classes)
        self._start = expert.concentration
        self._codes = np.searchsorted(expert.classes, labelled.y)
        self._weight = labelled.weight
        self._twins = []
        for held_out, head in expert.head.held_out_heads_:
            twin = copy(expert)
            twin.head, twin.directions = head, None
            if groups is not None:
                twin.sharpen(groups, labelled.take(~held_out))
            unseen = labelled.take(held_out)
            by_labels = twin.proba_by_labels(unseen.rows, unseen.prior_proba)
            self._twins.append((held_out, twin, unseen.rows, by_labels))

    def concentration(self) -> float:
        """How far to go by the classes' directions.

        From a quarter of what the expert starts with to four times as much are averaged, on a
        logarithmic scale, by how well each would have foretold the labels at the best of a few
        temperatures: it has to put the classes of a row in the right order, and that it makes the
        opinion surer is no merit. Few labels leave it nearly as it was.

        Returns
        -------
        concentration : float
        """
        candidates = self._start * 2**_OCTAVES
        foretold = np.stack([self._foretold(c, _POWERS) for c in candidates], axis=1)
        asked = ~np.isnan(foretold[:, 0, 0])
        worth = label_worth(self._codes, self._weight, asked)[asked]
        likelihood = log_likelihood(foretold[asked], self._n_classes)
        evidence = np.einsum("n,nct->ct", worth, likelihood).max(axis=1) - _CAUTION * _OCTAVES**2
        return float(self._start * 2 ** (evidence_shares(evidence) @ _OCTAVES))

    def foretold(self, concentration: float) -> np.ndarray:
        """The probabilities by which the labels were foretold.

        Parameters
        ----------
        concentration : float
            How far to go by the classes' directions.

        Returns
        -------
        likelihood : array of shape (m,)
            NaN where no twin is without the label.
        """
        return self._foretold(concentration, np.ones(1))[:, 0]

    def _foretold(self, concentration: float, powers: np.ndarray) -> np.ndarray:
        likelihood = np.full((len(self._codes), len(powers)), np.nan)
        for held_out, twin, rows, by_labels in self._twins:
            proba = twin.sharpened(by_labels, rows, concentration) ** powers[:, None, None]
            given = proba[:, np.arange(len(by_labels)), self._codes[held_out]]
            likelihood[held_out] = (given / proba.sum(axis=2)).T
        return likelihood
