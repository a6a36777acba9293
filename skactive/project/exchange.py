"""Exchange: labels written to files and read from files."""

import csv
import json
import os
import re
from os import PathLike
from pathlib import Path
from typing import Any

from skactive._utils.optional_imports import require
from skactive.project.base import _encode
from skactive.project.event_log import Event, now
from skactive.project.label_entries import LabelEntry, check_entries
from skactive.project.project_tables import ProjectTables
from skactive.project.table_files import SourceTable, read_table

_PARQUET = Path("data") / "train.parquet"
_CARD = """---
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train.parquet
---

Labels of a labeling project, one line for each label of each annotator.
"""
_WHOLE = re.compile("0|-?[1-9][0-9]{0,17}")
_SHOWN = 10  # unknown classes that a message lists
_CONFLICTS = ["row_id", "label", "annotator", "problem"]


class Exchange(ProjectTables):
    """Methods of a labeling project that export and import labels."""

    def export(self, path: str | PathLike[str]) -> None:
        """Write all valid labels to a file, which appears at once when it is complete.

        Parameters
        ----------
        path : str or path
            The suffix says the format: ``.csv``, ``.jsonl`` or ``.parquet``. A path without a
            suffix is a folder that ``datasets.load_dataset`` of Hugging Face reads. The columns are
            those of `labels`, and "text" if the rows are texts.

        Raises
        ------
        ValueError
            If the suffix is another one, the folder holds other files, or the format cannot hold a
            text.
        """
        target, frame = Path(path), self.labels()
        if target.suffix not in ("", ".csv", ".jsonl", ".parquet"):
            raise ValueError(
                f"path={str(path)!r} ends in {target.suffix!r}. Use .csv, .jsonl, .parquet, or a "
                "folder without a suffix."
            )
        is_other = target.is_dir() and not (target / _PARQUET).is_file()
        if is_other and any(target.iterdir()):
            raise ValueError(f"path={str(path)!r} is a folder with other files. Give a new one.")
        texts = [self._text(row_id) for row_id in frame["row_id"]]
        if any(text is not None for text in texts):
            pd = require("pandas")
            frame["text"] = pd.Series(texts, dtype=object)  # strings of Arrow refuse surrogates
        if target.suffix:
            _write_whole(target, frame, target.suffix)
        else:
            (target / _PARQUET).parent.mkdir(parents=True, exist_ok=True)
            _write_whole(target / _PARQUET, frame, ".parquet")
            (target / "README.md").write_text(_CARD, encoding="utf-8")

    def import_labels(
        self,
        source: Any,
        *,
        column: str | None = None,
        annotator: str = "import",
        add_classes: bool = False,
    ) -> Any:
        """Add labels that were made elsewhere, all of them or, if the call fails, none.

        Rows are found by the column row_id, or by their content.

        Parameters
        ----------
        source : DataFrame, Dataset of Hugging Face, or str or path
            What `export` writes, or any table with a column "label" and a column that identifies
            the rows. The columns annotator, time, seconds and verified are used if they exist. A
            list with a single label is that label.
        column : str, default=None
            The column with the contents of the rows. None means the column "row_id".
        annotator : str, default="import"
            The annotator of labels without one.
        add_classes : bool, default=False
            Whether labels that are none of the classes are added to the classes. If the project was
            opened with classes=None, new classes are always added.

        Returns
        -------
        conflicts : DataFrame
            Columns: row_id, label, annotator, problem. Not imported: rows that are not in the pool,
            entries without a label, and labels of rows to which this annotator has given another
            label before. Imported, and listed: labels that contradict those of other annotators.

        Raises
        ------
        ValueError
            If a column is missing, a value is invalid, a label is none of the classes, or the
            labels are of another type than the classes.
        """
        pd = require("pandas")
        table = _table(source)
        entries = check_entries(table, column, annotator)
        conflicts: list[tuple[str, Any, str, str]] = []
        with self._writing() as events:
            entries = self._with_class_names(entries, table.is_typed)
            events += self._import(entries, table.name, add_classes, conflicts)
        self._after_labels(taken_back=False)
        return pd.DataFrame(conflicts, columns=_CONFLICTS)

    def _import(
        self,
        entries: list[LabelEntry],
        source: str,
        add_classes: bool,
        conflicts: list[tuple[str, Any, str, str]],
    ) -> list[Event]:
        places: dict[Any, str] = {}
        labels: dict[tuple[bytes, str], Any] = {}
        answers, present = [], now()
        for row, label, who, time, seconds, verified, place in entries:
            votes = {a: self._state.label_of(v) for a, v in self._state.current(row).items()}
            own = labels.get((row, who), votes.get(who))
            problem = ""
            if label is None:
                problem = "no label"
            elif row not in self._positions:
                problem = "not in the pool"
            elif own is not None and own != label:
                problem = f"not imported: {who} has answered {own}"
            if not problem and own is None:
                labels[row, who] = label
                places.setdefault(label, place)
                time = present if time is None else time
                answers.append(
                    Event("imported", who, row, _encode(label), seconds, int(verified), time)
                )
                other = next((a for a, vote in votes.items() if vote != label), None)
                problem = f"imported: {other} has answered {votes[other]}" if other else ""
            if problem:
                conflicts.append((row.hex(), label, who, problem))
        return [*self._imported_classes(places, source, add_classes), *answers]

    def _imported_classes(
        self, places: dict[Any, str], source: str, add_classes: bool
    ) -> list[Event]:
        """Add the new classes among labels, of which the first places in the source are known."""
        names = self._state.classes.names
        first = next(iter([*names, *places]), None)
        for label, place in places.items():
            if type(label) is not type(first):
                raise ValueError(
                    f"{source}, {place}: label={label!r} is of type {type(label).__name__}, but "
                    f"{first!r} is of type {type(first).__name__}. Give labels of one type."
                )
        new = [label for label in places if label not in names]
        if add_classes:
            return [Event("class_added", label=_encode(label)) for label in new]
        if new and not self._accepts_new_classes:
            listed = ", ".join(f"{label!r} ({places[label]})" for label in new[:_SHOWN])
            more = f" and {len(new) - _SHOWN} more" if len(new) > _SHOWN else ""
            raise ValueError(
                f"{source} holds labels that are none of the classes {names}: {listed}{more}. "
                "Nothing was imported. Correct them, or add them as classes by add_classes=True "
                "(--add-classes)."
            )
        return self._class_events(new)

    def _with_class_names(self, entries: list[LabelEntry], is_typed: bool) -> list[LabelEntry]:
        """Replace labels by the classes of the same text, and former names by present ones."""
        names, former = self._state.classes.names, self._state.classes.former
        by_text = {str(old): old if new is None else new for old, new in former.items()}
        by_text |= {str(name): name for name in names}
        given = {
            e.label: by_text.get(str(e.label), e.label) for e in entries if e.label is not None
        }
        new = [label for label in given if str(label) not in by_text]
        takes_int = not names or type(names[0]) is int
        if takes_int and not is_typed and all(map(_WHOLE.fullmatch, new)):
            given |= {label: int(label) for label in new}
        return [entry._replace(label=given.get(entry.label)) for entry in entries]

    def _text(self, row_id: str) -> str | None:
        row = bytes.fromhex(row_id)
        content = self._content(row) if row in self._positions else None
        return str(content) if isinstance(content, str | PathLike) else None


def _write_whole(target: Path, frame: Any, suffix: str) -> None:
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        if suffix == ".parquet":
            require("pyarrow")
            try:
                frame.to_parquet(temporary, index=False)
            except UnicodeEncodeError as error:
                raise ValueError(
                    f"path={str(target)!r} cannot hold the text {error.object!r:.80}: Parquet has "
                    "no lone surrogates. Export to .jsonl or .csv."
                ) from error
        else:
            with temporary.open("w", newline="", encoding="utf-8", errors="surrogatepass") as file:
                _write_lines(file, frame, suffix)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _write_lines(file: Any, frame: Any, suffix: str) -> None:
    frame = frame.assign(time=[time.isoformat() for time in frame["time"]])
    entries = frame.astype(object).where(frame.notna(), None).to_dict("records")
    if suffix == ".csv":
        writer = csv.DictWriter(file, list(frame.columns))
        writer.writeheader()
        writer.writerows(entries)
    else:
        file.writelines(json.dumps(entry) + "\n" for entry in entries)


def _table(source: Any) -> SourceTable:
    if isinstance(source, str | PathLike):
        path = Path(source)
        path = path / _PARQUET if (path / _PARQUET).is_file() else path
        if path.suffix not in (".csv", ".jsonl", ".parquet"):
            raise ValueError(
                f"source={str(path)!r} is no .csv, .jsonl or .parquet file, and no exported folder."
            )
        return read_table(path)
    frame = source.to_pandas() if hasattr(source, "to_pandas") else source
    if not hasattr(frame, "columns"):
        raise ValueError(
            f"source is a {type(source).__name__}. Give a DataFrame, a Dataset of Hugging Face, or "
            "the path of a file."
        )
    return SourceTable("source", frame.to_dict("records"))
