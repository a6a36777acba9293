"""Find the files of a CLIP model: a checkpoint, a folder, or a model on the hub."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skactive._utils.optional_imports import require
from skactive.encoders.weights import (
    cached_then_hub,
    file_sha256,
    folder_revision,
    hub_folder,
    hub_revision,
)

_FOLDER = "local-dir:"  # prefixes of open_clip
_HUB = "hf-hub:"
_HUB_FILES = ["*.json", "*.txt", "*.model", "open_clip*.safetensors"]


@dataclass(frozen=True)
class ClipFiles:
    """Arguments of open_clip that load a model, and a string that identifies its version.

    `settings` are the preprocessing settings of a tag. open_clip applies them by itself only if it
    receives the tag, but `weights` is a path.
    """

    model: str
    weights: str | None
    revision: str
    settings: dict[str, Any] = field(default_factory=dict)


def find_clip_model(
    model: str | os.PathLike[str], pretrained: str | os.PathLike[str] | None
) -> ClipFiles:
    """Find the files of an open_clip model; only missing files are downloaded from the hub.

    Parameters
    ----------
    model : str or path
        A name that open_clip knows, "hf-hub:owner/name", or a folder with open_clip_config.json.
    pretrained : str, path or None
        A tag that open_clip knows for this name, or the path of a checkpoint. Ignored for a folder
        and for a model on the hub, because these contain their own weights.

    Returns
    -------
    ClipFiles

    Raises
    ------
    ValueError
        If open_clip does not know the model or tag.
    OSError
        If the hub cannot be reached.
    """
    name = str(model)
    if name.startswith(_HUB):
        return _from_folder(cached_then_hub(name.removeprefix(_HUB), _HUB_FILES))
    folder = Path(name.removeprefix(_FOLDER)).expanduser()
    if folder.is_dir() or name.startswith(_FOLDER):
        return _from_folder(folder)
    return _from_name(name, pretrained)


def is_clip_model(model: str | os.PathLike[str]) -> bool:
    """Whether `model` is a folder or hub name of open_clip; False for a bare model name."""
    return str(model).startswith(_HUB) or _config(Path(model).expanduser()).is_file()


def _config(folder: Path) -> Path:
    return folder / "open_clip_config.json"


def _from_folder(folder: Path) -> ClipFiles:
    if not _config(folder).is_file():
        raise ValueError(
            f"model={str(folder)!r} holds no open_clip_config.json. Give a folder saved by "
            "open_clip, or a name together with a checkpoint, as in model='ViT-B-32', "
            "pretrained='/path/to/open_clip_model.safetensors'."
        )
    return ClipFiles(f"{_FOLDER}{folder}", None, folder_revision(folder))


def _from_name(name: str, pretrained: str | os.PathLike[str] | None) -> ClipFiles:
    open_clip = require("open_clip")
    architecture = open_clip.get_model_config(name)
    if architecture is None:
        raise ValueError(
            f"model={name!r} is neither a folder nor a model that open_clip knows; "
            "open_clip.list_models() lists them."
        )
    tag = str(pretrained)
    settings = open_clip.get_pretrained_cfg(name, tag)
    if settings:
        path, revision = _download(settings, f"model={name!r}, pretrained={tag!r}")
    else:
        path = Path(tag).expanduser()
        if pretrained is None or not path.is_file():
            raise ValueError(
                f"pretrained={pretrained!r} is neither a file nor weights that open_clip knows for "
                f"{name}. Give a checkpoint, or one of "
                f"{open_clip.list_pretrained_tags_by_model(name)}."
            )
        revision = file_sha256(path)
    return ClipFiles(name, str(path), f"{revision} {architecture}", settings)


def _download(settings: dict[str, Any], what: str) -> tuple[Path, str]:
    if not settings.get("hf_hub"):
        path = Path(require("open_clip").download_pretrained(settings))
        return path, file_sha256(path)
    repository, filename = os.path.split(settings["hf_hub"])
    candidates = ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"]
    if filename:
        candidates = [f"{Path(filename).stem}.safetensors", filename]
    reason = OSError(f"{repository} has no {candidates[-1]}")
    for local_only in (True, False):
        for candidate in candidates:
            try:
                folder = hub_folder(repository, [candidate], local_only=local_only)
            except OSError as error:
                reason = error
            else:
                if (folder / candidate).is_file():
                    return folder / candidate, hub_revision(folder)
    raise OSError(
        f"The weights of {what} cannot be found: {reason}. "
        "Check the network, or download them elsewhere and give their path as pretrained=..."
    ) from reason
