"""The skorch net inside FineTunedClassifier: an encoder's tower and a head, trained together."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from skactive.encoders.base import Encoder
from skactive.heads.network import AnchoredSoftmax, WeightedNet

WARM_UP = 0.1  # share of the steps in which the learning rates grow
_MAX_NORM = 1.0  # of the gradient
_SORTED_TOGETHER = 8  # batches' worth of rows that are sorted by length
Batch = dict[str, torch.Tensor]


class TunedNetwork(torch.nn.Module):
    """The tower of an encoder, and a linear head on its embeddings.

    Parameters
    ----------
    encoder : Encoder
        Whose rows and model these are.
    model : loaded model
        Of which the tower is a part; its own, and no longer the encoder's shared one.
    head : AnchoredSoftmax
        In single precision.
    """

    def __init__(self, encoder: Encoder, model: Any, head: AnchoredSoftmax) -> None:
        super().__init__()
        self.tower = encoder._tower(model)
        self.head = head
        # not as attributes, which torch would take for parts of this module
        self._embed: Callable[[Batch], torch.Tensor] = lambda batch: encoder._forward(model, batch)

    def forward(
        self,
        prior_log_proba: torch.Tensor | None = None,
        offset: torch.Tensor | None = None,
        **batch: torch.Tensor,
    ) -> torch.Tensor:
        return self.head(self._embed(batch), prior_log_proba, offset)

    def squared_distance_to_anchor(self) -> float:
        return 0.0  # the optimizer's weight decay shrinks already

    def trained(self) -> dict[str, torch.Tensor]:
        """All that training changes, by name."""
        parameters = {name: p for name, p in self.named_parameters() if p.requires_grad}
        buffers = {name: b for name, b in self.named_buffers() if b.is_floating_point()}
        return parameters | buffers


class LabeledBatches(torch.utils.data.Dataset[Any]):
    """Rows and labels; a list of positions gives one batch.

    Parameters
    ----------
    rows : list of length n
        As the encoder takes them, checked.
    collate : callable
        Turns rows into the tensors of a batch.
    codes : int array of shape (n,)
        Labels.
    extra : dict of str to array of shape (n, ...)
        What else the net takes: ``sample_weight``, ``offset``, ``prior_log_proba``.
    """

    def __init__(
        self,
        rows: list[Any],
        collate: Callable[[Sequence[Any]], dict[str, Any]],
        codes: np.ndarray,
        extra: dict[str, np.ndarray],
    ) -> None:
        self.rows, self.collate, self.codes, self.extra = rows, collate, codes, extra

    def __len__(self) -> int:
        return len(self.rows)

    def __getitems__(self, positions: list[int]) -> tuple[Batch, torch.Tensor]:
        batch = self.collate([self.rows[i] for i in positions])
        extra = {name: torch.tensor(value[positions]) for name, value in self.extra.items()}
        return batch | extra, torch.tensor(self.codes[positions])


class ShuffledBatches:
    """Positions of the rows of each batch, another order in every epoch; equal lengths together.

    Parameters
    ----------
    positions : int array
        The rows.
    sizes : array of shape (n,)
        How long every row is.
    batch_size : int
        Rows a batch, at most.
    seed : int
        With the epoch, it decides the order: no state is carried from one to the next.
    """

    def __init__(
        self, positions: np.ndarray, sizes: np.ndarray, batch_size: int, seed: int
    ) -> None:
        self.positions, self.sizes, self.batch_size = positions, sizes, batch_size
        self.seed, self.epoch = seed, 0

    def __len__(self) -> int:
        return -(-len(self.positions) // self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        rng = np.random.default_rng([self.seed, self.epoch])
        order = rng.permutation(self.positions)
        step = _SORTED_TOGETHER * self.batch_size
        parts = [order[start : start + step] for start in range(0, len(order), step)]
        order = np.concatenate([part[np.argsort(self.sizes[part])] for part in parts])
        starts = rng.permutation(np.arange(0, len(order), self.batch_size))
        return (order[start : start + self.batch_size].tolist() for start in starts)


class TuningNet(WeightedNet):
    """A skorch net that trains a `TunedNetwork`.

    Gradients are accumulated over the parts of a batch; where a GPU has too little memory for a
    part, parts are halved and the work goes on. Learning rates grow in the first tenth of the
    steps and then fall to zero.

    Parameters
    ----------
    n_steps : int
        Batches in the whole training.
    n_accumulate : int, default=1
        Parts that a batch is computed in.
    dtype : torch.dtype, default=torch.float32
        What matrices are multiplied in.
    """

    def __init__(
        self,
        *args: Any,
        n_steps: int,
        n_accumulate: int = 1,
        dtype: torch.dtype = torch.float32,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.n_steps = n_steps
        self.n_accumulate = n_accumulate
        self.dtype = dtype
        self.step_ = 0

    def infer(self, x: Batch, **fit_params: Any) -> torch.Tensor:
        device = torch.device(self.device).type
        mixed = self.dtype != torch.float32
        with torch.autocast(device, self.dtype if mixed else torch.bfloat16, enabled=mixed):
            return super().infer(x, **fit_params).float()

    def train_step(self, batch: tuple[Batch, torch.Tensor], **fit_params: Any) -> dict[str, Any]:
        loss = self._gradients(batch)
        parameters = [p for group in self.optimizer_.param_groups for p in group["params"]]
        torch.nn.utils.clip_grad_norm_(parameters, _MAX_NORM)
        for group in self.optimizer_.param_groups:
            group["lr"] = group["initial_lr"] * self._schedule()
        self.optimizer_.step()
        self.step_ += 1
        return {"loss": loss, "y_pred": None}

    def _gradients(self, batch: tuple[Batch, torch.Tensor]) -> torch.Tensor:
        while True:
            self.optimizer_.zero_grad()
            try:
                steps = [self.train_step_single(part) for part in self._parts(batch)]
                return torch.stack([step["loss"].detach() for step in steps]).sum()
            except torch.cuda.OutOfMemoryError:
                if self.n_accumulate >= len(batch[1]):
                    raise
            # Not before here: the error holds the tensors that did not fit.
            torch.cuda.empty_cache()
            self.n_accumulate *= 2

    def _parts(self, batch: tuple[Batch, torch.Tensor]) -> Iterator[tuple[Batch, torch.Tensor]]:
        """Parts whose losses add up to that of the batch."""
        inputs, codes = batch
        for rows in torch.arange(len(codes)).tensor_split(min(self.n_accumulate, len(codes))):
            part = {name: value[rows] for name, value in inputs.items()}
            part["sample_weight"] = part["sample_weight"] * (len(rows) / len(codes))
            yield part, codes[rows]

    def _schedule(self) -> float:
        """Share of the full learning rate."""
        warm_up = max(1.0, WARM_UP * self.n_steps)
        return min((self.step_ + 1) / warm_up, 1.0) * (1 - self.step_ / self.n_steps)
