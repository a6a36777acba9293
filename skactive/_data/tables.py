"""Tables as matrices in which distances mean something."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_array

from skactive._utils.compat import n_rows

_MAX_CATEGORIES = 32  # the most frequent ones; two rows with others agree in nothing


def table_matrix(table: Any) -> Callable[[Any], np.ndarray]:
    """How to turn the rows of a table into numbers on one scale.

    Numbers are standardized, and missing ones put at the mean. Categories become one column each:
    rows of two categories are then as far apart as two rows are in a number, on average.

    Parameters
    ----------
    table : DataFrame or array of shape (N, d)
        The rows that set the scale.

    Returns
    -------
    to_matrix : callable
        Takes rows of the same columns, gives a float32 array of one row for each.
    """
    encoders = [_numbers_encoder(column) or _texts_encoder(column) for column in _columns(table)]

    def to_matrix(rows: Any) -> np.ndarray:
        parts = zip(encoders, _columns(rows), strict=True)
        return np.column_stack([encode(column) for encode, column in parts])

    return to_matrix


def fill_empty_columns(table: Any) -> Any:
    """A table in which no column of numbers is without any.

    While labels are few a column may be missing in all of them. A constant tells a tree as little,
    and ``HistGradientBoostingClassifier`` fails where there is nothing to bin.

    Parameters
    ----------
    table : DataFrame or array of shape (n, d)
        Labeled rows.

    Returns
    -------
    table : DataFrame or array of shape (n, d)
        The same, with zeros in the columns that had no number.
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
    """Whether any column is of another kind than numbers.

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
        return any(_numbers(column) is None for column in _columns(table))
    return np.asarray(table).dtype.kind not in "fiub"


def _is_empty(column: Any) -> bool:
    numbers = _numbers(column)
    return numbers is not None and bool(np.isnan(numbers).all())


def _columns(table: Any) -> Iterator[Any]:
    """One-column tables."""
    if hasattr(table, "columns"):
        return (table[[name]] for name in table.columns)
    return (table[:, [j]] for j in range(table.shape[1]))


def _numbers_encoder(column: Any) -> Callable[[Any], np.ndarray] | None:
    known = _numbers(column)
    if known is None:
        return None
    known = known[~np.isnan(known)]
    mean, spread = (known.mean(), known.std() or 1.0) if len(known) else (0.0, 1.0)

    def encode(column: Any) -> np.ndarray:
        numbers = _numbers(column)
        if numbers is None:  # texts, in a column that was empty before
            return np.zeros(n_rows(column), dtype=np.float32)
        return np.nan_to_num((numbers - mean) / spread).astype(np.float32)

    return encode


def _texts_encoder(column: Any) -> Callable[[Any], np.ndarray]:
    names, counts = np.unique(_texts(column), return_counts=True)
    frequent = names[np.argsort(-counts, kind="stable")[:_MAX_CATEGORIES]]
    return lambda column: (_texts(column)[:, None] == frequent).astype(np.float32)


def _numbers(column: Any) -> Any:
    """The column as float64, missing values as NaN; None for anything but numbers."""
    if any(str(kind) == "category" for kind in getattr(column, "dtypes", ())):
        return None
    try:
        numbers = check_array(
            column, dtype=np.float64, ensure_all_finite="allow-nan", ensure_min_samples=0
        )
    except (TypeError, ValueError):
        return None
    return numbers.ravel()


def _texts(column: Any) -> np.ndarray:
    return np.asarray(column, dtype=object).ravel().astype(str)
