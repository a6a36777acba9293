"""Batches and embeddings during fine-tuning."""

import numpy as np
import torch

from skactive import ClipEncoder, SentenceEncoder
from skactive.finetune.tuning_data import ShuffledBatches
from tests.support.finetune import NEW, TEXTS, Y


def test_embeddings_in_training_are_those_of_transform(encoder, clip_checkpoint):
    images = np.random.default_rng(0).integers(0, 256, (3, 40, 30, 3), dtype=np.uint8)
    clip = ClipEncoder("tiny-clip", pretrained=clip_checkpoint, verbose=False)
    for frozen, X in ((encoder, TEXTS[:5]), (SentenceEncoder(verbose=False), NEW), (clip, images)):
        with torch.random.fork_rng(devices=[]):
            model = frozen._load("cpu", torch.float32)
        batch = frozen._collate(model)(frozen._check_rows(X))
        with torch.no_grad():
            rows = frozen._forward(model, batch).numpy()
        np.testing.assert_allclose(rows, frozen.transform(X), atol=1e-6)


def test_a_batch_that_does_not_fit_is_computed_in_parts(make, monkeypatch):
    from skactive.finetune.tuning_net import TuningNet

    sizes, plain = [], TuningNet.train_step_single

    def small_gpu(self, part, **fit_params):
        sizes.append(len(part[1]))
        if len(part[1]) > 5:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return plain(self, part, **fit_params)

    monkeypatch.setattr(TuningNet, "train_step_single", small_gpu)
    clf = make(max_epochs=1).fit(TEXTS, Y)
    assert sizes[:2] == [16, 8]
    assert max(sizes[2:]) == 4
    assert len(clf.history_) == 1


def test_batches():
    sizes = np.random.default_rng(1).integers(1, 100, 500)
    positions = np.arange(3, 500)
    batches = ShuffledBatches(positions, sizes, batch_size=16, seed=0)
    first = list(batches)
    assert len(first) == len(batches) == 32
    assert sorted(np.concatenate(first)) == positions.tolist()
    assert list(batches) == first
    batches.epoch = 1
    assert list(batches) != first
    padded = sum(len(batch) * sizes[batch].max() for batch in first)
    assert padded < 1.3 * sizes[positions].sum()  # unsorted, it would be 1.9
