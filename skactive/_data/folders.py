"""load_folder: labeled images or texts from a folder with one subfolder per class."""

import os
import warnings
from pathlib import Path

import joblib
import numpy as np

from skactive._data.images import ImageRow
from skactive._utils.optional_imports import require

_TEXT_SUFFIXES = frozenset({".txt", ".text", ".md"})
_MAX_NAMED = 5  # unreadable files that a message names


def load_folder(
    folder: str | os.PathLike[str], *, on_error: str = "raise", n_jobs: int | None = None
) -> tuple[list[str], np.ndarray | None]:
    """Load images or texts from a folder, labeled by the names of its subfolders.

    Every file is read once, so that damaged files are found before they are used. Files of other
    types and hidden files are ignored.

    Parameters
    ----------
    folder : str or path
        The folder. The label of a file is the name of the top-level subfolder: files below
        ``folder/cat/`` have the label "cat", at any depth. If all files are in `folder` itself,
        there are no labels. Texts are .txt, .text and .md files in UTF-8. Images are files with a
        suffix that PIL supports.
    on_error : {"raise", "skip"}, default="raise"
        What to do if files cannot be read. "raise" raises an error that names them. "skip" leaves
        them out, with a warning that names them.
    n_jobs : int or None, default=None
        Number of processes that read files, as in joblib.

    Returns
    -------
    rows : list of str of length n
        Paths of the images, as `ClipEncoder` accepts them, or contents of the text files, sorted
        by path.
    labels : str array of shape (n,), or None
        Names of the subfolders. None if all files are in `folder` itself.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    ValueError
        If the folder contains neither images nor texts, or both, or if only some of its files are
        in subfolders. Also if files cannot be read, depending on `on_error`.

    Examples
    --------
    >>> from skactive.datasets import load_folder
    >>> paths, labels = load_folder("photos", on_error="skip", n_jobs=-1)  # doctest: +SKIP
    """
    if on_error not in ("raise", "skip"):
        raise ValueError(f"on_error must be 'raise' or 'skip', got {on_error!r}.")
    if not isinstance(folder, str | os.PathLike):
        raise TypeError(f"folder must be a path, got {folder!r}.")
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise FileNotFoundError(f"folder={str(folder)!r} is not a folder (looked for {root}).")
    paths, are_texts = _files_of_one_kind(root)
    read = joblib.delayed(_read_text if are_texts else _check_image)
    results = joblib.Parallel(n_jobs=n_jobs)(read(path) for path in paths)
    errors = [result for result in results if isinstance(result, Exception)]
    if errors:
        named = "; ".join(str(error) for error in errors[:_MAX_NAMED])
        more = f"; and {len(errors) - _MAX_NAMED} more" if len(errors) > _MAX_NAMED else ""
        message = f"{len(errors)} of {len(paths)} files in {root} cannot be read: {named}{more}."
        if on_error == "raise" or len(errors) == len(paths):
            raise ValueError(f"{message} Repair them, or give on_error='skip'.")
        warnings.warn(f"{message} They are left out.", stacklevel=2)
    is_readable = [not isinstance(result, Exception) for result in results]
    rows = [result for result, readable in zip(results, is_readable, strict=True) if readable]
    labels = _labels(root, paths)
    return rows, None if labels is None else labels[is_readable]


def _files_of_one_kind(root: Path) -> tuple[list[Path], bool]:
    files = [
        path
        for path in sorted(root.rglob("*"))
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(root).parts)
    ]
    texts = [path for path in files if path.suffix.lower() in _TEXT_SUFFIXES]
    others = [path for path in files if path.suffix.lower() not in _TEXT_SUFFIXES]
    images = []
    if others:
        suffixes = require("PIL.Image").registered_extensions()
        images = [path for path in others if path.suffix.lower() in suffixes]
    if texts and images:
        raise ValueError(
            f"{root} holds texts ({texts[0].name}) and images ({images[0].name}). Give a folder "
            "that holds only texts or only images."
        )
    if not texts and not images:
        raise ValueError(
            f"{root} holds neither images nor texts among {len(files)} files. Give a folder of "
            "image files, or of .txt, .text or .md files."
        )
    return (texts, True) if texts else (images, False)


def _labels(root: Path, paths: list[Path]) -> np.ndarray | None:
    parts = [path.relative_to(root).parts for path in paths]
    unlabeled = [path for path, names in zip(paths, parts, strict=True) if len(names) == 1]
    if len(unlabeled) == len(paths):
        return None
    if unlabeled:
        raise ValueError(
            f"{unlabeled[0]} lies in no subfolder, so it has no label, but other files have "
            "labels. Move it into a subfolder, or out of the folder."
        )
    return np.array([names[0] for names in parts])


def _read_text(path: Path) -> str | Exception:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return ValueError(f"{path} ({error})")


def _check_image(path: Path) -> str | Exception:
    try:
        ImageRow(0, str(path)).open()
    except ValueError as error:
        return ValueError(f"{path} ({error.__cause__})")
    return str(path)
