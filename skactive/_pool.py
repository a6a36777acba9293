"""From a pool of rows to the PoolView that a strategy sees."""

import re
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.utils import get_tags

from skactive._device import resolve_device
from skactive._learned import Learned
from skactive._pipeline import Parts, fit_transform
from skactive._row_keys import find_known, row_keys, row_sketches
from skactive._rows import by_blocks, row_blocks, take
from skactive._selection import Selection
from skactive._tables import table_matrix
from skactive.strategies import PoolView, QueryStrategy

_SKETCH_WIDTH = 128


def make_view(
    represent: Callable[[], Any],
    *,
    n_rows: int,
    parts: Parts,
    learned: Learned | None,
    prior_proba: np.ndarray | None,
    classes: np.ndarray | None,
    noise: str | None,
    rng: np.random.Generator,
) -> PoolView:
    """A view of the rows that may be asked about, in which little is computed before it is read.

    Parameters
    ----------
    represent : callable
        Gives the representation of the N rows.
    n_rows : int
        N.
    parts : Parts
        Fitted; or unfitted, before any label: then its transformers are fitted on these rows.
    learned : Learned or None
        What the labels taught; None before any label.
    prior_proba : array of shape (N, K) or None
        The prior's opinion on the rows.
    classes : array of shape (K,) or None
        All labels known.
    noise : str or None
        None: every label is trusted.
    rng : numpy.random.Generator
        The strategy's chance.

    Returns
    -------
    view : PoolView
        What `QueryStrategy.select` takes.
    """

    @cache
    def features() -> Any:
        representation = represent()
        if learned is not None:
            return learned.model.features(representation)
        for step in parts.steps:
            if hasattr(step, "transform"):
                representation = _fit_transform_unlabelled(step, representation)
        return representation

    @cache
    def to_matrix() -> Callable[[Any], np.ndarray]:
        head = parts.head if learned is None else learned.model.head
        # a head on rows as they are, such as texts, says by itself how far they are apart
        return getattr(head, "embed", None) or _matrix_maker(features(), parts.head)

    view = PoolView(
        n_rows,
        X=lambda: to_matrix()(features()),
        proba=prior_proba,
        prior_proba=prior_proba,
        classes=classes,
        rng=rng,
        device=resolve_device("auto", double=True),
    )
    if learned is None:
        view.labelled_X = lambda: np.empty((0, view.X.shape[1]), dtype=view.X.dtype)
        view.labelled_y, view.label_trust = np.empty(0, dtype=np.int64), np.empty(0)
        return view
    model, labelled = learned.model, learned.canonical
    seed, sampler = int(rng.spawn(1)[0].integers(2**32)), cache(model.sampler)

    def sample_proba(m: int, positions: np.ndarray) -> np.ndarray:
        prior = None if prior_proba is None else prior_proba[positions]
        return model.sampled_proba(sampler(), take(features(), positions), prior, m, seed)

    view.proba = lambda: by_blocks(model.proba, features(), prior_proba)
    view.head_proba = lambda: by_blocks(model.head_proba, features())
    view.labelled_X = lambda: to_matrix()(model.features(labelled.rows))
    view.labelled_y = np.searchsorted(learned.classes, labelled.y)
    view.label_trust = lambda: np.ones(len(labelled.y)) if noise is None else learned.trust
    view.labelled_proba = model.labelled_proba
    view.sample_proba = sample_proba if model.can_sample else None
    view.linear = lambda: None if sparse.issparse(features()) else model.linear()
    return view


def select_different(strategy: QueryStrategy, view: PoolView, rows: Any, n: int) -> np.ndarray:
    """A strategy's choice, in which equal rows come once: they would be given one answer twice.

    Parameters
    ----------
    strategy : QueryStrategy
        Asked again for as many as were taken out.
    view : PoolView
        The pool.
    rows : container of N rows
        The rows of the pool.
    n : int
        How many rows, 1 <= n <= N.

    Returns
    -------
    positions : int64 array
        Fewer than n where the pool has fewer that are different.
    """
    picked = strategy.select(view, n)
    while True:
        chosen = take(rows, picked)
        keys, first = np.unique(row_keys(chosen), return_index=True)
        if len(first) == len(picked):
            return picked
        picked = picked[np.sort(first)]
        others = np.flatnonzero(~find_known(rows, keys, row_sketches(chosen)[first]))
        more = min(n - len(picked), len(others))
        if more:
            picked = np.concatenate([picked, others[strategy.select(view.take(others), more)]])


def _fit_transform_unlabelled(step: Any, rows: Any) -> Any:
    if get_tags(step).target_tags.required:
        return rows
    try:
        return fit_transform(step, rows)
    except (TypeError, ValueError) as error:
        if not re.search(r"\by\b|got None", str(error)):
            raise
        # not every step that needs labels has the tag
        warnings.warn(
            f"{type(step).__name__} steps aside until there are labels: {error}", stacklevel=2
        )
        return rows


def _matrix_maker(features: Any, head: Any) -> Callable[[Any], np.ndarray]:
    """How to turn features like these into a dense matrix, the same for pool and labelled rows."""
    if not sparse.issparse(features) and get_tags(head).input_tags.allow_nan:
        return table_matrix(features)  # to such a head, trees most often, no scale means anything
    if sparse.issparse(features):
        width = min(_SKETCH_WIDTH, min(features.shape) - 1)
        if width < 1:
            return lambda sparse_rows: sparse_rows.toarray()
        with np.errstate(invalid="ignore"):  # it divides by the variance, which may be nil
            svd = TruncatedSVD(width, random_state=0).fit(features)
        return svd.transform
    return _dense_matrix


def _dense_matrix(features: Any) -> Any:
    array: Any = features if isinstance(features, Selection) else np.asarray(features)
    if array.dtype.kind not in "fiub":
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise type(error)(
                "The strategy compares rows by distance, but the features of X_pool are not "
                f"numbers ({error}). Put an encoder or a ColumnTransformer before the classifier; "
                "until there are labels to fit one on, give strategy='random'."
            ) from error
    array = array.reshape(len(array), -1) if array.ndim != 2 else array
    if array.dtype.kind == "f" and not all(
        np.isfinite(array[block]).all() for block in row_blocks(array)
    ):
        raise ValueError(
            "The strategy compares rows by distance, but the features of X_pool contain NaN or "
            "infinity. Put an imputer into the Pipeline, or give strategy='margin' and some labels."
        )
    return array
