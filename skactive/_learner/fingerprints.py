"""Whether encoder and prior are still those that the labels were learned with."""

from collections.abc import Mapping
from hashlib import blake2b
from os import PathLike, fspath
from types import NoneType
from typing import Any, NamedTuple

import numpy as np
from sklearn.frozen import FrozenEstimator

from skactive.encoders.base import Encoder

_IRRELEVANT = {"device", "batch_size", "cache_dir", "n_jobs", "memory", "verbose"}


class Fingerprints(NamedTuple):
    """What stored labels depend on.

    Attributes
    ----------
    representation : str
        Of the leading Pipeline steps that need no fit.
    prior : str
        Of the prior.
    """

    representation: str
    prior: str

    def check(self, now: "Fingerprints") -> None:
        """Refuse a call after the representation or the prior was changed.

        Parameters
        ----------
        now : Fingerprints
            Those of the call.

        Raises
        ------
        ValueError
            If one of them differs.
        """
        if self.representation != now.representation:
            raise ValueError(
                "The leading steps of estimator, which give the representation (an encoder, for "
                "example), were changed after labels were given. The labels are stored with their "
                "earlier representation. Restore these steps, or call fit with all labeled rows."
            )
        if self.prior != now.prior:
            raise ValueError(
                "prior was changed after labels were given: its class or parameters (prompts, for "
                "example) differ. The labels are stored with its earlier "
                "predictions. Restore it, or call fit again with all labeled rows."
            )


def fingerprint(estimator: Any) -> str:
    """A digest of the class and the parameters of an estimator.

    Nested estimators and the revision of a foundation model are covered. Device, batch size, cache
    folder, number of jobs and verbosity do not count. Of functions, the name counts; of all other
    objects, a fitted model inside a FrozenEstimator included, only the class: their state may
    change whenever they are used or saved.

    Parameters
    ----------
    estimator : estimator, or list of estimators

    Returns
    -------
    digest : str
    """
    return blake2b(repr(_description(estimator)).encode(), digest_size=16).hexdigest()


def _description(value: Any) -> Any:
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, FrozenEstimator):
        inner = type(value.estimator)
        return name, f"{inner.__module__}.{inner.__qualname__}"
    if isinstance(value, Encoder):
        return name, value._identity(), value.precision
    if hasattr(value, "get_params") and not isinstance(value, type):
        params = value.get_params(deep=False)
        return name, [(k, _description(params[k])) for k in sorted(params) if k not in _IRRELEVANT]
    if isinstance(value, Mapping):
        return [(_description(key), _description(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return [_description(item) for item in value]
    if isinstance(value, np.ndarray) and value.dtype != object:
        content = blake2b(np.ascontiguousarray(value).tobytes(), digest_size=16).hexdigest()
        return value.shape, str(value.dtype), content
    if isinstance(value, PathLike):
        return fspath(value)
    if isinstance(value, str | bytes | int | float | np.generic | NoneType):
        return repr(value)
    return name, getattr(value, "__module__", ""), getattr(value, "__qualname__", "")
