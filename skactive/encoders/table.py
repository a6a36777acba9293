"""TableEncoder: features of numeric columns that let a linear head fit curved boundaries."""

from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.kernel_approximation import RBFSampler
from sklearn.preprocessing import QuantileTransformer, StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data

from skactive._data.tables import fill_empty_columns
from skactive._utils.compat import Interval

_N_QUANTILES = 100
_MAX_NORMAL_SCORE = 3.0  # standard deviations; limit for the lowest and the highest rank
_GAMMA_PER_COLUMN = 0.25  # the gamma of the kernel times the number of columns


class TableEncoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Encode numeric columns: standardized values, normal scores and random Fourier features.

    A linear head on standardized columns fits skewed columns and curved class boundaries badly.
    `TableEncoder` therefore returns three groups of features: the standardized value of each
    column, the normal score of its rank, and random features [1]_ of a Gaussian kernel on all
    columns. Each group has a mean square of about 1. A missing value is replaced by the mean among
    the standardized values, and by the median among the normal scores.

    The encoder does not use labels. It can be fitted on a pool before any label is known.

    Parameters
    ----------
    n_components : int, default=300
        Number of random features of the kernel; 0 for none.
    random_state : int, RandomState instance or None, default=0
        Seed of the random features. With an int, repeated fits draw the same random features.

    Attributes
    ----------
    n_features_in_ : int
        d, the number of columns.
    feature_names_in_ : ndarray of shape (d,)
        Names of the columns. Defined only if `fit` received a table with names.

    See Also
    --------
    sklearn.compose.ColumnTransformer : For tables that also have categorical columns.

    References
    ----------
    .. [1] A. Rahimi and B. Recht (2007). Random features for large-scale kernel machines. NeurIPS.

    Examples
    --------
    >>> from sklearn.datasets import make_circles
    >>> from sklearn.pipeline import make_pipeline
    >>> from skactive import ActiveClassifier, SoftmaxHead, TableEncoder
    >>> table, ring = make_circles(400, noise=0.1, factor=0.4, random_state=0)
    >>> clf = ActiveClassifier(make_pipeline(TableEncoder(), SoftmaxHead()), random_state=0)
    >>> for _ in range(3):
    ...     positions = clf.query(table, 10)
    ...     clf = clf.partial_fit(table[positions], ring[positions])
    >>> clf.score(table, ring) > 0.95
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(Integral, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(self, n_components: int = 300, random_state: Any = 0) -> None:
        self.n_components = n_components
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Estimate mean, scale and quantiles of each column.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Numbers; NaN for a missing value.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        self : TableEncoder
            The fitted encoder.

        Raises
        ------
        ValueError
            If X is not a numeric table, or holds infinity.
        """
        self._validate_params()
        X = fill_empty_columns(self._check(X, reset=True))
        self._values = StandardScaler().fit(X)
        self._ranks = QuantileTransformer(
            n_quantiles=min(_N_QUANTILES, len(X)), output_distribution="normal", random_state=0
        ).fit(X)
        self._scores = StandardScaler().fit(self._clipped_ranks(X))
        self._kernel = None
        if self.n_components > 0:
            self._kernel = RBFSampler(
                gamma=_GAMMA_PER_COLUMN / X.shape[1],
                n_components=self.n_components,
                random_state=self.random_state,
            ).fit(np.zeros((1, X.shape[1])))
        self._varies = np.nanmin(X, axis=0) < np.nanmax(X, axis=0)
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Encode rows.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Numbers; NaN for a missing value.

        Returns
        -------
        ndarray of shape (n, 2 d + n_components), float32
            Values, normal scores, and random features, in this order.

        Raises
        ------
        ValueError
            As in `fit`, or if the columns differ from those in `fit`.
        """
        check_is_fitted(self)
        X = self._check(X, reset=False)
        values = self._filled(self._values.transform(X))
        scores = self._filled(self._scores.transform(self._clipped_ranks(X)))
        parts = [values / X.shape[1] ** 0.5, scores / X.shape[1] ** 0.5]
        if self._kernel is not None:
            parts.append(self._kernel.transform(values))
        return np.hstack(parts, dtype=np.float32)

    def _check(self, X: Any, reset: bool) -> np.ndarray:
        return validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=reset)

    def _filled(self, standardized: np.ndarray) -> np.ndarray:
        """Zeros for missing values, and for columns that had only one value and thus no scale."""
        return np.where(self._varies, np.nan_to_num(standardized, copy=False), 0)

    def _clipped_ranks(self, X: np.ndarray) -> np.ndarray:
        return np.clip(self._ranks.transform(X), -_MAX_NORMAL_SCORE, _MAX_NORMAL_SCORE)

    @property
    def _n_features_out(self) -> int:
        return 2 * self.n_features_in_ + self.n_components

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_values")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = []
        return tags
