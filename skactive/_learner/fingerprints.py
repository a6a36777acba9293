"""Fingerprints: whether the encoder or the prior is still the one that labels were learned with."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import joblib
from sklearn.frozen import FrozenEstimator

from skactive.encoders.base import Encoder

_IRRELEVANT = {"device", "batch_size", "cache_dir", "n_jobs", "memory", "verbose"}
_FROZEN: WeakKeyDictionary[Any, str] = WeakKeyDictionary()  # hashing a fitted model takes time


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
                "prior was changed after labels were given: its class, parameters (prompts, for "
                "example) or fitted state differ. The labels are stored with its earlier "
                "predictions. Restore it, or call fit again with all labeled rows."
            )


def fingerprint(estimator: Any) -> str:
    """A digest of all that the output of an estimator depends on.

    It covers the class, the parameters (nested ones included), the revision of a foundation
    model, and the fitted state inside a FrozenEstimator. Device, batch size, cache folder, number
    of jobs and verbosity do not count.

    Parameters
    ----------
    estimator : estimator, or list of estimators

    Returns
    -------
    digest : str
    """
    return joblib.hash(_description(estimator))


def _description(value: Any) -> Any:
    if isinstance(value, FrozenEstimator):
        if value not in _FROZEN:
            _FROZEN[value] = _hash(value.estimator)
        return _FROZEN[value]
    if isinstance(value, Encoder):
        return _name(value), value._identity(), value.precision
    if hasattr(value, "get_params") and not isinstance(value, type):
        params = value.get_params(deep=False)
        kept = {name: params[name] for name in sorted(params) if name not in _IRRELEVANT}
        return _name(value), [(name, _description(kept[name])) for name in kept]
    if isinstance(value, Mapping):
        return [(_description(key), _description(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return [_description(item) for item in value]
    return _hash(value)


def _hash(value: Any) -> str:
    try:
        return joblib.hash(value, coerce_mmap=True)  # saved models may be mapped into memory
    except Exception:  # pickling runs code of the value, which may raise anything
        return f"{_name(value)} {getattr(value, '__qualname__', '')}"


def _name(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"
