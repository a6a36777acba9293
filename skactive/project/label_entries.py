"""LabelEntry: one label of an imported table, checked."""

import math
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import numpy as np

from skactive._data.row_keys import row_keys
from skactive._utils.missing_values import is_missing
from skactive.project.base import _split_keys, check_name
from skactive.project.table_files import SourceTable

_FLAGS = {"true": True, "yes": True, "1": True, "1.0": True}
_FLAGS |= {"false": False, "no": False, "0": False, "0.0": False}


class LabelEntry(NamedTuple):
    """One label of an imported table.

    Parameters
    ----------
    row : bytes
        Row key.
    label : str, int, bool or None
        None if there is no label.
    annotator : str
        Who gave it.
    time : int or None
        Microseconds since 1970, UTC.
    seconds : float or None
        How long the annotator took.
    verified : bool
        Whether it overrides the other labels of the row.
    place : str
        Where it stands in the table.
    """

    row: bytes
    label: Any
    annotator: str
    time: int | None
    seconds: float | None
    verified: bool
    place: str


def check_entries(table: SourceTable, column: str | None, annotator: str) -> list[LabelEntry]:
    """Check the values of an imported table and convert them to their types.

    Parameters
    ----------
    table : SourceTable
        With a column "label", and a column that identifies the rows.
    column : str or None
        The column with the contents of the rows. None means the column "row_id".
    annotator : str
        The annotator of labels without one.

    Returns
    -------
    entries : list of LabelEntry

    Raises
    ------
    ValueError
        If a column is missing, or a value is invalid. The message says where.
    """
    check_name(annotator, "annotator")
    needed = {"label", column or "row_id"}
    for number, values in enumerate(table.entries):
        if not needed <= values.keys():
            raise ValueError(
                f"{table.name}, {table.place(number)} has the columns {list(values)}, but "
                f"{sorted(needed)} are needed in every entry; a label may be empty. Name the "
                "column with the contents of the rows by column= (--column)."
            )
    return [
        LabelEntry(
            row,
            _label(table, number),
            _annotator(table, number) or annotator,
            _time(table, number),
            _seconds(table, number),
            _verified(table, number),
            table.place(number),
        )
        for number, row in enumerate(_rows(table, column))
    ]


def _rows(table: SourceTable, column: str | None) -> list[bytes]:
    if column is not None:
        contents = [values[column] for values in table.entries]
        return _split_keys(np.ascontiguousarray(row_keys(contents)).tobytes())
    rows = []
    for number, values in enumerate(table.entries):
        try:
            rows.append(bytes.fromhex(values["row_id"]))
        except (TypeError, ValueError):
            remedy = "This is no row_id. Give the row_id of a Task, or find the rows by column=."
            table.refuse(number, "row_id", values["row_id"], remedy)
    return rows


def _label(table: SourceTable, number: int) -> Any:
    given = label = table.entries[number]["label"]
    if isinstance(label, np.ndarray | list):  # tools that allow several labels write lists
        labels = list(label) or [None]
        if len(labels) > 1:
            table.refuse(number, "label", given, "Give one label for each entry.")
        label = labels[0]
    label = label.item() if isinstance(label, np.generic) else label
    if is_missing(label) or (isinstance(label, str) and not label):
        return None
    if isinstance(label, float) and label.is_integer():  # int, in a column with empty cells
        label = int(label)
    if not isinstance(label, str | int) or (isinstance(label, int) and abs(label) >= 2**63):
        table.refuse(number, "label", given, "Give one label of type str, int (64 bits) or bool.")
    if isinstance(label, str) and not (label.strip() and label.isprintable()):
        remedy = "Give a name of a class: not empty, and without control characters."
        table.refuse(number, "label", given, remedy)
    return label


def _annotator(table: SourceTable, number: int) -> str | None:
    given = name = _optional(table, number, "annotator")
    if isinstance(name, float) and name.is_integer():  # int, in a column with empty cells
        name = int(name)
    if name is None:
        return None
    name = str(name) if isinstance(name, str | int | np.integer) else ""
    if not name.strip() or not name.isprintable():
        remedy = "Give a name that is not empty and has no control characters."
        table.refuse(number, "annotator", given, remedy)
    return name


def _time(table: SourceTable, number: int) -> int | None:
    moment = given = _optional(table, number, "time")
    try:
        if isinstance(given, str) and not given.strip().isdigit():
            moment = datetime.fromisoformat(given.strip())
        elif isinstance(given, date) and not isinstance(given, datetime):
            moment = datetime(given.year, given.month, given.day)
    except ValueError:
        pass
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        table.refuse(number, "time", given, "Give a time of ISO 8601, such as 2026-01-31T18:30Z.")
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _seconds(table: SourceTable, number: int) -> float | None:
    given = _optional(table, number, "seconds")
    if given is None:
        return None
    try:
        seconds = math.nan if isinstance(given, bool | np.bool_) else float(given)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        remedy = "Give a number from 0, with a decimal point, or leave the cell empty."
        table.refuse(number, "seconds", given, remedy)
    return seconds


def _verified(table: SourceTable, number: int) -> bool:
    given = _optional(table, number, "verified")
    flag = False if given is None else _FLAGS.get(str(given).strip().lower())
    if flag is None:
        table.refuse(number, "verified", given, "Give true, yes or 1, or false, no or 0.")
    return flag


def _optional(table: SourceTable, number: int, column: str) -> Any:
    """The value of a column that a table need not have; None where it is missing."""
    value = table.entries[number].get(column)
    return None if is_missing(value) or (isinstance(value, str) and not value.strip()) else value
