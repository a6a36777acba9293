"""Checks of the rows that a user gives to a meta-estimator."""

from typing import Any

from scipy import sparse
from sklearn.utils import get_tags
from sklearn.utils.validation import validate_data

from skactive._data.containers import as_object_array, is_texts
from skactive._data.pipeline import first_step
from skactive._utils.compat import n_rows
from skactive._utils.missing_values import is_missing
from skactive._utils.optional_imports import require
from skactive._utils.validation import check_is_container
from skactive.pools.pool import Pool, as_pool

_AS_THEY_ARE: dict[str, Any] = {"dtype": None, "ensure_all_finite": False, "allow_nd": True}


def check_rows(clf: Any, inner: Any, X: Any, name: str, *, reset: bool) -> Any:
    """Rows in one of the containers that the inner estimator takes.

    Parameters
    ----------
    clf : estimator
        The meta-estimator, whose number and names of features are set or checked.
    inner : classifier or Pipeline
        The estimator that receives the rows.
    X : object
        What the user gave.
    name : str
        Name of the argument, for the message.
    reset : bool
        Whether to set the number and names of features rather than check them.

    Returns
    -------
    X : array, sparse matrix, DataFrame, object array of shape (n,), or Pool

    Raises
    ------
    ValueError
        If X holds no rows, or rows of another shape than before.
    """
    X = as_pool(X)
    check_is_container(X, name)
    if isinstance(X, Pool) and X.feature_names:
        columns = dict(zip(X.feature_names, X[:1].T, strict=True))
        _check_columns(clf, require("pyarrow").table(columns), reset=reset)
    elif isinstance(X, Pool):
        if X.ndim > 1 or X.dtype != object:
            validate_data(clf, X[:1], reset=reset, **_AS_THEY_ARE)
    elif hasattr(X, "columns"):
        _check_columns(clf, X, reset=reset)
        _check_texts_in_column(first_step(inner), X, name)
    elif get_tags(first_step(inner)).input_tags.two_d_array and not is_texts(X):
        X = validate_data(clf, X, reset=reset, accept_sparse="csr", **_AS_THEY_ARE)
    else:
        X = as_object_array(X)
        if get_tags(first_step(inner)).input_tags.string:
            _check_no_missing_text(X, name)
        for attribute in ("n_features_in_", "feature_names_in_") if reset else ():
            clf.__dict__.pop(attribute, None)
    kind = getattr(getattr(X, "dtype", None), "kind", "")
    if kind == "c" or (kind == "f" and X.dtype.itemsize > 8):
        raise ValueError(f"{name} has dtype {X.dtype}; convert it to float64.")
    if n_rows(X) == 0:
        raise ValueError(f"{name} has 0 sample(s); give at least one row.")
    return X


def check_same_sparsity(X_pool: Any, labeled: Any) -> None:
    """Refuse a sparse pool after dense labeled rows, and the reverse.

    Sparse and dense rows are never equal, so that labeled rows would be selected again.

    Parameters
    ----------
    X_pool : container of rows
        The pool.
    labeled : container of rows
        The labeled rows.

    Raises
    ------
    TypeError
        If one of them is sparse, and the other is not.
    """
    if sparse.issparse(X_pool) != sparse.issparse(labeled):
        raise TypeError(
            f"X_pool is of type {type(X_pool).__name__}, labeled rows came as "
            f"{type(labeled).__name__}. Give rows in one type of container throughout."
        )


def _check_columns(clf: Any, table: Any, *, reset: bool) -> None:
    """Set or check the number and names of the columns."""
    if reset or hasattr(clf, "n_features_in_"):
        validate_data(clf, table, reset=reset, skip_check_array=True)


def _check_texts_in_column(step: Any, table: Any, name: str) -> None:
    """Refuse a table for a step that would take the names of its columns for texts."""
    tags = get_tags(step).input_tags
    if tags.string and not (tags.two_d_array or hasattr(step, "takes_row_keys")):
        raise ValueError(
            f"{name} is a {type(table).__name__}, but {type(step).__name__} takes one text for "
            f"each row. Give {name}[{table.columns[0]!r}], or use a ColumnTransformer."
        )


def _check_no_missing_text(rows: Any, name: str) -> None:
    if all(map(str.__instancecheck__, rows)):
        return
    missing = next((i for i, row in enumerate(rows) if is_missing(row)), None)
    if missing is not None:
        raise TypeError(
            f"{name}[{missing}] is {rows[missing]}, not a text. Drop such rows, or fill them, for "
            "example with Series.fillna('')."
        )
