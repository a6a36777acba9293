"""TabularClassifier: a classifier for mixed tables as they come."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import assert_all_finite, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from skactive._data.containers import take
from skactive._utils.compat import HasMethods, StrOptions, _fit_context, check_sample_weight
from skactive._utils.random import draw_seed
from skactive._utils.validation import ignore_many_classes_warning
from skactive._utils.versioning import VersionCheckMixin
from skactive.heads.head_inputs import encode_labels
from skactive.heads.losses import times_class_weight
from skactive.heads.stacking import Calibration, stacking_weights
from skactive.heads.table_columns import TableColumns
from skactive.heads.table_features import Features, LabeledTable, TableFeatures
from skactive.heads.table_learners import LEARNERS

_LABELS_FOR_EQUAL_WEIGHTS = 50  # with so many labels, importances count half in distances


class TabularClassifier(VersionCheckMixin, ClassifierMixin, BaseEstimator):
    """Classifier for mixed tables: numbers, categories, booleans, dates and missing values.

    The columns need no preparation. Four learners of different kinds are fitted: a `SoftmaxHead`
    on standardized numbers and one-hot encoded categories; a `SoftmaxHead` on these, on the normal
    scores of a `TableEncoder` and on random features of a Gaussian kernel; a random forest; and
    gradient boosting. Which of them fits a table best shows only in the labels. The prediction is a
    mixture of all, weighted by the likelihood of held-out labels (stacking). An exponent and an
    offset for each class calibrate it on the same held-out predictions. With few labels, the
    weights are close to equal.

    Parameters
    ----------
    text_encoder : transformer, default=None
        Embeds columns of texts: a `SentenceEncoder`. A string column holds texts if the median of
        its values has at least five words and its dtype is not ``category``. Without an encoder,
        such a column is an error.
    class_weight : dict, "balanced" or None, default="balanced"
        ``"balanced"`` gives all classes the same weight, for a high balanced accuracy. None is for
        plain accuracy. A dict gives the sample weight of each class.
    random_state : int, RandomState instance or None, default=None
        Seed of the trees.

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
        The labels, sorted.
    learner_weights_ : dict of str to float
        Weight of each learner in the mixture. They sum to 1.
    out_of_fold_proba_ : float64 array of shape (n, K)
        Probabilities of each row, predicted by learners that have not seen it. n is the number of
        rows of non-zero weight.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names. Defined only if `fit` received a table with names.

    Notes
    -----
    Strategies that compare rows by distance use the vectors of `distance_features`.

    References
    ----------
    D. Wolpert, "Stacked generalization", Neural Networks 5, 1992.

    N. Erickson et al., "AutoGluon-Tabular: robust and accurate AutoML for structured data", 2020,
    arXiv:2003.06505.

    L. Breiman, "Random forests", Machine Learning 45, 2001.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skactive import TabularClassifier
    >>> X, y = load_wine(return_X_y=True)
    >>> TabularClassifier(random_state=0).fit(X[::2], y[::2]).score(X[1::2], y[1::2]) > 0.9
    True
    """

    _held_out_proba: np.ndarray
    _entry: np.ndarray
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "text_encoder": [HasMethods("transform"), None],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        text_encoder: Any = None,
        class_weight: dict[Any, float] | str | None = "balanced",
        random_state: Any = None,
    ) -> None:
        self.text_encoder = text_encoder
        self.class_weight = class_weight
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None
    ) -> "TabularClassifier":
        """Fit all learners, and the weights of their mixture.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n, d)
            A table.
        y : array-like of shape (n,)
            Labels of any type.
        sample_weight : array-like of shape (n,), default=None
            A weight of 2 equals a repeated row. A row of weight 0 is ignored.
        classes : array-like, default=None
            All classes, of which some may be missing in `y`. None: the classes in `y`.

        Returns
        -------
        self : TabularClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If a column holds texts and there is no `text_encoder`, a number is infinite, or
            `classes` lacks a label of `y`.
        """
        X = self._checked(X, reset=True)
        y = column_or_1d(y, warn=True)
        assert_all_finite(y, input_name="y")
        check_consistent_length(X, y)
        with ignore_many_classes_warning():
            check_classification_targets(y)
        weight = check_sample_weight(sample_weight, X)
        counted = weight > 0
        if not counted.any():
            raise ValueError("sample_weight is zero for every row; at least one must be positive.")
        self.classes_, codes = encode_labels(y, classes)
        weight = times_class_weight(weight, y, self.class_weight)
        keep = weight > 0
        ignored = np.flatnonzero(counted & ~keep)  # rows of classes of weight 0
        unseen = take(X, ignored) if len(ignored) else None
        if not keep.all():
            X, codes, weight = take(X, np.flatnonzero(keep)), codes[keep], weight[keep]
        self._columns = TableColumns(self.text_encoder).fit(X, weight)
        labels = LabeledTable.merged(self._columns.transform(X), codes, weight, len(self.classes_))
        self._features = TableFeatures(self._columns.n_used).fit(labels.distinct_rows())
        self._fit_learners(labels)
        if unseen is not None:
            entry = np.zeros(len(keep), dtype=np.int64)
            entry[keep] = self._entry
            entry[ignored] = len(self._held_out_proba) + np.arange(len(ignored))
            self._entry = entry[counted]
            self._held_out_proba = np.vstack([self._held_out_proba, self.predict_proba(unseen)])
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of every class.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n, d)
            A table with the columns of `fit`.

        Returns
        -------
        proba : float64 array of shape (n, K)
            Rows sum to 1, columns follow `classes_`.
        """
        check_is_fitted(self)
        features = self._inputs(self._checked(X, reset=False))
        proba = [learner.predict_proba(features) for learner in self._learners]
        return self._calibration.apply(np.einsum("l,lnk->nk", self._weights, proba))

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of every row.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n, d)
            A table with the columns of `fit`.

        Returns
        -------
        labels : ndarray of shape (n,)
            Members of `classes_`.
        """
        check_is_fitted(self)
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def distance_features(self, X: Any) -> Callable[[Any], np.ndarray]:
        """Make a function that converts rows to vectors, for strategies that compare rows.

        Numbers are standardized, and categories are one-hot encoded. After `fit`, a squared
        distance is weighted by the importance of each feature to the forest, shrunk toward equal
        weights where labels are few: then close rows tend to share a class.

        Parameters
        ----------
        X : DataFrame or array-like of shape (N, d)
            A pool. Before `fit`, it determines means, standard deviations and categories.

        Returns
        -------
        to_matrix : callable
            Converts rows with the same columns to a float32 array with one row per row.
        """
        if hasattr(self, "_learners"):
            return lambda rows: self._inputs(rows).plain * self._column_scale
        columns = TableColumns(self.text_encoder).fit(X)
        features = TableFeatures(columns.n_used).fit(columns.transform(X))
        return lambda rows: features.transform(columns.transform(rows)).plain

    @property
    def out_of_fold_proba_(self) -> np.ndarray:
        check_is_fitted(self)
        return self._held_out_proba[self._entry]

    @property
    def learner_weights_(self) -> dict[str, float]:
        check_is_fitted(self)
        return dict(zip(LEARNERS, self._weights.tolist(), strict=True))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_learners")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags

    def _fit_learners(self, labels: LabeledTable) -> None:
        seed = draw_seed(self.random_state)
        balanced = "balanced" if self.class_weight == "balanced" else None
        features = self._features.transform(labels.blocks)
        self._learners: list[Any] = [
            make(balanced, labels.n_classes, seed).fit(features, labels)
            for make in LEARNERS.values()
        ]
        held_out = np.stack([learner.out_of_fold_proba for learner in self._learners], axis=1)
        evidence_weight = labels.evidence_weight(balanced is not None)
        label_proba = held_out[np.arange(len(labels.codes)), :, labels.codes]
        self._weights = stacking_weights(label_proba, evidence_weight, labels.n_classes)
        mixture = np.einsum("l,nlk->nk", self._weights, held_out)
        self._calibration = Calibration.fitted(mixture, labels.codes, evidence_weight)
        self._held_out_proba, self._entry = self._calibration.apply(mixture), labels.entry
        forest = dict(zip(LEARNERS, self._learners, strict=True))["forest"]
        fraction = len(mixture) / (len(mixture) + _LABELS_FOR_EQUAL_WEIGHTS)
        importance = forest.importances() * features.plain.shape[1]
        self._column_scale = np.float32((1 - fraction + fraction * importance) ** 0.5)

    def _inputs(self, table: Any) -> Features:
        return self._features.transform(self._columns.transform(table))

    def _checked(self, X: Any, *, reset: bool) -> Any:
        """The table, with the number and names of its columns set or checked."""
        if hasattr(X, "columns"):
            return validate_data(self, X, reset=reset, skip_check_array=True)
        return validate_data(self, X, reset=reset, dtype=None, ensure_all_finite="allow-nan")
