"""Random seeds and generators. Global generators are left unchanged."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

import numpy as np
import torch

from skactive._utils.locks import fork_safe

_LOCK = fork_safe(RLock())  # threads share torch's global generator


def draw_seed(random_state: int | np.random.RandomState | None) -> int:
    """Draw an integer seed from a `random_state` parameter.

    None gives a random seed from the operating system. scikit-learn would draw from numpy's global
    generator instead.

    Parameters
    ----------
    random_state : int, RandomState instance or None
        Source of the seed. An instance is advanced by one draw.

    Returns
    -------
    seed : int
        Between 0 and 2**31 - 1.
    """
    if random_state is None:
        return int(np.random.default_rng().integers(2**31))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31))
    return int(random_state) % 2**31


@contextmanager
def private_torch_generator(seed: int, device: str = "cpu") -> Iterator[None]:
    """Seed torch inside a with block, and restore its global generators afterwards.

    Parameters
    ----------
    seed : int
        The seed.
    device : str, default="cpu"
        The torch device that the block uses. CUDA is initialized if necessary.
    """
    if device.startswith("cuda"):
        torch.cuda.init()
    on_gpu = torch.cuda.is_initialized()
    with _LOCK, torch.random.fork_rng(devices=range(torch.cuda.device_count()) if on_gpu else ()):
        # torch.manual_seed would also seed, permanently, a GPU that is not initialized yet
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            torch.cuda.manual_seed_all(seed)
        yield
