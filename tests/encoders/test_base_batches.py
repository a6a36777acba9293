"""Each row is encoded once, in batches that fit, with callbacks and a progress bar."""

import numpy as np
import pytest
from sklearn.base import clone

from skactive.encoders import base as encoder_base
from skactive.encoders.cache import MemoryRows
from tests.support.encoders import count_encoded


@pytest.mark.parametrize("on_disk", [False, True])
def test_every_row_is_encoded_once(case, monkeypatch, tmp_path, on_disk):
    encoder, X = case
    encoder = clone(encoder).set_params(cache_dir=tmp_path if on_disk else None)
    counts = count_encoded(monkeypatch, encoder)
    first = encoder.transform(X[:3])
    assert counts == [3]
    grown = clone(encoder).transform(X[::-1])  # another encoder, a grown and shuffled pool
    assert counts == [3, 2]  # the fifth equals the first
    np.testing.assert_array_equal(grown[::-1][:3], first)
    np.testing.assert_array_equal(grown[5], grown[1])
    clone(encoder).set_params(batch_size=1).transform(X)
    assert counts == [3, 2]
    clone(encoder).set_params(precision="bfloat16").transform(X[:1])
    assert counts == [3, 2, 1]  # another precision is another embedding


def test_cached_rows_need_no_model(case, monkeypatch, tmp_path):
    encoder, X = case
    encoder = clone(encoder).set_params(cache_dir=tmp_path)
    expected = encoder.transform(X)

    def fail(*args):
        raise AssertionError("the model was loaded")

    monkeypatch.setattr(encoder_base, "shared_model", fail)
    np.testing.assert_array_equal(encoder.transform(X), expected)


def test_interrupted_work_is_kept(case, monkeypatch):
    encoder, X = case
    encoder = clone(encoder).set_params(batch_size=1)
    monkeypatch.setattr(encoder_base, "_CHUNK", 2)
    plain, done = type(encoder)._encode_rows, []

    def interrupted(self, shared, rows, batch_size):
        if len(done) == 4:
            raise KeyboardInterrupt
        done.extend(rows)
        return plain(self, shared, rows, batch_size)

    monkeypatch.setattr(type(encoder), "_encode_rows", interrupted)
    with pytest.raises(KeyboardInterrupt):
        encoder.transform(X)
    monkeypatch.setattr(type(encoder), "_encode_rows", plain)
    counts = count_encoded(monkeypatch, encoder)
    encoder.transform(X)
    assert counts == [1]


def test_out_of_memory_halves_the_batch_and_goes_on(case, monkeypatch):
    import torch

    encoder, X = case
    expected = encoder.transform(X)
    encoder = clone(encoder).set_params(batch_size=8, cache_dir=None, precision="float32")
    plain, sizes = type(encoder)._encode_rows, []

    def small_gpu(self, shared, rows, batch_size):
        sizes.append(batch_size)
        if batch_size > 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return plain(self, shared, rows, batch_size)

    from skactive.encoders import cache

    monkeypatch.setattr(cache, "_MEMORY", MemoryRows())
    monkeypatch.setattr(type(encoder), "_encode_rows", small_gpu)
    np.testing.assert_allclose(encoder.transform(X), expected, atol=1e-5)
    assert sizes == [8, 4, 2]

    def no_gpu_at_all(self, shared, rows, batch_size):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(cache, "_MEMORY", MemoryRows())
    monkeypatch.setattr(type(encoder), "_encode_rows", no_gpu_at_all)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        encoder.transform(X)


def test_other_errors_are_raised(case, monkeypatch):
    encoder, X = case

    def broken(self, shared, rows, batch_size):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(type(encoder), "_encode_rows", broken)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        encoder.transform(X)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_an_overflowing_model_is_reported(case, monkeypatch, value):
    encoder, X = case
    monkeypatch.setattr(
        type(encoder), "_encode_rows", lambda self, shared, rows, n: np.full((len(rows), 4), value)
    )
    with pytest.raises(FloatingPointError, match="precision='float32'"):
        encoder.transform(X)


class Recorder:
    """A callback in scikit-learn's protocol."""

    def __init__(self):
        self.events = []

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.events.append(f"begin {context.task_name} {context.max_subtasks}")

    def on_fit_task_end(self, estimator, context):
        self.events.append(f"end {context.task_name}")


def test_callbacks_are_notified(case, monkeypatch):
    pytest.importorskip("sklearn.callback")
    monkeypatch.setattr(encoder_base, "_CHUNK", 3)
    encoder, X = case
    recorder = Recorder()
    encoder = clone(encoder).set_params(batch_size=1).set_callbacks(recorder)
    encoder.transform(X)
    chunk = ["begin chunk 0", "end chunk"]
    assert recorder.events == [
        "setup",
        "begin transform 2",
        *chunk,
        *chunk,
        "end transform",
        "teardown",
    ]
    recorder.events.clear()
    encoder.transform(X)  # all rows are cached: no callback is notified
    assert recorder.events == []


def test_progress_bar_on_long_work_only(case, monkeypatch, capsys):
    encoder, X = case
    encoder = clone(encoder).set_params(verbose=True)
    encoder.transform(X[:2])
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(encoder_base, "_BAR_DELAY", 0)
    encoder.transform(X[:4])
    shown = capsys.readouterr().err
    assert type(encoder).__name__ in shown
    assert "2/2" in shown
    encoder.set_params(verbose=False).transform(X)
    assert capsys.readouterr().err == ""
