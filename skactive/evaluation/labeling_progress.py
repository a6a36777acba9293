"""LabelingProgress: predictions and estimates after each fit, for stopping rules."""

from typing import Any

import numpy as np

from skactive._utils.validation import check_count, check_positions
from skactive.evaluation.forecasts import common_metric, score_value
from skactive.evaluation.performance import Estimate
from skactive.evaluation.pool_predictions import pool_predictions


class LabelingProgress:
    """What stopping rules use: predictions of one pool after each fit, and estimates.

    Attributes
    ----------
    n_labels : list of int
        Numbers of labels.
    predicted : list of int64 array of shape (N,)
        Predicted class codes of the pool.
    uncertainty : list of float
        Mean entropy of the unlabeled rows, divided by that of equal probabilities.
    estimates : list of Estimate or None
        Estimates of the score, where they were given.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.evaluation import LabelingProgress
    >>> progress = LabelingProgress()
    >>> progress.add(np.array([[0.5, 0.5], [0.0, 1.0]]), None, n_labels=10)
    >>> progress.uncertainty
    [0.5]
    """

    def __init__(self) -> None:
        self.n_labels: list[int] = []
        self.predicted: list[np.ndarray] = []
        self.uncertainty: list[float] = []
        self.estimates: list[Any] = []

    def add(
        self,
        clf_or_proba: Any,
        X_pool: Any,
        *,
        n_labels: int,
        labeled: Any = (),
        estimate: Estimate | float | None = None,
    ) -> None:
        """Note the state of the classifier after a fit.

        Parameters
        ----------
        clf_or_proba : classifier, or float array of shape (N, K)
            The classifier, or its probabilities for the pool.
        X_pool : container of N rows, or None
            The same pool each time. It may be None where probabilities are given.
        n_labels : int
            Number of labels so far; more than in the call before.
        labeled : int array, or bool array of shape (N,), default=()
            Positions, or a mask, of the labeled rows, whose uncertainty does not count.
        estimate : Estimate or float, default=None
            Score of the classifier, from `estimate_performance` or from test rows. All estimates
            are of one metric.

        Raises
        ------
        ValueError
            If the pool has another number of rows than before, n_labels does not increase, the
            estimate is not one number between 0 and 1, or it is of another metric than before.
        """
        proba = pool_predictions(clf_or_proba, X_pool).proba
        if self.predicted and len(self.predicted[0]) != len(proba):
            raise ValueError(
                f"The pool has {len(proba)} rows, but {len(self.predicted[0])} in the call "
                "before. Give the same pool each time, and the labeled rows as labeled."
            )
        if self.n_labels and not n_labels > self.n_labels[-1]:
            raise ValueError(
                f"n_labels={n_labels}, but the call before had {self.n_labels[-1]}. Call add once "
                "after each fit."
            )
        unlabeled = np.ones(len(proba), dtype=bool)
        unlabeled[check_positions(labeled, len(proba), "labeled")] = False
        rows = proba[unlabeled]
        entropy = -(rows * np.log(np.maximum(rows, 1e-300))).sum(axis=1) / np.log(rows.shape[1])
        if estimate is not None:
            score_value(estimate)
            common_metric([*self.estimates, estimate])
        self.n_labels.append(check_count(n_labels, "n_labels"))
        self.predicted.append(proba.argmax(axis=1))
        self.uncertainty.append(float(entropy.mean()) if len(entropy) else 0.0)
        self.estimates.append(estimate)

    def known_estimates(self) -> list[tuple[int, Any]]:
        """Return the estimates that were given.

        Returns
        -------
        known : list of tuple (n_labels, estimate)
            In the order of the fits.
        """
        pairs = zip(self.n_labels, self.estimates, strict=True)
        return [(n, estimate) for n, estimate in pairs if estimate is not None]
