"""JointModel: preprocessing, head and prior, fitted together on the labels so far."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.utils import get_tags
from sklearn.utils.validation import has_fit_parameter

from skactive._compat import PartOfFit, untold
from skactive._memory import Canonical
from skactive._pipeline import fit_transform
from skactive._rows import repeat_by_weight, take
from skactive._tables import fill_empty_columns
from skactive.heads.averaging import evidence_shares, log_likelihood, mixture_share
from skactive.heads.balance import balances, pool_correction
from skactive.heads.directions import Groups, normalised
from skactive.heads.expert import Expert, Labelled, log_linear_pool
from skactive.heads.sampling import SAMPLED, Sampler, make_sampler
from skactive.heads.twins import Twins
from skactive.noise import out_of_fold

_PRIOR_POWERS = np.array([0.0, 0.25, 0.5, 1.0])


class JointModel:
    """What is refitted after every answer, and the joint opinion that it forms with a prior.

    A head whose ``fit`` takes ``prior_log_proba`` is anchored to the prior by itself. If it also
    tells what it would be without some of the labels (``held_out_heads_``), it is fitted once more
    without the prior, and the opinion is a mixture of both experts', by how well each foretells
    those labels. Any other head is joined to the prior by a log-linear pool: its probabilities,
    smoothed by one imaginary label shared among all classes, times a power of the prior's. The
    power is learned: an average of a few, weighed in the same way.

    Parameters
    ----------
    steps : list of transformers and samplers
        Unfitted; applied in order before the head.
    head : classifier
        Unfitted.
    """

    def __init__(self, steps: list[Any], head: Any) -> None:
        self.steps = steps
        self.head = head

    def fit(
        self,
        canonical: Canonical,
        classes: np.ndarray,
        prior_proba: np.ndarray | None,
        groups: Groups | None = None,
        part_of_fit: PartOfFit = untold,
    ) -> "JointModel":
        """Fit steps and head.

        Parameters
        ----------
        canonical : Canonical
            The labels, m entries.
        classes : array of shape (K,)
            All labels there may be, sorted.
        prior_proba : array of shape (m, K) or None
            The prior's opinion on the entries.
        groups : Groups or None, default=None
            Of a pool, with the prior's opinion if there is one: the opinion is sharpened by groups
            that are alike, and its balance corrected by any.
        part_of_fit : callable, default=untold
            Tells callbacks of the fit of each step and of the head.

        Returns
        -------
        self : JointModel
            The fitted model.
        """
        self.classes = classes
        X, y, weight = self._fit_steps(canonical, part_of_fit)
        one_class = len(np.unique(y)) == 1
        if one_class and not has_fit_parameter(self.head, "classes"):
            self.head, part_of_fit = DummyClassifier(strategy="most_frequent"), untold
        # a sampler makes rows of which the prior has no opinion
        self._resampled = any(hasattr(step, "fit_resample") for step in self.steps)
        takes_prior = has_fit_parameter(self.head, "prior_log_proba") and not self._resampled
        self.anchored = prior_proba is not None and takes_prior
        self._canonical, self._prior_proba = canonical, prior_proba
        self._labelled = (X, y, weight)
        self._alone: Any = None
        with part_of_fit("fit-head", self.head):
            self._fit_head(self.head, prior_proba if self.anchored else None)
        self._find_experts(groups if groups is not None and groups.alike else None)
        self._tilt: np.ndarray | None = None
        if groups is not None and balances(self.head) and not self._resampled:
            self._tilt = self._find_tilt(groups)
        return self

    def features(self, rows: Any) -> Any:
        """What the head sees of the rows.

        Parameters
        ----------
        rows : container of n rows
            The representation.

        Returns
        -------
        features : array or sparse matrix of shape (n, d), or rows
            After all steps but the samplers.
        """
        for step in self.steps:
            if hasattr(step, "transform"):
                rows = step.transform(rows)
        return rows

    def proba(self, features: Any, prior_proba: np.ndarray | None) -> np.ndarray:
        """The joint opinion.

        Parameters
        ----------
        features : array of shape (n, d)
            From `features`.
        prior_proba : array of shape (n, K) or None
            The prior's opinion.

        Returns
        -------
        proba : float64 array of shape (n, K)
            Rows sum to 1.
        """
        opinions = [expert.proba(features, prior_proba) for expert in self.experts]
        return np.einsum("e,enk->nk", self.shares, opinions)

    def rebalanced(self, opinion: np.ndarray) -> np.ndarray:
        """The joint opinion, corrected for which rows a strategy has asked about.

        See `pool_correction`. A query goes without: it is better for looking where the labels of a
        class are thought to be.

        Parameters
        ----------
        opinion : array of shape (n, K)
            From `proba`.

        Returns
        -------
        proba : float64 array of shape (n, K)
            Rows sum to 1. As `opinion` where no pool was seen, or the head does not balance.
        """
        return opinion if self._tilt is None else normalised(opinion * self._tilt)

    def labelled_proba(self) -> np.ndarray:
        """The joint opinion on the labelled rows.

        Returns
        -------
        proba : array of shape (m, K)
            For each entry of the canonical memory; rows sum to 1.
        """
        return self.proba(self.features(self._canonical.rows), self._prior_proba)

    def head_proba(self, features: Any) -> np.ndarray:
        """What the head would say had it never heard of the prior.

        Parameters
        ----------
        features : array of shape (n, d)
            From `features`.

        Returns
        -------
        proba : float64 array of shape (n, K)
            Rows sum to 1.
        """
        return Expert(self._head_alone(), self.classes).proba(features, None)

    @property
    def can_sample(self) -> bool:
        """Whether the head is one of which plausible opinions can be sampled."""
        return isinstance(self.head, SAMPLED)

    def sampler(self) -> Sampler:
        """What gives opinions of the head that are as plausible as its own."""
        X, _, weight = self._labelled
        prior_proba = self._prior_proba if self.anchored else None
        return make_sampler(self.head, self.classes, X, weight, self.proba(X, prior_proba))

    def sampled_proba(
        self, sampler: Sampler, features: Any, prior_proba: np.ndarray | None, m: int, seed: int
    ) -> np.ndarray:
        """Joint opinions that might as well have come of the labels.

        Parameters
        ----------
        sampler : Sampler
            From `sampler`.
        features : array of shape (n, d)
            From `features`.
        prior_proba : array of shape (n, K) or None
            The prior's opinion.
        m : int
            How many.
        seed : int
            Decides which: for one m and one seed always the same, whichever the rows.

        Returns
        -------
        proba : array of shape (m, n, K)
            Rows sum to 1.
        """
        proba = self.proba(features, prior_proba if self.anchored else None)
        opinions = sampler.opinions(features, proba, m, seed)
        if prior_proba is None or self.anchored:
            return opinions
        return np.stack([self.experts[0].pooled(each, prior_proba) for each in opinions])

    def out_of_fold_proba(self) -> np.ndarray:
        """The joint opinion on the labelled rows, by models that have not seen their labels.

        Returns
        -------
        proba : float64 array of shape (m, K)
            For each entry of the canonical memory.
        """
        head = self.experts[int(np.argmax(self.shares))].head
        known = getattr(head, "out_of_fold_proba_", None)
        if known is not None and not self.steps:  # steps may have seen the labels held out
            return known
        if self._prior_proba is None or self.anchored:
            return self._refitted_out_of_fold(self._prior_proba, self.labelled_proba)
        return self.experts[0].pooled(self._head_out_of_fold, self._prior_proba)

    def linear(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Weights (K, d) and biases (K,) of a linear head on its features; None for any other."""
        coef: Any = getattr(self.head, "coef_", None)
        intercept: Any = getattr(self.head, "intercept_", None)
        if coef is None or len(self.head.classes_) != len(self.classes):
            return None
        if len(coef) == 1 < len(self.classes):  # two classes, one boundary
            return np.concatenate([-coef, coef]) / 2, np.concatenate([-intercept, intercept]) / 2
        return coef, intercept

    def _find_experts(self, groups: Groups | None) -> None:
        """Who has an opinion, and what it counts."""
        n_labels, power = self._canonical.weight.sum(), 0.0
        if self._prior_proba is not None and not self.anchored:
            power = self._learn_prior_power(self._prior_proba, n_labels)
        expert = Expert(
            self.head,
            self.classes,
            anchored=self.anchored,
            prior_power=power,
            n_labels=n_labels,
        )
        self.experts, self.shares = [expert], [1.0]
        foretells = not self._resampled and hasattr(self.head, "held_out_heads_")
        if self.anchored and foretells:
            self.experts.append(Expert(self._head_alone(), self.classes))
        if groups is not None:
            canonical = self._canonical
            seen = Labelled(canonical.rows, canonical.y, canonical.weight, self._prior_proba)
            for expert in self.experts:
                expert.sharpen(groups, seen)
        if not foretells or (groups is None and len(self.experts) == 1):
            return
        labelled, foretold = Labelled(*self._labelled, self._prior_proba), []
        for expert in self.experts:
            twins = Twins(expert, labelled, groups)
            if groups is not None:
                expert.concentration = twins.concentration()
            foretold.append(twins.foretold(expert.concentration))
        if len(self.experts) > 1:
            with_prior, without = foretold
            codes = np.searchsorted(self.classes, labelled.y)
            agreement = self.head.anchor_["agreement"]
            share = mixture_share(
                with_prior, without, codes, labelled.weight, len(self.classes), agreement
            )
            self.shares = [share, 1 - share]

    def _find_tilt(self, groups: Groups) -> np.ndarray:
        codes = np.searchsorted(self.classes, self._canonical.y)
        counts = np.bincount(codes, self._canonical.weight, len(self.classes))
        opinion = self.proba(self.features(groups.centers), groups.prior_proba)
        return pool_correction(opinion, groups, counts, prior=self._prior_proba is not None)

    def _head_alone(self) -> Any:
        """The head, fitted without the prior."""
        if self._alone is None:
            self._alone = self.head
            if self.anchored:
                self._alone = clone(self.head)
                self._fit_head(self._alone, None)
        return self._alone

    def _learn_prior_power(self, prior_proba: np.ndarray, n_labels: float) -> float:
        uniform = np.full_like(prior_proba, 1 / len(self.classes))
        self._head_out_of_fold = self._refitted_out_of_fold(None, lambda: uniform)
        given = np.searchsorted(self.classes, self._canonical.y)
        rows, evidence = np.arange(len(given)), []
        for power in _PRIOR_POWERS:
            proba = log_linear_pool(self._head_out_of_fold, prior_proba, power, n_labels)
            likelihood = log_likelihood(proba[rows, given], len(self.classes))
            evidence.append(self._canonical.weight @ likelihood)
        return float(evidence_shares(np.array(evidence)) @ _PRIOR_POWERS)

    def _refitted_out_of_fold(
        self, prior_proba: np.ndarray | None, otherwise: Callable[[], np.ndarray]
    ) -> np.ndarray:
        canonical = self._canonical

        def fit_predict(train: np.ndarray, test: np.ndarray) -> np.ndarray:
            priors = [None if prior_proba is None else prior_proba[part] for part in (train, test)]
            model = JointModel([clone(step) for step in self.steps], clone(self.head))
            model.fit(canonical.subset(train), self.classes, priors[0])
            return model.proba(model.features(take(canonical.rows, test)), priors[1])

        try:
            return out_of_fold(canonical.keys, fit_predict, len(self.classes))
        except ValueError as error:  # neighbours or folds of its own that a part is too small for
            warnings.warn(
                f"{type(self.head).__name__} cannot be fitted without a fifth of the labels: "
                f"{error} Until there are more, what tells of wrong ones is a model that has seen "
                "them. noise=None does without.",
                stacklevel=2,
            )
            return otherwise()

    def _fit_steps(
        self, canonical: Canonical, part_of_fit: PartOfFit
    ) -> tuple[Any, np.ndarray, np.ndarray]:
        X, y, weight = canonical.rows, canonical.y, canonical.weight
        for step in self.steps:
            if not hasattr(step, "fit_resample"):
                with part_of_fit(f"fit-{type(step).__name__}", step):
                    X = fit_transform(step, X, y)
                continue
            repeated = repeat_by_weight(weight)
            X, y = take(X, repeated), y[repeated]
            try:
                X, y = step.fit_resample(X, y)
            except ValueError as error:
                warnings.warn(
                    f"{type(step).__name__} steps aside until there are more labels: {error}",
                    stacklevel=2,
                )
            weight = np.ones(len(y))
        return X, y, weight

    def _fit_head(self, head: Any, prior_proba: np.ndarray | None) -> None:
        X, y, weight = self._labelled
        if get_tags(head).input_tags.allow_nan and not sparse.issparse(X):
            X = fill_empty_columns(X)
        extra: dict[str, Any] = {}
        if has_fit_parameter(head, "classes"):
            extra["classes"] = self.classes
        if prior_proba is not None:
            extra["prior_log_proba"] = np.log(prior_proba)
        if has_fit_parameter(head, "sample_weight"):
            extra["sample_weight"] = weight
        elif not np.all(weight == 1):
            repeated = repeat_by_weight(weight)
            X, y = take(X, repeated), y[repeated]
        head.fit(X, y, **extra)
