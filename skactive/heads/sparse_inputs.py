"""Sparse features: few dense columns for training, sparse products for prediction."""

from typing import Any

import numpy as np
from sklearn.utils.extmath import randomized_svd

from skactive._data.row_keys import row_keys
from skactive.heads.head_inputs import power_of_two

_MAX_WIDTH = 1024
_NEGLIGIBLE = 1e-12  # eigenvalues of the Gram matrix, relative to the largest
_FIRST_LAYERS = ("hidden.0", "output")


def dense_coordinates(X: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Coordinates of sparse rows in an orthonormal basis of the space that they span.

    Weights that are shrunk by their squared norm lie in this space, so a linear head fitted to the
    coordinates is the head fitted to the rows. With more than 1,024 different rows and columns, the
    basis consists of the first 1,024 singular vectors.

    Parameters
    ----------
    X : sparse matrix of shape (n, d), in CSR format
        Features.

    Returns
    -------
    coordinates : float array of shape (n, r)
        r is at most 1,024. The features themselves if d is at most 1,024.
    basis : float64 array of shape (d, r) or None
        Orthonormal columns; None for the features themselves.
    """
    if X.shape[1] <= _MAX_WIDTH:
        return X.toarray(), None
    # sorted by content, so that the order of the rows does not matter
    _, first = np.unique(row_keys(X), return_index=True)
    rows = X[first].astype(np.float64)
    rows = rows / power_of_two(abs(rows).max())  # products could overflow
    if len(first) > _MAX_WIDTH:
        basis = randomized_svd(rows, _MAX_WIDTH, random_state=0)[2].T
        return X @ basis, basis
    eigenvalues, vectors = np.linalg.eigh((rows @ rows.T).toarray())
    kept = eigenvalues > _NEGLIGIBLE * eigenvalues[-1]
    if not kept.any():  # all features are zero
        return np.zeros((X.shape[0], 1)), np.zeros((X.shape[1], 1))
    basis = rows.T @ (vectors[:, kept] / np.sqrt(eigenvalues[kept]))
    return X @ basis, basis


def with_features(weights: dict[str, np.ndarray], basis: np.ndarray) -> dict[str, np.ndarray]:
    """Weights of a network for features, from those for coordinates.

    Parameters
    ----------
    weights : dict of arrays
        By name.
    basis : array of shape (d, r)
        From `dense_coordinates`.

    Returns
    -------
    weights : dict of arrays
        The first layer has shape (h, d) instead of (h, r).
    """
    name = f"{_first_layer(weights)}.weight"
    return weights | {name: weights[name] @ basis.T}


def first_layer_outputs(
    X: Any, weights: dict[str, np.ndarray], center: np.ndarray, scale: Any
) -> np.ndarray:
    """Outputs of the first layer, without a dense copy of the features.

    Parameters
    ----------
    X : sparse matrix of shape (n, d)
        Features, neither centered nor scaled.
    weights : dict of arrays
        Weights of a network for centered and scaled features, by name.
    center : array of shape (d,)
        Center of the features.
    scale : float or array of shape (d,)
        Scale of the features.

    Returns
    -------
    outputs : float64 array of shape (n, h)
    """
    name = _first_layer(weights)
    weight = weights[f"{name}.weight"] / scale
    return X @ weight.T + (weights[f"{name}.bias"] - weight @ center)


def _first_layer(weights: dict[str, np.ndarray]) -> str:
    return next(name for name in _FIRST_LAYERS if f"{name}.weight" in weights)
