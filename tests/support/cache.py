"""Rows that know their key, to fill a row cache and to check it."""

import numpy as np

WIDTH = 6


def key(number):
    return number.to_bytes(16, "big")


def row(number, width=WIDTH):
    """The row that belongs to a key."""
    return np.random.default_rng(number).standard_normal(width).astype(np.float32)


def fill(cache, numbers, width=WIDTH):
    cache.put([key(n) for n in numbers], np.stack([row(n, width) for n in numbers]))


def check(cache, requested, known):
    """The cache returns exactly the rows of `requested` that are in `known`."""
    hits, rows = cache.get([key(n) for n in requested])
    expected = [i for i, n in enumerate(requested) if n in known]
    assert hits.dtype == np.int64
    assert hits.tolist() == expected
    if expected:
        np.testing.assert_array_equal(rows, np.stack([row(requested[i]) for i in expected]))
        assert rows.dtype == np.float32
        rows[:] = 0  # a copy: the cache must not see this
    else:
        assert rows is None
