"""TunedEncoder: an encoder with fine-tuned weights."""

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from os import PathLike
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from skactive._utils.cached import cached_property
from skactive._utils.compat import HasMethods
from skactive.encoders.base import Encoder
from skactive.encoders.models import SharedModel


class Weights:
    """Immutable arrays by name: compared by content, and not duplicated by a copy.

    Parameters
    ----------
    arrays : dict of str to array
        The weights that differ from the published weights of a model.
    base : tuple of str, default=()
        Identity of the encoder that was tuned. If it is given, the weights are refused by an
        encoder whose files have changed since then.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]], base: tuple[str, ...] = ()) -> None:
        self.arrays = dict(arrays)
        self.base = tuple(base)

    @cached_property
    def digest(self) -> str:
        """Digest of names, dtypes, shapes and values."""
        digest = blake2b(digest_size=16)
        for name, array in sorted(self.arrays.items()):
            digest.update(f"{name} {array.dtype} {array.shape} ".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Weights) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __deepcopy__(self, memo: Any) -> "Weights":
        return self

    def __repr__(self) -> str:
        return f"<{len(self.arrays)} arrays, {self.digest[:8]}>"


class TunedEncoder(Encoder):
    """An encoder with fine-tuned weights: the `encoder_` of a `FineTunedClassifier`.

    It takes the same rows as the frozen encoder, and has the same device, batch size and precision.
    The weights are part of the keys in the row cache, so that tuned and frozen embeddings are never
    confused.

    Parameters
    ----------
    encoder : SentenceEncoder, ClipEncoder or AudioEncoder
        The frozen encoder.
    weights : Weights
        Tuned weights, which replace those of the frozen model.
    cache_dir : str, path or None, default=None
        Folder of the row cache. None is the row cache in memory, whatever the folder of the frozen
        encoder: embeddings become useless when the encoder is tuned again.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "encoder": [HasMethods("transform")],
        "weights": [Weights],
        "cache_dir": [str, PathLike, None],
    }

    def __init__(
        self,
        encoder: Encoder,
        weights: Weights,
        *,
        cache_dir: str | PathLike[str] | None = None,
    ) -> None:
        self.encoder = encoder
        self.weights = weights
        self.cache_dir = cache_dir

    @property
    def device(self) -> str:  # type: ignore[override]
        return self.encoder.device

    @property
    def batch_size(self) -> int:  # type: ignore[override]
        return self.encoder.batch_size

    @property
    def precision(self) -> str:  # type: ignore[override]
        return self.encoder.precision

    @property
    def verbose(self) -> bool:  # type: ignore[override]
        return self.encoder.verbose

    @property
    def takes_row_keys(self) -> bool:  # type: ignore[override]
        return self.encoder.takes_row_keys

    def _identity(self) -> tuple[str, ...]:
        identity = self.encoder._identity()
        if self.weights.base not in ((), identity):
            raise ValueError(
                f"The files of the model of {self.encoder!r} are others than when it was tuned. "
                "Restore them, or tune it again."
            )
        return (*identity, self.weights.digest)

    def _load(self, device: str, dtype: Any) -> Any:
        import torch

        model = self.encoder._load(device, dtype)
        state = {name: torch.tensor(array) for name, array in self.weights.arrays.items()}
        unknown = self._tower(model).load_state_dict(state, strict=False).unexpected_keys
        if unknown:
            raise ValueError(
                f"weights are of another model than {self.encoder!r}, which has no {unknown[0]!r}. "
                "Give the encoder that was tuned."
            )
        return model

    def _check_rows(self, X: Any) -> list[Any]:
        return self.encoder._check_rows(X)

    def _row_keys(self, rows: Sequence[Any], namespace: bytes) -> list[bytes]:
        return self.encoder._row_keys(rows, namespace)

    def _row_size(self, row: Any) -> int:
        return self.encoder._row_size(row)

    def _encode_rows(
        self, shared: SharedModel, rows: Sequence[Any], batch_size: int
    ) -> NDArray[np.floating]:
        return self.encoder._encode_rows(shared, rows, batch_size)

    def _encode_texts(
        self, shared: SharedModel, texts: Sequence[str], batch_size: int
    ) -> NDArray[np.floating]:
        return self.encoder._encode_texts(shared, texts, batch_size)

    def _tower(self, model: Any) -> Any:
        return self.encoder._tower(model)

    def _collate(self, model: Any) -> Callable[[Sequence[Any]], dict[str, Any]]:
        return self.encoder._collate(model)

    def _forward(self, model: Any, batch: dict[str, Any]) -> Any:
        return self.encoder._forward(model, batch)

    @property
    def _n_workers(self) -> int:
        return self.encoder._n_workers
