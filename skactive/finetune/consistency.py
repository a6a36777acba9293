"""Consistency training on unlabeled rows with class-wise thresholds (FlexMatch)."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from skactive.finetune.augmentation import augment
from skactive.finetune.tuning_data import TensorBatch
from skactive.finetune.tuning_net import TuningNet

_CONFIDENCE = 0.95  # probability above which a prediction counts as learned
_N_PER_LABEL = 3  # unlabeled rows per label in a step


class FlexibleThresholds(torch.nn.Module):
    """Confidence that a pseudo-label needs, for each class: lower while few rows have learned it.

    The state, a buffer, is saved and restored together with the weights of the network.

    Parameters
    ----------
    n_rows : int
        Number of unlabeled rows.
    n_classes : int
        Number of classes, K.
    """

    latest: torch.Tensor

    def __init__(self, n_rows: int, n_classes: int) -> None:
        super().__init__()
        self.n_classes = n_classes
        # code of the latest confident prediction of each row, or -1
        self.register_buffer("latest", torch.full((n_rows,), -1.0))

    def forward(self) -> torch.Tensor:
        """Thresholds, a tensor of shape (K,) with values from 0 to 0.95.

        With counts n_c of the rows whose latest confident prediction is class c, and n_0 rows
        without any, the threshold is 0.95 b / (2 - b), where b is n_c / max(n_0, max n_c).
        """
        codes = self.latest[self.latest >= 0].long()
        counts = torch.bincount(codes, minlength=self.n_classes)
        n_without = len(self.latest) - counts.sum()
        fraction = counts / torch.maximum(counts.max(), n_without)
        return _CONFIDENCE * fraction / (2 - fraction)

    def update(self, rows: torch.Tensor, proba: torch.Tensor) -> None:
        """Note the confident predictions of some rows: positions (m,), probabilities (m, K)."""
        confidence, codes = proba.max(dim=1)
        is_confident = confidence > _CONFIDENCE
        self.latest[rows[is_confident]] = codes[is_confident].to(self.latest)


def consistency_losses(
    weak_proba: torch.Tensor, strong_logits: torch.Tensor, thresholds: torch.Tensor
) -> torch.Tensor:
    """Cross-entropy of the strong view against the class predicted for the weak view.

    Parameters
    ----------
    weak_proba : tensor of shape (n, K)
        Probabilities of the weak views. No gradient flows through them.
    strong_logits : tensor of shape (n, K)
        Logits of the strong views.
    thresholds : tensor of shape (K,)
        A row whose largest probability is not above the threshold of its class has loss 0.

    Returns
    -------
    losses : tensor of shape (n,)
    """
    confidence, codes = weak_proba.detach().max(dim=1)
    losses = torch.nn.functional.cross_entropy(strong_logits, codes, reduction="none")
    return losses * (confidence > thresholds[codes])


class UnlabeledBatches:
    """Unlabeled rows of each step, in random order, with a weak and a strong view.

    Of many rows, only a sample is used that training can visit twice: otherwise the thresholds,
    which count the rows not learned yet, would remain near zero.

    Parameters
    ----------
    rows : list
        Rows, as `Encoder._check_rows` returns them.
    collate : callable
        Turns rows into the tensors of a batch.
    offset : float32 array of shape (K,)
        Offset of the logits, as for labeled rows.
    batch_size : int
        Number of labeled rows in a step.
    n_steps : int
        Number of steps in all epochs together.
    seed : int
        Determines the sample, the order and the augmentation.
    """

    def __init__(
        self,
        rows: Sequence[Any],
        collate: Callable[[Sequence[Any]], dict[str, Any]],
        offset: np.ndarray,
        batch_size: int,
        n_steps: int,
        seed: int,
    ) -> None:
        n_visits = _N_PER_LABEL * batch_size * n_steps
        n = min(len(rows), max(1, n_visits // 2))
        chosen = np.random.default_rng(seed).permutation(len(rows))[:n]
        self.rows = [rows[position] for position in chosen]
        self.collate, self.offset, self.seed = collate, torch.tensor(offset), seed
        self.batch_size = min(n, _N_PER_LABEL * batch_size)

    def __len__(self) -> int:
        return len(self.rows)

    def draw(self, step: int) -> tuple[torch.Tensor, TensorBatch, TensorBatch]:
        """Positions of the rows of a step, and their weak and strong views."""
        visits = np.arange(step * self.batch_size, (step + 1) * self.batch_size)
        positions = np.concatenate(
            [
                np.random.default_rng([self.seed, turn]).permutation(len(self))[
                    visits[visits // len(self) == turn] % len(self)
                ]
                for turn in np.unique(visits // len(self))
            ]
        )
        seed = np.random.SeedSequence([self.seed, step]).generate_state(1, np.uint64)[0]
        generator = torch.Generator().manual_seed(int(seed >> 1))
        batch = self.collate([self.rows[position] for position in positions])
        weak, strong = augment(batch, generator)
        offset = {"offset": self.offset.expand(len(positions), -1)}
        return torch.from_numpy(positions), weak | offset, strong | offset


class ConsistencyNet(TuningNet):
    """A `TuningNet` that also learns from unlabeled rows, as in FlexMatch [1]_.

    The class predicted for the weak view of a row is the label of its strong view, if its
    probability exceeds the threshold of the class. The mean loss of the unlabeled rows is added to
    that of the labeled rows.

    Parameters
    ----------
    unlabeled : UnlabeledBatches
        The unlabeled rows. The network has a submodule `thresholds`, of `FlexibleThresholds`.

    References
    ----------
    .. [1] B. Zhang et al., "FlexMatch: boosting semi-supervised learning with curriculum pseudo
       labeling", NeurIPS 2021.
    """

    def __init__(self, *args: Any, unlabeled: UnlabeledBatches, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.unlabeled = unlabeled

    def _accumulate_gradients(self, batch: tuple[TensorBatch, torch.Tensor]) -> torch.Tensor:
        loss = super()._accumulate_gradients(batch)
        part_size = -(-len(batch[1]) // self.n_accumulate)  # parts of this size fit into memory
        return loss + self._accumulate_consistency(part_size)

    def _accumulate_consistency(self, part_size: int) -> torch.Tensor:
        rows, weak, strong = self.unlabeled.draw(self.step_)
        parts = torch.arange(len(rows)).split(part_size)
        self.module_.eval()  # pseudo-labels without dropout
        with torch.no_grad():
            logits = [self.infer(_take(weak, part)) for part in parts]
            proba = torch.cat(logits).softmax(dim=1)
        self.module_.train()
        thresholds = self.module_.thresholds()
        self.module_.thresholds.update(rows.to(proba.device), proba)
        total = torch.zeros((), device=proba.device)
        for part in parts:
            losses = consistency_losses(proba[part], self.infer(_take(strong, part)), thresholds)
            loss = losses.sum() / len(rows)
            loss.backward()
            total += loss.detach()
        return total


def _take(batch: TensorBatch, rows: torch.Tensor) -> TensorBatch:
    return {name: value[rows] for name, value in batch.items()}
