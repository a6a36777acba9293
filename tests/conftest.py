import os
import sys

# Read once, when huggingface_hub is first imported: too late for a fixture.
os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def global_generators_untouched(request):
    """A seed decides everything here, so a test must leave the generators that all code shares."""
    if {"estimator", "check"} <= set(request.fixturenames):
        yield  # scikit-learn's own test kit seeds them
        return
    torch = sys.modules.get("torch")
    numpy_before = np.random.get_state()  # noqa: NPY002
    torch_before = torch and torch.get_rng_state()
    yield
    _, keys, position, *_ = np.random.get_state()  # noqa: NPY002
    assert position == numpy_before[2], "numpy's global generator was used"
    assert (keys == numpy_before[1]).all(), "numpy's global generator was seeded"
    if torch:
        assert torch.equal(torch.get_rng_state(), torch_before), "torch's global generator was used"
