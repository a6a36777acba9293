"""Farthest-first traversal."""

import numpy as np
import torch

from skactive.kernels.farthest import farthest_first
from skactive.kernels.tensor_rows import TensorRows


def test_farthest_first_does_not_depend_on_the_number_of_candidates(small_blocks):
    X = np.random.default_rng(0).normal(size=(400, 5)).astype(np.float32)
    X[200:300] = X[:100]
    centers = torch.from_numpy(X[:2])
    expected = farthest_first(TensorRows(X), 400, centers, n_candidates=400)
    for n_candidates in (1, 2, 17):
        picks = farthest_first(TensorRows(X), 400, centers, n_candidates=n_candidates)
        np.testing.assert_array_equal(picks, expected)
