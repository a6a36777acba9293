"""A Pipeline, split once: what embeds a row for good, what is refitted, and the head."""

from typing import Any, NamedTuple

from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import validate_data


class Parts(NamedTuple):
    """The parts of one unfitted clone of an estimator.

    Attributes
    ----------
    estimator : classifier or Pipeline
        The clone; the other attributes are pieces of it.
    representation : list of transformers
        The leading steps that need no fit: applied once a row.
    steps : list of transformers and samplers
        The others before the head: fitted on the labels.
    head : classifier
        The last step; a skorch net inside its adapter.
    """

    estimator: BaseEstimator
    representation: list[Any]
    steps: list[Any]
    head: BaseEstimator

    def represent(self, X: Any) -> Any:
        """What is remembered of the rows.

        Parameters
        ----------
        X : rows
            As the user gave them.

        Returns
        -------
        rows
            After the steps that need no fit.
        """
        for step in self.representation:
            # a step that was never fitted would wonder at names
            if hasattr(X, "columns") and not isinstance(step, FrozenEstimator):
                validate_data(step, X, skip_check_array=True)
            X = step.transform(X)
        return X

    def with_encoder(self, encoder: BaseEstimator) -> "Parts":
        """The same parts with another first step.

        Parameters
        ----------
        encoder : transformer
            In place of the first one that needs no fit.

        Returns
        -------
        parts : Parts
            Of the same clone, changed.
        """
        first = self.representation[0]
        self.estimator.steps = [
            (name, encoder if step is first else step) for name, step in self.estimator.steps
        ]
        return self._replace(representation=[encoder, *self.representation[1:]])

    def with_head(self, head: BaseEstimator) -> BaseEstimator:
        """The estimator, ending in the given head.

        Parameters
        ----------
        head : classifier
            The fitted one.

        Returns
        -------
        estimator : classifier or Pipeline
            For users to look into.
        """
        if not isinstance(self.estimator, Pipeline):
            return head
        self.estimator.steps[-1] = (self.estimator.steps[-1][0], head)
        return self.estimator


def split_pipeline(estimator: BaseEstimator, seed: int | None) -> Parts:
    """Clone an estimator and take the clone apart.

    Parameters
    ----------
    estimator : classifier or Pipeline ending in one
        scikit-learn's or imbalanced-learn's.
    seed : int or None
        Given to every part whose random_state is None.

    Returns
    -------
    parts : Parts
        Unfitted.
    """
    estimator = clone(estimator)
    if seed is not None:
        _seed_all(estimator, seed)
    *steps, head = _all_steps(estimator)
    stateless = _n_stateless(steps)
    return Parts(estimator, steps[:stateless], steps[stateless:], _adapted(head, seed))


def fit_transform(step: Any, X: Any, *y: Any) -> Any:
    """Fit a transformer and apply it, as a Pipeline would.

    Parameters
    ----------
    step : transformer
        With ``fit_transform``, or with ``fit`` and ``transform``.
    X : rows
        What it is fitted on.
    *y : array
        Their labels, if there are any.

    Returns
    -------
    rows
        Transformed.
    """
    if hasattr(step, "fit_transform"):
        return step.fit_transform(X, *y)
    return step.fit(X, *y).transform(X)


def count_fits(estimator: BaseEstimator) -> int:
    """How many parts of an estimator are fitted at each refit.

    Parameters
    ----------
    estimator : classifier or Pipeline
        Fitted or not.

    Returns
    -------
    n_fits : int
        Its transformers that need a fit, and the head.
    """
    *steps, _ = _all_steps(estimator)
    fitted = [step for step in steps[_n_stateless(steps) :] if hasattr(step, "transform")]
    return len(fitted) + 1


def first_step(estimator: BaseEstimator) -> BaseEstimator:
    """The step that sees the rows as they come; a Pipeline's own tags do not speak for it.

    Parameters
    ----------
    estimator : classifier or Pipeline
        Fitted or not.

    Returns
    -------
    step : estimator
        The first one, or `estimator` itself.
    """
    return _all_steps(estimator)[0]


def _all_steps(estimator: BaseEstimator) -> list[Any]:
    if not isinstance(estimator, Pipeline):
        return [estimator]
    return [step for _, step in estimator.steps if step not in (None, "passthrough")]


def _n_stateless(steps: list[Any]) -> int:
    return next((i for i, step in enumerate(steps) if _needs_fit(step)), len(steps))


def _needs_fit(step: Any) -> bool:
    return get_tags(step).requires_fit and not isinstance(step, FrozenEstimator)


def _seed_all(estimator: BaseEstimator, seed: int) -> None:
    params = estimator.get_params()
    unseeded = [
        name
        for name in sorted(params)
        if name.rpartition("__")[2] == "random_state" and params[name] is None
    ]
    if unseeded:
        estimator.set_params(**dict.fromkeys(unseeded, seed))


def _adapted(head: BaseEstimator, seed: int | None) -> BaseEstimator:
    if not any(base.__module__.startswith("skorch.") for base in type(head).__mro__):
        return head
    from skactive.heads import SkorchAdapter

    return SkorchAdapter(head, random_state=seed)
