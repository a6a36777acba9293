"""BaseActiveLearner: state, seeds, callbacks and checks behind the public methods."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from numbers import Integral
from typing import Any, cast

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags

from skactive._data.pipeline import count_fits
from skactive._learner.fitted_state import FittedState
from skactive._learner.head_fitting import StepFailure
from skactive._learner.inputs import check_rows, check_same_sparsity
from skactive._learner.learner import Learner, LearnerState
from skactive._learner.pool_query import PoolQuery, resolve_strategy
from skactive._learner.prior_predictions import with_cache
from skactive._utils.callbacks import CallbackSupportMixin, Subtask, notify_fit, subtask_notifier
from skactive._utils.compat import HasMethods, StrOptions, check_sample_weight
from skactive._utils.locks import exclusive
from skactive._utils.random import draw_seed
from skactive._utils.validation import (
    A_CLASSIFIER,
    check_annotators,
    check_labels,
    check_one_label_per_row,
    unchanged_by_failure,
    unique_labels,
)
from skactive._utils.versioning import VersionCheckMixin
from skactive.finetune import FineTunedClassifier
from skactive.heads import SoftmaxHead, TabularClassifier
from skactive.noise import NoiseEstimate
from skactive.pools.pool import Pool, as_pool
from skactive.strategies import QueryStrategy
from skactive.strategies.parameters import A_STRATEGY

_EXAMPLES = {  # of parameters that have parameters themselves
    "estimator": "SoftmaxHead()",
    "strategy": "strategies.get('balanced_herding')",
    "prior": "ZeroShotClassifier(prompts)",
    "refresh": "FineTunedClassifier()",
}


class BaseActiveLearner(VersionCheckMixin, CallbackSupportMixin, BaseEstimator):
    """Private part of an active learner. Subclasses define the parameters and public methods."""

    estimator: Any
    strategy: Any
    prior: Any
    noise: str | None
    transductive: bool
    refresh: Any
    random_state: Any
    verbose: bool

    _parameter_constraints = {  # noqa: RUF012
        "estimator": [A_CLASSIFIER, None],
        "strategy": [A_STRATEGY, str],
        "prior": [HasMethods("predict_proba"), None],
        "noise": [StrOptions({"auto"}), None],
        "transductive": ["boolean"],
        "refresh": [StrOptions({"auto"}), FineTunedClassifier, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    _state = LearnerState()
    _drawn_seed: int | None = None

    @exclusive
    def set_params(self, **params: Any) -> "BaseActiveLearner":
        for name in params:
            own, nested, _ = name.partition("__")
            value = params.get(own, getattr(self, own, self))
            if nested and not hasattr(value, "set_params"):
                raise ValueError(
                    f"{name} cannot be set, since {own}={value!r} has no parameters. Give an "
                    f"object, such as {own}={_EXAMPLES.get(own)}."
                )
        return super().set_params(**params)

    @property
    def classes_(self) -> np.ndarray:
        classes = self._state.known_classes(self.prior)
        if classes is None:
            raise AttributeError("classes_ is known after fit, or with a prior.")
        return classes

    @property
    def label_trust_(self) -> np.ndarray:
        return self._label_trust(self._fitted())

    @property
    def prior_weight_(self) -> float:
        fitted = self._fitted()
        return 0.0 if fitted.prior is None else float(fitted.model.weights[0])

    @property
    def noise_(self) -> NoiseEstimate:
        fitted = self._fitted()
        if self.noise is None:
            return NoiseEstimate(0.0, np.eye(len(fitted.classes)), (0.0, 0.0))
        return fitted.noise

    @property
    def estimator_(self) -> Any:
        return self._fitted().estimator

    def __sklearn_is_fitted__(self) -> bool:
        return self._state.fitted is not None or self.prior is not None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self._estimator())
        tags.input_tags = inner.input_tags
        tags.non_deterministic = inner.non_deterministic
        return tags

    @contextmanager
    def _fit_task(self, X: Any = None, y: Any = None, weight: Any = None) -> Iterator[Subtask]:
        """Notify callbacks of the fit; if it fails, undo all changes."""
        metadata = None if weight is None else {"sample_weight": weight}
        notified = {"X": X, "y": y, "metadata": metadata}
        n_fits = count_fits(self._estimator())
        # after any exception, from a callback too, the same labels can be given again
        rollback = unchanged_by_failure(self)
        try:
            with notify_fit(self, max_subtasks=n_fits, rollback=rollback, **notified) as task:
                yield subtask_notifier(self, task)
        except StepFailure as failure:
            message = str(failure).rstrip(".")
            raise ValueError(f"{message}. {failure.advice}") from failure.__cause__
        if self.verbose:
            n_labels, n_classes = len(self._fitted().history), len(self._fitted().classes)
            print(f"{type(self).__name__}: {n_labels} labels, {n_classes} classes")  # noqa: T201

    def _learn(
        self,
        state: LearnerState,
        X: Any,
        y: Any,
        classes: Any,
        sample_weight: Any,
        annotators: Any,
        subtask: Subtask,
    ) -> None:
        X = as_pool(X)
        learner, is_first = self._learner(X, state), state.fitted is None
        y = check_labels(y, state.known_classes(self.prior))
        X = check_rows(self, learner.estimator, X, "X", reset=is_first)
        X = X[:] if isinstance(X, Pool) else X  # labeled rows are few
        check_one_label_per_row(X, y)
        weight = check_sample_weight(sample_weight, X, all_zero=not is_first)
        if annotators is not None:
            annotators = check_annotators(annotators, len(y))
        if classes is not None:
            classes = check_labels(classes, y, "classes")
            state = replace(state, announced=unique_labels(state.announced, classes))
        self._state = learner.learn(state, X, y, weight, annotators, subtask)

    def _predict_proba(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Classes and probabilities, of one state: another thread may replace it meanwhile."""
        X, state = as_pool(X), self._state
        learner = self._learner(X, state)
        while state is not self._state:  # another thread may have replaced prior and state
            state = self._state
            learner = self._learner(X, state)
        classes = state.known_classes(learner.prior)
        if classes is None:
            raise NotFittedError(
                f"{type(self).__name__} has no labels and no prior; call fit first."
            )
        X = check_rows(self, learner.estimator, X, "X", reset=False)
        parts = learner.split() if state.fitted is None else state.fitted.parts
        batch = learner.batch(state, X, parts)
        if state.fitted is not None:
            return classes, state.fitted.proba(batch)
        return classes, cast(np.ndarray, batch.prior_proba)  # without labels there is a prior

    def _label_trust(self, fitted: FittedState) -> np.ndarray:
        entry = fitted.labels.entry
        trust = np.ones(len(fitted.labels.y)) if self.noise is None else fitted.trust
        return np.where(entry < 0, 0.0, trust[entry])

    def _open_pool(self, X_pool: Any) -> PoolQuery:
        X_pool = as_pool(X_pool)
        learner = self._learner(X_pool)
        X_pool = check_rows(self, learner.estimator, X_pool, "X_pool", reset=False)
        fitted = self._state.fitted
        if fitted is not None and not fitted.parts.representation:
            check_same_sparsity(X_pool, fitted.labels.batch.representation)
        return learner.open_pool(self._state, X_pool)

    def _query_strategy(self) -> QueryStrategy:
        has_prior = self.prior is not None
        return resolve_strategy(self.strategy, self._state.fitted, has_prior=has_prior)

    def _learner(self, X: Any = None, state: LearnerState | None = None) -> Learner:
        """The parameters, resolved for one call with rows X."""
        fitted = (self._state if state is None else state).fitted
        if isinstance(self.random_state, Integral):
            seed = int(self.random_state)
        else:
            if self._drawn_seed is None:
                self._drawn_seed = draw_seed(self.random_state)
            seed = self._drawn_seed
        return Learner(
            estimator=self._estimator(X, fitted),
            prior=with_cache(self.prior, self),
            noise=self.noise,
            transductive=self.transductive,
            refresh=self.refresh,
            seed=seed,
            estimator_seed=None if self.random_state is None else seed,
        )

    def _estimator(self, X: Any = None, fitted: FittedState | None = None) -> Any:
        """The estimator; if None was given, one for rows like the first labeled ones, or X."""
        if self.estimator is not None:
            return self.estimator
        if fitted is None:
            return TabularClassifier() if hasattr(X, "columns") else SoftmaxHead()
        is_tabular = isinstance(fitted.parts.head, TabularClassifier)
        return TabularClassifier() if is_tabular else SoftmaxHead()

    def _fitted(self) -> FittedState:
        if self._state.fitted is None:
            raise NotFittedError("No labels were given yet; call fit or partial_fit first.")
        return self._state.fitted
