"""Rows that ClipEncoder accepts."""

import os

import numpy as np
import pandas as pd
import pytest

from skactive.encoders import ClipEncoder
from tests.support.encoders import count_encoded, make_images


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


def test_images_can_be_read_by_other_processes(clip, clip_checkpoint, tmp_path):
    from PIL import Image

    images = make_images(5)
    for i, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{i}.png")
    paths = [tmp_path / f"{i}.png" for i in range(5)]
    parallel = ClipEncoder("tiny-clip", pretrained=clip_checkpoint, n_jobs=2, batch_size=2)
    np.testing.assert_allclose(parallel.transform(paths), clip.transform(images), atol=1e-6)


def test_gray_and_transparent_images(clip):
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
def test_invalid_images_are_named(clip, wrong):
    with pytest.raises(TypeError, match=r"X\[1\] is .*"):
        clip.transform([make_images(1)[0], wrong])


def test_one_image_alone_is_refused(clip):
    with pytest.raises(ValueError, match=r"X has shape \(40, 30, 3\)"):
        clip.transform(make_images(1)[0])
