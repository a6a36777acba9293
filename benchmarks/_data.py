"""Readers for a data folder that the user names; nothing is downloaded.

The folder is given as ``--data DIR`` or by the environment variable SKACTIVE_DATA. It contains
``text/NAME.parquet`` and ``tabular/NAME.parquet``, see `load_texts` and `load_table`, and frozen
features in ``features/NAME.npz``:

- texts: ``E`` (n, d) embeddings, ``y`` (n,) class codes, ``names`` (K,), ``P`` (K, d) one
  embedding per class;
- images: ``F_PART`` (n, d) uint8 features, to be multiplied by ``scale``, ``S_PART`` (n, K)
  similarities of a weak zero-shot prior, ``y_PART`` (n,), ``names`` (K,), where PART is "all", or
  "train" and "test"; and ``y_human_KIND``, human labels of the training rows.

If a file is absent, its reader prints the reason and exits with status 0.
"""

import argparse
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

TEXTS = ("banking77", "davidson_hate", "goemotions", "trec6", "tweeteval_emotion")
IMAGES = ("caltech101", "cifar10")


@dataclass(frozen=True)
class Features:
    """One labeled data set. A prior comes from `class_embeddings` or from `similarity`."""

    name: str
    X: np.ndarray  # (n, d) float32
    y: np.ndarray  # (n,) str
    classes: np.ndarray  # (K,) str, in the order of the prior's classes
    class_embeddings: np.ndarray | None = None  # (K, d)
    similarity: np.ndarray | None = None  # (n, K)
    human_labels: dict[str, np.ndarray] = field(default_factory=dict)  # each (n,) str


def add_data_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        metavar="DIR",
        default=os.environ.get("SKACTIVE_DATA"),
        help="folder that contains features/, text/ and tabular/ (default: $SKACTIVE_DATA)",
    )


def load_texts(folder: str | Path | None, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct texts, their labels and splits, each (n,), from ``text/NAME.parquet``."""
    frame = read_parquet(folder, "text", name).drop_duplicates("text", keep="last")
    texts, labels, split = (frame[column] for column in ("text", "label_name", "split"))
    return texts.to_numpy(object), labels.to_numpy(str), split.to_numpy(str)


def load_table(folder: str | Path | None, name: str) -> tuple[Any, np.ndarray]:
    """A DataFrame and its labels, (n,) str, from ``tabular/NAME.parquet``."""
    frame = read_parquet(folder, "tabular", name)
    return frame, frame.pop("target").to_numpy(str)


def load_features(folder: str | Path | None, name: str, part: str = "all") -> Features:
    """One data set; `part` is "train" or "test" for data sets that are split."""
    path = _existing(folder, "features", f"{name}.npz")
    with np.load(path, allow_pickle=False) as arrays:
        return _texts(name, arrays) if "E" in arrays else _images(name, arrays, part)


def read_parquet(folder: str | Path | None, kind: str, name: str) -> Any:
    """The DataFrame in ``KIND/NAME.parquet``, duplicates included."""
    path = _existing(folder, kind, f"{name}.parquet")
    try:
        import pandas as pd

        return pd.read_parquet(path)
    except ImportError as error:
        _skip(f'{path} needs pandas and pyarrow ({error}). Run pip install "skactive[bench]".')


def _existing(folder: str | Path | None, kind: str, name: str) -> Path:
    if folder is None:
        _skip("no data folder. Give --data DIR, or set SKACTIVE_DATA.")
    path = Path(folder) / kind / name
    if not path.is_file():
        _skip(f"{path} is absent. --data or SKACTIVE_DATA must name the folder above {kind}.")
    return path


def _skip(reason: str) -> NoReturn:
    print(f"skipped: {reason}", file=sys.stderr)
    raise SystemExit(0)


def _texts(name: str, arrays: np.lib.npyio.NpzFile) -> Features:
    return Features(
        name=name,
        X=arrays["E"].astype(np.float32),
        y=arrays["names"][arrays["y"]],
        classes=arrays["names"],
        class_embeddings=arrays["P"],
    )


def _images(name: str, arrays: np.lib.npyio.NpzFile, part: str) -> Features:
    if f"F_{part}" not in arrays:
        parts = sorted(key[2:] for key in arrays if key.startswith("F_"))
        raise SystemExit(f"{name} has no part {part!r}. Give one of {', '.join(parts)}.")
    names = arrays["names"]
    human = [key for key in arrays if key.startswith("y_human_")] if part == "train" else []
    return Features(
        name=name,
        X=arrays[f"F_{part}"] * np.float32(arrays["scale"]),
        y=names[arrays[f"y_{part}"]],
        classes=names,
        similarity=arrays[f"S_{part}"].astype(np.float32),
        human_labels={key.removeprefix("y_human_"): names[arrays[key]] for key in human},
    )
