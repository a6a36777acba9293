"""Fingerprint of an estimator: a digest of all that its output depends on."""

from collections.abc import Mapping
from os import PathLike, fspath
from threading import Lock
from typing import Any
from uuid import uuid4
from weakref import WeakKeyDictionary

import joblib
import numpy as np
from sklearn.frozen import FrozenEstimator

from skactive._utils.locks import fork_safe

_IRRELEVANT = {"device", "batch_size", "cache_dir", "n_jobs", "memory", "verbose"}
_PLAIN = (str, bytes, int, float, complex, np.generic, np.ndarray, type(None))


def fingerprint(estimator: Any) -> str:
    """A digest of all that the output of an estimator depends on.

    It covers the class, the parameters (nested ones included), the revision of a foundation
    model, and the fitted state inside a FrozenEstimator. Device, batch size, cache folder, number
    of jobs and verbosity do not count. Of other objects, such as clients of a server, the
    class counts and not their state, which may change with every call.

    Parameters
    ----------
    estimator : estimator, or list of estimators

    Returns
    -------
    digest : str
    """
    return joblib.hash(_description(estimator))


def identity_token(estimator: Any) -> str:
    """A string for this process that a redefined class or another object does not share.

    Parameters
    ----------
    estimator : estimator, or any object
        Estimators of one class share a token: their parameters distinguish them.

    Returns
    -------
    token : str
    """
    owner = type(estimator) if hasattr(estimator, "get_params") else estimator
    with _GUARD:
        return _TOKENS.setdefault(owner, uuid4().hex)


_TOKENS: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
_GUARD = fork_safe(Lock())


def _description(value: Any) -> Any:
    if isinstance(value, FrozenEstimator):
        return _state_hash(value.estimator)
    if hasattr(value, "_identity"):  # an encoder: the revision of its model, too
        return _name(value), value._identity(), value.precision
    if hasattr(value, "get_params") and not isinstance(value, type):
        params = value.get_params(deep=False)
        kept = {name: params[name] for name in sorted(params) if name not in _IRRELEVANT}
        return _name(value), [(name, _description(kept[name])) for name in kept]
    if isinstance(value, Mapping):
        return [(_description(key), _description(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return [_description(item) for item in value]
    if isinstance(value, PathLike):
        return fspath(value)
    if isinstance(value, _PLAIN):
        return joblib.hash(value, coerce_mmap=True)  # saved models may be mapped into memory
    return _name(value), getattr(value, "__module__", ""), getattr(value, "__qualname__", "")


def _state_hash(estimator: Any) -> Any:
    try:
        return joblib.hash(estimator, coerce_mmap=True)
    except Exception:  # pickling runs code of the estimator, which may raise anything
        return _description(estimator)


def _name(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"
