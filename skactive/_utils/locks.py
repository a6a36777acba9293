"""Locks that survive a fork, and one lock per object."""

import os
from collections.abc import Callable
from functools import wraps
from threading import Lock, RLock
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

_Method = TypeVar("_Method", bound=Callable[..., Any])


def fork_safe(lock: Any) -> Any:
    """Release a lock in every forked child.

    The thread that held the lock does not exist in the child process.

    Parameters
    ----------
    lock : threading.Lock or threading.RLock
        Shared by the threads of this process.

    Returns
    -------
    lock : threading.Lock or threading.RLock
        The same lock.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lock._at_fork_reinit)
    return lock


def exclusive(method: _Method) -> _Method:
    """Let one thread at a time run any of the exclusive methods of an object.

    The lock belongs to the object, but is not one of its attributes. So it is neither copied nor
    pickled, and a forked child starts with an unlocked one.

    Parameters
    ----------
    method : function
        A method that changes its object.

    Returns
    -------
    method : function
        With the same signature. It may call other exclusive methods.
    """

    @wraps(method)
    def serialized(self: Any, *args: Any, **kwargs: Any) -> Any:
        with object_lock(self):
            return method(self, *args, **kwargs)

    return cast(_Method, serialized)


def object_lock(owner: Any) -> Any:
    """The lock of an object.

    Parameters
    ----------
    owner : object
        Hashable by identity.

    Returns
    -------
    lock : threading.RLock
        The same for every call.
    """
    with _GUARD:
        return _LOCKS.setdefault(owner, RLock())


_LOCKS: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
_GUARD = fork_safe(Lock())

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_LOCKS.clear)
