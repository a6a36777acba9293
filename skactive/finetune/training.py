"""One training run of an encoder and a head: epochs, early stopping and checkpoints."""

import time
from collections.abc import Callable
from copy import copy, deepcopy
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from skorch.helper import predefined_split
from torch.utils.data import DataLoader

from skactive._utils.callbacks import Subtask
from skactive._utils.device import resolve_device
from skactive._utils.random import private_torch_generator
from skactive.encoders.base import Encoder
from skactive.encoders.tuned import TunedEncoder, Weights
from skactive.finetune.adapters import add_adapters
from skactive.finetune.checkpoint import Checkpoint, Progress
from skactive.finetune.consistency import (
    ConsistencyNet,
    FlexibleThresholds,
    UnlabeledBatches,
)
from skactive.finetune.tuning_data import LabeledBatches, ShuffledBatches, TuningData
from skactive.finetune.tuning_net import TunedNetwork, TuningNet
from skactive.heads.dropout_masks import dropout_layers
from skactive.heads.network import AnchoredSoftmax

MODES = ("lp-ft", "full", "lora", "ia3")
_LR = {"lp-ft": 2e-4, "full": 2e-4, "lora": 1e-3, "ia3": 2e-2}
_HEAD_LR = {"lp-ft": 1e-3, "full": 1e-2, "lora": 1e-3, "ia3": 1e-3}
_SIZE = 1e7  # parameters in the layers of all-MiniLM-L6-v2, for which _LR was tuned
_PATIENCE = 2  # epochs without a smaller loss of the held-out labels
_WEIGHT_DECAY = 0.01


@dataclass(frozen=True)
class Plan:
    """Parameters of a training run.

    Attributes
    ----------
    encoder : Encoder
        The encoder whose model is tuned.
    mode : {"lp-ft", "full", "lora", "ia3"}
        What is trained: the whole model, or adapters.
    lr : float or None
        Learning rate of the model; None for the default of the mode.
    max_epochs, batch_size, n_accumulate : int
        Number of epochs, of labels per step, and of parts that a step is computed in.
    criterion : torch.nn.Module
        Returns one loss per row.
    seed : int
        Seed of the order of the rows and of dropout.
    """

    encoder: Encoder
    mode: str
    lr: float | None
    max_epochs: int
    batch_size: int
    n_accumulate: int
    criterion: torch.nn.Module
    seed: int


class Training:
    """A training run that tunes an encoder and a head together.

    Every epoch has its own seed. A run that resumes after a kill therefore gives the same result as
    an uninterrupted run.

    Parameters
    ----------
    plan : Plan
        Parameters of the run.
    head : dict of str to array
        Weights of the head on the frozen embeddings, by name. They are the initial weights of the
        head, except in mode "full", where the head starts untrained.
    data : TuningData
        The training data.
    verbose : bool
        Whether to print one line per epoch.
    """

    def __init__(
        self, plan: Plan, head: dict[str, np.ndarray], data: TuningData, verbose: bool
    ) -> None:
        self.plan, self.data, self.verbose = plan, data, verbose
        self.device = resolve_device(plan.encoder.device)
        with private_torch_generator(plan.seed, self.device):
            model = plan.encoder._load(self.device, torch.float32)
            tower = plan.encoder._tower(model)
            self._initial_state = {
                name: value.clone() for name, value in tower.state_dict().items()
            }
            with_adapters = plan.mode in ("lora", "ia3")
            self._adapted = add_adapters(tower, plan.mode) if with_adapters else None
            for module in tower.modules():
                if isinstance(module, torch.nn.Embedding):  # few labels contain few of the words
                    module.requires_grad_(False)
            n_classes, n_features = head["output.weight"].shape
            layer = AnchoredSoftmax(n_features, n_classes)
            if plan.mode != "full":
                layer.load_state_dict({name: torch.tensor(value) for name, value in head.items()})
            self.network = TunedNetwork(plan.encoder, model, layer.float())
            self.dataset = LabeledBatches(data, plan.encoder._collate(model))
            self.net = self._make_net()

    def digest(self) -> str:
        """Digest of the parameters, the model, the training data and the initial head."""
        plan, data = self.plan, self.data
        params = vars(plan) | {"encoder": plan.encoder._identity()}
        digest = blake2b(repr(params).encode(), digest_size=8)
        for key in plan.encoder._row_keys(data.rows + data.unlabeled, bytes(16)):
            digest.update(key)
        given = data.extra | {"codes": data.codes, "held_out": data.held_out}
        head = {name: value.cpu().numpy() for name, value in self.network.head.state_dict().items()}
        for name, array in sorted((given | head).items()):
            digest.update(f"{name} {array.dtype} {array.shape}".encode() + array.tobytes())
        return digest.hexdigest()

    def open_checkpoint(
        self, folder: str | PathLike[str] | None, resume: bool | str, random_state: Any
    ) -> tuple[Checkpoint | None, Progress]:
        """The checkpoint of this run and the progress in it, from parameters of the classifier.

        Raises
        ------
        ValueError
            If `random_state` is not an int, or the checkpoint is damaged.
        FileNotFoundError
            If `resume` is True and there is no checkpoint.
        """
        if folder is None:
            return None, Progress()
        if not isinstance(random_state, Integral):
            raise ValueError(
                f"random_state={random_state!r}: with checkpoint_dir it must be an int, since "
                "a training can resume only with the same seed. Give random_state=0, for example."
            )
        model = " ".join(self.plan.encoder._identity())
        checkpoint = Checkpoint(Path(folder).expanduser(), model, self.digest())
        wanted = checkpoint.path.is_file() if resume == "auto" else resume
        return checkpoint, checkpoint.load() if wanted else Progress()

    def run(
        self, checkpoint: Checkpoint | None, progress: Progress, subtask: Subtask
    ) -> "TuningResult":
        """Train, and delete the checkpoint at the end.

        Parameters
        ----------
        checkpoint : Checkpoint or None
            Where the progress is saved after every epoch; None to save nothing.
        progress : Progress
            State from which the training resumes; ``Progress()`` to start from the beginning.
        subtask : callable
            Notifies callbacks of each epoch. A callback can stop the training.

        Returns
        -------
        result : TuningResult
            With held-out labels, the weights after the epoch with the smallest loss of these;
            otherwise the weights after the last epoch.
        """
        self._restore(progress)
        best = {k: v for k, v in progress.tensors.items() if k.startswith("best/")}
        history = list(progress.history)
        stopped = False
        while len(history) < self.plan.max_epochs and not (stopped or _has_stalled(history)):
            with subtask("epoch") as verdict:
                history.append(self._run_epoch(len(history)))
                if len(self.data.held_out) and _best_epoch(history) == len(history) - 1:
                    trained = self.network.trained()
                    best = {f"best/{k}": v.detach().clone() for k, v in trained.items()}
                if checkpoint is not None:
                    checkpoint.save(Progress(history, self._state() | best))
            stopped = verdict.stop
        self._set_trained({name.removeprefix("best/"): value for name, value in best.items()})
        result = self._result(history)
        if checkpoint is not None:
            checkpoint.delete()
        return result

    def current_result(self) -> "TuningResult":
        """Result of the training if it ended now.

        Returns
        -------
        result : TuningResult
            The current weights, without history.
        """
        training = copy(self)
        training.network, training._adapted = deepcopy((self.network, self._adapted))
        return training._result([])

    def _make_net(self) -> TuningNet:
        plan, data = self.plan, self.data
        held_out = data.held_out
        self._batches = ShuffledBatches(
            np.setdiff1d(np.arange(len(data.rows)), held_out),
            np.array([plan.encoder._row_size(row) for row in data.rows]),
            plan.batch_size,
            plan.seed,
        )
        starts = range(0, len(held_out), plan.batch_size)
        n_steps = plan.max_epochs * len(self._batches)
        make_net = self._with_unlabeled(n_steps) if data.unlabeled else TuningNet
        net = make_net(
            self.network,
            plan.criterion,
            shrinkage=0.0,
            n_steps=n_steps,
            n_accumulate=plan.n_accumulate,
            dtype=_training_dtype(plan.encoder.precision, self.device),
            device=self.device,
            max_epochs=1,
            optimizer=torch.optim.AdamW,
            optimizer__lr=self._learning_rate(),
            optimizer__weight_decay=_WEIGHT_DECAY,
            optimizer__param_groups=[("head.*", {"lr": _HEAD_LR[plan.mode]})],
            iterator_train=DataLoader,
            iterator_train__batch_sampler=self._batches,
            iterator_valid__batch_sampler=[
                held_out[start : start + plan.batch_size].tolist() for start in starts
            ],
            batch_size=1,  # DataLoader requires it together with a batch_sampler
            iterator_train__collate_fn=_unchanged,
            iterator_valid__collate_fn=_unchanged,
            iterator_train__num_workers=plan.encoder._n_workers,
            train_split=predefined_split(self.dataset) if len(held_out) else None,
            verbose=0,
            callbacks__print_log=None,
        )
        net.initialize()
        for group in net.optimizer_.param_groups:
            group["initial_lr"] = group["lr"]
        return net

    def _with_unlabeled(self, n_steps: int) -> Callable[..., TuningNet]:
        plan, data = self.plan, self.data
        unlabeled = UnlabeledBatches(
            data.unlabeled,
            self.dataset.collate,
            data.extra["offset"][0],
            plan.batch_size,
            n_steps,
            plan.seed,
        )
        thresholds = FlexibleThresholds(len(unlabeled), self.network.head.output.out_features)
        self.network.add_module("thresholds", thresholds)  # saved with the weights
        return partial(ConsistencyNet, unlabeled=unlabeled)

    def _learning_rate(self) -> float:
        if self.plan.lr is not None:
            return self.plan.lr
        tower = self.network.tower
        tables = [layer for layer in tower.modules() if isinstance(layer, torch.nn.Embedding)]
        size = sum(value.numel() for value in self._initial_state.values())
        size -= sum(table.weight.numel() for table in tables)
        return _LR[self.plan.mode] * min(1.0, (_SIZE / size) ** 0.5)

    def _run_epoch(self, epoch: int) -> dict[str, float]:
        start = time.perf_counter()
        self._batches.epoch = epoch
        self.net.step_ = epoch * len(self._batches)
        seed = int(np.random.SeedSequence([self.plan.seed, epoch]).generate_state(1)[0])
        with private_torch_generator(seed):
            self.net.fit_loop(self.dataset, epochs=1)
        row = self.net.history[-1]
        measured = {name: row[name] for name in ("train_loss", "valid_loss") if name in row}
        if not np.isfinite(measured["train_loss"]):
            raise FloatingPointError(
                f"The loss is not finite in epoch {epoch + 1}, with a learning rate of "
                f"{self._learning_rate():g}. Give a smaller lr."
            )
        measured["seconds"] = time.perf_counter() - start
        if self.verbose:
            text = ", ".join(f"{name} {value:.3g}" for name, value in measured.items())
            print(f"FineTunedClassifier: epoch {epoch + 1} of {self.plan.max_epochs}: {text}")  # noqa: T201
        return measured

    def _state(self) -> dict[str, torch.Tensor]:
        """Weights, and moments of the optimizer, by name."""
        state = {f"weights/{name}": value for name, value in self.network.trained().items()}
        for name, parameter in self.network.named_parameters():
            for moment, value in self.net.optimizer_.state.get(parameter, {}).items():
                state[f"{moment}/{name}"] = value
        return state

    def _restore(self, progress: Progress) -> None:
        parameters = dict(self.network.named_parameters())
        weights = {}
        for key, value in progress.tensors.items():
            kind, _, name = key.partition("/")
            if kind == "weights":
                weights[name] = value
            elif kind != "best":
                self.net.optimizer_.state[parameters[name]][kind] = value.to(self.device)
        self._set_trained(weights)

    @torch.no_grad()
    def _set_trained(self, values: dict[str, torch.Tensor]) -> None:
        trained = self.network.trained()
        for name, value in values.items():
            trained[name].copy_(value)

    def _result(self, history: list[dict[str, float]]) -> "TuningResult":
        tower = self.network.tower
        if self._adapted is not None:
            tower = self._adapted.merge_and_unload()
        changed = {
            name: value.cpu().numpy()
            for name, value in tower.state_dict().items()
            if not torch.equal(value, self._initial_state[name])
        }
        head = self.network.head.double().state_dict()
        return TuningResult(
            TunedEncoder(self.plan.encoder, Weights(changed, self.plan.encoder._identity())),
            {name: value.cpu().numpy() for name, value in head.items()},
            history,
            bool(dropout_layers(tower)),
        )


@dataclass(frozen=True)
class TuningResult:
    """Result of a training run.

    Attributes
    ----------
    encoder : TunedEncoder
        The encoder with the tuned weights.
    head : dict of str to float64 array
        Weights of the head: ``output.weight`` (K, d), ``output.bias`` (K,) and ``prior_scale`` ().
    history : list of dict
        Losses and seconds of each epoch.
    has_dropout : bool
        Whether the encoder has dropout layers.
    """

    encoder: TunedEncoder
    head: dict[str, np.ndarray]
    history: list[dict[str, float]]
    has_dropout: bool


def _has_stalled(history: list[dict[str, float]]) -> bool:
    return len(history) - 1 - _best_epoch(history) >= _PATIENCE


def _best_epoch(history: list[dict[str, float]]) -> int:
    """Epoch with the smallest held-out loss; the last of equal ones, or of all without it."""
    losses = [epoch.get("valid_loss", 0.0) for epoch in reversed(history)]
    return len(losses) - 1 - int(np.argmin(losses)) if losses else -1


def _training_dtype(precision: str, device: str) -> torch.dtype:
    if precision == "auto":
        half = device.startswith("cuda") and torch.cuda.is_bf16_supported()
        return torch.bfloat16 if half else torch.float32
    # float16 is replaced by bfloat16: the range of float16 is too small for gradients
    return torch.float32 if precision == "float32" else torch.bfloat16


def _unchanged(batch: Any) -> Any:
    return batch
