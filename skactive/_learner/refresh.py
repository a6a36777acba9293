"""When and how the encoder is tuned on the labels, so that embeddings do not go stale."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import clone

from skactive._data.labels import AggregatedLabels
from skactive.encoders.base import Encoder
from skactive.finetune import FineTunedClassifier

_MIN_LABELS = 100
_GROWTH = 2  # of the number of labels, from one evaluation to the next


@dataclass(frozen=True)
class RefreshState:
    """The encoder in use, and the number of labels when it was last evaluated.

    Strategies select on embeddings that are computed once. Embeddings are stale when there are
    enough labels for a tuned model to separate the classes better than the frozen one. Therefore,
    whenever the number of labels has doubled, a `FineTunedClassifier` is fitted. If its held-out
    evaluation prefers tuning, its encoder computes the embeddings from then on, and later
    evaluations tune without asking again. Each tuning starts from the published weights.

    Attributes
    ----------
    encoder : Encoder or None
        The tuned encoder; None as long as the frozen one is used.
    n_labels : int
        Number of labels at the last evaluation.
    mode : str
        Mode of the next fine-tuning.

    References
    ----------
    Z. Wen, O. Pizarro and S. Williams, "Feature alignment: rethinking efficient active learning
    via proxy in the context of pre-trained models", TMLR 2024.
    """

    encoder: Encoder | None = None
    n_labels: int = 0
    mode: str = "auto"

    def is_due(self, labels: AggregatedLabels) -> bool:
        """Whether there are enough labels for the next evaluation.

        Parameters
        ----------
        labels : AggregatedLabels
            All labels so far.
        """
        n_labels = len(labels.y)
        enough = n_labels >= max(_MIN_LABELS, _GROWTH * self.n_labels)
        return enough and len(np.unique(labels.y)) > 1

    def evaluate(
        self,
        labels: AggregatedLabels,
        tuner: Any,
        classes: np.ndarray,
        prior_proba: np.ndarray | None,
    ) -> "RefreshState":
        """Fit the fine-tuned classifier, and decide which encoder to use.

        Parameters
        ----------
        labels : AggregatedLabels
            All labels so far, with the rows as the user gave them.
        tuner : FineTunedClassifier
            Unfitted.
        classes : array of shape (K,)
            All classes.
        prior_proba : array of shape (m, K) or None
            Calibrated probabilities of the prior for the entries.

        Returns
        -------
        state : RefreshState
            With the tuned encoder, or the one in use.
        """
        tuner = clone(tuner).fit(
            labels.batch.rows,
            labels.y,
            sample_weight=labels.weight,
            prior_log_proba=None if prior_proba is None else np.log(prior_proba),
            classes=classes,
        )
        if tuner.mode_ == "frozen":
            return replace(self, n_labels=len(labels.y))
        tuned = clone(tuner.encoder_).set_params(cache_dir=tuner.model.cache_dir)
        return RefreshState(tuned, len(labels.y), tuner.mode_)


def make_tuner(refresh: Any, encoder: Any, *, mode: str, noise: str | None, seed: int) -> Any:
    """The unfitted classifier that tunes the encoder.

    Parameters
    ----------
    refresh : {"auto"} or FineTunedClassifier
        Parameter of the active classifier.
    encoder : Encoder
        First step of the estimator.
    mode : str
        Mode of "auto".
    noise : str or None
        None: labels are assumed to be correct.
    seed : int
        Random state of "auto".

    Returns
    -------
    tuner : FineTunedClassifier
    """
    if refresh != "auto":
        return clone(refresh).set_params(model=encoder)
    loss = "cross_entropy" if noise is None else "auto"
    return FineTunedClassifier(encoder, mode=mode, loss=loss, random_state=seed)
