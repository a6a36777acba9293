"""Locks that a forked child can take."""

import os
from typing import Any


def fork_safe(lock: Any) -> Any:
    """Free a lock in every forked child: who held it is not there to give it back.

    Parameters
    ----------
    lock : threading.Lock or threading.RLock
        Taken by threads of this process.

    Returns
    -------
    lock : threading.Lock or threading.RLock
        The same.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lock._at_fork_reinit)
    return lock
