"""Weights of ClipEncoder: checkpoints, folders, tags, and what is refused."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file
from sklearn.base import clone

from skactive.encoders import ClipEncoder
from tests.support.encoders import fake_snapshot, make_images


def test_damaged_missing_and_other_weights_are_refused(clip_checkpoint, tmp_path):
    images = make_images(2)
    weights, other = tmp_path / "weights.safetensors", tmp_path / "other.safetensors"
    encoder = ClipEncoder("tiny-clip", pretrained=weights, verbose=False)
    with pytest.raises(ValueError, match=r"pretrained=.*weights.safetensors.* is neither a file"):
        encoder.transform(images)
    whole = clip_checkpoint.read_bytes()
    tensors = load_file(clip_checkpoint).items()
    save_file({name: value[:1] if value.ndim else value for name, value in tensors}, other)
    for content in (whole[: len(whole) // 2], b"no weights", other.read_bytes()):
        weights.write_bytes(content)
        with pytest.raises(ValueError, match=r"weights.safetensors cannot be loaded: it is"):
            encoder.transform(images)
    weights.write_bytes(whole)
    assert encoder.transform(images).shape == (2, 16)


@pytest.fixture
def clip(clip_checkpoint):
    return ClipEncoder("tiny-clip", pretrained=clip_checkpoint, verbose=False)


@pytest.mark.parametrize("name", ["checkpoint.pt", "open_clip_model.safetensors"])
def test_checkpoints_equal_open_clip_itself(clip_checkpoint, name):
    import open_clip
    import torch

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
    """The small model in the hub's cache, with a tag and its settings."""
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

    clip_on_the_hub["quick_gelu"] = (
        True  # a setting of the weights that differs from the model's name
    )
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
