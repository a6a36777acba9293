"""The README's examples run."""

import re
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from sklearn.datasets import load_iris

from skactive import ClipEncoder

README = Path(__file__).resolve().parent.parent / "README.md"
BLOCKS = dict(
    re.findall(
        r"^## (\w+)\n+```python\n(.*?)```", README.read_text(), flags=re.DOTALL | re.MULTILINE
    )
)


def test_there_is_an_example_for_each_kind_of_row():
    assert set(BLOCKS) == {"Texts", "Images", "Tables"}


def test_texts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    texts = [
        f"the {part} {verb} number {i}"
        for i, (part, verb) in enumerate(
            zip(
                ["button", "menu", "page", "search"] * 60,
                ["crashes", "should exist"] * 120,
                strict=True,
            )
        )
    ]
    names = {"texts": texts, "annotate": lambda text: "bug" if "crashes" in text else "idea"}
    exec(BLOCKS["Texts"], names)
    truth = np.array([names["annotate"](text) for text in texts])
    assert (names["labels"] == truth).mean() > 0.9
    assert len(names["doubtful"]) == 10


def test_images(tmp_path, monkeypatch, clip_checkpoint):
    """The same lines, with a small model of random weights in place of ViT-B-32."""
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (60, 32, 32, 3), dtype=np.uint8)
    paths = [f"{i}.png" for i in range(len(pixels))]
    for path, image in zip(paths, pixels, strict=True):
        Image.fromarray(image).save(path)
    small = partial(ClipEncoder, pretrained=clip_checkpoint)
    monkeypatch.setattr(
        "skactive.ClipEncoder", lambda model, **kw: small("tiny-clip", **kw), raising=False
    )
    names = {"paths": paths, "annotate": lambda path: "cat" if path < "3" else "dog"}
    exec(BLOCKS["Images"], names)
    assert len(set(names["asked"])) == 20
    assert set(names["clf"].predict(paths)) <= {"cat", "dog"}


def test_tables():
    X, y = load_iris(return_X_y=True, as_frame=True)
    names = {
        "table": pd.concat([X] * 3).reset_index(drop=True) + np.arange(450)[:, None] * 1e-6,
        "target": pd.concat([y] * 3).reset_index(drop=True),
    }
    exec(BLOCKS["Tables"], names)
    assert names["clf"].score(names["table"], names["target"]) > 0.9
