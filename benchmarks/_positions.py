"""Rows given as positions, so that features and priors can be looked up in tables."""

import numpy as np
from sklearn.preprocessing import FunctionTransformer


class TablePrior:
    """A prior whose probabilities are known for every position."""

    def __init__(self, proba: np.ndarray) -> None:
        self.proba = proba
        self.classes_ = np.arange(proba.shape[1])

    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        return self.proba[rows[:, 0]]


def look_up(X: np.ndarray) -> FunctionTransformer:
    """A Pipeline step from positions, an array of shape (n, 1), to the features there."""
    return FunctionTransformer(lambda rows: X[rows[:, 0]])
