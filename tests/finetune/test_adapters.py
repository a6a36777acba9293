"""Which weights each mode of fine-tuning changes."""

import sys

import numpy as np
import pytest
import torch

from tests.support.finetune import MODES, TEXTS, Y, tuned_weights


@pytest.mark.parametrize("mode", MODES[1:])
def test_the_weights_that_each_mode_changes(make, mode):
    changed = set(tuned_weights(make(mode).fit(TEXTS, Y)))
    assert changed
    assert not any("word_embeddings" in name or "position" in name for name in changed)
    layers = {name for name in changed if "LayerNorm" not in name and name.endswith("weight")}
    assert len(layers) == 12  # six linear layers in each of the two blocks
    if mode in ("lora", "ia3"):
        assert changed == layers  # the biases are zero with any factor
    else:
        assert any("LayerNorm" in name for name in changed)


def test_lora_changes_a_layer_by_a_matrix_of_low_rank(make, encoder):
    tuned = tuned_weights(make("lora").fit(TEXTS, Y))
    before = encoder._load("cpu", torch.float32).state_dict()
    ranks = [
        np.linalg.matrix_rank(value - before[name].numpy(), tol=1e-5)
        for name, value in tuned.items()
    ]
    assert max(ranks) == 8  # the layers have up to 16


def test_ia3_scales_the_outputs_of_a_layer(make, encoder):
    tuned = tuned_weights(make("ia3").fit(TEXTS, Y))
    before = encoder._load("cpu", torch.float32).state_dict()
    for name, value in tuned.items():
        if name.endswith("weight"):
            factors = value / before[name].numpy()
            np.testing.assert_allclose(factors, np.median(factors, axis=1)[:, None].repeat(
                value.shape[1], axis=1), rtol=1e-3)  # fmt: skip


def test_missing_peft_is_named(make, monkeypatch):
    make("frozen").fit(TEXTS, Y)  # loading the model imports peft
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ImportError, match=r"pip install 'skactive\[tune\]'"):
        make("lora").fit(TEXTS, Y)
