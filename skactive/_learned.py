"""Learned: everything that one refit leaves behind."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from skactive._compat import PartOfFit
from skactive._memory import Canonical, LabelMemory
from skactive._pipeline import Parts
from skactive._prior import Prior
from skactive._validation import few_labels
from skactive.heads.directions import Groups
from skactive.heads.joint import JointModel
from skactive.noise import NoiseEstimate, estimate_noise, label_trust


@dataclass(frozen=True)
class Learned:
    """The labels, and what was fitted on them.

    Attributes
    ----------
    memory : LabelMemory
        The labels in the order given.
    canonical : Canonical
        Their summary: all that the model was fitted on.
    classes : array of shape (K,)
        Sorted.
    parts : Parts
        The estimator's clone, fitted.
    model : JointModel
        Its refitted parts, joined to the prior.
    prior : Prior or None
        As it was at the fit.
    """

    memory: LabelMemory
    canonical: Canonical
    classes: np.ndarray
    parts: Parts
    model: JointModel
    prior: Prior | None

    @classmethod
    def from_memory(
        cls,
        memory: LabelMemory,
        classes: np.ndarray,
        parts: Parts,
        prior: Prior | None,
        groups: Groups | None,
        part_of_fit: PartOfFit,
    ) -> "Learned":
        """Fit the parts on all labels.

        Parameters
        ----------
        memory : LabelMemory
            At least one label of positive weight.
        classes : array of shape (K,)
            All labels there may be, sorted.
        parts : Parts
            Unfitted.
        prior : Prior or None
            What the head is anchored to.
        groups : Groups or None
            A pool's, by which its opinion is sharpened.
        part_of_fit : callable
            Tells callbacks of the fit of each part.

        Returns
        -------
        learned : Learned
            The outcome.
        """
        canonical = memory.canonical()
        prior_proba = None
        if prior is not None:
            prior_proba = prior.calibrated(canonical.prior_proba, canonical.rows, classes)
            if groups is not None:
                opinion = prior.calibrated(groups.prior_proba, groups.centers, classes)
                groups = groups._replace(prior_proba=opinion)
        with few_labels():
            model = JointModel(parts.steps, parts.head)
            model.fit(canonical, classes, prior_proba, groups, part_of_fit)
        return cls(memory, canonical, classes, parts, model, prior)

    def proba(self, X: Any, raw_prior_proba: np.ndarray | None) -> np.ndarray:
        """The joint opinion on rows as the user gives them.

        Parameters
        ----------
        X : container of n rows
            Rows.
        raw_prior_proba : array of shape (n, K_prior) or None
            What the prior says of them.

        Returns
        -------
        proba : array of shape (n, K)
            Rows sum to 1.
        """
        rows = self.parts.represent(X)
        prior_proba = self.prior_proba(raw_prior_proba, rows)
        opinion = self.model.proba(self.model.features(rows), prior_proba)
        return self.model.rebalanced(opinion)

    def prior_proba(self, raw: np.ndarray | None, rows: Any) -> np.ndarray | None:
        """The prior's opinion, as calibrated at the fit.

        Parameters
        ----------
        raw : array of shape (n, K_prior) or None
            What the prior says.
        rows : container of n rows
            The representation.

        Returns
        -------
        proba : array of shape (n, K) or None
            None for None.
        """
        return None if self.prior is None else self.prior.calibrated(raw, rows, self.classes)

    @cached_property
    def trust(self) -> np.ndarray:
        """Trust in each canonical entry, from models that have not seen its label."""
        return label_trust(*self._foretold[:2])

    @cached_property
    def noise(self) -> NoiseEstimate:
        """How many labels seem to be wrong, from models that have not seen them."""
        return estimate_noise(*self._foretold)

    @cached_property
    def _foretold(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        with few_labels():
            proba = self.model.out_of_fold_proba()
        return proba, np.searchsorted(self.classes, self.canonical.y), self.canonical.weight
