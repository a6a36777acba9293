import numpy as np
import pytest
from encoder_cases import TEXTS, make_images

from skactive.encoders import ClipEncoder, SentenceEncoder, weights
from skactive.encoders.cache import MemoryRows


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """No test waits for a network, whether there is one or not."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


@pytest.fixture(autouse=True)
def memory(monkeypatch):
    """A row cache of its own for every test."""
    from skactive.encoders import cache

    fresh = MemoryRows()
    monkeypatch.setattr(cache, "_MEMORY", fresh)
    return fresh


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
