"""Rules that decide, row by row, whether the label of a row of a stream is worth asking for."""

from abc import ABC, abstractmethod

import numpy as np

from skactive.strategies.neuronal import LossNetworks
from skactive.stream.label_budget import LabelBudget

_STEP = 0.01  # relative change of a variable threshold
_THRESHOLD_SPREAD = 1.0  # standard deviation of the factor of a random threshold
_RANDOM_FRACTION = 0.2  # of the labels in "split" that are drawn at random


class StreamRule(ABC):
    """Decides for one row after the other; the budget is checked by the caller.

    Parameters
    ----------
    budget : LabelBudget
        Labels asked for so far.
    rng : numpy.random.Generator
        The only source of randomness.
    """

    def __init__(self, budget: LabelBudget, rng: np.random.Generator) -> None:
        self.budget = budget
        self.rng = rng

    def certainty(self, X: np.ndarray, proba: np.ndarray | None) -> np.ndarray:
        """How certain the prediction of each row is.

        Parameters
        ----------
        X : array of shape (n, d)
            Rows.
        proba : array of shape (n, K) or None
            Their predicted probabilities; None until two classes are known.

        Returns
        -------
        certainty : float array of shape (n,)
            The largest probability; 0 if there is no prediction.
        """
        return np.zeros(len(X)) if proba is None else proba.max(axis=1)

    @abstractmethod
    def wants(self, certainty: float, allowed: bool) -> bool:
        """Whether the label of the next row is worth asking for.

        Parameters
        ----------
        certainty : float
            From `certainty`.
        allowed : bool
            Whether the budget allows it. A rule whose threshold follows the labels that were asked
            for is not changed by rows beyond the budget.

        Returns
        -------
        wants : bool
        """

    def learn(self, X: np.ndarray, codes: np.ndarray, n_classes: int) -> None:  # noqa: B027
        """Learn from labels; most rules do not.

        Parameters
        ----------
        X : array of shape (n, d)
            Rows.
        codes : int array of shape (n,)
            Their labels, 0 .. K-1.
        n_classes : int
            K.
        """


class RandomRule(StreamRule):
    """Ask with a probability that equals the budget."""

    def wants(self, certainty: float, allowed: bool) -> bool:
        return bool(self.rng.random() < self.budget.fraction)


class FixedRule(StreamRule):
    """Ask if the certainty is below the budget, where 0 is a uniform prediction and 1 a sure one.

    The largest probability p of K classes has the certainty (p - 1/K) / (1 - 1/K).
    """

    def certainty(self, X: np.ndarray, proba: np.ndarray | None) -> np.ndarray:
        if proba is None:
            return np.zeros(len(X))
        uniform = 1 / proba.shape[1]
        return (proba.max(axis=1) - uniform) / (1 - uniform)

    def wants(self, certainty: float, allowed: bool) -> bool:
        return bool(certainty < self.budget.fraction)


class VariableRule(StreamRule):
    """Ask if the largest probability is below a threshold that shrinks with every label.

    The threshold grows while no label is asked for, so the budget is spent in quiet times, too, and
    it shrinks where many rows are uncertain, as after a drift.
    """

    threshold = 1.0

    def wants(self, certainty: float, allowed: bool) -> bool:
        if not allowed:
            return False
        wanted = certainty < self._drawn_threshold()
        self.threshold *= 1 - _STEP if wanted else 1 + _STEP
        return bool(wanted)

    def _drawn_threshold(self) -> float:
        return self.threshold


class RandomVariableRule(VariableRule):
    """The variable threshold times a normal factor: certain rows are asked about now and then."""

    def _drawn_threshold(self) -> float:
        return self.threshold * self.rng.normal(1.0, _THRESHOLD_SPREAD)


class SplitRule(VariableRule):
    """One fifth of the labels at random, which find drifts anywhere; the rest by `VariableRule`."""

    def wants(self, certainty: float, allowed: bool) -> bool:
        if self.rng.random() < _RANDOM_FRACTION:
            return bool(self.rng.random() < self.budget.fraction)
        return super().wants(certainty, allowed)


class QuantileRule(StreamRule):
    """Ask if the row is among the most uncertain ones of the last window.

    The threshold is the quantile of the certainties in the window that corresponds to the budget.
    It is moved by the labels that are left: up if fewer labels have been asked for than the budget
    allows, and down otherwise.
    """

    def __init__(self, budget: LabelBudget, rng: np.random.Generator) -> None:
        super().__init__(budget, rng)
        self._recent: list[float] = []

    def wants(self, certainty: float, allowed: bool) -> bool:
        self._recent = [*self._recent, certainty][-self.budget.window :]
        recent = np.array(self._recent)
        left = self.budget.fraction * (self.budget.n_seen + 1) - self.budget.n_asked
        threshold = np.quantile(recent, self.budget.fraction)
        threshold += np.ptp(recent) * left / self.budget.window
        return bool(certainty <= threshold)


class NeuronalRule(StreamRule):
    """Ask if two networks cannot separate the losses of the best and the second best class.

    See `LossNetworks`. The gap between both losses is compared with a confidence width that shrinks
    with the number of labels, sqrt(K / n_labels).
    """

    def __init__(self, budget: LabelBudget, rng: np.random.Generator) -> None:
        super().__init__(budget, rng)
        self._networks: LossNetworks | None = None
        self._X: list[np.ndarray] = []
        self._codes: list[int] = []
        self._n_classes = 0
        self._n_labels = 0

    def certainty(self, X: np.ndarray, proba: np.ndarray | None) -> np.ndarray:
        if self._networks is None:
            return np.zeros(len(X))
        gap = self._networks.gap(X)
        return gap / np.sqrt(self._n_classes / self._n_labels)

    def wants(self, certainty: float, allowed: bool) -> bool:
        return certainty < 1

    def learn(self, X: np.ndarray, codes: np.ndarray, n_classes: int) -> None:
        window = self.budget.window
        self._X = [*self._X, *X][-window:]
        self._codes = [*self._codes, *codes.tolist()][-window:]
        self._n_classes, self._n_labels = n_classes, self._n_labels + len(codes)
        if self._networks is None or self._networks.n_classes != n_classes:
            self._networks = LossNetworks(n_classes, seed=int(self.rng.integers(2**31)))
        self._networks.update(np.array(self._X), np.array(self._codes))


RULES: dict[str, type[StreamRule]] = {
    "random": RandomRule,
    "fixed": FixedRule,
    "variable": VariableRule,
    "variable_random": RandomVariableRule,
    "split": SplitRule,
    "quantile": QuantileRule,
    "neuronal": NeuronalRule,
}
