"""Rows nearest to decision boundaries: against a full sort."""

import numpy as np
import pytest

from skactive.kernels import boundaries
from skactive.kernels.boundaries import nearest_to_boundaries, to_boundaries


def look_in_small_pieces(monkeypatch):
    """Sample a small pool, and divide it into many blocks."""
    for name, value in {"_BLOCK": 100, "_SAMPLED": 4, "_RUN": 2, "_GATHERED": 10}.items():
        monkeypatch.setattr(boundaries, name, value)


POOLS = {
    "sure": lambda rng, k: rng.dirichlet(np.full(k, 0.1), 300),
    "unsure": lambda rng, k: rng.dirichlet(np.full(k, 20.0), 300),
    "long-tailed": lambda rng, k: rng.dirichlet(3.0 / np.arange(1, k + 1) ** 2, 300),
    "votes of trees": lambda rng, k: rng.multinomial(5, np.full(k, 1 / k), 300) / 5,
    "all equal": lambda rng, k: np.full((300, k), 1 / k),
    "certain": lambda rng, k: np.eye(k)[rng.integers(k, size=300)],
}


@pytest.mark.parametrize("kind", POOLS)
@pytest.mark.parametrize("n_classes", [1, 2, 7, 100])
@pytest.mark.parametrize("sort", [False, True])
def test_nearest_to_boundaries_are_those_of_a_full_sort(kind, n_classes, sort, monkeypatch):
    look_in_small_pieces(monkeypatch)
    rng = np.random.default_rng(0)
    proba = POOLS[kind](rng, n_classes)
    if sort:  # the sample then does not represent the rest
        proba = proba[np.argsort(proba[:, 0])]
    weights = rng.normal(size=(n_classes, 3))
    lengths = np.linalg.norm(weights[:, None] - weights, axis=2) + np.eye(n_classes)
    numbers = rng.integers(0, 40, size=n_classes)
    found = nearest_to_boundaries(proba, lengths, numbers)
    for rows, far, number in zip(found, to_boundaries(proba, lengths), numbers, strict=True):
        np.testing.assert_array_equal(rows, np.argsort(far, kind="stable")[:number])


def test_nearest_to_boundaries_of_rows_that_do_not_sum_to_1():
    """The rows may not be the nearest, but their number is as requested."""
    proba = 2 * np.random.default_rng(0).dirichlet(np.full(3, 0.5), 5000)
    found = nearest_to_boundaries(proba, np.ones((3, 3)), np.array([10, 0, 5000]))
    assert [len(set(rows)) for rows in found] == [10, 0, 5000]
