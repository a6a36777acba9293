"""Views of random pools, and how a sequential strategy receives its labels."""

import numpy as np

from skactive.strategies import PoolView


def make_view(n_rows=60, *, n_classes=3, n_features=4, n_labeled=6, seed=0, **changed):
    """A view of a random pool; `changed` replaces what the pool would otherwise have."""
    rng = np.random.default_rng(seed)
    everything = {
        "X": rng.normal(size=(n_rows, n_features)),
        "proba": rng.dirichlet(np.ones(n_classes), n_rows),
        "head_proba": rng.dirichlet(np.ones(n_classes), n_rows),
        "prior_proba": rng.dirichlet(np.ones(n_classes), n_rows),
        "sample_proba": lambda m, rows: np.random.default_rng(seed).dirichlet(
            np.ones(n_classes), (m, n_rows)
        )[:, rows],
        "labeled_X": rng.normal(size=(n_labeled, n_features)),
        "labeled_y": np.arange(n_labeled) % n_classes,
        "label_trust": np.ones(n_labeled),
        "labeled_proba": rng.dirichlet(np.ones(n_classes), n_labeled),
        "classes": np.arange(n_classes),
        "rng": np.random.default_rng(seed),
    }
    return PoolView(n_rows, **(everything | changed))


def blobs(sizes, *, seed=0, spread=0.1):
    rng = np.random.default_rng(seed)
    blob = np.repeat(np.arange(len(sizes)), sizes)
    centers = 10 * np.eye(len(sizes))
    return centers[blob] + rng.normal(scale=spread, size=(len(blob), len(sizes))), blob


def drive_steps(strategy, view, n, oracle):
    """Drive `steps` with true labels, and return the queried positions of each step."""
    steps, queried = strategy.steps(view, n), []
    try:
        queried.append(next(steps))
        while True:
            queried.append(steps.send(oracle[queried[-1]]))
    except StopIteration:
        return queried
