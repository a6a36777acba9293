"""Shared models and their precision."""

import threading

import numpy as np
import pytest
from sklearn.base import clone

from skactive.encoders.models import SharedModel, resolve_precision, shared_model


def test_a_model_is_loaded_once_by_many_threads():
    loaded, given = [], []
    key = object()

    def load():
        loaded.append(1)
        return "model"

    threads = [
        threading.Thread(target=lambda: given.append(shared_model(key, load))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loaded == [1]
    assert len({id(shared) for shared in given}) == 1
    assert isinstance(given[0], SharedModel)


def test_encoding_in_many_threads(case):
    encoder, X = case
    expected = encoder.transform(X)
    results = {}

    def work(n):
        results[n] = clone(encoder).encode_prompts([f"text number {n} {i}" for i in range(20)])

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [results[n].shape for n in range(4)] == [(20, expected.shape[1])] * 4


def test_half_precision_is_for_cuda():
    assert resolve_precision("auto", "cuda:1") == "float16"
    assert resolve_precision("auto", "mps") == "float32"
    assert resolve_precision("auto", "cpu") == "float32"
    assert resolve_precision("bfloat16", "cpu") == "bfloat16"


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_other_precisions_are_close(case, precision):
    encoder, X = case
    half = clone(encoder).set_params(precision=precision)
    agreement = (half.transform(X) * encoder.transform(X)).sum(axis=1)
    assert agreement.min() > 0.999
    assert half.transform(X).dtype == np.float32
    assert half.encode_prompts(["text"]).dtype == np.float32
