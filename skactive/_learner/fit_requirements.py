"""What steps and head need in order to be fitted, checked before labels are paid for."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.utils import get_tags

from skactive._data.labels import AggregatedLabels
from skactive._data.pipeline import Parts, fit_transform
from skactive._learner.head_fitting import describe_sizes
from skactive._learner.pool_view import fits_with_labels, takes_no_labels
from skactive._utils.compat import n_rows
from skactive.heads.skorch_adapter import SkorchAdapter

_DEFAULT_FOLDS = 5  # of scikit-learn, for cv=None


def check_first_fit(parts: Parts, rows: Any, classes: np.ndarray | None) -> None:
    """Refuse a query whose labels could not be learned, before any label is known.

    Clones of the transformers are fitted on the selected rows, as the first fit will do.

    Parameters
    ----------
    parts : Parts
        Of the estimator.
    rows : container of n rows
        Representation of the selected rows.
    classes : array of shape (K,) or None
        Classes known without labels, those of the prior.

    Raises
    ------
    ValueError
        If a transformer cannot be fitted on these rows, or the head does not take its output.
    """
    for step in parts.steps:
        if not hasattr(step, "transform"):
            continue  # samplers are skipped while labels are few
        if not takes_no_labels(step):
            return
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the fit itself will warn
                transformed = fit_transform(clone(step), rows)
        except (TypeError, ValueError) as error:
            if isinstance(error, TypeError) or fits_with_labels(step, rows):
                return
            name, n = type(step).__name__, n_rows(rows)
            raise ValueError(
                f"The labels of this query could not be learned: {name} has to be fitted on the "
                f"labeled rows, and fails on the n={n} selected ones: {str(error).rstrip('.')}. "
                f"{describe_sizes(step)}Query more rows at once, or fit {name} on the pool and put "
                f"it into the Pipeline as FrozenEstimator({name}(...).fit(...))."
            ) from error
        rows = transformed
    head = parts.head
    if sparse.issparse(rows) and not get_tags(head).input_tags.sparse:
        raise ValueError(
            f"{type(head).__name__} does not take sparse features, which the steps before it "
            "return. Put a TruncatedSVD before it, or take a head that does: SoftmaxHead or "
            "LogisticRegression."
        )
    problem = _what_a_head_refuses(head, rows)
    if problem is not None:
        raise ValueError(
            f"The labels of this query could not be learned: {type(head).__name__} does not take "
            f"{problem}. Put a step before it that makes them arrays of finite numbers: an "
            "encoder, a ColumnTransformer, an imputer."
        )
    if isinstance(head, SkorchAdapter):
        head.check_module(rows, np.arange(2) if classes is None else classes)


def depends_on_rows(parts: Parts) -> bool:
    """Whether `check_first_fit` may find anything. If not, no row has to be embedded for it.

    Parameters
    ----------
    parts : Parts
        Of the estimator.

    Returns
    -------
    depends : bool
        False if the head follows an encoder, and takes sparse features, too.
    """
    has_steps = any(hasattr(step, "transform") for step in parts.steps)
    takes_sparse = get_tags(parts.head).input_tags.sparse
    is_net = isinstance(parts.head, SkorchAdapter)
    return has_steps or not takes_sparse or is_net or not parts.representation


def _what_a_head_refuses(head: Any, rows: Any) -> str | None:
    """What a head does not take, where its tags can be relied on; None if it takes the rows."""
    is_nested = any(hasattr(value, "fit") for value in head.get_params(deep=False).values())
    is_known = type(head).__module__.partition(".")[0] in ("sklearn", "skactive")
    tags = get_tags(head)
    if is_nested or not is_known or tags.no_validation:
        return None
    if hasattr(rows, "columns"):
        is_text = any(isinstance(value, str) for value in _objects_of(rows))
        return None if tags.input_tags.string or not is_text else "columns of texts"
    values = rows.data if sparse.issparse(rows) else np.asarray(rows)
    if values.dtype.kind not in "fiub":
        is_text = any(isinstance(value, str) for value in values.flat)
        return None if tags.input_tags.string or not is_text else "texts"
    if not sparse.issparse(rows) and values.ndim > 2 and not tags.input_tags.three_d_array:
        return f"rows of {values.ndim - 1} dimensions"
    if not (tags.input_tags.allow_nan or np.isfinite(values).all()):
        return "missing or infinite values"
    return None


def _objects_of(table: Any) -> Iterator[Any]:
    """Values of the columns that are neither numbers nor categories."""
    for name in table.columns:
        column = table[name]
        if "cat" not in str(column.dtype).lower() and column.to_numpy().dtype.kind not in "fiub":
            yield from column.to_numpy()


def check_head_size(head: Any, labels: AggregatedLabels | None, n: int) -> None:
    """Refuse a query after which there are too few labels for a head, whatever they are.

    Parameters
    ----------
    head : classifier
        Unfitted or fitted.
    labels : AggregatedLabels or None
        The labels so far.
    n : int
        Number of selected rows.

    Raises
    ------
    ValueError
        If n labels do not suffice for the number of neighbors or of folds.
    """
    counts = np.zeros(2)
    if labels is not None:
        _, codes = np.unique(labels.y, return_inverse=True)
        counts = np.maximum(np.bincount(codes, np.maximum(labels.weight, 1)), 0)
        counts = np.pad(counts, (0, max(0, 2 - len(counts))))
    folds, neighbors = _n_folds(head), getattr(head, "n_neighbors", 0)
    total, name = int(counts.sum()) + n, type(head).__name__
    few = f"after this query of n={n} rows there will be {total} labels."
    if isinstance(neighbors, int) and neighbors > total:
        raise ValueError(
            f"{name} has n_neighbors={neighbors}, but {few} Set a smaller n_neighbors, or query "
            "more rows at once."
        )
    if isinstance(head, CalibratedClassifierCV):
        missing = int(np.maximum(folds - counts, 0).sum())
        if missing > n:
            raise ValueError(
                f"{name} has cv={folds} and needs {folds} labels of each class, at least "
                f"{missing} more, but {few} Set a smaller cv, or query more rows at once."
            )
    elif folds > counts.max() + n:
        raise ValueError(
            f"{name} has cv={folds} and needs {folds} labels of one class, but {few} Set a "
            "smaller cv, or query more rows at once."
        )


def _n_folds(head: Any) -> int:
    """Number of stratified folds; 0 for a head that has none."""
    if not hasattr(head, "cv"):
        return 0
    if head.cv is None:
        return _DEFAULT_FOLDS
    return head.cv if isinstance(head.cv, int) else 0
