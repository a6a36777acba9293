"""Tables read from files: pools, and labels that were made elsewhere."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from skactive._utils.optional_imports import require

_JSONL = 'Each line of a .jsonl file is an object, such as {"text": "a text", "label": "a class"}.'


class SourceTable(NamedTuple):
    """Entries of a table, and where each of them stands in its file.

    Parameters
    ----------
    name : str
        Name of the file, for messages.
    entries : list of dict
        Values by column.
    lines : list of int or None
        Line in the file on which each entry begins, from 1. None where rows are counted, from 0.
    is_typed : bool
        Whether numbers differ from texts. A CSV file holds texts only.
    """

    name: str
    entries: list[dict[str, Any]]
    lines: list[int] | None = None
    is_typed: bool = True

    def place(self, number: int) -> str:
        """Where an entry stands.

        Parameters
        ----------
        number : int
            Position in `entries`.

        Returns
        -------
        place : str
            Such as "line 3".
        """
        return f"row {number}" if self.lines is None else f"line {self.lines[number]}"

    def refuse(self, number: int, column: str, value: Any, remedy: str) -> NoReturn:
        """Raise an error about a value.

        Parameters
        ----------
        number : int
            Position of its entry.
        column : str
            Its column.
        value : object
            The value.
        remedy : str
            What to give instead; a sentence.

        Raises
        ------
        ValueError
            Always.
        """
        shown = repr(value)
        shown = shown if len(shown) <= 80 else f"{shown[:80]}..."
        raise ValueError(f"{self.name}, {self.place(number)}: {column}={shown}. {remedy}")


def read_table(path: Path) -> SourceTable:
    """Read a table.

    Parameters
    ----------
    path : Path
        A .csv, .jsonl or .parquet file.

    Returns
    -------
    table : SourceTable

    Raises
    ------
    ValueError
        If the file cannot be read in the format that its suffix says.
    """
    if path.suffix == ".parquet":
        require("pyarrow")
        try:
            return SourceTable(str(path), require("pandas").read_parquet(path).to_dict("records"))
        except ValueError as error:  # those of pyarrow do not name the file
            raise ValueError(f"{path} cannot be read as a Parquet file: {error}") from error
    return _read_json_lines(path) if path.suffix == ".jsonl" else _read_csv(path)


def read_lines(path: Path) -> Iterator[str]:
    """Read the lines of a text file.

    Parameters
    ----------
    path : Path
        A file in UTF-8.

    Yields
    ------
    line : str
        With its end.

    Raises
    ------
    ValueError
        If the file has another encoding.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="surrogatepass") as file:
            yield from file
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not encoded in UTF-8: {error}. Convert it, for example by iconv -f latin1 "
            "-t utf8; a spreadsheet program saves it as 'CSV UTF-8'."
        ) from error


def _read_json_lines(path: Path) -> SourceTable:
    entries, lines = [], []
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except ValueError as error:
            raise ValueError(f"{path}, line {number} is no JSON: {error}. {_JSONL}") from error
        if not isinstance(entry, dict):
            raise ValueError(f"{path}, line {number} is no object: {line.strip():.80}. {_JSONL}")
        entries.append(entry)
        lines.append(number)
    return SourceTable(str(path), entries, lines)


def _read_csv(path: Path) -> SourceTable:
    reader = csv.reader(read_lines(path))
    columns: list[str] = []
    entries, lines, start = [], [], 1
    try:
        for cells in reader:
            if any(cells[len(columns) :]) and columns:
                raise ValueError(
                    f"{path}, line {start} has {len(cells)} cells, but there are {len(columns)} "
                    "columns. Separate cells by commas; put texts with commas into double quotes."
                )
            if cells and columns:
                entries.append(dict.fromkeys(columns) | dict(zip(columns, cells, strict=False)))
                lines.append(start)
            columns = columns or cells
            start = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(
            f"{path}, line {start} cannot be read as CSV: {error}. Correct it, or give a .jsonl or "
            ".parquet file."
        ) from error
    return SourceTable(str(path), entries, lines, is_typed=False)
