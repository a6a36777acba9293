"""BudgetedClassifier: active learning inside fit, with a limited number of labels."""

from collections.abc import Iterator
from numbers import Integral
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.validation import check_is_fitted

from skactive._data.containers import take
from skactive._learner.inputs import check_rows
from skactive._utils.callbacks import CallbackSupportMixin, notify_fit, subtask_notifier
from skactive._utils.compat import (
    Interval,
    _fit_context,
    _raise_for_params,
    check_sample_weight,
    n_rows,
)
from skactive._utils.random import draw_seed
from skactive._utils.validation import (
    check_annotators,
    check_is_container,
    check_labels,
    check_one_label_per_row,
    unchanged_by_failure,
)
from skactive._utils.versioning import VersionCheckMixin
from skactive.active import ActiveClassifier
from skactive.pools.pool import as_pool


class BudgetedClassifier(VersionCheckMixin, CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """Classifier whose fit simulates active learning with a limited number of labels.

    ``fit(X, y)`` treats X as the pool and y as the annotator: the label of a row is read only when
    the row is queried. ``GridSearchCV`` and ``cross_val_score`` can therefore compare strategies,
    priors and heads by the score that they reach within the same budget.

    Parameters
    ----------
    estimator : ActiveClassifier
        The classifier that queries and learns. It is cloned.
    budget : int
        Maximum number of labels that fit reads.
    batch_size : int, default=10
        Number of labels between two fits of `estimator`.
    random_state : int, RandomState instance or None, default=None
        Seed of `estimator` if its own random_state is None.

    Attributes
    ----------
    estimator_ : ActiveClassifier
        The clone, fitted on the labels of the queried rows.
    queried_ : int64 array of shape (n_labeled,)
        Positions of the queried rows in X, in the order of the queries.
    classes_ : ndarray of shape (K,)
        All labels in y and all classes of the prior.
    n_features_in_ : int
        Number of columns of X. Only defined if X has columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X. Only defined if X has column names.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skactive import ActiveClassifier, BudgetedClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = BudgetedClassifier(ActiveClassifier(LogisticRegression(), random_state=0), budget=20)
    >>> search = GridSearchCV(clf, {"estimator__strategy": ["random", "margin"]}).fit(X, y)
    >>> len(search.best_estimator_.queried_)
    20
    """

    _parameter_constraints = {  # noqa: RUF012
        "estimator": [ActiveClassifier],
        "budget": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: ActiveClassifier,
        *,
        budget: int,
        batch_size: int = 10,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.budget = budget
        self.batch_size = batch_size
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, **params: Any) -> "BudgetedClassifier":
        """Query rows of X and learn from their labels until the budget is spent.

        Parameters
        ----------
        X : array, sparse matrix, DataFrame or sequence of n rows
            The pool, in a container that `estimator` accepts.
        y : array-like of shape (n,)
            Labels of all rows. All of them determine the set of classes; otherwise, only the
            labels of queried rows are used.
        **params
            ``sample_weight`` and ``annotators``, if metadata routing is enabled and `estimator`
            requests them for ``partial_fit``. Rows of weight 0 are never queried.

        Returns
        -------
        self : BudgetedClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            For the same inputs as in ``ActiveClassifier.fit``.
        """
        _raise_for_params(params, self, "fit")
        routed = process_routing(self, "fit", **params).estimator.partial_fit
        y = check_labels(y, None)
        X = as_pool(X)
        check_is_container(X, "X")
        check_one_label_per_row(X, y)
        weight = routed.get("sample_weight")
        if weight is not None:
            weight = check_sample_weight(weight, X, all_zero=True)
            if not weight.any():
                raise ValueError(
                    "sample_weight is zero for every row. Give at least one positive weight."
                )
        annotators = routed.get("annotators")
        if annotators is not None:
            annotators = check_annotators(annotators, len(y))
        clf = clone(self.estimator)
        if clf.random_state is None and self.random_state is not None:
            clf.set_params(random_state=draw_seed(self.random_state))
        rounds = label_in_batches(
            clf,
            X,
            y,
            classes=np.unique(y),
            budget=self.budget,
            batch_size=self.batch_size,
            sample_weight=weight,
            annotators=annotators,
        )
        n_rounds = -(-self.budget // self.batch_size)
        with notify_fit(self, max_subtasks=n_rounds, X=X, y=y) as task, unchanged_by_failure(self):
            self.estimator_ = clf
            subtask = subtask_notifier(self, task, X=X, y=y, reconstruction_attributes=dict)
            for _ in range(n_rounds):
                with subtask("round", clf) as verdict:
                    current = next(rounds, None)
                    if current is not None:
                        self.queried_ = current.queried
                if current is None or verdict.stop:  # no row is left, or a callback asks to stop
                    break
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Predict the most probable class of each row.

        Parameters
        ----------
        X : array, sparse matrix, DataFrame or sequence of n rows
            Rows to classify.

        Returns
        -------
        labels : ndarray of shape (n,)
            Predicted labels.
        """
        check_is_fitted(self)
        return self.estimator_.predict(X)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict class probabilities from the prior and the head combined.

        Parameters
        ----------
        X : array, sparse matrix, DataFrame or sequence of n rows
            Rows to classify.

        Returns
        -------
        proba : float64 array of shape (n, K)
            Probabilities. Rows sum to 1, columns are in the order of `classes_`.
        """
        check_is_fitted(self)
        return self.estimator_.predict_proba(X)

    @property
    def classes_(self) -> np.ndarray:
        return self.estimator_.classes_

    @property
    def n_features_in_(self) -> int:
        return self.estimator_.n_features_in_

    @property
    def feature_names_in_(self) -> np.ndarray:
        return self.estimator_.feature_names_in_

    def get_metadata_routing(self) -> MetadataRouter:
        """Get the metadata routing of this object.

        See scikit-learn's user guide on metadata routing.

        Returns
        -------
        router : MetadataRouter
            Routes ``sample_weight`` and ``annotators`` from ``fit`` to ``partial_fit`` of
            `estimator`.
        """
        mapping = MethodMapping().add(caller="fit", callee="partial_fit")
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(estimator=self.estimator, method_mapping=mapping)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags = inner.input_tags
        tags.non_deterministic = inner.non_deterministic
        return tags


class Round(NamedTuple):
    """State of an active-learning loop after a fit.

    Attributes
    ----------
    queried : int64 array of shape (n_labels,)
        Positions of all rows labeled so far, in the order of the queries.
    query_seconds, fit_seconds : float
        Duration of the query and of the fit of this round.
    """

    queried: np.ndarray
    query_seconds: float
    fit_seconds: float


def label_in_batches(
    clf: ActiveClassifier,
    X: Any,
    annotations: np.ndarray,
    *,
    classes: np.ndarray,
    budget: int,
    batch_size: int,
    sample_weight: np.ndarray | None = None,
    annotators: np.ndarray | None = None,
) -> Iterator[Round]:
    """Query rows, look up their labels and fit, until the budget is spent or no row remains.

    Sequential strategies receive each label before they select the next row.

    Parameters
    ----------
    clf : ActiveClassifier
        Classifier without labels. It is fitted in place.
    X : container of n rows
        The pool.
    annotations : array of shape (n,)
        Label that the annotator gives to each row. It is read only when the row is queried.
    classes : array of shape (K,)
        All classes. The classifier receives them with the first labels, since annotators know
        them, too.
    budget : int
        Maximum number of labels.
    batch_size : int
        Number of labels between two fits.
    sample_weight : float64 array of shape (n,), default=None
        Weights of the rows. Rows of weight zero are never queried.
    annotators : array of shape (n,), default=None
        Who labels each row.

    Yields
    ------
    round : Round
        State of the loop after each fit.
    """
    X = check_rows(clf, clf._estimator(X), X, "X", reset=True)
    excluded = np.zeros(n_rows(X), dtype=bool) if sample_weight is None else sample_weight == 0
    queried = np.empty(0, dtype=np.int64)
    while len(queried) < budget:
        start = perf_counter()
        n = min(batch_size, budget - len(queried))
        batch = _query_and_annotate(clf, X, n, excluded, annotations)
        if len(batch) == 0:
            return
        after_query = perf_counter()
        weight = None if sample_weight is None else sample_weight[batch]
        given_by = None if annotators is None else annotators[batch]
        clf.partial_fit(
            take(X, batch),
            annotations[batch],
            classes=classes,
            sample_weight=weight,
            annotators=given_by,
        )
        excluded[batch] = True
        queried = np.concatenate([queried, batch])
        yield Round(queried, after_query - start, perf_counter() - after_query)


def _query_and_annotate(
    clf: ActiveClassifier, X: Any, n: int, excluded: np.ndarray, annotations: np.ndarray
) -> np.ndarray:
    """Positions of one batch; a sequential strategy receives the labels between its steps."""
    steps, selected = clf.query_steps(X, n, exclude=excluded), []
    positions = next(steps, None)
    while positions is not None:
        selected.append(positions)
        try:
            positions = steps.send(annotations[positions])
        except StopIteration:
            positions = None
    return np.concatenate([np.empty(0, dtype=np.int64), *selected])
