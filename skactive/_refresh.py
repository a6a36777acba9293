"""When the embeddings of a frozen encoder have gone stale, and what takes their place."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import clone

from skactive._memory import Canonical
from skactive.encoders.base import Encoder

_FIRST_LOOK = 100  # labels
_GROWTH = 2  # of the labels, from one look to the next


@dataclass(frozen=True)
class Freshness:
    """Which encoder makes the features, and how many labels there were at the last look.

    Selection goes by embeddings that are computed once, and a head that costs little. They go
    stale when labels are enough for a tuned model to tell the classes apart better than the frozen
    one does. So whenever labels have doubled, a `FineTunedClassifier` is asked: should it choose
    to tune the model, by what it foretells of labels held out, its encoder makes the features
    from then on. More labels speak for tuning all the more, so that mode is then kept. Each tuning
    starts from the published weights.

    Attributes
    ----------
    encoder : Encoder or None
        The tuned one; None while the frozen one will do.
    n_labels : int
        At the last look.
    mode : str
        How the next tuning is to be done.

    References
    ----------
    Z. Wen, O. Pizarro and S. Williams, "Feature alignment: rethinking efficient active learning
    via proxy in the context of pre-trained models", TMLR 2024.
    """

    encoder: Encoder | None = None
    n_labels: int = 0
    mode: str = "auto"

    def is_due(self, canonical: Canonical) -> bool:
        """Whether there are labels enough to look again.

        Parameters
        ----------
        canonical : Canonical
            The labels so far.
        """
        n_labels = len(canonical.y)
        enough = n_labels >= max(_FIRST_LOOK, _GROWTH * self.n_labels)
        return enough and len(np.unique(canonical.y)) > 1

    def looked(
        self,
        canonical: Canonical,
        tuner: Any,
        classes: np.ndarray,
        prior_proba: np.ndarray | None,
    ) -> "Freshness":
        """What a look at the labels leads to.

        Parameters
        ----------
        canonical : Canonical
            The labels so far, with the rows as they were given.
        tuner : FineTunedClassifier
            Unfitted.
        classes : array of shape (K,)
            All labels there may be.
        prior_proba : array of shape (m, K) or None
            The prior's opinion on the entries.

        Returns
        -------
        freshness : Freshness
            With another encoder, or the one there was.
        """
        tuner = clone(tuner).fit(
            canonical.originals,
            canonical.y,
            sample_weight=canonical.weight,
            prior_log_proba=None if prior_proba is None else np.log(prior_proba),
            classes=classes,
        )
        if tuner.mode_ == "frozen":
            return replace(self, n_labels=len(canonical.y))
        tuned = clone(tuner.encoder_).set_params(cache_dir=tuner.model.cache_dir)
        return Freshness(tuned, len(canonical.y), tuner.mode_)
