"""PoolQuery: one call of `query`, from a pool of rows to the positions to label."""

from collections.abc import Callable
from copy import copy
from functools import cached_property
from typing import Any

import numpy as np

from skactive import strategies
from skactive._data.batch import Batch
from skactive._data.pipeline import Parts
from skactive._learner.fitted_state import FittedState
from skactive._learner.pool_summary import PoolSummary, summarize_pool
from skactive._learner.pool_view import make_view
from skactive._utils.validation import check_positions
from skactive.strategies import PoolView, QueryStrategy, SequentialStrategy

DEFAULT_STRATEGY = "balanced_herding"


def resolve_strategy(strategy: Any, state: FittedState | None, *, has_prior: bool) -> QueryStrategy:
    """The strategy that a query uses.

    Parameters
    ----------
    strategy : str or QueryStrategy
        Parameter of the classifier.
    state : FittedState or None
        None before any label.
    has_prior : bool
        Whether the classifier has a prior.

    Returns
    -------
    strategy : QueryStrategy
        TypiClust instead of a strategy that needs predictions, without a prior, until labels of
        two classes are known.

    Raises
    ------
    ValueError
        If the strategy needs a prior and there is none, or its parameters are invalid.
    """
    named = strategy
    if isinstance(strategy, str):
        strategy = strategies.get(DEFAULT_STRATEGY if strategy == "auto" else strategy)
    if isinstance(strategy, QueryStrategy):
        strategy._validate_params()
    needs: frozenset[str] = getattr(strategy, "needs", frozenset())
    if "prior" in needs and not has_prior:
        raise ValueError(
            f"strategy={named!r} needs a prior: give prior=ZeroShotClassifier(...), or "
            "another strategy."
        )
    two_classes = state is not None and len(np.unique(state.labels.y)) > 1
    if "proba" in needs and not has_prior and not two_classes:
        return strategies.get("typiclust")
    return strategy


class PoolQuery:
    """Rows of a pool, and what a strategy gets to know of them.

    Parameters
    ----------
    batch : Batch
        The rows.
    positions : int64 array
        Their positions in the pool.
    parts : Parts
        Fitted; unfitted before any label.
    state : FittedState or None
        None before any label.
    classes : array of shape (K,) or None
        All classes known.
    noise : str or None
        None: the trust in every label is 1.
    seed : int
        With the labels so far, it determines the random generator of the strategy.
    """

    def __init__(
        self,
        batch: Batch,
        positions: np.ndarray,
        *,
        parts: Parts,
        state: FittedState | None,
        classes: np.ndarray | None,
        noise: str | None,
        seed: int,
    ) -> None:
        self.batch = batch
        self.positions = positions
        self._parts = parts
        self._state = state
        self._classes = classes
        self._noise = noise
        self._seed = seed

    def __len__(self) -> int:
        return len(self.positions)

    def selectable(self, exclude: Any) -> "PoolQuery":
        """The rows that are neither excluded nor equal to a labeled row.

        Parameters
        ----------
        exclude : int array, or bool array of shape (N,), or None
            As in `ActiveClassifier.query`.

        Returns
        -------
        pool : PoolQuery
            A part of this one.
        """
        left = np.ones(len(self), dtype=bool)
        if exclude is not None:
            left[check_positions(exclude, len(left), "exclude")] = False
        if self._state is not None:
            counted = self._state.history.weight > 0
            labeled = self._state.history.batch
            left &= ~self.batch.find(labeled.keys[counted], labeled.sketches[counted])
        part = copy(self)
        part.positions = np.flatnonzero(left)
        part.batch = self.batch.narrow(part.positions)
        return part

    @cached_property
    def view(self) -> PoolView:
        """What the strategy receives."""
        digest = 0 if self._state is None else self._state.labels.digest()
        return make_view(
            self.batch,
            parts=self._parts,
            state=self._state,
            classes=self._classes,
            noise=self._noise,
            rng=np.random.default_rng([self._seed, digest]),
        )

    def select(self, strategy: QueryStrategy, n: int) -> np.ndarray:
        """Select different rows.

        Parameters
        ----------
        strategy : QueryStrategy
            What to ask.
        n : int
            Number of rows, 1 <= n <= len(self).

        Returns
        -------
        selected : int64 array
            Positions into `positions`; fewer than n if fewer rows are different.
        """
        return select_unique(strategy, self.view, self.batch, n)

    def ask(
        self,
        strategy: QueryStrategy,
        n: int,
        annotate: Callable[[np.ndarray], np.ndarray],
    ) -> np.ndarray:
        """As `select`, but a sequential strategy receives the labels between its steps.

        Parameters
        ----------
        strategy : QueryStrategy
            What to ask.
        n : int
            Number of rows, 1 <= n <= len(self).
        annotate : callable
            From positions in the pool to labels. Instead of a label whose class is new, the
            strategy receives the prediction of the model.

        Returns
        -------
        selected : int64 array
            Positions into `positions`.
        """
        classes = self._classes
        if classes is None or not isinstance(strategy, SequentialStrategy):
            return self.select(strategy, n)

        def codes(selected: np.ndarray) -> np.ndarray:
            answers = annotate(self.positions[selected])
            new = ~np.isin(answers, classes)
            if new.any():
                predicted = classes[self.view.proba[selected].argmax(axis=1)]
                answers = np.where(new, predicted, answers)
            return np.searchsorted(classes, answers)

        return strategy.ask(self.view, n, codes)

    def summarize(self, prior_classes: np.ndarray | None) -> PoolSummary:
        """Statistics of the pool for later fits.

        Parameters
        ----------
        prior_classes : array of shape (K_prior,) or None
            Sorted; None without a prior.

        Returns
        -------
        summary : PoolSummary
        """
        rng = np.random.default_rng(self._seed)
        return summarize_pool(self.batch, self._parts, prior_classes, rng)


def select_unique(strategy: QueryStrategy, view: PoolView, batch: Batch, n: int) -> np.ndarray:
    """Selection of a strategy without repeated rows: they would get one label twice.

    Parameters
    ----------
    strategy : QueryStrategy
        Asked again for as many rows as were repeated.
    view : PoolView
        The pool.
    batch : Batch
        The same N rows.
    n : int
        Number of rows, 1 <= n <= N.

    Returns
    -------
    positions : int64 array
        Fewer than n if the pool has fewer different rows.
    """
    selected = strategy.select(view, n)
    while True:
        keys, first = np.unique(batch.keys_at(selected), return_index=True)
        if len(first) == len(selected):
            return selected
        selected = selected[np.sort(first)]
        others = np.flatnonzero(~batch.find(keys, batch.sketches[selected]))
        more = min(n - len(selected), len(others))
        if more:
            extra = strategy.select(view.take(others), more)
            selected = np.concatenate([selected, others[extra]])
