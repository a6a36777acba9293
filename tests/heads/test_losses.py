"""The losses: against their formulas."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax

from skactive.heads.losses import (
    CrossEntropy,
    GeneralizedCrossEntropy,
    NoisyCrossEntropy,
    log_class_frequency,
)


def test_noisy_cross_entropy_follows_its_formula():
    rng = np.random.default_rng(1)
    logits, codes = rng.normal(size=(6, 4)) * 5, np.arange(6) % 4
    given = torch.from_numpy(logits), torch.from_numpy(codes)
    proba = np.exp(log_softmax(logits, axis=1)[np.arange(6), codes])
    loss = NoisyCrossEntropy(0.3)(*given).numpy()
    np.testing.assert_allclose(loss, -np.log(0.7 * proba + 0.3 / 4), atol=1e-12)
    np.testing.assert_array_equal(NoisyCrossEntropy(0.0)(*given), CrossEntropy()(*given))


def test_log_class_frequencies():
    frequency = log_class_frequency(np.array([0, 0, 2]), np.array([1.0, 2, 1]), 3, "balanced")
    np.testing.assert_allclose(np.exp(frequency), np.array([3.1, 0.1, 1.1]) / 4.3)
    assert not log_class_frequency(np.array([0, 0, 2]), np.ones(3), 3, None).any()


@settings(max_examples=30, deadline=None)
@given(q=st.floats(0.01, 1), seed=st.integers(0, 99))
def test_losses_follow_their_formulas(q, seed):
    logits = np.random.default_rng(seed).normal(size=(6, 4)) * 5
    codes = np.arange(6) % 4
    given_ = torch.from_numpy(logits), torch.from_numpy(codes)
    log_proba = log_softmax(logits, axis=1)[np.arange(6), codes]
    loss = GeneralizedCrossEntropy(q)(*given_).numpy()
    np.testing.assert_allclose(loss, (1 - np.exp(log_proba) ** q) / q, atol=1e-12)
    assert loss.max() <= 1 / q
    np.testing.assert_allclose(CrossEntropy()(*given_).numpy(), -log_proba)


def test_gce_has_a_smaller_gradient_for_a_wrong_label():
    """The gradient is that of the cross-entropy, times the probability to the power of q."""
    logits = torch.tensor([[4.0, 0.0], [1.0, 0.0]], dtype=torch.float64, requires_grad=True)
    y = torch.tensor([1, 1])
    by_cross_entropy = torch.autograd.grad(CrossEntropy()(logits, y).sum(), logits)[0]
    by_gce = torch.autograd.grad(GeneralizedCrossEntropy(0.7)(logits, y).sum(), logits)[0]
    factor = torch.softmax(logits, dim=1)[:, 1:] ** 0.7
    torch.testing.assert_close(by_gce, by_cross_entropy * factor)
