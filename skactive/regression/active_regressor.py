"""ActiveRegressor: selects the rows to label next for a regression, and learns from them."""

import warnings
from inspect import signature
from numbers import Integral, Real
from typing import Any, cast

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_array, column_or_1d, get_tags
from sklearn.utils.validation import check_is_fitted

from skactive._data.containers import concatenate, take
from skactive._data.pipeline import seed_parts
from skactive._data.row_keys import row_keys
from skactive._data.tables import table_matrix
from skactive._learner.inputs import check_rows
from skactive._utils.compat import (
    Interval,
    StrOptions,
    _fit_context,
    n_rows,
)
from skactive._utils.random import draw_seed
from skactive._utils.validation import (
    A_REGRESSOR,
    check_count,
    check_one_label_per_row,
    check_positions,
)
from skactive._utils.versioning import VersionCheckMixin
from skactive.regression.input_noise import fit_with_input_noise, last_step, slope_variance
from skactive.regression.posterior_covariance import (
    PosteriorCovariance,
    covariance_of_members,
    posterior_covariance,
)
from skactive.regression.selection import by_integrated_variance, by_variance, greedy_sampling

_Labeled = tuple[Any, np.ndarray]  # rows and labels
_STRATEGIES = (
    "auto",
    "random",
    "gsx",
    "gsy",
    "igs",
    "variance",
    "integrated_variance",
    "committee",
)


class ActiveRegressor(VersionCheckMixin, MetaEstimatorMixin, RegressorMixin, BaseEstimator):
    """Active learning with any scikit-learn regressor.

    `query` returns the rows of a pool whose labels help most, and `partial_fit` learns from them,
    as in `ActiveClassifier`. All labels are fitted again each time, in an order that depends on the
    rows alone.

    Parameters
    ----------
    estimator : regressor or Pipeline ending in one, default=None
        None means a Gaussian process on standardized columns, with an RBF kernel and a noise term.
    strategy : str, default="auto"
        How `query` selects rows:

        - ``"auto"``: ``"integrated_variance"`` where `estimator` allows it, otherwise ``"gsx"``;
        - ``"igs"``: greedy sampling, the product of the distances to the labeled rows and to their
          labels (iGS);
        - ``"gsx"``, ``"gsy"``: the distance of the rows alone, or that of the labels alone;
        - ``"variance"``: the largest posterior variance (ALM);
        - ``"integrated_variance"``: the largest reduction of the mean posterior variance (ALC);
        - ``"committee"``: the largest variance between `n_members` regressors, each fitted on a
          bootstrap sample of the labels;
        - ``"random"``.

        ``"variance"`` and ``"integrated_variance"`` need a Gaussian process, a Bayesian linear
        model, or an ensemble with ``estimators_``, as last step of `estimator`. ``"variance"`` also
        takes any regressor with ``predict(X, return_std=True)``, and then scores the rows of a
        batch independently. Before the first label, ``"gsx"`` is used.
    n_members : int, default=10
        Number of regressors of ``"committee"``.
    input_noise : float or array-like of shape (d,), default=None
        Standard deviation of the noise with which the columns of labeled rows were set or measured.
        A Gaussian process then counts it as noise of the labels, in proportion to its slope (NIGP),
        in fits and in queries. None means no noise. Needs a GaussianProcessRegressor as last step.
    random_state : int, RandomState instance or None, default=None
        Seed of the queries, and of every part of `estimator` whose own random_state is None.

    Attributes
    ----------
    estimator_ : regressor or Pipeline
        The clone of `estimator` that was fitted last.
    n_features_in_ : int
        Number of columns, where X has columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where X has names.

    References
    ----------
    D. Wu, C.-T. Lin and J. Huang, "Active learning for regression using greedy sampling",
    Information Sciences 474, 2019.

    R. Burbidge, J. Rowland and R. King, "Active learning for regression based on query by
    committee", IDEAL 2007.

    S. Seo, M. Wallat, T. Graepel and K. Obermayer, "Gaussian process regression: active data
    selection and test point rejection", IJCNN 2000 (ALM and ALC).

    Examples
    --------
    >>> import numpy as np
    >>> from skactive import ActiveRegressor
    >>> X = np.linspace(0, 6, 200)[:, None]
    >>> y = np.sin(X[:, 0])
    >>> reg = ActiveRegressor(random_state=0)
    >>> for _ in range(4):
    ...     asked = reg.query(X, 4)
    ...     reg = reg.partial_fit(X[asked], y[asked])
    >>> reg.score(X, y) > 0.99
    True
    """

    _parameter_constraints = {  # noqa: RUF012
        "estimator": [A_REGRESSOR, None],
        "strategy": [StrOptions(set(_STRATEGIES))],
        "n_members": [Interval(Integral, 2, None, closed="left")],
        "input_noise": [Interval(Real, 0, None, closed="left"), "array-like", None],
        "random_state": ["random_state"],
    }

    _labeled: _Labeled | None = None
    _seed: int | None = None

    def __init__(
        self,
        estimator: Any = None,
        *,
        strategy: str = "auto",
        n_members: int = 10,
        input_noise: Any = None,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.strategy = strategy
        self.n_members = n_members
        self.input_noise = input_noise
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any) -> "ActiveRegressor":
        """Learn from these labels, and discard all earlier ones.

        Parameters
        ----------
        X : array, sparse matrix, DataFrame or sequence of n rows
            Labeled rows, of the kind that `estimator` takes.
        y : array-like of shape (n,)
            Their labels, finite numbers.

        Returns
        -------
        self : ActiveRegressor
            The fitted regressor.

        Raises
        ------
        ValueError
            If lengths differ or labels are missing.
        """
        X, y = self._check_labeled(X, y, reset=True)
        self._seed = None
        return self._learn(X, y)

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X: Any, y: Any) -> "ActiveRegressor":
        """Learn from these labels and all earlier ones.

        Parameters
        ----------
        X : array, sparse matrix, DataFrame or sequence of n rows
            Labeled rows.
        y : array-like of shape (n,)
            Their labels, finite numbers.

        Returns
        -------
        self : ActiveRegressor
            The fitted regressor.

        Raises
        ------
        ValueError
            As in `fit`; earlier labels are kept.
        """
        earlier = self._labeled
        X, y = self._check_labeled(X, y, reset=earlier is None)
        if earlier is not None:
            X, y = concatenate(earlier[0], X), np.append(earlier[1], y)
        return self._learn(X, y)

    def query(self, X_pool: Any, n: int = 1, *, exclude: Any = None) -> np.ndarray:
        """Select the rows to label next. Works before any label.

        Rows equal to a labeled row are not selected, and of several equal rows one is. Repeated
        calls with the same labels return the same rows.

        Parameters
        ----------
        X_pool : array, sparse matrix, DataFrame or sequence of N rows
            The rows to select from.
        n : int, default=1
            Number of rows.
        exclude : int array, or bool array of shape (N,), default=None
            Positions, or a mask, of rows that must not be selected.

        Returns
        -------
        positions : int64 array of shape (n,)
            Positions of different rows of X_pool. Fewer, with a warning, where fewer rows remain.

        Raises
        ------
        ValueError
            If the pool is empty or has other columns than fit saw, n < 1, or the strategy needs a
            posterior variance that the estimator does not have.
        """
        self._validate_params()
        n = check_count(n)
        pool = check_rows(self, self._model(), X_pool, "X_pool", reset=self._labeled is None)
        candidates = self._candidates(pool, exclude)
        if len(candidates) < n:
            warnings.warn(
                f"query was asked for n={n} rows, but only {len(candidates)} different rows are "
                "neither labeled nor excluded; all of them are returned.",
                stacklevel=2,
            )
        n = min(n, len(candidates))
        if n == 0:
            return candidates
        return candidates[self._select(take(pool, candidates), n)]

    def predict(self, X: Any) -> np.ndarray:
        """Predicted target of every row.

        Parameters
        ----------
        X : array, sparse matrix, DataFrame or sequence of n rows
            Rows.

        Returns
        -------
        y : array of shape (n,)
            Predictions.
        """
        check_is_fitted(self, "estimator_")
        return self.estimator_.predict(check_rows(self, self.estimator_, X, "X", reset=False))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self._model())
        tags.input_tags, tags.regressor_tags = inner.input_tags, inner.regressor_tags
        tags.target_tags.multi_output = False
        return tags

    def _model(self) -> Any:
        if self.estimator is None:
            kernel = ConstantKernel() * RBF() + WhiteKernel(0.1, (1e-6, 10.0))
            gp = GaussianProcessRegressor(kernel, normalize_y=True)
            model = make_pipeline(StandardScaler(), gp)
        else:
            model = clone(self.estimator)
        if isinstance(self.random_state, Integral):
            seed_parts(model, int(self.random_state))
        return model

    def _check_labeled(self, X: Any, y: Any, *, reset: bool) -> _Labeled:
        if y is None:
            raise ValueError("A fit requires y to be passed, but the target y is None.")
        X = check_rows(self, self._model(), X, "X", reset=reset)
        y = check_array(column_or_1d(y, warn=True), ensure_2d=False, dtype=float, input_name="y")
        check_one_label_per_row(X, y)
        return X, y

    def _learn(self, X: Any, y: np.ndarray) -> "ActiveRegressor":
        order = np.lexsort((y, row_keys(X)))
        X, y = take(X, order), y[order]
        self.estimator_ = self._fitted_model(X, y)
        self._labeled = X, y
        return self

    def _fitted_model(self, X: Any, y: np.ndarray) -> Any:
        with warnings.catch_warnings():
            if self.estimator is None:  # labels without noise: a noise level at its lower bound
                warnings.simplefilter("ignore", ConvergenceWarning)
            if self.input_noise is not None:
                return fit_with_input_noise(self._model(), X, y, self.input_noise)
            return self._model().fit(X, y)

    def _candidates(self, pool: Any, exclude: Any) -> np.ndarray:
        """Positions of different rows that may be selected, increasing."""
        keys = row_keys(pool)
        free = np.ones(n_rows(pool), dtype=bool)
        if exclude is not None:
            free[check_positions(exclude, len(free), "exclude")] = False
        if self._labeled is not None:
            free &= ~np.isin(keys, row_keys(self._labeled[0]))
        positions = np.flatnonzero(free)
        _, first = np.unique(keys[positions], return_index=True)
        return positions[np.sort(first)]

    def _rng(self) -> np.random.Generator:
        if self._seed is None:
            self._seed = draw_seed(self.random_state)
        n_labels = 0 if self._labeled is None else len(self._labeled[1])
        return np.random.default_rng([self._seed, n_labels])

    def _select(self, pool: Any, n: int) -> np.ndarray:
        if self.strategy == "random":
            return self._rng().permutation(n_rows(pool))[:n]
        if self._labeled is None or self.strategy in ("gsx", "gsy", "igs"):
            return self._greedy_sampling(pool, n)
        covariance = self._covariance(pool)
        if covariance is None and self.strategy == "auto":
            return self._greedy_sampling(pool, n)
        if covariance is None:
            return self._by_std(pool, n)
        if self.strategy in ("auto", "integrated_variance"):
            return by_integrated_variance(covariance, n, self._rng())
        return by_variance(covariance, n)

    def _by_std(self, pool: Any, n: int) -> np.ndarray:
        last = last_step(self.estimator_)
        if self.strategy == "variance" and "return_std" in signature(last.predict).parameters:
            _, std = last.predict(self._features(pool), return_std=True)
            return np.argsort(-np.asarray(std), kind="stable")[:n]
        raise ValueError(
            f"strategy={self.strategy!r} needs posterior variances, which {type(last).__name__} "
            "does not have. Take a GaussianProcessRegressor, a BayesianRidge or a "
            'RandomForestRegressor, or strategy="committee".'
        )

    def _greedy_sampling(self, pool: Any, n: int) -> np.ndarray:
        rows = self._matrix(pool, pool)
        if self._labeled is None:
            return greedy_sampling(rows, rows[:0], n)
        labeled = self._matrix(pool, self._labeled[0])
        if self.strategy in ("auto", "gsx"):
            return greedy_sampling(rows, labeled, n)
        predicted = np.asarray(self.estimator_.predict(pool), dtype=np.float64)
        of_rows = self.strategy == "igs"
        return greedy_sampling(rows, labeled, n, predicted, self._labeled[1], use_rows=of_rows)

    def _matrix(self, pool: Any, rows: Any) -> np.ndarray:
        """Rows as numbers on a common scale, that of the pool."""
        if getattr(pool, "ndim", 1) > 1 and not sparse.issparse(pool):
            return table_matrix(pool)(rows).astype(np.float64)
        steps = self._model()[:-1] if isinstance(self._model(), Pipeline) else None
        if steps:
            fitted = clone(steps).fit(pool)
            pool, rows = fitted.transform(pool), fitted.transform(rows)
        return _dense(rows)

    def _covariance(self, pool: Any) -> PosteriorCovariance | None:
        X, y = cast(_Labeled, self._labeled)
        if self.strategy == "committee":
            rng, predictions = self._rng(), []
            for _ in range(self.n_members):
                sample = rng.integers(len(y), size=len(y))
                member = self._fitted_model(take(X, sample), y[sample])
                predictions.append(member.predict(pool))
            noise = float(np.mean((y - self.estimator_.predict(X)) ** 2))
            return covariance_of_members(np.array(predictions), noise)
        last, features = last_step(self.estimator_), self._features
        covariance = posterior_covariance(last, features(pool), features(X), y)
        if covariance is None or self.input_noise is None:
            return covariance
        by_slope = slope_variance(self.estimator_, pool, self.input_noise)
        return covariance._replace(noise=covariance.noise + by_slope)

    def _features(self, rows: Any) -> np.ndarray:
        """Input of the last step."""
        if isinstance(self.estimator_, Pipeline) and len(self.estimator_) > 1:
            rows = self.estimator_[:-1].transform(rows)
        return _dense(rows)


def _dense(rows: Any) -> np.ndarray:
    return np.asarray(rows.toarray() if sparse.issparse(rows) else rows, dtype=np.float64)
