"""ActiveClassifier: learns from the labels so far, and names the rows to label next."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from numbers import Integral
from typing import Any, cast

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags
from sklearn.utils.validation import validate_data

from skactive import strategies
from skactive._compat import (
    CallbackSupportMixin,
    HasMethods,
    PartOfFit,
    StrOptions,
    _fit_context,
    check_sample_weight,
    fit_told,
    parts_of_fit,
)
from skactive._learned import Learned
from skactive._memory import LabelMemory
from skactive._persistence import VersionNoted
from skactive._pipeline import Parts, count_fits, first_step, split_pipeline
from skactive._pool import make_view, select_different
from skactive._prior import Prior, prior_opinion, warn_of_another_prior
from skactive._random import draw_seed
from skactive._refresh import Freshness
from skactive._row_keys import find_known, row_keys, row_sketches
from skactive._rows import (
    as_rows,
    is_texts,
    n_rows,
    select,
)
from skactive._seen_pool import SeenPool, see_pool
from skactive._validation import (
    A_CLASSIFIER,
    check_count,
    check_is_container,
    check_labels,
    check_one_label_a_row,
    check_positions,
    unchanged_by_failure,
    union,
)
from skactive.encoders.base import Encoder
from skactive.finetune import FineTunedClassifier
from skactive.heads import SoftmaxHead
from skactive.heads.directions import Groups
from skactive.noise import NoiseEstimate
from skactive.strategies import PoolView, QueryStrategy, SequentialStrategy
from skactive.strategies.parameters import A_STRATEGY

_DEFAULT_STRATEGY = "balanced_herding"
_EXAMPLES = {  # of objects with parameters
    "estimator": "SoftmaxHead()",
    "strategy": "strategies.get('balanced_herding')",
    "prior": "ZeroShotClassifier(prompts)",
    "refresh": "FineTunedClassifier()",
}
_FORGOTTEN = (  # by fit
    "_learned",
    "_announced",
    "_drawn_seed",
    "_freshness",
    "_pool",
)


class ActiveClassifier(VersionNoted, CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """Active learning around any scikit-learn classifier.

    `query` names the rows of a pool whose labels would help most; `partial_fit` takes the answers,
    which may be wrong or contradict each other. With a `prior` it predicts, and queries, before
    the first label.

    Leading Pipeline steps that need no fit (the encoders, ``Normalizer``, ``HashingVectorizer``)
    are applied once a row; everything after them is refitted on all labels each time. The labels
    are kept in a canonical order, so neither the order nor the size of the batches in which they
    came matters.

    Parameters
    ----------
    estimator : classifier with predict_proba, or Pipeline ending in one, default=None
        None means ``SoftmaxHead()``. A skorch net is put inside a `SkorchAdapter`.
    strategy : str or QueryStrategy, default="auto"
        What `query` goes by; see ``strategies.names()``. ``"auto"`` is ``"balanced_herding"``: rows
        that stand best for all those in doubt, the rarer classes weighing more.
    prior : classifier or None, default=None
        Anything with ``predict_proba`` on the same rows that needs no fit: a `ZeroShotClassifier`,
        or a fitted classifier inside ``FrozenEstimator``.
    noise : {"auto", None}, default="auto"
        Whether wrong labels are reckoned with. ``"auto"``: a `SoftmaxHead` finds out how many there
        are, and each label's trust is estimated by models that have not seen it. None: every label
        is taken at its word.
    transductive : bool, default=True
        Whether what `query` sees of a pool sharpens later fits: the shares of the prior's classes,
        how often each class seems to come, and, where rows are embeddings of unit length, which of
        them are alike. Of such only means of groups are kept, of others no more than 300 rows. A
        new prior or encoder needs `fit`; a new strategy needs nothing.
    refresh : {"auto", None} or FineTunedClassifier, default=None
        Whether the encoder, the first step of `estimator`, is tuned when its embeddings have gone
        stale, as in ASVP (Wen et al., below). ``"auto"``: at 100 labels, and whenever they have
        doubled, a ``FineTunedClassifier(mode="auto")`` is fitted; if it foretells labels held out
        better than the frozen embeddings do, its encoder makes the features from then on, and the
        pool is embedded anew, once. Another FineTunedClassifier is fitted with its own
        parameters. The labelled rows are then remembered as they are, and the sizes of the batches
        matter.
    random_state : int, RandomState instance or None, default=None
        Seeds the queries, and every part of `estimator` whose own random_state is None.
    verbose : bool, default=False
        Print one line at each fit.

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
        The prior's classes, those announced and those seen, sorted.
    estimator_ : classifier or Pipeline
        The clone of `estimator` that was fitted last.
    label_trust_ : float64 array of shape (n_labelled,)
        Trust in each label, in the order the labels were given, between 0 and 1; 0 for one of
        weight zero.
    prior_share_ : float
        What the head that follows the prior counts beside the same head without it: between 0 and
        1. It is found from labels that neither has seen, with a `SoftmaxHead` whose strength is
        found; with any other it is 1. Without a prior, 0.
    noise_ : NoiseEstimate
        ``rate``, the share of labels that seem to be wrong, and ``transition``, an array (K, K)
        whose row j says how rows truly of class j are labelled.
    n_features_in_ : int
        Number of columns, where X has columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where X has names.

    References
    ----------
    J. Zhang, M. Li, Q. Zhang and Y. Zhu, "Active learning with foundation model priors: efficient
    learning under class imbalance", 2026, arXiv:2606.07630.

    Z. Wen, O. Pizarro and S. Williams, "Feature alignment: rethinking efficient active learning
    via proxy in the context of pre-trained models", TMLR 2024.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive import ActiveClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = ActiveClassifier(LogisticRegression(), random_state=0)
    >>> for _ in range(3):
    ...     asked = clf.query(X, 10)
    ...     clf = clf.partial_fit(X[asked], y[asked])
    >>> clf.score(X, y) > 0.9
    True
    """

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

    _learned: Learned | None = None
    _announced: np.ndarray | None = None
    _pool: SeenPool | None = None  # by query; counts from the next fit on
    _drawn_seed: int | None = None
    _freshness: Freshness = Freshness()

    def __init__(
        self,
        estimator: Any = None,
        *,
        strategy: str | QueryStrategy = "auto",
        prior: Any = None,
        noise: str | None = "auto",
        transductive: bool = True,
        refresh: Any = None,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.estimator = estimator
        self.strategy = strategy
        self.prior = prior
        self.noise = noise
        self.transductive = transductive
        self.refresh = refresh
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "ActiveClassifier":
        """Forget everything and learn from these labels.

        Parameters
        ----------
        X : array, sparse matrix, DataFrame or sequence of n rows
            Labelled rows, of the kind that `estimator` takes.
        y : array-like of shape (n,)
            Their labels: str, int or bool.
        sample_weight : array-like of shape (n,), default=None
            A row of weight 2 is a row given twice, one of weight 0 is not learned from.

        Returns
        -------
        self : ActiveClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If lengths differ, labels are missing, or the estimator cannot take the rows. What was
            known before is kept.
        """
        with self._fit_task(X, y, sample_weight) as part_of_fit:
            for name in _FORGOTTEN:
                self.__dict__.pop(name, None)
            self._learn(X, y, None, sample_weight, part_of_fit)
        return self

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> "ActiveClassifier":
        """Learn from these labels and all earlier ones.

        Parameters
        ----------
        X : array, sparse matrix, DataFrame or sequence of n rows
            Labelled rows. A row given again with another label has two votes.
        y : array-like of shape (n,)
            Their labels, of the type of earlier ones. New classes may turn up in any call.
        classes : array-like, default=None
            Labels that may turn up later, announced beforehand.
        sample_weight : array-like of shape (n,), default=None
            As in `fit`.

        Returns
        -------
        self : ActiveClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            As in `fit`; earlier labels are kept.
        """
        with self._fit_task(X, y, sample_weight) as part_of_fit:
            self._learn(X, y, classes, sample_weight, part_of_fit)
        return self

    @_fit_context(prefer_skip_nested_validation=False)
    def relabel(self, positions: Any, y: Any) -> "ActiveClassifier":
        """Replace labels given earlier: a correction, not another vote.

        Parameters
        ----------
        positions : int array of shape (n,) or bool array of shape (n_labelled,)
            Which labels, counted in the order they were given.
        y : array-like of shape (n,)
            The right labels.

        Returns
        -------
        self : ActiveClassifier
            The classifier, refitted.
        """
        memory = self._known().memory
        positions = check_positions(positions, len(memory), "positions")
        y = check_labels(y, memory.y)
        check_one_label_a_row(positions, y, "positions")
        if len(np.unique(positions)) < len(positions):
            raise ValueError("positions holds one more than once; give one label for each.")
        with self._fit_task() as part_of_fit:
            self._refit(memory.relabelled(positions, y), part_of_fit)
        return self

    def query(
        self, X_pool: Any, n: int = 1, *, exclude: Any = None, return_scores: bool = False
    ) -> Any:
        """Name the rows to label next. Works before any label.

        Rows equal to a labelled one are not asked about again, nor is one of several equal rows
        asked about twice. Asked twice without a new label in between, it answers the same.

        Parameters
        ----------
        X_pool : array, sparse matrix, DataFrame or sequence of N rows
            The rows to choose from.
        n : int, default=1
            How many.
        exclude : int array, or bool array of shape (N,), default=None
            Positions, or a mask, of rows not to ask about.
        return_scores : bool, default=False
            Whether to return the scores too.

        Returns
        -------
        positions : int64 array of shape (n,)
            Positions of different rows of X_pool, best first. Fewer, with a warning, where fewer
            are left.
        scores : float64 array of shape (n,)
            What the strategy thinks each of these rows is worth by itself, higher being more
            wanted; NaN for strategies that do not score rows. Only if `return_scores`.

        Raises
        ------
        ValueError
            If the pool is empty or has other columns than fit saw, n < 1, or the strategy needs a
            prior and there is none.
        """
        self._validate_params()
        n = check_count(n)
        left, rows = self._askable_rows(X_pool, exclude)
        if len(left) < n:
            warnings.warn(
                f"query was asked for n={n} rows, but only {len(left)} of the pool's "
                f"{n_rows(X_pool)} are neither labelled nor excluded; it names them all.",
                stacklevel=2,
            )
        n = min(n, len(left))
        if n == 0:
            return (left, np.empty(0)) if return_scores else left
        strategy = self._usable_strategy()
        view, remember = self._view(rows)
        picked = select_different(strategy, view, rows, n)
        remember()
        if len(picked) < n:
            warnings.warn(
                f"query was asked for n={n} rows, but only {len(picked)} of those that are left in "
                "the pool are different; it names one of each.",
                stacklevel=2,
            )
        return (left[picked], strategy.score(view)[picked]) if return_scores else left[picked]

    def _ask(
        self, X_pool: Any, n: int, exclude: Any, annotate: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        """As `query`, but a strategy with steps hears what the annotator says on the way."""
        self._validate_params()
        left, rows = self._askable_rows(X_pool, exclude)
        n = min(n, len(left))
        if n == 0:
            return left
        strategy = self._usable_strategy()
        view, remember = self._view(rows)

        def answer(positions: np.ndarray) -> np.ndarray:
            answers = annotate(left[positions])
            new = ~np.isin(answers, self.classes_)
            if new.any():  # the strategy knows no such class before the fit: the model's guess
                guessed = self.classes_[view.proba[positions].argmax(axis=1)]
                answers = np.where(new, guessed, answers)
            return np.searchsorted(self.classes_, answers)

        if isinstance(strategy, SequentialStrategy):
            picked = strategy.ask(view, n, answer)
        else:
            picked = select_different(strategy, view, rows, n)
        remember()
        return left[picked]

    def predict_proba(self, X: Any) -> np.ndarray:
        """The joint opinion of prior and head; the prior's alone before any label.

        If the head balances classes (``class_weight="balanced"``) and `query` has seen a pool, it
        is corrected for which rows have been asked about.

        Parameters
        ----------
        X : array, sparse matrix, DataFrame or sequence of n rows
            Rows.

        Returns
        -------
        proba : float64 array of shape (n, K)
            Rows sum to 1, columns follow `classes_`.

        Raises
        ------
        NotFittedError
            If there is neither a label nor a prior.
        """
        if not self.__sklearn_is_fitted__():
            raise NotFittedError("ActiveClassifier has no labels and no prior; call fit first.")
        X = self._check_rows(X, "X", reset=False)
        raw = self._raw_prior_proba(X)
        if self._learned is not None:
            return self._learned.proba(X, raw)
        return cast(np.ndarray, raw)  # there is a prior, or the check above had raised

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest class of every row.

        Parameters
        ----------
        X : array, sparse matrix, DataFrame or sequence of n rows
            Rows.

        Returns
        -------
        labels : ndarray of shape (n,)
            Members of `classes_`.
        """
        proba = self.predict_proba(X)
        return self.classes_[proba.argmax(axis=1)]

    def suspects(self, n: int = 10) -> np.ndarray:
        """The labels most likely to be wrong, worth a second look and perhaps a `relabel`.

        Parameters
        ----------
        n : int, default=10
            How many at most.

        Returns
        -------
        positions : int64 array of shape (min(n, n_labelled),)
            Counted in the order the labels were given, least trusted first.

        Raises
        ------
        ValueError
            If `noise` is None: every label is taken at its word then.
        """
        if self.noise is None:
            raise ValueError("noise=None suspects no label; set noise='auto'.")
        return np.argsort(self.label_trust_, kind="stable")[: check_count(n)]

    @property
    def classes_(self) -> np.ndarray:
        if self._learned is not None:
            return self._learned.classes
        if self.prior is not None:
            return np.sort(self.prior.classes_)
        raise AttributeError("classes_ is known after fit, or with a prior.")

    @property
    def label_trust_(self) -> np.ndarray:
        learned = self._known()
        entry = learned.canonical.entry
        trust = np.ones(len(learned.canonical.y)) if self.noise is None else learned.trust
        return np.where(entry < 0, 0.0, trust[entry])

    @property
    def prior_share_(self) -> float:
        learned = self._known()
        return 0.0 if learned.prior is None else float(learned.model.shares[0])

    @property
    def noise_(self) -> NoiseEstimate:
        learned = self._known()
        if self.noise is None:
            return NoiseEstimate(0.0, np.eye(len(learned.classes)))
        return learned.noise

    def set_params(self, **params: Any) -> "ActiveClassifier":
        for name in params:
            own, nested, _ = name.partition("__")
            value = params.get(own, getattr(self, own, self))
            if nested and not hasattr(value, "set_params"):
                raise ValueError(
                    f"{name} cannot be set, since {own}={value!r} has no parameters. Give an "
                    f"object, such as {own}={_EXAMPLES.get(own)}."
                )
        return super().set_params(**params)

    def __sklearn_is_fitted__(self) -> bool:
        return self._learned is not None or self.prior is not None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(SoftmaxHead() if self.estimator is None else self.estimator)
        tags.input_tags = inner.input_tags
        tags.non_deterministic = inner.non_deterministic
        return tags

    @contextmanager
    def _fit_task(self, X: Any = None, y: Any = None, weight: Any = None) -> Iterator[PartOfFit]:
        """Callbacks hear of the fit, unless it fails; then nothing has changed."""
        told = {"X": X, "y": y, "metadata": weight if weight is None else {"sample_weight": weight}}
        n_parts = count_fits(self._estimator())
        with fit_told(self, max_subtasks=n_parts, **told) as task, unchanged_by_failure(self):
            try:
                yield parts_of_fit(self, task)
            except ValueError as error:
                if "could not convert string to float" not in str(error):
                    raise
                raise ValueError(
                    f"{error}. The classifier takes numbers: put an encoder, a vectorizer or a "
                    "ColumnTransformer before it, in a Pipeline. HistGradientBoostingClassifier "
                    "takes columns of the dtype 'category' too."
                ) from error

    def _learn(
        self, X: Any, y: Any, classes: Any, sample_weight: Any, part_of_fit: PartOfFit
    ) -> None:
        y = check_labels(y, getattr(self, "classes_", None))
        X = self._check_rows(X, "X", reset=self._learned is None)
        if self.refresh is not None and not isinstance(first_step(self._estimator()), Encoder):
            raise ValueError(
                f"refresh={self.refresh!r} needs an encoder as the first step of estimator. Give "
                "make_pipeline(SentenceEncoder(), SoftmaxHead()), for example, or refresh=None."
            )
        check_one_label_a_row(X, y)
        weight = check_sample_weight(sample_weight, X, all_zero=self._learned is not None)
        if classes is not None:
            self._announced = union(self._announced, check_labels(classes, y, "classes"))
        new = LabelMemory(
            rows=self._split().represent(X),
            y=y,
            weight=weight,
            keys=row_keys(X),
            sketches=row_sketches(X),
            prior_proba=self._raw_prior_proba(X),
            originals=None if self.refresh is None else X,
        )
        memory = new if self._learned is None else self._learned.memory.extended(new)
        self._refit(memory, part_of_fit)

    def _refit(self, memory: LabelMemory, part_of_fit: PartOfFit) -> None:
        counted = memory.weight > 0
        if not counted.any():
            raise ValueError("sample_weight is zero for every label; at least one must count.")
        known = None if self.prior is None else self.prior.classes_
        classes = union(known, self._announced, memory.y[counted])
        if known is not None:
            warn_of_another_prior(known, np.unique(memory.y[counted]))
        if self.refresh is not None:
            memory = self._kept_fresh(memory, classes)
        prior, groups = self._seen_of_pool(memory.rows)
        self._learned = Learned.from_memory(
            memory, classes, self._split(), prior, groups, part_of_fit
        )
        self.estimator_ = self._learned.parts.with_head(self._learned.model.head)
        if self.verbose:
            print(f"ActiveClassifier: {len(memory)} labels, {len(classes)} classes")  # noqa: T201

    def _kept_fresh(self, memory: LabelMemory, classes: np.ndarray) -> LabelMemory:
        """The memory, with features of another encoder where those it holds have gone stale."""
        canonical, before = memory.canonical(), self._freshness
        if not before.is_due(canonical):
            return memory
        prior, _ = self._seen_of_pool(memory.rows)
        prior_proba = canonical.prior_proba
        if prior is not None:
            prior_proba = prior.calibrated(prior_proba, canonical.rows, classes)
        self._freshness = before.looked(canonical, self._tuner(), classes, prior_proba)
        if self._freshness.encoder is before.encoder:
            return memory
        if self._pool is not None:
            self._pool = self._pool.embedded_anew()
        return replace(memory, rows=self._split().represent(memory.originals))

    def _tuner(self) -> Any:
        encoder = first_step(self._estimator())
        if self.refresh != "auto":
            return clone(self.refresh).set_params(model=encoder)
        loss = "cross_entropy" if self.noise is None else "auto"
        mode = self._freshness.mode
        return FineTunedClassifier(encoder, mode=mode, loss=loss, random_state=self._seed())

    def _known(self) -> Learned:
        if self._learned is None:
            raise NotFittedError("No labels were given yet; call fit or partial_fit first.")
        return self._learned

    def _split(self) -> Parts:
        seed = None if self.random_state is None else self._seed()
        parts = split_pipeline(self._estimator(), seed)
        ours = isinstance(parts.head, SoftmaxHead | FineTunedClassifier)
        if self.noise is None and ours and parts.head.loss == "auto":
            parts.head.set_params(loss="cross_entropy")
        encoder = self._freshness.encoder
        return parts if encoder is None else parts.with_encoder(encoder)

    def _estimator(self) -> Any:
        return SoftmaxHead() if self.estimator is None else self.estimator

    def _seed(self) -> int:
        if isinstance(self.random_state, Integral):
            return int(self.random_state)
        if self._drawn_seed is None:
            self._drawn_seed = draw_seed(self.random_state)
        return self._drawn_seed

    def _check_rows(self, X: Any, name: str, *, reset: bool) -> Any:
        check_is_container(X, name)
        if hasattr(X, "columns"):
            if reset or hasattr(self, "n_features_in_"):
                validate_data(self, X, reset=reset, skip_check_array=True)
        elif self._takes_matrix() and not is_texts(X):
            as_they_are = {"dtype": None, "ensure_all_finite": False, "allow_nd": True}
            X = validate_data(self, X, reset=reset, accept_sparse="csr", **as_they_are)
        else:
            X = as_rows(X)
            for name in ("n_features_in_", "feature_names_in_") if reset else ():
                self.__dict__.pop(name, None)
        if n_rows(X) == 0:
            raise ValueError(f"{name} has 0 sample(s); give at least one row.")
        return X

    def _takes_matrix(self) -> bool:
        return get_tags(first_step(self._estimator())).input_tags.two_d_array

    def _seen_of_pool(self, rows: Any) -> tuple[Prior | None, Groups | None]:
        """What `query` saw, if it was with this prior, and of a pool of rows like these."""
        known, pool = self._prior_classes(), self._pool
        if pool is not None and self.transductive and pool.is_like(rows, known):
            return pool.prior, pool.groups
        return None if known is None else Prior(known, None), None

    def _prior_classes(self) -> np.ndarray | None:
        return None if self.prior is None else np.sort(self.prior.classes_)

    def _raw_prior_proba(self, X: Any) -> np.ndarray | None:
        before = None if self._learned is None else self._learned.prior
        if self.prior is None:
            if before is not None:
                raise ValueError("prior was removed after labels were given; call fit anew.")
            return None
        if before is None and self._learned is not None:
            raise ValueError("prior was set after labels were given; call fit anew.")
        return prior_opinion(self.prior, X, None if before is None else before.classes)

    def _askable(self, X_pool: Any, exclude: Any) -> np.ndarray:
        left = np.ones(n_rows(X_pool), dtype=bool)
        if exclude is not None:
            left[check_positions(exclude, len(left), "exclude")] = False
        if self._learned is not None:
            memory = self._learned.memory
            counted = memory.weight > 0
            left &= ~find_known(X_pool, memory.keys[counted], memory.sketches[counted])
        return np.flatnonzero(left)

    def _askable_rows(self, X_pool: Any, exclude: Any) -> tuple[np.ndarray, Any]:
        with unchanged_by_failure(self):
            X_pool = self._check_rows(X_pool, "X_pool", reset=False)
        left = self._askable(X_pool, exclude)
        return left, select(X_pool, left)

    def _usable_strategy(self) -> QueryStrategy:
        strategy = self.strategy
        if isinstance(strategy, str):
            strategy = strategies.get(_DEFAULT_STRATEGY if strategy == "auto" else strategy)
        if isinstance(strategy, QueryStrategy):
            strategy._validate_params()
        needs: frozenset[str] = getattr(strategy, "needs", frozenset())
        if "prior" in needs and self.prior is None:
            raise ValueError(
                f"strategy={self.strategy!r} needs a prior: give prior=ZeroShotClassifier(...), or "
                "another strategy."
            )
        two_classes = self._learned is not None and len(np.unique(self._learned.canonical.y)) > 1
        if "proba" in needs and self.prior is None and not two_classes:
            return strategies.get("typiclust")
        return strategy

    def _view(self, rows: Any) -> tuple[PoolView, Callable[[], None]]:
        """What a strategy is given, and what is to be done after it."""
        learned = self._learned
        parts = self._split() if learned is None else learned.parts
        representation = cache(lambda: parts.represent(rows))
        raw = prior_proba = self._raw_prior_proba(rows)
        if raw is not None and learned is not None:
            prior_proba = learned.prior_proba(raw, representation())
        digest = 0 if learned is None else learned.canonical.digest()

        def remember() -> None:
            if self.transductive:
                rng = np.random.default_rng(self._seed())
                self._pool = see_pool(rows, parts, representation, self._prior_classes(), raw, rng)

        view = make_view(
            representation,
            n_rows=n_rows(rows),
            parts=parts,
            learned=learned,
            prior_proba=prior_proba,
            classes=getattr(self, "classes_", None),
            noise=self.noise,
            rng=np.random.default_rng([self._seed(), digest]),
        )
        return view, remember
