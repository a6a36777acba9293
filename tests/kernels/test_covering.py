"""Greedy covers."""

import numpy as np
import torch

from skactive.kernels.covering import bell, greedy_cover
from skactive.kernels.tensor_rows import TensorRows


def test_cover_does_not_depend_on_the_number_of_candidates():
    X = torch.from_numpy(np.random.default_rng(0).normal(size=(150, 4)))
    expected = greedy_cover(TensorRows(X), 150, X, bell(1.0), n_candidates=150)
    for n_candidates in (1, 7):
        picks = greedy_cover(TensorRows(X), 150, X, bell(1.0), n_candidates=n_candidates)
        np.testing.assert_array_equal(picks, expected)
