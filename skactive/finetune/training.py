"""One training from start to end: epochs, the best of them, and what a kill leaves behind."""

import time
from copy import copy, deepcopy
from dataclasses import dataclass
from hashlib import blake2b
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
from skactive.finetune.tuning_net import LabeledBatches, ShuffledBatches, TunedNetwork, TuningNet
from skactive.heads.network import AnchoredSoftmax

MODES = ("lp-ft", "full", "lora", "ia3")
_LR = {"lp-ft": 2e-4, "full": 2e-4, "lora": 1e-3, "ia3": 2e-2}
_HEAD_LR = {"lp-ft": 1e-3, "full": 1e-2, "lora": 1e-3, "ia3": 1e-3}
_SIZE = 1e7  # parameters in the layers of all-MiniLM-L6-v2, for which these were found
_PATIENCE = 2  # epochs without a smaller loss of the labels held out
_WEIGHT_DECAY = 0.01


@dataclass(frozen=True)
class Plan:
    """What is trained, and how.

    Attributes
    ----------
    encoder : Encoder
        Whose model is tuned.
    mode : {"lp-ft", "full", "lora", "ia3"}
        What of it.
    lr : float or None
        Learning rate of the model; None for the usual one.
    max_epochs, batch_size, n_accumulate : int
        Passes over the labels; labels a step; parts that a step is computed in.
    criterion : torch.nn.Module
        Gives one loss a row.
    seed : int
        Decides the order of the rows, and dropout.
    """

    encoder: Encoder
    mode: str
    lr: float | None
    max_epochs: int
    batch_size: int
    n_accumulate: int
    criterion: torch.nn.Module
    seed: int


@dataclass(frozen=True)
class Labeled:
    """What it is trained on.

    Attributes
    ----------
    rows : list of length n
        As the encoder takes them, checked.
    codes : int array of shape (n,)
        Labels.
    extra : dict of str to array of shape (n, ...)
        ``sample_weight``, ``offset`` and, with a prior, ``prior_log_proba``.
    held_out : int array
        Positions of labels that only decide when to stop; empty for none.
    """

    rows: list[Any]
    codes: np.ndarray
    extra: dict[str, np.ndarray]
    held_out: np.ndarray


class Training:
    """Tunes an encoder and a head together.

    Every epoch begins from a seed of its own, so that one that goes on after a kill is the one
    that would have followed.

    Parameters
    ----------
    plan : Plan
        What to do.
    head : dict of str to array
        Weights that the head starts from, by name.
    labeled : Labeled
        The labels.
    verbose : bool
        Whether to print one line an epoch.
    """

    def __init__(
        self, plan: Plan, head: dict[str, np.ndarray], labeled: Labeled, verbose: bool
    ) -> None:
        self.plan, self.labeled, self.verbose = plan, labeled, verbose
        self.device = resolve_device(plan.encoder.device)
        with private_torch_generator(plan.seed, self.device):
            model = plan.encoder._load(self.device, torch.float32)
            tower = plan.encoder._tower(model)
            self._before = {name: value.clone() for name, value in tower.state_dict().items()}
            small = plan.mode in ("lora", "ia3")
            self._adapted = add_adapters(tower, plan.mode) if small else None
            for module in tower.modules():
                if isinstance(module, torch.nn.Embedding):  # few labels hold few of the words
                    module.requires_grad_(False)
            n_classes, n_features = head["output.weight"].shape
            layer = AnchoredSoftmax(n_features, n_classes)
            layer.load_state_dict({name: torch.tensor(value) for name, value in head.items()})
            self.network = TunedNetwork(plan.encoder, model, layer.float())
            self.data = LabeledBatches(
                labeled.rows, plan.encoder._collate(model), labeled.codes, labeled.extra
            )
            self.net = self._make_net()

    def digest(self) -> str:
        """What tells this training from any other."""
        plan, labeled = self.plan, self.labeled
        told = vars(plan) | {"encoder": plan.encoder._identity()}
        digest = blake2b(repr(told).encode(), digest_size=8)
        for key in plan.encoder._row_keys(labeled.rows, bytes(16)):
            digest.update(key)
        given = labeled.extra | {"codes": labeled.codes, "held_out": labeled.held_out}
        head = {name: value.cpu().numpy() for name, value in self.network.head.state_dict().items()}
        for name, array in sorted((given | head).items()):
            digest.update(f"{name} {array.dtype} {array.shape}".encode() + array.tobytes())
        return digest.hexdigest()

    def run(self, checkpoint: Checkpoint | None, progress: Progress, subtask: Subtask) -> "Tuned":
        """Train, and forget the checkpoint.

        Parameters
        ----------
        checkpoint : Checkpoint or None
            Where progress is kept after every epoch.
        progress : Progress
            From where to go on.
        subtask : callable
            Tells callbacks of every epoch; one of them may want no further epoch.

        Returns
        -------
        tuned : Tuned
            As it was after the epoch of the least loss on the labels held out; after the last
            one, where none are.
        """
        self._restore(progress)
        best = {k: v for k, v in progress.tensors.items() if k.startswith("best/")}
        history = list(progress.history)
        enough = False
        while len(history) < self.plan.max_epochs and not (enough or _has_stalled(history)):
            with subtask("epoch") as verdict:
                history.append(self._run_epoch(len(history)))
                if len(self.labeled.held_out) and _best_epoch(history) == len(history) - 1:
                    trained = self.network.trained()
                    best = {f"best/{k}": v.detach().clone() for k, v in trained.items()}
                if checkpoint is not None:
                    checkpoint.save(Progress(history, self._state() | best))
            enough = verdict.stop
        self._set_trained({name.removeprefix("best/"): value for name, value in best.items()})
        tuned = self._outcome(history)
        if checkpoint is not None:
            checkpoint.delete()
        return tuned

    def so_far(self) -> "Tuned":
        """What would come of the training if it ended now.

        Returns
        -------
        tuned : Tuned
            As the weights are; without history.
        """
        twin = copy(self)
        twin.network, twin._adapted = deepcopy((self.network, self._adapted))
        return twin._outcome([])

    def _make_net(self) -> TuningNet:
        plan, labeled = self.plan, self.labeled
        held_out = labeled.held_out
        self._batches = ShuffledBatches(
            np.setdiff1d(np.arange(len(labeled.rows)), held_out),
            np.array([plan.encoder._row_size(row) for row in labeled.rows]),
            plan.batch_size,
            plan.seed,
        )
        starts = range(0, len(held_out), plan.batch_size)
        net = TuningNet(
            self.network,
            plan.criterion,
            shrinkage=0.0,
            n_steps=plan.max_epochs * len(self._batches),
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
            batch_size=1,  # DataLoader wants it so beside a batch_sampler
            iterator_train__collate_fn=_as_it_is,
            iterator_valid__collate_fn=_as_it_is,
            iterator_train__num_workers=plan.encoder._n_workers,
            train_split=predefined_split(self.data) if len(held_out) else None,
            verbose=0,
            callbacks__print_log=None,
        )
        net.initialize()
        for group in net.optimizer_.param_groups:
            group["initial_lr"] = group["lr"]
        return net

    def _learning_rate(self) -> float:
        if self.plan.lr is not None:
            return self.plan.lr
        tower = self.network.tower
        tables = [layer for layer in tower.modules() if isinstance(layer, torch.nn.Embedding)]
        size = sum(value.numel() for value in self._before.values())
        size -= sum(table.weight.numel() for table in tables)
        return _LR[self.plan.mode] * min(1.0, (_SIZE / size) ** 0.5)

    def _run_epoch(self, epoch: int) -> dict[str, float]:
        start = time.perf_counter()
        self._batches.epoch = epoch
        self.net.step_ = epoch * len(self._batches)
        seed = int(np.random.SeedSequence([self.plan.seed, epoch]).generate_state(1)[0])
        with private_torch_generator(seed):
            self.net.fit_loop(self.data, epochs=1)
        row = self.net.history[-1]
        measured = {name: row[name] for name in ("train_loss", "valid_loss") if name in row}
        if not np.isfinite(measured["train_loss"]):
            raise FloatingPointError(
                f"The loss is no longer finite in epoch {epoch + 1}, with a learning rate of "
                f"{self._learning_rate():g}. Give a smaller lr."
            )
        measured["seconds"] = time.perf_counter() - start
        if self.verbose:
            told = ", ".join(f"{name} {value:.3g}" for name, value in measured.items())
            print(f"FineTunedClassifier: epoch {epoch + 1} of {self.plan.max_epochs}: {told}")  # noqa: T201
        return measured

    def _state(self) -> dict[str, torch.Tensor]:
        """Weights and moments, by name."""
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

    def _outcome(self, history: list[dict[str, float]]) -> "Tuned":
        tower = self.network.tower
        if self._adapted is not None:
            tower = self._adapted.merge_and_unload()
        changed = {
            name: value.cpu().numpy()
            for name, value in tower.state_dict().items()
            if not torch.equal(value, self._before[name])
        }
        head = self.network.head.double().state_dict()
        return Tuned(
            TunedEncoder(self.plan.encoder, Weights(changed)),
            {name: value.cpu().numpy() for name, value in head.items()},
            history,
        )


@dataclass(frozen=True)
class Tuned:
    """What came of a training.

    Attributes
    ----------
    encoder : TunedEncoder
        With the weights that have changed.
    head : dict of str to float64 array
        ``output.weight`` (K, d), ``output.bias`` (K,) and ``prior_scale`` ().
    history : list of dict
        What was measured in each epoch.
    """

    encoder: TunedEncoder
    head: dict[str, np.ndarray]
    history: list[dict[str, float]]


def _has_stalled(history: list[dict[str, float]]) -> bool:
    return len(history) - 1 - _best_epoch(history) >= _PATIENCE


def _best_epoch(history: list[dict[str, float]]) -> int:
    """The last one, where nothing is held out."""
    losses = [epoch.get("valid_loss", 0.0) for epoch in reversed(history)]
    return len(losses) - 1 - int(np.argmin(losses)) if losses else -1


def _training_dtype(precision: str, device: str) -> torch.dtype:
    if precision == "auto":
        half = device.startswith("cuda") and torch.cuda.is_bf16_supported()
        return torch.bfloat16 if half else torch.float32
    # the range of float16 is too small for gradients
    return torch.float32 if precision == "float32" else torch.bfloat16


def _as_it_is(batch: Any) -> Any:
    return batch
