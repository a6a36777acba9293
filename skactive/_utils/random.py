"""Chance, without touching anybody's global generators."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

import numpy as np
import torch

from skactive._utils.locks import fork_safe

_TURN = fork_safe(RLock())  # threads share torch's generator


def draw_seed(random_state: int | np.random.RandomState | None) -> int:
    """One seed from scikit-learn's three kinds of random_state.

    None gives a fresh one from the operating system: scikit-learn's own reading of None would draw
    from numpy's global generator.

    Parameters
    ----------
    random_state : int, RandomState instance or None
        An instance is advanced by one draw.

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
    """Seed torch inside the block, and leave its global generators as they were.

    Parameters
    ----------
    seed : int
        The seed.
    device : str, default="cpu"
        A torch device that is used in the block, if it may not have been used before.
    """
    if device.startswith("cuda"):
        torch.cuda.init()
    on_gpu = torch.cuda.is_initialized()
    with _TURN, torch.random.fork_rng(devices=range(torch.cuda.device_count()) if on_gpu else ()):
        # torch.manual_seed would also seed, for good, a GPU that nobody has used yet
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            torch.cuda.manual_seed_all(seed)
        yield
