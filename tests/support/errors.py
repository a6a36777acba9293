"""Data for tests of error messages, and a check of the message."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 3))
Y = np.repeat(["a", "b", "c"], 10)
X[:, :3] += 2 * np.eye(3)[np.arange(30) // 10]
WITH_NAN = np.where(np.arange(3) == 1, np.nan, X)


def table(cases):
    return pytest.mark.parametrize("case", cases.values(), ids=cases.keys())


def fails(match, call, *args, error=(ValueError, TypeError), **kwargs):
    with pytest.raises(error, match=f"(?s){match}"):
        call(*args, **kwargs)


class NeverFitted(LogisticRegression):
    """Fails when it is fitted."""

    def fit(self, *args, **kwargs):
        raise AssertionError
