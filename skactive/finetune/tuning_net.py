"""The skorch net inside FineTunedClassifier: the tower of an encoder, with a linear head."""

from collections.abc import Callable, Iterator
from typing import Any

import torch

from skactive.encoders.base import Encoder
from skactive.finetune.tuning_data import TensorBatch
from skactive.heads.network import AnchoredSoftmax, WeightedNet

WARM_UP = 0.1  # fraction of the steps in which the learning rates grow
_MAX_NORM = 1.0  # of the gradient


class TunedNetwork(torch.nn.Module):
    """The tower of an encoder, and a linear head on its embeddings.

    Parameters
    ----------
    encoder : Encoder
        The encoder that is tuned.
    model : loaded model
        The model that contains the tower. Training changes it, so it must not be the model that
        encoders share.
    head : AnchoredSoftmax
        The head, in single precision.
    """

    def __init__(self, encoder: Encoder, model: Any, head: AnchoredSoftmax) -> None:
        super().__init__()
        self.tower = encoder._tower(model)
        self.head = head
        # in a lambda, since torch would register a model in an attribute as a submodule
        self._embed: Callable[[TensorBatch], torch.Tensor] = lambda batch: encoder._forward(
            model, batch
        )

    def forward(
        self,
        prior_log_proba: torch.Tensor | None = None,
        offset: torch.Tensor | None = None,
        **batch: torch.Tensor,
    ) -> torch.Tensor:
        return self.head(self._embed(batch), prior_log_proba, offset)

    def squared_distance_to_anchor(self) -> float:
        return 0.0  # the optimizer shrinks the weights by weight decay

    def trained(self) -> dict[str, torch.Tensor]:
        """Tensors that training changes, by name."""
        parameters = {name: p for name, p in self.named_parameters() if p.requires_grad}
        buffers = {name: b for name, b in self.named_buffers() if b.is_floating_point()}
        return parameters | buffers


class TuningNet(WeightedNet):
    """A skorch net that trains a `TunedNetwork`.

    Gradients are accumulated over the parts of a batch. If a GPU runs out of memory, the parts are
    halved and the batch is computed again. Learning rates grow in the first tenth of the steps and
    then fall to zero.

    Parameters
    ----------
    n_steps : int
        Number of batches in all epochs together.
    n_accumulate : int, default=1
        Number of parts of a batch.
    dtype : torch.dtype, default=torch.float32
        Data type of matrix products; other than float32, training is in mixed precision.
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

    def infer(self, x: TensorBatch, **fit_params: Any) -> torch.Tensor:
        device = torch.device(self.device).type
        mixed = self.dtype != torch.float32
        with torch.autocast(device, self.dtype if mixed else torch.bfloat16, enabled=mixed):
            return super().infer(x, **fit_params).float()

    def train_step(
        self, batch: tuple[TensorBatch, torch.Tensor], **fit_params: Any
    ) -> dict[str, Any]:
        loss = self._accumulate_gradients(batch)
        parameters = [p for group in self.optimizer_.param_groups for p in group["params"]]
        torch.nn.utils.clip_grad_norm_(parameters, _MAX_NORM)
        for group in self.optimizer_.param_groups:
            group["lr"] = group["initial_lr"] * self._lr_factor()
        self.optimizer_.step()
        self.step_ += 1
        return {"loss": loss, "y_pred": None}

    def _accumulate_gradients(self, batch: tuple[TensorBatch, torch.Tensor]) -> torch.Tensor:
        """Compute the gradients of a batch, and return its loss."""
        while True:
            self.optimizer_.zero_grad()
            try:
                steps = [self.train_step_single(part) for part in self._parts(batch)]
                return torch.stack([step["loss"].detach() for step in steps]).sum()
            except torch.cuda.OutOfMemoryError:
                if self.n_accumulate >= len(batch[1]):
                    raise
            # Only after the except block: the error keeps the tensors that did not fit alive.
            torch.cuda.empty_cache()
            self.n_accumulate *= 2

    def _parts(
        self, batch: tuple[TensorBatch, torch.Tensor]
    ) -> Iterator[tuple[TensorBatch, torch.Tensor]]:
        """Parts of a batch, weighted so that their losses add up to the loss of the batch."""
        inputs, codes = batch
        for rows in torch.arange(len(codes)).tensor_split(min(self.n_accumulate, len(codes))):
            part = {name: value[rows] for name, value in inputs.items()}
            part["sample_weight"] = part["sample_weight"] * (len(rows) / len(codes))
            yield part, codes[rows]

    def _lr_factor(self) -> float:
        """Factor of the learning rates in the current step."""
        warm_up = max(1.0, WARM_UP * self.n_steps)
        return min((self.step_ + 1) / warm_up, 1.0) * (1 - self.step_ / self.n_steps)
