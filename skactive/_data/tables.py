"""Conversion of tables to numeric matrices whose Euclidean distances are meaningful."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_array

from skactive._utils.compat import n_rows

_MAX_CATEGORIES = 32  # the most frequent ones; all others are encoded as zeros


def table_matrix(table: Any) -> Callable[[Any], np.ndarray]:
    """Make a function that converts rows of a table to numbers on a common scale.

    Numeric columns are standardized, and missing values are replaced by the mean. Other columns
    are one-hot encoded. The squared distance between two different categories is 2, which is also
    the mean squared distance between two rows in a standardized column.

    Parameters
    ----------
    table : DataFrame or array of shape (N, d)
        The rows that determine means, standard deviations and categories.

    Returns
    -------
    to_matrix : callable
        Converts rows with the same columns to a float32 array with one row per row.
    """
    encoders = [_numeric_encoder(column) or _category_encoder(column) for column in _columns(table)]

    def to_matrix(rows: Any) -> np.ndarray:
        parts = zip(encoders, _columns(rows), strict=True)
        return np.column_stack([encode(column) for encode, column in parts])

    return to_matrix


def fill_empty_columns(table: Any) -> Any:
    """Fill numeric columns without any value with zeros.

    If there are few labeled rows, all of them may miss the value of a column.
    ``HistGradientBoostingClassifier`` fails if a column has no value to bin. A constant column
    carries no information either, and can be binned.

    Parameters
    ----------
    table : DataFrame or array of shape (n, d)
        Labeled rows.

    Returns
    -------
    table : DataFrame or array of shape (n, d)
        The table, with zeros in the columns that had no value.
    """
    if not hasattr(table, "columns"):
        empty = [j for j, column in enumerate(_columns(table)) if _is_empty(column)]
        return table if not empty else np.where(np.isin(range(table.shape[1]), empty), 0.0, table)
    names = [name for name in table.columns if _is_empty(table[[name]])]
    if not names:
        return table
    if hasattr(table, "with_columns"):  # polars
        return table.with_columns(**dict.fromkeys(names, 0.0))
    filled = table.copy()
    filled[names] = 0.0
    return filled


def holds_text(table: Any) -> bool:
    """Whether a table has a column that is not numeric.

    Parameters
    ----------
    table : rows
        Any container.

    Returns
    -------
    holds_text : bool
    """
    if sparse.issparse(table):
        return False
    if hasattr(table, "columns"):
        return any(_numeric_values(column) is None for column in _columns(table))
    return np.asarray(table).dtype.kind not in "fiub"


def _is_empty(column: Any) -> bool:
    values = _numeric_values(column)
    return values is not None and bool(np.isnan(values).all())


def _columns(table: Any) -> Iterator[Any]:
    """The columns of a table, each as a table with one column."""
    if hasattr(table, "columns"):
        return (table[[name]] for name in table.columns)
    return (table[:, [j]] for j in range(table.shape[1]))


def _numeric_encoder(column: Any) -> Callable[[Any], np.ndarray] | None:
    values = _numeric_values(column)
    if values is None:
        return None
    values = values[~np.isnan(values)]
    mean, scale = (values.mean(), values.std() or 1.0) if len(values) else (0.0, 1.0)

    def encode(column: Any) -> np.ndarray:
        values = _numeric_values(column)
        if values is None:  # texts, in a column without values in the original table
            return np.zeros(n_rows(column), dtype=np.float32)
        return np.nan_to_num((values - mean) / scale).astype(np.float32)

    return encode


def _category_encoder(column: Any) -> Callable[[Any], np.ndarray]:
    categories, counts = np.unique(_text_values(column), return_counts=True)
    frequent = categories[np.argsort(-counts, kind="stable")[:_MAX_CATEGORIES]]
    return lambda column: (_text_values(column)[:, None] == frequent).astype(np.float32)


def _numeric_values(column: Any) -> Any:
    """The column as float64, with NaN for missing values; None if it is not numeric."""
    if any(str(kind) == "category" for kind in getattr(column, "dtypes", ())):
        return None
    try:
        values = check_array(
            column, dtype=np.float64, ensure_all_finite="allow-nan", ensure_min_samples=0
        )
    except (TypeError, ValueError):
        return None
    return values.ravel()


def _text_values(column: Any) -> np.ndarray:
    return np.asarray(column, dtype=object).ravel().astype(str)
