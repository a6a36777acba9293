"""Texts, images and counters for the tests of the encoders."""

from pathlib import Path

import numpy as np

TEXTS = [
    "a sparse matrix",
    "",
    "the Fourier transform of a signal, sampled evenly, longer than all others",
    "Ünïcödé 数字",
    "a sparse matrix",
    "roots of a polynomial",
]


def make_images(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 40, 30, 3), dtype=np.uint8)


def count_encoded(monkeypatch, encoder):
    """A list of the numbers of rows that the encoder really encodes."""
    counts = []
    plain = type(encoder)._encode_rows

    def counting(self, shared, rows, batch_size):
        counts.append(len(rows))
        return plain(self, shared, rows, batch_size)

    monkeypatch.setattr(type(encoder), "_encode_rows", counting)
    return counts


def fake_snapshot(cache_dir, repository, commit):
    folder = Path(cache_dir) / f"models--{repository.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(commit)
    snapshot = folder / "snapshots" / commit
    snapshot.mkdir(parents=True)
    return snapshot
