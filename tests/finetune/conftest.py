"""A small sentence model and classifiers that fine-tune it."""

import gc

import pytest

from skactive import FineTunedClassifier, SentenceEncoder


@pytest.fixture(autouse=True)
def few_networks(request):
    """Free the networks of earlier tests, which are in reference cycles, after every fifth test."""
    yield
    items = request.session.items
    if items.index(request.node) % 5 == 0:
        gc.collect()


@pytest.fixture(autouse=True)
def memory(empty_row_cache):
    """Every test of fine-tuning starts with an empty row cache in memory."""


@pytest.fixture
def encoder(tiny_sentence_model):
    return SentenceEncoder(str(tiny_sentence_model), verbose=False)


@pytest.fixture
def make(encoder):
    """Make a classifier on the small model; its random weights need a large learning rate."""

    def make_classifier(mode="lp-ft", **params):
        return FineTunedClassifier(
            encoder, mode=mode, **({"lr": 0.003, "max_epochs": 2, "random_state": 0} | params)
        )

    return make_classifier
