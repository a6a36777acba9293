"""Many softmax regressions at once: against one at a time."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax

from skactive.kernels.softmax_path import Problem, fit_softmax_path, path_logits

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 4))
Y = RNG.integers(3, size=30)
OFFSET = RNG.normal(size=(30, 2, 3))
WEIGHT = np.column_stack([RNG.uniform(0.5, 2, 30), np.arange(30) % 3 > 0])


def problem(strength=(0.5, 2.0), rate=(0.0, 0.3)):
    tensors = [torch.as_tensor(np.asarray(a, dtype=float)) for a in (X, WEIGHT, OFFSET)]
    rows, weight, offset = tensors
    return Problem(
        rows, torch.as_tensor(Y), weight, offset, torch.tensor(strength), torch.tensor(rate)
    )


def one_at_a_time(model, strength, rate):
    def loss(flat):
        W = flat.reshape(4, 3)
        given = np.exp(log_softmax(X @ W + OFFSET[:, model], axis=1)[np.arange(30), Y])
        fit = WEIGHT[:, model] @ np.log((1 - rate) * given + rate / 3)
        return strength / 2 * (W**2).sum() - fit

    return minimize(loss, np.zeros(12), tol=1e-12).x.reshape(4, 3)


def test_each_model_reaches_its_optimum():
    found = fit_softmax_path(problem(), n_iter=500).numpy()
    for model, (strength, rate) in enumerate([(0.5, 0.0), (2.0, 0.3)]):
        np.testing.assert_allclose(found[:, model], one_at_a_time(model, strength, rate), atol=1e-4)


@pytest.mark.parametrize("few", [3, 30])
def test_models_are_independent_of_each_other(few):
    """A model does not depend on the others, with fewer rows than features or more."""
    both = problem()
    part = both._replace(
        X=both.X[:few], y=both.y[:few], weight=torch.ones(few, 2), offset=both.offset[:few]
    )
    first = part._replace(
        weight=part.weight[:, :1],
        offset=part.offset[:, :1],
        strength=part.strength[:1],
        noise_rate=part.noise_rate[:1],
    )
    together = fit_softmax_path(part, 50)[:, 0]
    torch.testing.assert_close(fit_softmax_path(first, 50)[:, 0], together)


def test_rows_held_out_do_not_matter():
    changed = problem()
    moved = changed.X.clone()
    moved[::3] += 5  # weight zero in the second model
    with_them = fit_softmax_path(changed, 400)[:, 1]
    without = fit_softmax_path(changed._replace(X=moved), 400)[:, 1]
    torch.testing.assert_close(without, with_them, atol=1e-3, rtol=1e-3)


def test_logits():
    rng = np.random.default_rng(1)
    W = torch.as_tensor(rng.normal(size=(4, 2, 3)))
    expected = np.einsum("nd,dmk->nmk", X, W.numpy())
    np.testing.assert_allclose(path_logits(torch.as_tensor(X), W).numpy(), expected)


def test_the_number_of_threads_is_restored():
    before = torch.get_num_threads()
    fit_softmax_path(problem(), 2)
    assert torch.get_num_threads() == before
