"""Data sets as arrays: features, class codes, a prior, and noisy labels from real annotators.

Embeddings of texts and images are normalized. Columns of tables are standardized, categories as
columns of 0 and 1. The prior of an image data set is a softmax of similarities with temperature
0.1.
"""

import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from _data import IMAGES, TEXTS, load_features, load_table, read_parquet
from scipy.special import softmax
from sklearn.preprocessing import normalize

from skactive.encoders import SentenceEncoder
from skactive.priors import ZeroShotClassifier

TABLES = (
    "car",
    "ecoli",
    "hypothyroid",
    "letter",
    "mammography",
    "oil_spill",
    "page_blocks",
    "satimage",
    "winequality_white",
)
RULES = "sms_rules"
WITH_PRIOR = (*TEXTS, *IMAGES, RULES)
SETS = (*TEXTS, *IMAGES, *TABLES, RULES)
MIN_CLASS_SIZE = 8  # smaller classes of tables are left out: they cannot be tested
SIMILARITY_TEMPERATURE = 0.1
SMS_PROMPTS = {0: "an ordinary message from a friend", 1: "spam: an advertisement or a prize"}


@dataclass(frozen=True)
class Data:
    """One data set."""

    name: str
    X: np.ndarray  # (n, d) float32
    y: np.ndarray  # (n,) clean class codes
    n_classes: int
    prior: np.ndarray | None = None  # (n, K) probabilities
    embedded: bool = True
    given: dict[str, np.ndarray] = field(default_factory=dict)  # real noisy labels: (n,) codes
    test_part: np.ndarray | None = None  # (n,) bool: rows that are only used for testing


@cache
def load(folder: str | None, name: str) -> Data | None:
    """One data set, or None if a file is absent."""
    try:
        if name == RULES:
            return _load_rules(folder)
        return _load_columns(folder, name) if name in TABLES else _load_embedded(folder, name)
    except SystemExit:  # the reader has printed the reason
        return None


def _load_embedded(folder: str | None, name: str) -> Data:
    if name == "cifar10":
        parts = [load_features(folder, name, part) for part in ("train", "test")]
    else:
        parts = [load_features(folder, name)]
    features = parts[0]
    code = {label: k for k, label in enumerate(features.classes.tolist())}

    def codes(labels: np.ndarray) -> np.ndarray:
        return np.array([code[label] for label in labels.tolist()])

    X = normalize(np.concatenate([part.X for part in parts]))
    y = np.concatenate([codes(part.y) for part in parts])
    test_part = None if len(parts) == 1 else np.arange(len(y)) >= len(parts[0].y)
    given = {
        f"human {kind}": np.concatenate([codes(labels), y[len(labels) :]])
        for kind, labels in features.human_labels.items()
    }
    if features.class_embeddings is not None:
        if name == "davidson_hate":
            given["one annotator"] = _one_annotator(folder, y)
        zero_shot = ZeroShotClassifier(
            class_embeddings=features.class_embeddings, classes=features.classes
        )
        prior = zero_shot.predict_proba(X)[:, [list(zero_shot.classes_).index(c) for c in code]]
    else:
        similarity = np.concatenate([part.similarity for part in parts])
        prior = softmax(similarity / SIMILARITY_TEMPERATURE, axis=1)
    return Data(name, X, y, len(code), prior, given=given, test_part=test_part)


def _one_annotator(folder: str | None, y: np.ndarray) -> np.ndarray:
    """Votes of one annotator for davidson_hate; its texts and features have the same order."""
    frame = read_parquet(folder, "text", "davidson_hate")
    if not np.array_equal(frame["label"], y):
        raise SystemExit(
            "The labels in features/davidson_hate.npz and text/davidson_hate.parquet differ. Both "
            "files must come from the same version of the data folder."
        )
    return frame["noisy_label"].to_numpy(int)


def _load_columns(folder: str | None, name: str) -> Data:
    frame, labels = load_table(folder, name)
    classes, codes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    kept = sizes[codes] >= MIN_CLASS_SIZE
    frame = frame[kept].reset_index(drop=True)
    classes, y = np.unique(labels[kept], return_inverse=True)
    numbers = frame.select_dtypes("number")
    columns = [numbers.fillna(numbers.median()).fillna(0).to_numpy(float)]
    for column in frame.columns.difference(numbers.columns):
        values = frame[column].fillna("missing").to_numpy(str)
        columns.append((values[:, None] == np.unique(values)).astype(float))
    X = np.column_stack(columns)
    X = (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0, X.std(axis=0), 1)
    return Data(name, X.astype(np.float32), y, len(classes), embedded=False)


def _load_rules(folder: str | None) -> Data:
    """SMS messages that are labeled by rules. They are embedded once, into a folder for caches."""
    frame = read_parquet(folder, "text", "sms_weak")
    encoder = SentenceEncoder(cache_dir=Path(tempfile.gettempdir()) / "learner_cache")
    X = encoder.transform(frame["text"].tolist())
    y = frame["label"].to_numpy(int)
    zero_shot = ZeroShotClassifier(
        class_embeddings=encoder.encode_prompts(list(SMS_PROMPTS.values())),
        classes=list(SMS_PROMPTS),
    )
    prior = zero_shot.predict_proba(X)
    return Data(RULES, X, y, 2, prior, given={"rules": frame["weak_label"].to_numpy(int)})
