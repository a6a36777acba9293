"""FittedState: the labels and everything that one refit computes from them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone

from skactive._data.batch import Batch
from skactive._data.containers import apply_by_blocks
from skactive._data.labels import AggregatedLabels, LabelHistory
from skactive._data.pipeline import Parts
from skactive._learner.annotator_weights import weigh_by_reliability
from skactive._learner.fingerprints import Fingerprints
from skactive._learner.mixture import MixtureModel
from skactive._learner.pool_clusters import PoolClusters
from skactive._learner.prior_calibration import CalibratedPrior
from skactive._learner.query_record import PseudoLabels
from skactive._learner.tuned_model import TunedModel
from skactive._utils.cached import cached_property
from skactive._utils.callbacks import Subtask
from skactive._utils.validation import ignore_many_classes_warning
from skactive.annotators import AnnotatorEstimate
from skactive.noise import NoiseEstimate, estimate_noise, label_trust


@dataclass(frozen=True)
class FittedState:
    """The labels, and the model fitted on them. Never changed, only replaced.

    Attributes
    ----------
    history : LabelHistory
        Labels in the order given.
    labels : AggregatedLabels
        The same labels, aggregated: all that the model is fitted on.
    classes : array of shape (K,)
        Sorted.
    parts : Parts
        Clone of the estimator, fitted.
    model : MixtureModel
        Fitted on the labels and combined with the prior. Trust and noise follow from it.
    predictor : MixtureModel
        What predictions come from: `model`, or one fitted on labels and pseudo-labels.
    estimator : classifier or Pipeline
        The clone, with the fitted head as last step.
    prior : CalibratedPrior or None
        The prior as it was at the fit.
    fingerprints : Fingerprints
        Of the representation steps and the prior that the stored labels depend on.
    tuned : TunedModel or None
        Mixed with `model` in predictions. Trust and noise follow from `model` alone, whose
        embeddings have not seen the labels.
    annotators : AnnotatorEstimate or None
        Reliability of the annotators who gave the labels, in the order of their names; None unless
        there are several. Its rows are the distinct rows, in the order of their keys.
    """

    history: LabelHistory
    labels: AggregatedLabels
    classes: np.ndarray
    parts: Parts
    model: MixtureModel
    predictor: MixtureModel
    estimator: Any
    prior: CalibratedPrior | None
    fingerprints: Fingerprints
    tuned: TunedModel | None = None
    annotators: AnnotatorEstimate | None = None

    @classmethod
    def from_history(
        cls,
        history: LabelHistory,
        classes: np.ndarray,
        parts: Parts,
        prior: CalibratedPrior | None,
        clusters: PoolClusters | None,
        pseudo_labels: PseudoLabels | None,
        fingerprints: Fingerprints,
        subtask: Subtask,
    ) -> "FittedState":
        """Fit the parts on all labels.

        Parameters
        ----------
        history : LabelHistory
            At least one label of positive weight.
        classes : array of shape (K,)
            All classes, sorted.
        parts : Parts
            Unfitted.
        prior : CalibratedPrior or None
            The head is anchored to it.
        clusters : PoolClusters or None
            Summary of a pool.
        pseudo_labels : PseudoLabels or None
            Further rows to train the predictor on, without the prior that these labels come from.
        fingerprints : Fingerprints
            Of the representation steps and the prior.
        subtask : callable
            Notifies callbacks of the fit of each part.

        Returns
        -------
        state : FittedState
        """
        labels = history.aggregate()
        prior_proba = None
        if prior is not None:
            rows = labels.batch.representation
            prior_proba = prior.calibrate(labels.batch.prior_proba, rows, classes)
        clusters = calibrated_clusters(clusters, prior, classes)

        def held_out_proba(weighted: AggregatedLabels) -> np.ndarray:
            first = MixtureModel([clone(step) for step in parts.steps], clone(parts.head))
            return first.fit(weighted, classes, prior_proba, clusters).out_of_fold_proba()

        with ignore_many_classes_warning():
            labels, annotators = weigh_by_reliability(labels, classes, held_out_proba)
            if pseudo_labels is None:
                predictor = MixtureModel(parts.steps, parts.head)
                model = predictor.fit(labels, classes, prior_proba, clusters, subtask)
            else:
                model = MixtureModel([clone(step) for step in parts.steps], clone(parts.head))
                model.fit(labels, classes, prior_proba, clusters)
                predictor = MixtureModel(parts.steps, parts.head)
                predictor.fit(labels, classes, None, None, subtask, pseudo_labels)
        estimator = parts.with_head(predictor.head)
        return cls(
            history,
            labels,
            classes,
            parts,
            model,
            predictor,
            estimator,
            prior,
            fingerprints,
            annotators=annotators,
        )

    def proba(self, batch: Batch) -> np.ndarray:
        """Predicted probabilities, with the class-prior correction.

        Parameters
        ----------
        batch : Batch
            n rows.

        Returns
        -------
        proba : array of shape (n, K)
            Rows sum to 1.
        """
        prior_proba = self.prior_proba(batch)
        features = self.predictor.features(batch.representation)
        proba = apply_by_blocks(self.predictor.proba, features, prior_proba)
        return self.predictor.corrected(self.mixed(proba, batch, prior_proba))

    def mixed(self, proba: np.ndarray, batch: Batch, prior_proba: np.ndarray | None) -> np.ndarray:
        """Probabilities of the model on frozen embeddings, mixed with those on tuned embeddings.

        Parameters
        ----------
        proba : array of shape (n, K)
            Of `predictor`.
        batch : Batch
            The n rows.
        prior_proba : array of shape (n, K) or None
            From `prior_proba`.

        Returns
        -------
        proba : array of shape (n, K)
            Unchanged without a tuned model, or if `predictor` uses pseudo-labels.

        Raises
        ------
        ValueError
            If the head predicted NaN or infinity.
        """
        if not np.isfinite(proba).all():
            unusable = np.count_nonzero(~np.isfinite(proba).all(axis=1))
            raise ValueError(
                f"{type(self.parts.head).__name__} predicts NaN or infinity for {unusable} of "
                f"{len(proba)} rows: its training diverged, or has too few labels. Change its "
                "parameters, or query with strategy='random' until there are more labels."
            )
        if self.tuned is None or self.predictor is not self.model:
            return proba
        return self.tuned.mixed_with(proba, batch, prior_proba)

    def prior_proba(self, batch: Batch) -> np.ndarray | None:
        """Calibrated probabilities of the prior.

        Parameters
        ----------
        batch : Batch
            n rows.

        Returns
        -------
        proba : array of shape (n, K) or None
            None without a prior.
        """
        if self.prior is None:
            return None
        return self.prior.calibrate(batch.prior_proba, batch.representation, self.classes)

    @cached_property
    def trust(self) -> np.ndarray:
        """Trust in each entry of the labels, from held-out predictions.

        It grows with the number of votes for the label; for a verified label it is 1. With several
        annotators, it is the probability that the label is correct, given all votes for the row.
        """
        if self.labels.posterior is not None:
            return self.labels.posterior
        trust = label_trust(*self._out_of_fold[:2])
        trust = 1 - (1 - trust) ** np.maximum(self.labels.weight, 1)
        return np.where(self.labels.verified, 1.0, trust)

    @cached_property
    def noise(self) -> NoiseEstimate:
        """Noise rate, its interval and transition matrix, from held-out predictions.

        Verified labels are right, whatever the predictions are.
        """
        proba, codes, weight = self._out_of_fold
        unverified = ~self.labels.verified
        rate, transition, interval = estimate_noise(
            proba[unverified], codes[unverified], weight[unverified]
        )
        fraction = float(weight[unverified].sum() / weight.sum())
        return NoiseEstimate(
            rate * fraction,
            fraction * transition + (1 - fraction) * np.eye(len(transition)),
            (interval[0] * fraction, interval[1] * fraction),
        )

    @cached_property
    def _out_of_fold(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        with ignore_many_classes_warning():
            proba = self.model.out_of_fold_proba()
        labels, weight = self.labels, self.labels.weight
        if labels.votes is not None:  # every vote counts in the noise rate, likely wrong ones too
            weight = np.bincount(labels.votes[:, 0], minlength=len(weight)).astype(np.float64)
        return proba, np.searchsorted(self.classes, labels.y), weight


def calibrated_clusters(
    clusters: PoolClusters | None, prior: CalibratedPrior | None, classes: np.ndarray
) -> PoolClusters | None:
    """Clusters of a pool with calibrated probabilities of the prior.

    Parameters
    ----------
    clusters : PoolClusters or None
        Summary of a pool.
    prior : CalibratedPrior or None
        The prior.
    classes : array of shape (K,)
        All classes, sorted.

    Returns
    -------
    clusters : PoolClusters or None
    """
    if clusters is None or prior is None:
        return clusters
    proba = prior.calibrate(clusters.prior_proba, clusters.centers, classes)
    return clusters._replace(prior_proba=proba)
