import numpy as np
import pytest

from skactive.encoders import ClipEncoder, SentenceEncoder, weights
from tests.support.encoders import TEXTS, make_images


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """No test waits for a network."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


@pytest.fixture(autouse=True)
def memory(empty_row_cache):
    """Every test of the encoders starts with an empty row cache in memory."""
    return empty_row_cache


@pytest.fixture(params=["sentence", "clip"])
def case(request):
    """An encoder and rows for it; the fifth row equals the first."""
    if request.param == "sentence":
        return SentenceEncoder(verbose=False), np.array(TEXTS, dtype=object)
    checkpoint = request.getfixturevalue("clip_checkpoint")
    images = make_images(6)
    images[4] = images[0]
    return ClipEncoder("tiny-clip", pretrained=checkpoint, verbose=False), images


@pytest.fixture
def nothing_found(monkeypatch):
    monkeypatch.setattr(weights, "_FOUND", {})
