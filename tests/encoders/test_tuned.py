"""TunedEncoder: an encoder with fine-tuned weights."""

import pickle
import shutil

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from sklearn.base import clone

from skactive import FineTunedClassifier, SentenceEncoder
from skactive.encoders.tuned import TunedEncoder, Weights
from tests.support.finetune import NEW, TEXTS, Y


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


def test_the_tuned_encoder_keeps_the_encoder_contract(make, encoder):
    tuned = make().fit(TEXTS, Y).encoder_
    rows = tuned.transform(NEW)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert not np.allclose(rows, encoder.transform(NEW), atol=1e-3)
    copy = clone(tuned)
    assert copy.weights is tuned.weights
    np.testing.assert_array_equal(copy.transform(NEW), rows)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(tuned)).transform(NEW), rows)
    assert "TunedEncoder(encoder=SentenceEncoder(" in repr(tuned)
    assert tuned.encode_prompts(["fruit"]).shape == (1, 16)


def test_tuned_rows_have_keys_of_their_own(make, encoder, monkeypatch):
    clf = make().fit(TEXTS, Y)
    counts, plain = [], SentenceEncoder._encode_rows

    def counting(self, shared, rows, batch_size):
        counts.append(len(rows))
        return plain(self, shared, rows, batch_size)

    monkeypatch.setattr(SentenceEncoder, "_encode_rows", counting)
    clf.predict(NEW)
    clf.predict(NEW)
    assert counts == [len(NEW)]


def test_weights_compare_by_content():
    one = Weights({"a": np.zeros(3, np.float32), "b": np.ones(2, np.float32)})
    assert one == Weights({"b": np.ones(2, np.float32), "a": np.zeros(3, np.float32)})
    assert hash(one) == hash(Weights(dict(one.arrays)))
    assert one != Weights({"a": np.zeros(3, np.float32), "b": np.zeros(2, np.float32)})
    assert one != Weights({"a": np.zeros((3, 1), np.float32), "b": np.ones(2, np.float32)})


def test_weights_of_another_model_are_refused(make, encoder):
    weights = Weights({"0.no.such.layer": np.zeros(3, np.float32)})
    with pytest.raises(
        ValueError, match=r"(?s)weights are of another model .* has no '0.no.such.layer'"
    ):
        TunedEncoder(encoder, weights).transform(NEW)


def test_other_files_of_the_base_model_are_refused(make, tiny_sentence_model, tmp_path):
    folder = shutil.copytree(tiny_sentence_model, tmp_path / "model")
    frozen = SentenceEncoder(str(folder), verbose=False)
    clf = FineTunedClassifier(frozen, lr=0.003, max_epochs=2, random_state=0).fit(TEXTS, Y)
    moved = shutil.move(folder, tmp_path / "moved")
    shutil.copytree(moved, folder)
    expected = clf.predict_proba(NEW)  # the same files elsewhere are fine
    model = SentenceTransformer(str(folder))
    next(iter(model.parameters())).data += 1
    model.save(str(folder))
    for changed in (clf, pickle.loads(pickle.dumps(clf))):
        with pytest.raises(ValueError, match=r"are others than when it was tuned\. Restore them"):
            changed.predict_proba(NEW)
    shutil.rmtree(folder)
    shutil.copytree(moved, folder)
    np.testing.assert_array_equal(clf.predict_proba(NEW), expected)


def test_a_tuned_encoder_can_be_tuned_again(make):
    once = make().fit(TEXTS, Y)
    again = make(max_epochs=6).set_params(model=once.encoder_).fit(TEXTS, Y)
    assert isinstance(again.encoder_.encoder, TunedEncoder)
    assert again.score(TEXTS, Y) > 0.9
