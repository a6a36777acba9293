"""Chance, without touching anybody's global generators."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

import numpy as np
import torch

_TURN = RLock()  # threads share torch's generator


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
def private_torch_generator(seed: int) -> Iterator[None]:
    """Seed torch inside the block, and leave its global generators as they were.

    Parameters
    ----------
    seed : int
        The seed.
    """
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with _TURN, torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield
