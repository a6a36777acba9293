"""Scores of the learner benchmark: accuracy, calibration, and how well wrong labels are found."""

from collections.abc import Callable

import numpy as np
from _learner_tasks import Task
from sklearn.metrics import average_precision_score

MIN_LABELS = 50  # with fewer labels the search for wrong ones is not scored


def scores(task: Task, proba: np.ndarray) -> dict:
    """Balanced accuracy and calibration error on the test rows."""
    truth = task.data.y[task.test]
    proba = proba / np.maximum(proba.sum(axis=1, keepdims=True), 1e-12)
    return {
        "bacc": round(balanced_accuracy(truth, proba.argmax(axis=1)), 4),
        "ece": round(calibration_error(truth, proba), 4),
    }


def balanced_accuracy(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Mean recall of the classes in `truth`, which holds codes."""
    counts = np.bincount(truth)
    hits = np.bincount(truth, truth == predicted)
    return float((hits[counts > 0] / counts[counts > 0]).mean())


def calibration_error(truth: np.ndarray, proba: np.ndarray, n_bins: int = 15) -> float:
    """Expected calibration error; all classes have the same total weight."""
    weight = 1 / np.bincount(truth)[truth]
    confidence = proba.max(axis=1)
    correct = proba.argmax(axis=1) == truth
    bins = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    gap = np.bincount(bins, weight * (correct - confidence), n_bins)
    return float(np.abs(gap).sum() / weight.sum())


def wrong_labels_found(task: Task, suspicion: Callable[[], np.ndarray]) -> dict:
    """Area under the precision-recall curve of the search for wrong labels."""
    wrong = task.y != task.data.y[task.labeled]
    if task.n < MIN_LABELS or not 0 < wrong.sum() < len(wrong):
        return {}
    return {"aucpr": round(float(average_precision_score(wrong, suspicion())), 4)}
