"""StreamSampler: stream-based selective sampling with a limited fraction of labels."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted, validate_data

from skactive._utils.compat import HasMethods, Interval, StrOptions, _fit_context
from skactive._utils.random import draw_seed
from skactive._utils.validation import check_labels, check_one_label_per_row, unique_labels
from skactive._utils.versioning import VersionCheckMixin
from skactive.stream.label_budget import LabelBudget
from skactive.stream.rules import RULES, StreamRule


class StreamSampler(VersionCheckMixin, MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """Classifier for a stream of rows that asks for the labels of some of them.

    `ask` decides for each row in the order of arrival, without seeing later rows. `partial_fit`
    learns the labels that were given. Until two classes are known, every row is asked about as far
    as the budget allows.

    A stream begins with the first row or label, or with `fit`. Parameters that are set later take
    effect with the next stream.

    Parameters
    ----------
    estimator : classifier with partial_fit and predict_proba
        Is cloned. `ActiveClassifier` gives ``partial_fit`` to a classifier without it.
    budget : float, default=0.1
        Fraction of the rows whose label may be asked for, between 0 and 1. Of all rows so far, the
        labels asked for exceed it by at most one; of any `window` consecutive rows, too.
    rule : str, default="split"
        When the label of a row is worth asking for:

        - ``"random"``: with probability `budget`;
        - ``"fixed"``: the largest probability p of K classes has
          (p - 1/K) / (1 - 1/K) < `budget`;
        - ``"variable"``: the largest probability is below a threshold that shrinks by 1 % with
          each label and grows by 1 % otherwise;
        - ``"variable_random"``: the same with the threshold times a normal random number;
        - ``"split"``: a fifth at random, the others by ``"variable"``;
        - ``"quantile"``: the row is among the most uncertain ones of the last `window`
          (balanced incremental quantile filter);
        - ``"neuronal"``: two networks cannot separate the losses of the two best classes
          (NeurONAL-S).
    window : int, default=100
        Number of consecutive rows within which the budget holds.
    random_state : int, RandomState instance or None, default=None
        Seed of the rule.

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
        The classes announced or seen, those of `estimator_`.
    estimator_ : classifier
        The fitted clone of `estimator`.
    n_seen_, n_asked_ : int
        Number of rows passed to `ask`, and of labels asked for.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where X has names.

    References
    ----------
    I. Žliobaitė, A. Bifet, B. Pfahringer and G. Holmes, "Active learning with drifting streaming
    data", IEEE Transactions on Neural Networks and Learning Systems 25, 2014.

    D. Kottke, G. Krempl and M. Spiliopoulou, "Probabilistic active learning in datastreams", IDA
    2015 (the quantile filter).

    Y. Ban et al., "Neural active learning beyond bandits", ICLR 2024.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import SGDClassifier
    >>> from skactive.stream import StreamSampler
    >>> rng = np.random.default_rng(0)
    >>> y = rng.integers(2, size=500)
    >>> X = rng.normal(size=(500, 2)) + 3 * y[:, None]
    >>> sampler = StreamSampler(SGDClassifier(loss="log_loss", random_state=0), random_state=0)
    >>> for start in range(0, 500, 10):
    ...     rows = slice(start, start + 10)
    ...     asked = sampler.ask(X[rows])
    ...     if asked.any():
    ...         sampler = sampler.partial_fit(X[rows][asked], y[rows][asked], classes=[0, 1])
    >>> bool(sampler.n_asked_ <= 51)
    True
    >>> sampler.score(X, y) > 0.9
    True
    """

    _parameter_constraints = {  # noqa: RUF012
        "estimator": [HasMethods(["partial_fit", "predict_proba"])],
        "budget": [Interval(Real, 0, 1, closed="both")],
        "rule": [StrOptions(set(RULES))],
        "window": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    estimator_: Any
    _rule: StreamRule | None = None
    _labels_seen: tuple[Any, ...] = ()

    def __init__(
        self,
        estimator: Any,
        *,
        budget: float = 0.1,
        rule: str = "split",
        window: int = 100,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.budget = budget
        self.rule = rule
        self.window = window
        self.random_state = random_state

    def ask(self, X: Any) -> np.ndarray:
        """Decide row by row whether to ask for the label.

        Rows are decided in their order. As long as `partial_fit` is not called in between, several
        calls give the same decisions as one call with all rows.

        Parameters
        ----------
        X : array-like of shape (n, d)
            The rows that have arrived.

        Returns
        -------
        asked : bool array of shape (n,)
            Whether the label of each row is asked for.

        Raises
        ------
        ValueError
            If X has another number of columns than earlier rows, or contains missing values.
        """
        self._validate_params()
        X = self._check_rows(X)
        rule = self._started()
        certainty = rule.certainty(X, self._known_proba(X))
        asked = np.zeros(len(X), dtype=bool)
        for i, value in enumerate(certainty):
            allowed = rule.budget.allows()
            wanted = rule.wants(float(value), allowed) or not self._knows_two_classes
            asked[i] = allowed and wanted
            rule.budget.record(bool(asked[i]))
        return asked

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any) -> "StreamSampler":
        """Start again, with the budget of a new stream, and learn from labeled rows.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Labeled rows. They do not count as rows of the stream.
        y : array-like of shape (n,)
            Their labels.

        Returns
        -------
        self : StreamSampler
            The fitted sampler.
        """
        X, y = validate_data(self, X, y, reset=True)
        y = check_labels(y, None)
        self._rule, self._labels_seen = None, ()
        for name in ("estimator_", "classes_"):
            if hasattr(self, name):
                delattr(self, name)
        return self._learn(X, y, None)

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> "StreamSampler":
        """Learn from the labels that were given.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Labeled rows.
        y : array-like of shape (n,)
            Their labels.
        classes : array-like, default=None
            All classes, for an estimator whose first ``partial_fit`` needs them. A later call can
            add classes if `estimator` can, as `ActiveClassifier` does.

        Returns
        -------
        self : StreamSampler
            The fitted sampler.

        Raises
        ------
        ValueError
            If lengths differ, values are missing, or the estimator cannot learn classes that were
            not announced in its first call.
        """
        X = self._check_rows(X)
        y = check_labels(y, getattr(self, "classes_", None))
        check_one_label_per_row(X, y)
        return self._learn(X, y, None if classes is None else check_labels(classes, y, "classes"))

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of every row.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Rows.

        Returns
        -------
        labels : ndarray of shape (n,)
            Members of `classes_`.
        """
        proba = self.predict_proba(X)
        return self.classes_[proba.argmax(axis=1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of every class.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Rows.

        Returns
        -------
        proba : array of shape (n, K)
            Rows sum to 1, columns follow `classes_`. A row is uniform where `estimator_` returns
            NaN, as GaussianNB does after its first row.

        Raises
        ------
        NotFittedError
            If no label has been learned.
        """
        check_is_fitted(self, "estimator_")
        return self._finite_proba(validate_data(self, X, reset=False))

    @property
    def n_seen_(self) -> int:
        return 0 if self._rule is None else self._rule.budget.n_seen

    @property
    def n_asked_(self) -> int:
        return 0 if self._rule is None else self._rule.budget.n_asked

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.classifier_tags = get_tags(self.estimator).classifier_tags or tags.classifier_tags
        return tags

    @property
    def _knows_two_classes(self) -> bool:
        return len(self._labels_seen) > 1

    def _check_rows(self, X: Any) -> np.ndarray:
        return validate_data(self, X, reset=not hasattr(self, "n_features_in_"))

    def _known_proba(self, X: np.ndarray) -> np.ndarray | None:
        return self._finite_proba(X) if self._knows_two_classes else None

    def _finite_proba(self, X: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            proba = self.estimator_.predict_proba(X)
        finite = np.isfinite(proba).all(axis=1, keepdims=True)
        return np.where(finite, proba, 1 / proba.shape[1])

    def _started(self) -> StreamRule:
        if self._rule is None:
            rng = np.random.default_rng(draw_seed(self.random_state))
            self._rule = RULES[self.rule](LabelBudget(self.budget, self.window), rng)
        return self._rule

    def _learn(self, X: np.ndarray, y: np.ndarray, classes: np.ndarray | None) -> "StreamSampler":
        known = unique_labels(getattr(self, "classes_", None), classes, y)
        if not hasattr(self, "estimator_"):
            estimator: Any = clone(self.estimator)
            estimator.partial_fit(X, y, classes=known)
        else:
            estimator = self.estimator_
            self._partial_fit_again(X, y, known)
        self.estimator_, self.classes_ = estimator, estimator.classes_
        self._labels_seen = tuple(sorted({*self._labels_seen, *y.tolist()}))
        self._started().learn(X, np.searchsorted(self.classes_, y), len(self.classes_))
        return self

    def _partial_fit_again(self, X: np.ndarray, y: np.ndarray, known: np.ndarray) -> None:
        added = known[~np.isin(known, self.classes_)]
        if not len(added):
            self.estimator_.partial_fit(X, y)
            return
        try:
            self.estimator_.partial_fit(X, y, classes=known)
        except ValueError as error:
            raise ValueError(
                f"estimator={self.estimator_!r} cannot learn the classes {added.tolist()}, which "
                "its first partial_fit did not announce. Give all classes in the first call, or "
                "take an ActiveClassifier of this estimator."
            ) from error
