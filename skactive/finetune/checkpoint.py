"""Checkpoints of fine-tuning: arrays in the safetensors format, and metadata as JSON."""

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import torch

from skactive._utils.optional_imports import require
from skactive.encoders.tuned import Weights

_FORMAT = "skactive fine-tuning 1"


@dataclass
class Progress:
    """State of an interrupted training run, from which the run can resume.

    Attributes
    ----------
    history : list of dict
        Losses and seconds of each finished epoch.
    tensors : dict of str to tensor
        Weights, moments of the optimizer, and the best weights so far.
    """

    history: list[dict[str, float]] = field(default_factory=list)
    tensors: dict[str, torch.Tensor] = field(default_factory=dict)


class Checkpoint:
    """The checkpoint file of one training run.

    Runs with another model, other labels or other parameters have other files in the same folder.
    Reading a file never unpickles anything.

    Parameters
    ----------
    folder : path
        Folder of the file; it is created if it does not exist.
    model : str
        Identifies the model.
    training : str
        Digest of the training run: model, labels and parameters.
    """

    def __init__(self, folder: Path, model: str, training: str) -> None:
        self.path = folder / f"{training}.safetensors"
        self.header = {"format": _FORMAT, "model": model, "training": training}

    def save(self, progress: Progress) -> None:
        """Replace the file atomically: a kill leaves the old file or the new file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".tmp")
        arrays = {name: tensor.detach().cpu().numpy() for name, tensor in progress.tensors.items()}
        state = {"history": json.dumps(progress.history), "digest": Weights(arrays).digest}
        require("safetensors.numpy").save_file(arrays, new, metadata=self.header | state)
        os.replace(new, self.path)

    def load(self) -> Progress:
        """Read the file.

        Returns
        -------
        progress : Progress
            The state that was saved last.

        Raises
        ------
        FileNotFoundError
            If there is no file; the message names the checkpoints of other training runs.
        ValueError
            If the file is damaged, or of another model or training run.
        """
        if not self.path.is_file():
            raise FileNotFoundError(f"{self.path} is missing. {self._describe_others()}")
        safetensors = require("safetensors")
        try:
            with safetensors.safe_open(self.path, framework="numpy") as file:
                header = file.metadata() or {}
                history = json.loads(header.get("history", "[]"))
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if Weights(arrays).digest != header.get("digest"):
                raise ValueError("its arrays differ from those that were written")
        except (safetensors.SafetensorError, ValueError, OSError) as error:
            raise ValueError(
                f"{self.path} is damaged ({error}). Delete it to start the training again."
            ) from error
        for name, what in (("format", "kind"), ("model", "model"), ("training", "training")):
            if header.get(name) != self.header[name]:
                raise ValueError(
                    f"{self.path} is a checkpoint of another {what}: {header.get(name)!r}, not "
                    f"{self.header[name]!r}. Give another checkpoint_dir, or delete the file."
                )
        return Progress(history, {name: torch.tensor(array) for name, array in arrays.items()})

    def delete(self) -> None:
        """Delete the file; called when the training has ended."""
        self.path.unlink(missing_ok=True)

    def _describe_others(self) -> str:
        """Describe the other checkpoints in the folder."""
        safetensors, found = require("safetensors"), []
        for path in sorted(self.path.parent.glob("*.safetensors")):
            with suppress(safetensors.SafetensorError):
                with safetensors.safe_open(path, framework="numpy") as file:
                    model = (file.metadata() or {}).get("model")
                same = "of this model, but other labels or parameters"
                other = f"of another model, {model!r}"
                found.append(f"{path.name} is {same if model == self.header['model'] else other}")
        if not found:
            return (
                f"{self.path.parent} holds no checkpoint. Give resume='auto' to start a training."
            )
        return f"The folder holds: {'; '.join(found)}. Give resume='auto' to start a training."
