"""Folders of images and texts."""

import numpy as np
import pytest
from PIL import Image

from skactive.datasets import load_folder
from tests.support.errors import fails


@pytest.fixture
def photos(tmp_path):
    """Two classes with three images each, one of them in a nested folder."""
    pixels = np.random.default_rng(0).integers(0, 256, (6, 12, 10, 3), dtype=np.uint8)
    names = ["cat/1.jpg", "cat/2.PNG", "cat/wild/3.jpg", "dog/1.jpg", "dog/2.bmp", "dog/3.webp"]
    for name, image in zip(names, pixels, strict=True):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return tmp_path / "photos"


def damage(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_images_by_subfolder(photos, n_jobs):
    (photos / "notes.csv").write_text("1,2")
    (photos / "cat" / ".hidden.jpg").write_text("no image")
    paths, labels = load_folder(photos, n_jobs=n_jobs)
    assert [path.removeprefix(f"{photos}/") for path in paths] == [
        "cat/1.jpg",
        "cat/2.PNG",
        "cat/wild/3.jpg",
        "dog/1.jpg",
        "dog/2.bmp",
        "dog/3.webp",
    ]
    assert labels.tolist() == ["cat"] * 3 + ["dog"] * 3


def test_images_without_labels(photos):
    paths, labels = load_folder(str(photos / "dog"))
    assert len(paths) == 3
    assert labels is None


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_damaged_images_are_named(photos, n_jobs):
    damage(photos / "cat" / "1.jpg")
    (photos / "dog" / "3.webp").write_text("no image")
    with pytest.raises(ValueError, match=r"2 of 6 files .*cat/1.jpg \(.*dog/3.webp \(.*on_error"):
        load_folder(photos, n_jobs=n_jobs)
    with pytest.warns(UserWarning, match=r"2 of 6 files .*cat/1.jpg .*They are left out"):
        paths, labels = load_folder(photos, on_error="skip", n_jobs=n_jobs)
    assert [path.removeprefix(f"{photos}/") for path in paths] == [
        "cat/2.PNG",
        "cat/wild/3.jpg",
        "dog/1.jpg",
        "dog/2.bmp",
    ]
    assert labels.tolist() == ["cat", "cat", "dog", "dog"]


def test_a_warning_names_a_few_damaged_images_and_counts_the_rest(photos):
    for i in range(8):
        (photos / "cat" / f"bad{i}.jpg").write_text("no image")
    with pytest.warns(UserWarning, match=r"bad0.jpg .*bad4.jpg \([^)]*\); and 3 more\. They"):
        load_folder(photos, on_error="skip")


def test_nothing_but_damaged_images(tmp_path):
    (tmp_path / "bad.jpg").write_text("no image")
    with pytest.raises(ValueError, match="1 of 1 files"):
        load_folder(tmp_path, on_error="skip")


def test_texts_by_subfolder(tmp_path):
    for name, text in {"bug/1.txt": "it broke", "bug/2.md": "né", "idea/1.txt": "a wish\n"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    texts, labels = load_folder(tmp_path)
    assert texts == ["it broke", "né", "a wish\n"]
    assert labels.tolist() == ["bug", "bug", "idea"]
    (tmp_path / "bug" / "1.txt").write_bytes(b"\xff\xfe broken")
    with pytest.raises(ValueError, match=r"bug/1.txt \('utf-8' codec"):
        load_folder(tmp_path)
    with pytest.warns(UserWarning, match="left out"):
        assert load_folder(tmp_path, on_error="skip")[0] == ["né", "a wish\n"]


def test_invalid_arguments_are_named(photos, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"folder='/no/such' is not a folder"):
        load_folder("/no/such")
    with pytest.raises(ValueError, match="on_error must be 'raise' or 'skip', got 'ignore'"):
        load_folder(photos, on_error="ignore")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="neither images nor texts among 0 files"):
        load_folder(tmp_path / "empty")
    Image.new("RGB", (3, 3)).save(photos / "loose.png")
    with pytest.raises(ValueError, match=r"loose.png lies in no subfolder"):
        load_folder(photos)
    (photos / "cat" / "about.txt").write_text("cats")
    with pytest.raises(ValueError, match=r"texts \(about.txt\) and images \(1.jpg\)"):
        load_folder(photos)


@pytest.mark.parametrize("folder", [None, 3, ["a", "b"]])
def test_folders_that_are_no_paths(folder):
    fails("folder must be a path, got", load_folder, folder)
