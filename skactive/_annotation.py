"""The loop of asking, answering and learning, with the answers known beforehand."""

from collections.abc import Iterator
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from skactive._rows import n_rows, take
from skactive.active import ActiveClassifier


class Round(NamedTuple):
    """Where the loop stands after a fit.

    Attributes
    ----------
    asked : int64 array of shape (n_labels,)
        Positions of all rows asked about so far, in order.
    query_seconds, fit_seconds : float
        How long this round's query and fit took.
    """

    asked: np.ndarray
    query_seconds: float
    fit_seconds: float


def annotate(
    clf: ActiveClassifier,
    X: Any,
    answers: np.ndarray,
    *,
    classes: np.ndarray,
    budget: int,
    batch_size: int,
    sample_weight: np.ndarray | None = None,
) -> Iterator[Round]:
    """Ask, answer and learn until the budget is spent or no row is left.

    Strategies with steps hear each answer as soon as it is given.

    Parameters
    ----------
    clf : ActiveClassifier
        Without labels; it is fitted in place.
    X : container of n rows
        The pool.
    answers : array of shape (n,)
        What the annotator says of each row, read only when the row is asked about.
    classes : array of shape (K,)
        All answers there may be. They are announced: an annotator works from a list of them.
    budget : int
        Rows to ask about at most.
    batch_size : int
        Rows between two fits.
    sample_weight : float64 array of shape (n,), default=None
        Weights of the rows; those of weight zero are not asked about.

    Yields
    ------
    round : Round
        After each fit.
    """
    X = clf._check_rows(X, "X", reset=True)
    done = np.zeros(n_rows(X), dtype=bool) if sample_weight is None else sample_weight == 0
    asked = np.empty(0, dtype=np.int64)
    while len(asked) < budget:
        start = perf_counter()
        n = min(batch_size, budget - len(asked))
        batch = clf._ask(X, n, done, lambda positions: answers[positions])
        if len(batch) == 0:
            return
        queried = perf_counter()
        weight = None if sample_weight is None else sample_weight[batch]
        clf.partial_fit(take(X, batch), answers[batch], classes=classes, sample_weight=weight)
        done[batch] = True
        asked = np.concatenate([asked, batch])
        yield Round(asked, queried - start, perf_counter() - queried)
