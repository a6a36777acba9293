"""Locks that can be acquired in a forked child process."""

import os
from typing import Any


def fork_safe(lock: Any) -> Any:
    """Release a lock in every forked child process.

    The thread that held the lock does not exist in the child, so it could never release the lock.

    Parameters
    ----------
    lock : threading.Lock or threading.RLock
        Lock for threads of one process.

    Returns
    -------
    lock : threading.Lock or threading.RLock
        The same lock.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lock._at_fork_reinit)
    return lock
