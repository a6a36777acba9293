"""Folders of images or texts, a subfolder for each class."""

import os
import warnings
from pathlib import Path

import joblib
import numpy as np

from skactive._data.images import ImageRow
from skactive._utils.optional_imports import require

_TEXTS = frozenset({".txt", ".text", ".md"})
_NAMED = 5  # of the files that cannot be read, in a message


def load_folder(
    folder: str | os.PathLike[str], *, on_error: str = "raise", n_jobs: int | None = None
) -> tuple[list[str], np.ndarray | None]:
    """Images or texts from the files of a folder, labeled by the subfolders they lie in.

    Every file is read once, so that one that is damaged is found now, and not in the middle of a
    pool. Files of other kinds, and hidden ones, are passed over.

    Parameters
    ----------
    folder : str or path
        ``folder/cat/1.jpg`` is an image of the class "cat", however deep below it lies. Where the
        files lie in `folder` itself, they have no labels. Texts are .txt, .text and .md files in
        UTF-8; images what PIL knows by the ending of the name.
    on_error : {"raise", "skip"}, default="raise"
        What becomes of files that cannot be read: an error that names them, or a warning that names
        them and the others without them.
    n_jobs : int or None, default=None
        Processes that read, as joblib takes it.

    Returns
    -------
    rows : list of str of length n
        The paths of the images, as `ClipEncoder` takes them; or the texts themselves. In the order
        of the paths.
    labels : str array of shape (n,), or None
        Names of the subfolders; None for an unlabeled folder.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If it holds neither images nor texts, or both; some files in subfolders and some not; or, by
        `on_error`, files that cannot be read.

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
    faults = [result for result in results if isinstance(result, Exception)]
    if faults:
        told = "; ".join(str(fault) for fault in faults[:_NAMED])
        more = f"; and {len(faults) - _NAMED} more" if len(faults) > _NAMED else ""
        message = f"{len(faults)} of {len(paths)} files in {root} cannot be read: {told}{more}."
        if on_error == "raise" or len(faults) == len(paths):
            raise ValueError(f"{message} Repair them, or give on_error='skip'.")
        warnings.warn(f"{message} They are left out.", stacklevel=2)
    read_well = [not isinstance(result, Exception) for result in results]
    rows = [result for result, well in zip(results, read_well, strict=True) if well]
    labels = _labels(root, paths)
    return rows, None if labels is None else labels[read_well]


def _files_of_one_kind(root: Path) -> tuple[list[Path], bool]:
    files = [
        path
        for path in sorted(root.rglob("*"))
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(root).parts)
    ]
    texts = [path for path in files if path.suffix.lower() in _TEXTS]
    others = [path for path in files if path.suffix.lower() not in _TEXTS]
    images = []
    if others:
        endings = require("PIL.Image").registered_extensions()
        images = [path for path in others if path.suffix.lower() in endings]
    if texts and images:
        raise ValueError(
            f"{root} holds texts ({texts[0].name}) and images ({images[0].name}). Give a folder of "
            "one kind."
        )
    if not texts and not images:
        raise ValueError(f"{root} holds neither images nor texts among {len(files)} files.")
    return (texts, True) if texts else (images, False)


def _labels(root: Path, paths: list[Path]) -> np.ndarray | None:
    parts = [path.relative_to(root).parts for path in paths]
    loose = [path for path, names in zip(paths, parts, strict=True) if len(names) == 1]
    if len(loose) == len(paths):
        return None
    if loose:
        raise ValueError(
            f"{loose[0]} lies in no subfolder, so it has no label, but others have. Move it into "
            "one, or out of the folder."
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
