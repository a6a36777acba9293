"""What a user has without skactive: zero-shot predictions, logistic regression and cleanlab."""

import sys
from functools import cache
from types import SimpleNamespace

import numpy as np
from _learner_scores import balanced_accuracy, scores, wrong_labels_found
from _learner_tasks import Task
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

CS = (1.0, 10.0, 0.1, 100.0, 0.01)  # the first of equally good values is taken
NORM = 3.0  # of embeddings; the range of C suits features of this size


def baselines(task: Task) -> dict:
    """Zero-shot predictions, logistic regression, and cleanlab around the latter."""
    outcome = {}
    if task.data.prior is not None:
        outcome["zero-shot"] = scores(task, task.data.prior[task.test])
    scale = NORM if task.data.embedded else 1.0
    X, Z = rotated(scale * task.data.X[task.labeled], scale * task.data.X[task.test])
    present, codes = np.unique(task.y, return_inverse=True)

    def of_all_classes(proba: np.ndarray) -> np.ndarray:
        spread = np.zeros((len(proba), task.data.n_classes))
        spread[:, present] = proba
        return spread

    if len(present) == 1:
        constant = scores(task, of_all_classes(np.ones((len(Z), 1))))
        return outcome | {"logistic": constant, "cleanlab": constant}
    C, held_out = cross_validated(X, codes, task.seed)
    model = logistic(C).fit(X, codes)
    outcome["logistic"] = scores(task, of_all_classes(model.predict_proba(Z))) | {"C": C}
    cleanlab = _cleanlab()
    if cleanlab is None:
        return outcome
    # cleanlab needs held-out probabilities; without them it is the plain model
    outcome["cleanlab"] = dict(outcome["logistic"])
    if held_out is not None:
        try:
            clean = cleanlab.CleanLearning(logistic(C), verbose=False)
            clean.fit(X, codes, pred_probs=held_out)
            proba = np.zeros((len(Z), task.data.n_classes))
            proba[:, present[clean.clf.classes_]] = clean.predict_proba(Z)
            outcome["cleanlab"] = scores(task, proba)
        except ValueError as error:  # it removed a class, or all but one
            outcome["cleanlab"]["failed"] = str(error)[:60]
        quality = cleanlab.get_label_quality_scores(codes, held_out)
        outcome["cleanlab"] |= wrong_labels_found(task, lambda: 1 - quality)
    return outcome


def logistic(C: float) -> LogisticRegression:
    return LogisticRegression(C=C, class_weight="balanced", max_iter=300, tol=1e-3)


def rotated(X: np.ndarray, Z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Project both onto the span of X if it has fewer rows than columns.

    A model with a ridge penalty has the same predictions, and is fitted faster.
    """
    if X.shape[0] >= X.shape[1]:
        return X.astype(np.float64), Z.astype(np.float64)
    basis = np.linalg.svd(X.astype(np.float64), full_matrices=False)[2].T
    return X @ basis, Z @ basis


def cross_validated(X: np.ndarray, codes: np.ndarray, seed: int) -> tuple[float, np.ndarray | None]:
    """C with the best balanced accuracy on held-out rows, and the probabilities predicted there."""
    counts = np.bincount(codes)
    n_folds = int(np.clip(np.median(counts), 2, 5))
    if counts.max() < n_folds:
        return 1.0, None
    folds = list(StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(X, codes))
    if any(len(np.unique(codes[train])) < 2 for train, _ in folds):
        return 1.0, None
    held_out = np.zeros((len(CS), len(X), len(counts)))
    for i, C in enumerate(CS):
        for train, test in folds:
            model = logistic(C).fit(X[train], codes[train])
            held_out[i][np.ix_(test, model.classes_)] = model.predict_proba(X[test])
    accuracy = [balanced_accuracy(codes, proba.argmax(axis=1)) for proba in held_out]
    best = int(np.argmax(accuracy))
    return CS[best], held_out[best]


@cache
def _cleanlab() -> SimpleNamespace | None:
    try:
        from cleanlab.classification import CleanLearning
        from cleanlab.rank import get_label_quality_scores
    except ImportError as error:
        print(f"skipped: cleanlab, which is not installed ({error}).", file=sys.stderr)
        return None
    return SimpleNamespace(
        CleanLearning=CleanLearning, get_label_quality_scores=get_label_quality_scores
    )
