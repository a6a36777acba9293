"""The prior as ActiveClassifier sees it: what it says, and what a pool told about it."""

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError

from skactive._rows import by_blocks, n_rows
from skactive.heads.anchoring import PoolSummary, calibrated_prior
from skactive.heads.directions import Directions


@dataclass(frozen=True)
class Prior:
    """A prior's classes, and what a pool told about it.

    Attributes
    ----------
    classes : array of shape (K_prior,)
        Sorted.
    pool : PoolSummary or None
        None where no pool was seen.
    """

    classes: np.ndarray
    pool: PoolSummary | None

    @property
    def directions(self) -> Directions | None:
        """In which a pool's rows lie that the prior puts into each class."""
        return None if self.pool is None else self.pool.directions

    def without_directions(self) -> "Prior":
        """The same, where the pool's embeddings are out of date."""
        pool = None if self.pool is None else self.pool._replace(directions=None)
        return replace(self, pool=pool)

    def calibrated(
        self, proba: np.ndarray | None, rows: Any, classes: np.ndarray
    ) -> np.ndarray | None:
        """The opinion that a head is anchored to.

        Parameters
        ----------
        proba : array of shape (n, K_prior) or None
            What the prior says.
        rows : container of n rows
            The representation.
        classes : array of shape (K,)
            All classes.

        Returns
        -------
        proba : float64 array of shape (n, K) or None
            Rows sum to 1. None where the prior said nothing.
        """
        if proba is None:
            return None
        return calibrated_prior(proba, self.classes, classes, self.pool, rows)


def prior_opinion(prior: Any, X: Any, before: np.ndarray | None) -> np.ndarray:
    """What a prior says of rows.

    Parameters
    ----------
    prior : classifier
        Fitted, or one that needs no fit.
    X : container of n rows
        As the user gives them.
    before : array of shape (K_prior,) or None
        The prior's classes when labels were given, sorted; None before any label.

    Returns
    -------
    proba : float64 array of shape (n, K_prior)
        Columns follow the prior's classes, sorted.

    Raises
    ------
    NotFittedError
        If it is not fitted.
    ValueError
        If it gave no such array, or has other classes than before.
    """
    try:
        proba = np.asarray(by_blocks(prior.predict_proba, X), dtype=np.float64)
    except NotFittedError as error:
        raise NotFittedError(
            f"prior={prior!r} is not fitted, and is never fitted here. Give a "
            "ZeroShotClassifier, which needs no fit, or put a fitted classifier into "
            "FrozenEstimator: clone and searches would undo its fit."
        ) from error
    expected = (n_rows(X), len(prior.classes_))
    if proba.shape != expected or not np.isfinite(proba).all():
        raise ValueError(
            f"prior.predict_proba gave an array of shape {proba.shape}, expected finite "
            f"numbers of shape {expected}. The prior must take the same rows as the classifier."
        )
    order = np.argsort(prior.classes_)
    known = np.asarray(prior.classes_)[order]
    if before is not None and not np.array_equal(before, known):
        raise ValueError(
            "prior was replaced by one of other classes after labels were given: "
            f"{known[:5].tolist()}, not {before[:5].tolist()}; call fit anew."
        )
    return proba[:, order]


def warn_of_another_prior(known: np.ndarray, given: np.ndarray) -> None:
    """A label or two that the prior does not know are new classes; if it knows none, a slip.

    Parameters
    ----------
    known : array of shape (K_prior,)
        The prior's classes.
    given : array
        Distinct labels.
    """
    if len(given) > 1 and not np.isin(given, known).any():
        warnings.warn(
            f"prior knows none of the labels given, {given[:5].tolist()}; its classes are "
            f"{known[:5].tolist()}. Name its classes as they are named in y.",
            stacklevel=2,
        )
