"""Splitting of a Pipeline into representation, refitted steps and head."""

from functools import reduce
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import validate_data

from skactive._data.containers import concatenate, row_blocks
from skactive.pools.lazy_rows import LazyRows
from skactive.pools.row_file import write_rows

if TYPE_CHECKING:
    from skactive._data.batch import Batch


class Parts(NamedTuple):
    """The parts of one clone of an estimator.

    Attributes
    ----------
    estimator : classifier or Pipeline
        The clone. The other attributes are parts of this clone.
    representation : list of transformers
        Leading steps that need no fit. They are applied once per row.
    steps : list of transformers and samplers
        Later steps before the head. They are fitted on the labeled rows.
    head : classifier
        The last step.
    """

    estimator: BaseEstimator
    representation: list[Any]
    steps: list[Any]
    head: BaseEstimator

    def embed(self, batch: "Batch") -> Any:
        """Apply the first step of the representation.

        Parameters
        ----------
        batch : Batch
            Rows as the user gave them.

        Returns
        -------
        rows
            Output of the step, or the rows themselves if the representation has no steps.
        """
        if not self.representation:
            return batch.rows
        encoder = self.representation[0]
        if getattr(encoder, "takes_row_keys", False) and getattr(batch.rows, "ndim", 0) == 1:
            return encoder.transform_with_keys(batch.rows, batch.keys)
        return _transform(encoder, batch.rows)

    def represent(self, batch: "Batch") -> Any:
        """Apply all steps of the representation.

        Parameters
        ----------
        batch : Batch
            Rows as the user gave them.

        Returns
        -------
        rows
            Output of the last step of the representation.
        """
        rows = batch.embedding
        for step in self.representation[1:]:
            rows = _transform(step, rows)
        if self.representation and not self.steps and hasattr(rows, "columns"):
            # set_config(transform_output=...) must not change what the head receives
            return rows.to_numpy()
        return rows

    def with_encoder(self, encoder: BaseEstimator) -> "Parts":
        """Replace the first step by another encoder. The clone is changed in place.

        Parameters
        ----------
        encoder : transformer
            The new first step.

        Returns
        -------
        parts : Parts
            The parts with the new encoder.
        """
        first = self.representation[0]
        self.estimator.steps = [
            (name, encoder if step is first else step) for name, step in self.estimator.steps
        ]
        return self._replace(representation=[encoder, *self.representation[1:]])

    def with_head(self, head: BaseEstimator) -> BaseEstimator:
        """Set a fitted head as the last step. The clone is changed in place.

        Parameters
        ----------
        head : classifier
            The fitted head.

        Returns
        -------
        estimator : classifier or Pipeline
            The estimator for the attribute ``estimator_`` of an ActiveClassifier.
        """
        if not isinstance(self.estimator, Pipeline):
            return head
        self.estimator.steps[-1] = (self.estimator.steps[-1][0], head)
        return self.estimator


def split_pipeline(estimator: BaseEstimator, seed: int | None) -> Parts:
    """Clone an estimator and split the clone.

    Parameters
    ----------
    estimator : classifier or Pipeline ending in one
        A classifier, or a Pipeline of scikit-learn or imbalanced-learn.
    seed : int or None
        Seed of every step whose random_state is None.

    Returns
    -------
    parts : Parts
        The parts of the unfitted clone.
    """
    estimator = clone(estimator)
    if seed is not None:
        seed_parts(estimator, seed)
    *steps, head = _all_steps(estimator)
    stateless = _n_stateless(steps)
    return Parts(estimator, steps[:stateless], steps[stateless:], head)


def fit_transform(step: Any, X: Any, *y: Any) -> Any:
    """Fit a transformer and apply it, as a Pipeline would.

    Parameters
    ----------
    step : transformer
        Transformer with ``fit_transform``, or with ``fit`` and ``transform``.
    X : rows
        Rows to fit on and to transform.
    *y : array
        Labels of the rows, if there are any.

    Returns
    -------
    rows
        The transformed rows.
    """
    if hasattr(step, "fit_transform"):
        return step.fit_transform(X, *y)
    return step.fit(X, *y).transform(X)


def transform_blocks(step: Any, rows: Any) -> Any:
    """Apply a fitted step; a pool is read block by block.

    Parameters
    ----------
    step : transformer
        Fitted, or one that needs no fit.
    rows : rows
        Rows to transform. The step receives arrays instead of a pool.

    Returns
    -------
    rows
        The transformed rows. For a pool, arrays of numbers are in a temporary file or on the
        workers that have the rows, and anything else, such as sparse matrices, in memory.
    """
    if not isinstance(rows, LazyRows) or getattr(step, "takes_pools", False):
        return step.transform(rows)
    if rows.is_distributed:
        return _transform_distributed(step, rows)
    rest = (step.transform(rows[block]) for block in row_blocks(rows))
    first = next(rest)
    blocks = chain([first], rest)
    if isinstance(first, np.ndarray):
        return write_rows(blocks) if first.dtype.kind in "fiub" else np.concatenate(list(blocks))
    if sparse.issparse(first):
        return sparse.vstack(list(blocks), "csr")
    return reduce(concatenate, blocks)


def _transform_distributed(step: Any, rows: Any) -> Any:
    few = step.transform(rows[:1])
    if isinstance(few, np.ndarray) and few.dtype.kind in "fiub":
        return rows.persist(step.transform)
    blocks = rows.map_partitions(step.transform)
    if sparse.issparse(few):
        return sparse.vstack(blocks, "csr")
    return np.concatenate(blocks) if isinstance(few, np.ndarray) else reduce(concatenate, blocks)


def count_fits(estimator: BaseEstimator) -> int:
    """Count the steps of an estimator that are fitted in each fit.

    Parameters
    ----------
    estimator : classifier or Pipeline
        Estimator, fitted or not.

    Returns
    -------
    n_fits : int
        Number of transformers that need a fit, plus one for the head.
    """
    *steps, _ = _all_steps(estimator)
    fitted = [step for step in steps[_n_stateless(steps) :] if hasattr(step, "transform")]
    return len(fitted) + 1


def representation_steps(estimator: BaseEstimator) -> list[Any]:
    """Leading steps that need no fit.

    Parameters
    ----------
    estimator : classifier or Pipeline
        Fitted or not.

    Returns
    -------
    steps : list of transformers
        Those of `estimator` itself, not clones.
    """
    *steps, _ = _all_steps(estimator)
    return steps[: _n_stateless(steps)]


def first_step(estimator: BaseEstimator) -> BaseEstimator:
    """Get the step that receives the rows as the user gives them.

    The tags of this step describe the rows that an estimator accepts. The tags of a Pipeline do
    not.

    Parameters
    ----------
    estimator : classifier or Pipeline
        Estimator, fitted or not.

    Returns
    -------
    step : estimator
        The first step of a Pipeline, or `estimator` itself.
    """
    return _all_steps(estimator)[0]


def seed_parts(estimator: BaseEstimator, seed: int) -> None:
    """Set every random_state of an estimator and its parts that is None.

    Parameters
    ----------
    estimator : estimator
        Changed in place.
    seed : int
        Of the first part; further parts receive the next numbers, so that the members of an
        ensemble differ.
    """
    params = estimator.get_params()
    unseeded = [
        name
        for name in sorted(params)
        if name.rpartition("__")[2] == "random_state" and params[name] is None
    ]
    seeds = ((seed + offset) % 2**32 for offset in range(len(unseeded)))
    estimator.set_params(**dict(zip(unseeded, seeds, strict=True)))


def _all_steps(estimator: BaseEstimator) -> list[Any]:
    if not isinstance(estimator, Pipeline):
        return [estimator]
    return [step for _, step in estimator.steps if step not in (None, "passthrough")]


def _n_stateless(steps: list[Any]) -> int:
    return next((i for i, step in enumerate(steps) if _needs_fit(step)), len(steps))


def _needs_fit(step: Any) -> bool:
    return get_tags(step).requires_fit and not isinstance(step, FrozenEstimator)


def _transform(step: Any, rows: Any) -> Any:
    if isinstance(rows, LazyRows):
        return transform_blocks(step, rows)
    # sets feature_names_in_, without which an unfitted step warns about feature names
    if hasattr(rows, "columns") and not isinstance(step, FrozenEstimator):
        validate_data(step, rows, skip_check_array=True)
    return step.transform(rows)
