"""TableColumns: columns of any type as numbers, indicators and embeddings of texts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from math import isfinite
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

from skactive._utils.compat import n_rows
from skactive._utils.missing_values import is_missing

_MAX_CATEGORIES = 32  # the most frequent ones get an indicator each
_LARGEST = 1e100  # squares of larger numbers overflow in standardization
_WORDS_OF_TEXT = 5  # a string column whose median value has so many words holds texts
_CATEGORY_DTYPES = ("category", "Categorical", "Enum")
_DATE_PARTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "days": lambda seconds: seconds / 86_400,
    "month": lambda seconds: _unit(seconds, "M") % 12,
    "weekday": lambda seconds: _unit(seconds, "D") % 7,
    "hour": lambda seconds: _unit(seconds, "h") % 24,
}


class ColumnBlocks(NamedTuple):
    """Columns of a table, by kind.

    Attributes
    ----------
    numbers : float64 array of shape (n, p)
        Numbers and parts of dates; NaN where missing.
    indicators : float64 array of shape (n, q)
        1 or 0: whether a value is missing, or equals a category.
    embeddings : float64 array of shape (n, e)
        Embeddings of texts.
    """

    numbers: np.ndarray
    indicators: np.ndarray
    embeddings: np.ndarray


class TableColumns:
    """The columns of a table as arrays.

    Numbers, booleans and durations stay numbers. A date, also as a string in ISO format, becomes
    days since 1970, month, weekday and hour, where these vary. Each of the 32 most frequent
    categories of a column gets an indicator; of a rarer or unknown category, all are 0. Categories
    that are equal numbers, such as 1, 1.0 and True, are the same. An indicator tells missing
    values. A constant column, or one without values, is left out. So is whatever it holds later.

    Parameters
    ----------
    text_encoder : transformer or None
        It embeds texts. None: a column of texts is an error.
    """

    def __init__(self, text_encoder: Any = None) -> None:
        self.text_encoder = text_encoder

    def fit(self, table: Any, weight: np.ndarray | None = None) -> "TableColumns":
        """Find the kind of each column, and its categories.

        Parameters
        ----------
        table : DataFrame or array of shape (n, d)
            Rows.
        weight : array of shape (n,), default=None
            Positive sample weights, for the frequencies of categories. None means ones.

        Returns
        -------
        self : TableColumns

        Raises
        ------
        ValueError
            If a column holds texts and there is no `text_encoder`, or a number is infinite.
        """
        named = list(_named_columns(table))
        weight = np.ones(n_rows(table)) if weight is None else weight
        self._columns = [_fit_column(name, column, weight) for name, column in named]
        texts = [each.name for each in self._columns if isinstance(each, TextColumn)]
        if texts and self.text_encoder is None:
            raise ValueError(
                f"Column {texts[0]!r} holds texts, which cannot be one-hot encoded. Give "
                "text_encoder=SentenceEncoder(), drop the column, or convert it to the dtype "
                "'category' if its values are categories."
            )
        return self

    def transform(self, table: Any) -> ColumnBlocks:
        """Convert rows with the same columns.

        Parameters
        ----------
        table : DataFrame or array of shape (n, d)
            Rows.

        Returns
        -------
        blocks : ColumnBlocks

        Raises
        ------
        ValueError
            If a column of numbers or dates now holds something else.
        """
        n = n_rows(table)
        numbers, indicators, embeddings = ([np.empty((n, 0))] for _ in range(3))
        for fitted, (_, column) in zip(self._columns, _named_columns(table), strict=True):
            if isinstance(fitted, TextColumn):
                texts = fitted.texts(column)
                embeddings.append(np.asarray(self.text_encoder.transform(texts), dtype=np.float64))
            elif fitted is not None:
                own_numbers, own_indicators = fitted.encode(column)
                numbers.append(own_numbers)
                indicators.append(own_indicators)
        return ColumnBlocks(np.hstack(numbers), np.hstack(indicators), np.hstack(embeddings))

    @property
    def n_used(self) -> int:
        """Number of columns that are not left out."""
        return sum(column is not None for column in self._columns)


@dataclass(frozen=True)
class NumberColumn:
    """Numbers, or dates of which some parts vary."""

    name: Any
    date_parts: tuple[str, ...]  # none for numbers
    tells_missing: bool

    def encode(self, column: Any) -> tuple[np.ndarray, np.ndarray]:
        """Numbers (n, p), and an indicator (n, 0 or 1) of missing values."""
        values = _typed_values(column)
        if values.dtype == object and all(value is None for value in values):
            values = np.full(len(values), np.nan)
        if values.dtype.kind != ("M" if self.date_parts else "f"):
            expected = "dates" if self.date_parts else "numbers"
            known = [v for v in values if v is not None and v == v]
            unexpected = next((v for v in known if isinstance(v, str) and not _date(v)), known[0])
            raise ValueError(
                f"Column {self.name!r} held {expected} in fit and now holds {unexpected!r}. "
                "Convert it to one type for all rows."
            )
        missing = _is_missing(values)[:, None] if self.tells_missing else np.empty((len(values), 0))
        if self.date_parts:
            seconds = _seconds(values)
            numbers = [_DATE_PARTS[part](seconds) for part in self.date_parts]
        else:
            numbers = [np.clip(values, -_LARGEST, _LARGEST)]
        return np.column_stack(numbers), missing.astype(np.float64)


@dataclass(frozen=True)
class CategoryColumn:
    """Categories, as strings."""

    name: Any
    categories: np.ndarray
    tells_missing: bool

    def encode(self, column: Any) -> tuple[np.ndarray, np.ndarray]:
        """No numbers (n, 0), and the indicators (n, q)."""
        values = _as_texts(column)
        indicators = values[:, None] == self.categories
        if self.tells_missing:
            indicators = np.column_stack([indicators, _is_missing(values)])
        return np.empty((len(values), 0)), indicators.astype(np.float64)


@dataclass(frozen=True)
class TextColumn:
    """Texts."""

    name: Any

    def texts(self, column: Any) -> list[str]:
        """The texts; empty where missing."""
        return ["" if text is None else text for text in _as_texts(column)]


def _fit_column(
    name: Any, column: Any, weight: np.ndarray
) -> NumberColumn | CategoryColumn | TextColumn | None:
    values = _typed_values(column)
    missing = _is_missing(values)
    tells_missing = bool(missing.any())
    distinct, entry = np.unique(values[~missing], return_inverse=True)
    if len(distinct) == 0 or (len(distinct) == 1 and not tells_missing):
        return None
    if values.dtype.kind == "f":
        if np.isinf(distinct).any():
            raise ValueError(f"Column {name!r} contains infinity; replace it by a number or NaN.")
        return NumberColumn(name, (), tells_missing)
    if values.dtype.kind == "M":
        seconds = _seconds(distinct)
        varies = [part for part, of in _DATE_PARTS.items() if np.ptp(of(seconds)) > 0]
        return NumberColumn(name, tuple(varies or ["days"]), tells_missing)
    if not _is_categorical(column):
        n_words = np.median([len(text.split()) for text in distinct])
        if n_words >= _WORDS_OF_TEXT:
            return TextColumn(name)
    # rounded, so that the order of the rows does not decide between equal frequencies
    frequency = np.round(np.bincount(entry, weight[~missing]) / weight.sum(), 12)
    frequent = distinct[np.argsort(-frequency, kind="stable")[:_MAX_CATEGORIES]]
    return CategoryColumn(name, frequent, tells_missing)


def _named_columns(table: Any) -> Iterator[tuple[Any, Any]]:
    if hasattr(table, "iloc"):
        return ((name, table.iloc[:, j]) for j, name in enumerate(table.columns))
    if hasattr(table, "columns"):
        return ((name, table[name]) for name in table.columns)
    return ((j, table[:, j]) for j in range(table.shape[1]))


def _is_categorical(column: Any) -> bool:
    return str(getattr(column, "dtype", "")).startswith(_CATEGORY_DTYPES)


def _typed_values(column: Any) -> np.ndarray:
    """Values as float64, datetime64, or strings in an object array with None for missing."""
    if _is_categorical(column):
        return _as_texts(column)
    values = _to_numpy(column)
    if values.dtype.kind in "biuf":
        return values.astype(np.float64)
    if values.dtype.kind == "m":
        return values / np.timedelta64(1, "s")
    if values.dtype.kind == "M":
        return values.astype("datetime64[us]")
    values = values.astype(object)
    missing = _is_missing(values)
    kinds = {type(value) for value in values[~missing]}
    if not kinds:
        return np.full(len(values), np.nan)
    if all(issubclass(kind, (Real, Decimal, np.bool_)) for kind in kinds):
        values[missing] = np.nan
        return values.astype(np.float64)
    if all(issubclass(kind, date) for kind in kinds):
        values[missing] = None
        dates = [_without_zone(value) for value in values]
        return np.array(dates, dtype="datetime64[us]")
    texts = _as_texts(values)
    dates = [text and _date(text) for text in texts]
    is_date = all(dates[i] for i in np.flatnonzero(~missing))
    return np.array(dates, dtype="datetime64[us]") if is_date else texts


def _as_texts(column: Any) -> np.ndarray:
    values = _to_numpy(column).astype(object)
    missing = _is_missing(values)
    texts = [None if m else _as_text(v) for v, m in zip(values, missing, strict=True)]
    return np.array([*texts, ""], dtype=object)[:-1]


def _as_text(value: Any) -> str:
    """Equal for equal numbers of any type: a missing value makes floats of integers."""
    if isinstance(value, (Integral, np.bool_)):
        return str(int(value))
    if issubclass(type(value), (Real, Decimal)) and isfinite(value):
        return str(int(value)) if value == int(value) else str(float(value))
    return str(value)


def _to_numpy(column: Any) -> np.ndarray:
    return column.to_numpy() if hasattr(column, "to_numpy") else np.asarray(column)


def _is_missing(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype.kind == "M":
        return np.isnat(values)
    return np.array([is_missing(value) for value in values], dtype=bool)


def _date(text: str) -> datetime | None:
    """The date that a text gives in ISO format, such as 2024-02-29 or 2024-02-29T12:30Z."""
    if text[4:5] != "-":  # eight digits are more likely a number
        return None
    try:
        return _without_zone(datetime.fromisoformat(text))
    except ValueError:
        return None


def _without_zone(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


def _seconds(dates: np.ndarray) -> np.ndarray:
    """Seconds since 1970 as float64, NaN where missing."""
    return (dates - np.datetime64(0, "us")) / np.timedelta64(1, "s")


def _unit(seconds: np.ndarray, unit: str) -> np.ndarray:
    """Whole months, days or hours since 1970, NaN where missing."""
    known = ~np.isnan(seconds)
    count = np.full(len(seconds), np.nan)
    dates = seconds[known].astype("int64").astype("datetime64[s]")
    count[known] = dates.astype(f"datetime64[{unit}]").astype("int64")
    return count
