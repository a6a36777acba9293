"""What ClipEncoder takes for a row, and for a model."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from encoder_cases import count_encoded, fake_snapshot, make_images
from sklearn.base import clone

from skactive.encoders import ClipEncoder


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


def test_images_may_be_read_by_other_processes(clip, clip_checkpoint, tmp_path):
    from PIL import Image

    images = make_images(5)
    for i, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{i}.png")
    paths = [tmp_path / f"{i}.png" for i in range(5)]
    parallel = ClipEncoder("tiny-clip", pretrained=clip_checkpoint, n_jobs=2, batch_size=2)
    np.testing.assert_allclose(parallel.transform(paths), clip.transform(images), atol=1e-6)


def test_grey_and_transparent_images(clip):
    gray = make_images(1)[0, :, :, 0]
    color = np.repeat(gray[:, :, None], 3, axis=2)
    transparent = np.dstack([color, np.full_like(gray, 255)])
    rows = clip.transform([gray, gray[:, :, None], color, transparent])
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
