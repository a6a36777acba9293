"""Loaded models, shared by every encoder of equal configuration in this process."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from skactive._utils.locks import fork_safe

_MOST_MODELS = 4  # held at once; beyond it the one used longest ago is let go


@dataclass
class SharedModel:
    """A loaded model, and the lock under which it encodes (fast tokenizers are not thread-safe)."""

    model: Any
    lock: threading.Lock = field(default_factory=lambda: fork_safe(threading.Lock()))


def shared_model(key: Hashable, load: Callable[[], Any]) -> SharedModel:
    """The model loaded under this key; the first call loads it, whatever the thread."""
    with _LOADING:
        if key not in _MODELS:
            with _untouched_generator():
                _MODELS[key] = SharedModel(load())
            if len(_MODELS) > _MOST_MODELS:
                _MODELS.popitem(last=False)
        _MODELS.move_to_end(key)
        return _MODELS[key]


def resolve_precision(precision: str, device: str) -> str:
    """The dtype that is meant: "auto" is half precision on CUDA, float32 elsewhere."""
    if precision != "auto":
        return precision
    return "float16" if device.startswith("cuda") else "float32"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a GPU had no memory left (MPS says so in a plain RuntimeError)."""
    import torch

    return isinstance(error, torch.cuda.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and "out of memory" in str(error).lower()
    )


def free_gpu_memory() -> None:
    """Give back what torch keeps for later use."""
    import torch

    torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()


@contextmanager
def _untouched_generator() -> Iterator[None]:
    # Models are built with random weights before the real ones are read.
    import torch

    with torch.random.fork_rng(devices=[]):
        yield


_MODELS: OrderedDict[Hashable, SharedModel] = OrderedDict()
_LOADING = fork_safe(threading.RLock())
