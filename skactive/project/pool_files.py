"""Pools and classifiers that the command line sets up from files and names."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from skactive._utils.optional_imports import require
from skactive.project.table_files import SourceTable, read_lines, read_table

_FILE_NAME = "settings.json"
_FORMATS = (".csv", ".jsonl", ".parquet", ".txt")


class Settings(NamedTuple):
    """What the command line needs to open a project again.

    Parameters
    ----------
    pool : str
        Path of the file with the pool; absolute.
    column : str or None
        Column with the texts. None for a file with one text in each line.
    model : str
        Sentence encoder, or "tfidf".
    classes : list of str or None
        The classes given first. None accepts any label.
    overlap : int
        Number of annotators for each row.
    lease : float
        Seconds for which a row is reserved.
    """

    pool: str
    column: str | None
    model: str
    classes: list[str] | None
    overlap: int
    lease: float

    @classmethod
    def load(cls, folder: Path) -> "Settings":
        """Read the settings of a project.

        Parameters
        ----------
        folder : Path
            Folder of the project.

        Returns
        -------
        settings : Settings

        Raises
        ------
        ValueError
            If there is no project in this folder.
        """
        path = folder / _FILE_NAME
        if not path.is_file():
            raise ValueError(
                f"There is no project in {folder}. Run skactive init, or use --project."
            )
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def save(self, folder: Path) -> None:
        """Write the settings into the folder of a project.

        Parameters
        ----------
        folder : Path
            Folder of the project. It is created.
        """
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self._asdict(), indent=2) + "\n"
        (folder / _FILE_NAME).write_text(text, encoding="utf-8")


def read_texts(path: Path, column: str | None) -> list[str]:
    """Read the texts of a pool.

    Parameters
    ----------
    path : Path
        A .csv, .jsonl or .parquet file, or a .txt file with one text in each line.
    column : str or None
        Column with the texts; None for a .txt file.

    Returns
    -------
    texts : list of str

    Raises
    ------
    ValueError
        If the format or the column is unknown, or a row has no text.
    """
    if path.suffix not in _FORMATS:
        raise ValueError(f"{path} is none of {', '.join(_FORMATS)}.")
    if not path.is_file():
        raise ValueError(f"There is no file {path}.")
    if path.suffix == ".txt":
        lines = "".join(read_lines(path)).splitlines()
        entries: list[dict[Any, Any]] = [{None: line} for line in lines]
        column, table = None, SourceTable(str(path), entries, [*range(1, len(lines) + 1)])
    else:
        table = read_table(path)
    if not table.entries:
        raise ValueError(f"{path} has no rows. Give at least one text.")
    columns = list(table.entries[0])
    if column not in columns:
        raise ValueError(
            f"{path} has the columns {columns}. Choose the one with texts by --column."
        )
    texts = []
    for number, entry in enumerate(table.entries):
        text = entry.get(column)
        if not isinstance(text, str) or not text.strip():
            where = "" if column is None else f"column {column!r}, "
            raise ValueError(
                f"{path} has no text in {where}{table.place(number)}, but {text!r:.80}. Remove the "
                "row, or fill it in."
            )
        texts.append(text)
    return texts


def make_classifier(settings: Settings, folder: Path, *, verbose: bool = False) -> Any:
    """Make the classifier of a project.

    Parameters
    ----------
    settings : Settings
        With the name of the model.
    folder : Path
        Folder of the project; embeddings are stored in it.
    verbose : bool, default=False
        Whether the encoder shows a progress bar.

    Returns
    -------
    clf : ActiveClassifier
    """
    from sklearn.pipeline import make_pipeline

    from skactive import ActiveClassifier, SentenceEncoder, SoftmaxHead, ZeroShotClassifier

    if settings.model == "tfidf":
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression

        words = TfidfVectorizer(token_pattern=r"\S+", sublinear_tf=True)
        head = LogisticRegression(C=10, class_weight="balanced")
        return ActiveClassifier(make_pipeline(words, head), random_state=0)
    require("sentence_transformers")
    encoder = SentenceEncoder(settings.model, cache_dir=folder / "embeddings", verbose=verbose)
    prior = None
    if settings.classes is not None and len(settings.classes) > 1:
        prior = ZeroShotClassifier(classes=settings.classes, encoder=encoder)
    return ActiveClassifier(make_pipeline(encoder, SoftmaxHead()), prior=prior, random_state=0)
