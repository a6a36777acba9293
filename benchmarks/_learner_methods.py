"""skactive in the learner benchmark: ActiveClassifier with several priors, and fixed settings."""

import time

import numpy as np
import torch
from _learner_scores import balanced_accuracy, scores, wrong_labels_found
from _learner_tasks import Task
from _positions import TablePrior, look_up
from _prepared_data import Data
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skactive import ActiveClassifier
from skactive._learner.prior_calibration import CalibratedPrior, prior_statistics
from skactive.heads import SoftmaxHead
from skactive.kernels.softmax_path import Problem, fit_softmax_path, path_logits

BAD_PRIORS = ("useless", "adversarial")
PRIORS = ("no prior", "prior", *BAD_PRIORS)
MIN_LABELS = 50  # bad priors are not tried with fewer labels
GRID = [
    (strength, prior_scale, noise_rate)
    for strength in (0.03, 0.1, 0.3, 1.0, 3.0)
    for prior_scale in (0.0, 0.25, 0.5, 1.0)
    for noise_rate in (0.0, 0.3)
]
GRID_ITERATIONS = 15


def ours(task: Task) -> dict:
    """ActiveClassifier around SoftmaxHead, with each prior."""
    outcome = {}
    for kind in PRIORS:
        proba = prior_proba(task, kind)
        if (kind != "no prior" and proba is None) or (kind in BAD_PRIORS and task.n < MIN_LABELS):
            continue
        started = time.perf_counter()
        clf = ActiveClassifier(
            make_pipeline(look_up(task.data.X), SoftmaxHead(device="cpu")),
            prior=None if proba is None else TablePrior(proba),
            strategy="random",
            random_state=0,
        )
        clf.query(task.pool[:, None], 1)  # the fit uses statistics of the queried pool
        clf.partial_fit(task.labeled[:, None], task.y)
        predicted = np.zeros((len(task.test), task.data.n_classes))
        predicted[:, clf.classes_] = clf.predict_proba(task.test[:, None])
        outcome[kind] = scores(task, predicted)
        if kind not in BAD_PRIORS:
            outcome[kind] |= wrong_labels_found(task, lambda: 1 - clf.label_trust_)  # noqa: B023
        anchor = getattr(clf.estimator_[-1], "anchor_", {})
        outcome[kind] |= {
            name: round(float(anchor[name]), 3)
            for name in ("strength", "prior_scale", "noise_rate")
            if name in anchor
        }
        outcome[kind]["s"] = round(time.perf_counter() - started, 4)
    return outcome


def prior_proba(task: Task, kind: str) -> np.ndarray | None:
    """Probabilities of the prior for all rows of the data set, made useless or adversarial."""
    proba = task.data.prior
    if proba is None or kind == "no prior":
        return None
    rng = np.random.default_rng([task.seed, 1])
    if kind == "useless":
        return rng.permutation(proba)
    if kind == "adversarial":
        order = rng.permutation(proba.shape[1])
        moved = np.empty_like(order)
        moved[order] = np.roll(order, 1)  # one cycle: no class keeps its column
        return proba[:, moved]
    return proba


def fixed_settings(task: Task) -> dict:
    """Balanced accuracy of each setting in the grid; the report selects the best."""
    outcome = {}
    X, Z = task.data.X[task.labeled], task.data.X[task.test]
    center = X.mean(axis=0)
    scale = np.sqrt(((X - center) ** 2).sum(axis=1).mean()) or 1.0
    X, Z = (np.column_stack([(A - center) / scale, np.ones(len(A))]) for A in (X, Z))
    for kind in ("no prior", "prior"):
        proba = prior_proba(task, kind)
        if kind == "prior" and proba is None:
            continue
        if proba is None:
            classes, codes = np.unique(task.y, return_inverse=True)
            grid = [setting for setting in GRID if setting[1] == 0]
            log_proba = np.zeros((len(task.data.y), len(classes)))
        else:
            classes, codes = np.arange(proba.shape[1]), task.y
            grid = GRID
            rows = task.data.X
            statistics = prior_statistics(proba[task.pool], rows[task.pool])
            prior = CalibratedPrior(classes, statistics)
            log_proba = np.log(prior.calibrate(proba, rows, classes))
        settings = torch.tensor(grid, dtype=torch.float32)
        counts = np.maximum(np.bincount(codes, minlength=len(classes)), 0.1)
        anchors = torch.as_tensor(log_proba, dtype=torch.float32)[:, None] * settings[None, :, 1:2]
        problem = Problem(
            X=torch.as_tensor(X, dtype=torch.float32),
            y=torch.as_tensor(codes),
            weight=torch.ones(len(X), len(grid)),
            offset=anchors[task.labeled]
            + torch.as_tensor(np.log(counts / counts.sum()), dtype=torch.float32),
            strength=settings[:, 0].contiguous(),
            noise_rate=settings[:, 2].contiguous(),
        )
        coefficients = fit_softmax_path(problem, GRID_ITERATIONS)
        logits = path_logits(torch.as_tensor(Z, dtype=torch.float32), coefficients)
        predicted = classes[(logits + anchors[task.test]).argmax(dim=2).numpy()]
        truth = task.data.y[task.test]
        outcome[kind] = [round(balanced_accuracy(truth, column), 4) for column in predicted.T]
    return outcome


def partial_fit_seconds(data: Data, n: int = 1000) -> dict[str, list[float]]:
    """Seconds of partial_fit after a query of the pool, and of one logistic regression."""
    chosen = np.random.default_rng(0).permutation(len(data.y))[:n]
    X, y = data.X[chosen], data.y[chosen]
    prior = TablePrior(data.prior[chosen])
    rows = np.arange(n)[:, None]
    head = make_pipeline(look_up(X), SoftmaxHead(device="cpu"))
    models = {
        "logistic": LogisticRegression(),
        "no prior": ActiveClassifier(head, strategy="random"),
        "prior": ActiveClassifier(head, strategy="random", prior=prior),
    }
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(7):
        for name, model in models.items():
            model = clone(model)
            if name != "logistic":
                model.query(rows, 1)
            fit = model.fit if name == "logistic" else model.partial_fit
            started = time.perf_counter()
            fit(X if name == "logistic" else rows, y)
            seconds[name].append(time.perf_counter() - started)
    return seconds
