"""From a batch of pool rows to the PoolView of a strategy."""

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.decomposition import TruncatedSVD
from sklearn.utils import get_tags

from skactive._data.batch import Batch
from skactive._data.containers import apply_by_blocks, reduce_blocks, row_blocks, take
from skactive._data.pipeline import Parts, fit_transform
from skactive._data.tables import table_matrix
from skactive._learner.fitted_state import FittedState
from skactive._learner.query_record import RowNotes
from skactive._utils.compat import n_rows
from skactive._utils.device import resolve_device
from skactive.heads import TabularClassifier
from skactive.heads.protocols import EmbeddingHead
from skactive.pools.lazy_rows import LazyRows, is_distributed
from skactive.pools.row_file import write_rows
from skactive.strategies import PoolView

_SVD_WIDTH = 128
_MAX_FEATURE = 1e25


def make_view(
    batch: Batch,
    *,
    parts: Parts,
    state: FittedState | None,
    classes: np.ndarray | None,
    noise: str | None,
    notes: RowNotes,
    rng: np.random.Generator,
) -> PoolView:
    """The view of a batch. Its attributes are computed when a strategy reads them.

    Parameters
    ----------
    batch : Batch
        The N rows that may be selected.
    parts : Parts
        Fitted; before any label unfitted, and the transformers are then fitted on the batch.
    state : FittedState or None
        None before any label.
    classes : array of shape (K,) or None
        All classes known.
    noise : str or None
        None: the trust in every label is 1.
    notes : RowNotes
        Notes of earlier queries.
    rng : numpy.random.Generator
        Random generator of the strategy.

    Returns
    -------
    view : PoolView
    """
    # evaluated at once: an unusable prior is an error even if the strategy does not read it
    prior_proba = batch.prior_proba
    if state is not None:
        prior_proba = state.prior_proba(batch)

    @cache
    def features() -> Any:
        rows = batch.representation
        if state is not None:
            return state.predictor.features(rows)
        for step in parts.steps:
            if hasattr(step, "transform"):
                rows = _fit_transform_unlabeled(step, rows)
        return rows

    @cache
    def to_matrix() -> Callable[[Any], np.ndarray]:
        head = parts.head if state is None else state.predictor.head
        if isinstance(head, EmbeddingHead):
            return head.embed
        return _matrix_maker(features(), head)

    view = PoolView(
        len(batch),
        X=lambda: to_matrix()(features()),
        proba=prior_proba,
        prior_proba=prior_proba,
        classes=classes,
        rng=rng,
        device=resolve_device("auto", double=True),
    )
    if state is None:
        view.labeled_X = lambda: np.empty((0, view.X.shape[1]), dtype=view.X.dtype)
        view.labeled_y, view.label_trust = np.empty(0, dtype=np.int64), np.empty(0)
        view.labeled_note = np.empty(0, dtype="U1")
        return view
    model, labels = state.predictor, state.labels
    view.labeled_note = lambda: notes.of(labels.batch.keys)
    seed, sampler = int(rng.spawn(1)[0].integers(2**32)), cache(model.sampler)

    def sample_proba(m: int, positions: np.ndarray) -> np.ndarray:
        prior = None if prior_proba is None else prior_proba[positions]
        return model.sampled_proba(sampler(), take(features(), positions), prior, m, seed)

    def proba() -> np.ndarray:
        return state.mixed(
            apply_by_blocks(model.proba, features(), prior_proba), batch, prior_proba
        )

    def labeled_proba() -> np.ndarray:
        prior = state.prior_proba(labels.batch) if state.tuned else None
        return state.mixed(model.labeled_proba(), labels.batch, prior)

    view.proba = proba
    view.head_proba = lambda: apply_by_blocks(model.head_proba, features())
    view.labeled_X = lambda: to_matrix()(model.features(labels.batch.representation))
    view.labeled_y = np.searchsorted(state.classes, labels.y)
    view.label_trust = lambda: np.ones(len(labels.y)) if noise is None else state.trust
    view.labeled_proba = labeled_proba
    view.sample_proba = sample_proba if model.can_sample else None
    view.linear = lambda: None if sparse.issparse(features()) else model.linear()
    return view


def _fit_transform_unlabeled(step: Any, rows: Any) -> Any:
    """The rows after a step that is fitted without labels; unchanged where it needs labels."""
    if get_tags(step).target_tags.required:
        return rows
    if isinstance(rows, LazyRows):  # steps of the user take arrays
        rows = np.asarray(rows)
    if takes_no_labels(step):
        try:
            return fit_transform(step, rows)
        except (TypeError, ValueError):
            # not every step that needs labels has the tag
            if not fits_with_labels(step, rows):
                raise
    warnings.warn(
        f"{type(step).__name__} is skipped until there are labels: it cannot be fitted without.",
        stacklevel=2,
    )
    return rows


def takes_no_labels(step: Any) -> bool:
    """Whether a step can be fitted without labels, according to its tags.

    Parameters
    ----------
    step : transformer
    """
    nested = [part for part in step.get_params().values() if hasattr(part, "__sklearn_tags__")]
    return not any(get_tags(part).target_tags.required for part in [step, *nested])


def fits_with_labels(step: Any, rows: Any) -> bool:
    """Whether a step that cannot be fitted without labels can be fitted with labels.

    Parameters
    ----------
    step : transformer
        It is cloned.
    rows : container of n rows
    """
    try:
        clone(step).fit(rows, np.arange(n_rows(rows)) % 2)
    except (TypeError, ValueError):
        return False
    return True


def _matrix_maker(features: Any, head: Any) -> Callable[[Any], np.ndarray]:
    """A function from features like these to a dense matrix, for both pool and labeled rows."""
    if isinstance(head, TabularClassifier):
        return head.distance_features(features)
    if not sparse.issparse(features) and get_tags(head).input_tags.allow_nan:
        return table_matrix(features)  # for such a head, often trees, scales do not matter
    if sparse.issparse(features):
        width = min(_SVD_WIDTH, min(features.shape) - 1)
        if width < 1:
            return lambda sparse_rows: sparse_rows.toarray()
        with np.errstate(divide="ignore", invalid="ignore"):  # it divides by the total variance
            svd = TruncatedSVD(width, random_state=0).fit(features)
        return svd.transform
    return _dense_matrix


def _dense_matrix(features: Any) -> Any:
    array: Any = features if isinstance(features, LazyRows) else np.asarray(features)
    if array.dtype.kind not in "fiub":
        array = _as_numbers(array)
    if is_distributed(array):
        array = array if array.ndim == 2 else array.persist(_flat)
    elif isinstance(array, LazyRows):
        if array.ndim != 2 or not array.has_random_access:
            array = write_rows(_flat(array[block]) for block in row_blocks(array))
    else:
        array = _flat(array)
    if array.dtype.kind == "f":
        largest = reduce_blocks(_largest, max, array, cached=True)
        if not np.isfinite(largest):
            raise ValueError(
                "The strategy compares rows by distance, but the features of X_pool contain NaN or "
                "infinity. Put an imputer into the Pipeline, or take a head that allows them."
            )
        if largest > _MAX_FEATURE:
            raise ValueError(
                f"The strategy compares rows by distance, but the features of X_pool contain "
                f"{largest:.2g}, beside which all other differences vanish. Correct this value, "
                "put a RobustScaler or QuantileTransformer into the Pipeline, or give "
                "strategy='margin' and some labels."
            )
    return array


def _as_numbers(array: Any) -> np.ndarray:
    try:
        if isinstance(array, LazyRows):
            raise TypeError(f"the first row is {array[0]!r:.50}")
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise type(error)(
            "The strategy compares rows by distance, but the features of X_pool are not "
            f"numbers ({error}). Put an encoder or a ColumnTransformer before the classifier. If "
            "it has to be fitted on labels, start with strategy='random'."
        ) from error


def _flat(rows: np.ndarray) -> np.ndarray:
    return rows.reshape(len(rows), -1) if rows.ndim != 2 else rows


def _largest(block: np.ndarray) -> float:
    """The largest absolute value; infinite where there are NaN, which `max` could drop."""
    largest = float(max(block.max(initial=0), -block.min(initial=0)))
    return np.inf if np.isnan(largest) else largest
