"""Nearest centers: against brute force."""

import numpy as np
import torch

from skactive.kernels.distances import nearest
from skactive.kernels.tensor_rows import TensorRows


def test_nearest(small_blocks):
    rng = np.random.default_rng(0)
    X, centers = rng.normal(size=(90, 5)), rng.normal(size=(6, 5))
    distance = ((X[:, None] - centers) ** 2).sum(axis=2)
    index, value = nearest(TensorRows(X), torch.from_numpy(centers))
    np.testing.assert_array_equal(index, distance.argmin(axis=1))
    np.testing.assert_allclose(value, distance.min(axis=1))
