"""Where a training stands, in one file: arrays in the safetensors format, the rest as JSON."""

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
    """What a training needs to go on, besides what it was given.

    Attributes
    ----------
    history : list of dict
        What was measured in each epoch done.
    tensors : dict of str to tensor
        Weights, the optimizer's moments, and the best weights so far.
    """

    history: list[dict[str, float]] = field(default_factory=list)
    tensors: dict[str, torch.Tensor] = field(default_factory=dict)


class Checkpoint:
    """The file of one training: of one model, one set of labels, one set of parameters.

    Another training has another file in the same folder. Nothing is ever unpickled.

    Parameters
    ----------
    folder : path
        It is made if need be.
    model : str
        What tells the model from others.
    training : str
        What tells the training from others, the model included.
    """

    def __init__(self, folder: Path, model: str, training: str) -> None:
        self.path = folder / f"{training}.safetensors"
        self.header = {"format": _FORMAT, "model": model, "training": training}

    def save(self, progress: Progress) -> None:
        """Replace the file in one step: a kill leaves the old one or the new one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".tmp")
        arrays = {name: tensor.detach().cpu().numpy() for name, tensor in progress.tensors.items()}
        told = {"history": json.dumps(progress.history), "digest": Weights(arrays).digest}
        require("safetensors.numpy").save_file(arrays, new, metadata=self.header | told)
        os.replace(new, self.path)

    def load(self) -> Progress:
        """Read it back.

        Raises
        ------
        FileNotFoundError
            If there is none; the message names those of other trainings.
        ValueError
            If it is damaged, or of another model or training.
        """
        if not self.path.is_file():
            raise FileNotFoundError(f"{self.path} is missing. {self._others()}")
        safetensors = require("safetensors")
        try:
            with safetensors.safe_open(self.path, framework="numpy") as file:
                header = file.metadata() or {}
                history = json.loads(header.get("history", "[]"))
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if Weights(arrays).digest != header.get("digest"):
                raise ValueError("its arrays are not those that were written")
        except (safetensors.SafetensorError, ValueError, OSError) as error:
            raise ValueError(
                f"{self.path} is damaged ({error}). Delete it, and the training starts anew."
            ) from error
        for name, what in (("format", "kind"), ("model", "model"), ("training", "training")):
            if header.get(name) != self.header[name]:
                raise ValueError(
                    f"{self.path} is a checkpoint of another {what}: {header.get(name)!r}, not "
                    f"{self.header[name]!r}. Give another checkpoint_dir, or delete the file."
                )
        return Progress(history, {name: torch.tensor(array) for name, array in arrays.items()})

    def delete(self) -> None:
        """The training has ended."""
        self.path.unlink(missing_ok=True)

    def _others(self) -> str:
        """What else lies in the folder."""
        safetensors, told = require("safetensors"), []
        for path in sorted(self.path.parent.glob("*.safetensors")):
            with suppress(safetensors.SafetensorError):
                with safetensors.safe_open(path, framework="numpy") as file:
                    model = (file.metadata() or {}).get("model")
                same = "of this model, but other labels or parameters"
                other = f"of another model, {model!r}"
                told.append(f"{path.name} is {same if model == self.header['model'] else other}")
        if not told:
            return f"{self.path.parent} holds no checkpoint. Give resume='auto' to begin."
        return f"Others there: {'; '.join(told)}. Give resume='auto' to begin."
