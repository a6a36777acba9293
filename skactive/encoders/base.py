"""What every encoder does: check, look up, encode what is new, remember."""

from abc import abstractmethod
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import partial
from hashlib import blake2b
from numbers import Integral
from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin

from skactive._data.row_keys import row_keys
from skactive._utils.callbacks import CallbackSupportMixin, with_callbacks
from skactive._utils.compat import Interval, StrOptions
from skactive._utils.device import resolve_device
from skactive._utils.optional_imports import require
from skactive.encoders.cache import Embeddings, open_cache
from skactive.encoders.models import (
    SharedModel,
    free_gpu_memory,
    is_out_of_memory,
    resolve_precision,
    shared_model,
)
from skactive.encoders.row_checks import cache_keys, check_texts, check_unicode

_CHUNK = 16  # batches between two writes to the cache: what an interruption can cost
_BAR_DELAY = 2.0  # seconds
_Encode = Callable[[SharedModel, Sequence[Any], int], NDArray[np.floating]]


class Encoder(
    CallbackSupportMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """A frozen model as a stateless transformer: rows in, float32 rows of unit norm out.

    A subclass says what a row is (`_check_rows`, `_row_keys`), which model it is (`_identity`,
    `_load`), and how a batch is encoded (`_encode_rows`, `_encode_texts`). Looking up, batching,
    halving a batch that does not fit, progress and sharing the model are done here.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "model": [str, PathLike],
        "device": [str],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "cache_dir": [str, PathLike, None],
        "precision": [StrOptions({"auto", "float32", "float16", "bfloat16"})],
        "verbose": ["boolean"],
    }

    model: str | PathLike[str]
    device: str
    batch_size: int
    cache_dir: str | PathLike[str] | None
    precision: str
    verbose: bool

    #: Whether the embedding of a row depends on its row key alone, as that of a text does.
    takes_row_keys: bool = False

    def fit(self, X: Any = None, y: Any = None) -> Self:
        """Do nothing but check the parameters: there is nothing to learn.

        Parameters
        ----------
        X : ignored
            Here for the API of scikit-learn.
        y : ignored
            Here for the API of scikit-learn.

        Returns
        -------
        self
            The encoder.
        """
        self._validate_params()
        return self

    def transform(self, X: Any) -> Embeddings:
        """Embed rows; those seen before come from the row cache.

        Parameters
        ----------
        X : list, array, Series, or DataFrame of one column, of n rows
            What the encoder takes as a row: see the class.

        Returns
        -------
        ndarray of shape (n, d), float32
            Rows of unit norm, in the order of X.

        Raises
        ------
        TypeError, ValueError
            If a row is not what the encoder takes; the message names the row and what to do.
        OSError
            If the model, or the folder of the row cache, cannot be reached.
        """
        self._validate_params()
        rows = self._check_rows(X)
        return self._embed(rows, partial(self._row_keys, rows), self._encode_rows, self._row_size)

    def transform_with_keys(self, X: Any, row_keys: NDArray[np.bytes_]) -> Embeddings:
        """As `transform`, for rows whose keys are known; only where `takes_row_keys`.

        Parameters
        ----------
        X : list, array or Series of n rows
            As in `transform`.
        row_keys : array of shape (n,), dtype S16
            Digests of the rows.

        Returns
        -------
        ndarray of shape (n, d), float32
            Rows of unit norm, in the order of X.
        """
        self._validate_params()
        rows = self._check_rows(X)
        return self._embed(rows, partial(cache_keys, row_keys), self._encode_rows, self._row_size)

    def encode_prompts(self, texts: Any) -> Embeddings:
        """Embed descriptions of classes into the space of the rows.

        Parameters
        ----------
        texts : list, array or Series of str, of n texts
            The descriptions.

        Returns
        -------
        ndarray of shape (n, d), float32
            Rows of unit norm.
        """
        self._validate_params()
        prompts = check_texts(texts, "texts")
        return self._embed(prompts, partial(_prompt_keys, prompts), self._encode_texts, len)

    @abstractmethod
    def _check_rows(self, X: Any) -> list[Any]:
        """The rows as a list, or an error that names what is wrong."""

    @abstractmethod
    def _row_keys(self, rows: Sequence[Any], namespace: bytes) -> list[bytes]:
        """A key for the content of each row."""

    @abstractmethod
    def _identity(self) -> tuple[str, ...]:
        """All that decides an embedding, except the precision: model, revision, preprocessing."""

    @abstractmethod
    def _load(self, device: str, dtype: Any) -> Any:
        """Load the model."""

    @abstractmethod
    def _encode_rows(
        self, shared: SharedModel, rows: Sequence[Any], batch_size: int
    ) -> NDArray[np.floating]:
        """Encode rows, batch_size at once."""

    @abstractmethod
    def _encode_texts(
        self, shared: SharedModel, texts: Sequence[str], batch_size: int
    ) -> NDArray[np.floating]:
        """Encode prompts, batch_size at once."""

    @abstractmethod
    def _tower(self, model: Any) -> Any:
        """The torch module that makes embeddings of rows: what fine-tuning trains."""

    @abstractmethod
    def _collate(self, model: Any) -> Callable[[Sequence[Any]], dict[str, Any]]:
        """What turns rows into tensors of one batch; it can be sent to a worker process."""

    @abstractmethod
    def _forward(self, model: Any, batch: dict[str, Any]) -> Any:
        """Embed a batch with gradients: a tensor (n, d) of unit rows, those of `transform`."""

    def _row_size(self, row: Any) -> int:
        """What a row costs to encode, up to a factor; rows of like size share a batch."""
        return len(row)

    @property
    def _n_workers(self) -> int:
        """Processes that make batches; 0 stands for this one."""
        return 0

    @property
    def _n_features_out(self) -> int:
        return self.encode_prompts([" "]).shape[1]

    @with_callbacks
    def _embed(
        self,
        items: list[Any],
        keys_of: Callable[[bytes], list[bytes]],
        encode: _Encode,
        size_of: Callable[[Any], int],
    ) -> Embeddings:
        if not items:
            return np.empty((0, self._n_features_out), np.float32)
        device = resolve_device(self.device)
        precision = resolve_precision(self.precision, device)
        identity = (*self._identity(), precision)
        cache = open_cache(self.cache_dir)
        keys = keys_of(blake2b(repr(identity).encode(), digest_size=16).digest())
        hits, rows = cache.get(keys)
        if rows is not None and len(hits) == len(items):
            return rows

        first, copies = _first_of_each(keys, hits)
        if isinstance(items[0], str):
            check_unicode(items, first, "X")
        shared = self._shared_model(identity, device, precision)
        # Longest first: batches are padded little, and memory runs out early or never.
        first.sort(key=lambda position: size_of(items[position]), reverse=True)
        out = None
        for chunk, fresh in self._chunks(shared, items, first, encode):
            cache.put([keys[position] for position in chunk], fresh)
            if out is None:
                out = np.empty((len(items), fresh.shape[1]), np.float32)
            out[chunk] = fresh
        assert out is not None  # at least one row was missing
        if rows is not None:
            out[hits] = rows
        out[list(copies)] = out[list(copies.values())]
        return out

    def _shared_model(
        self, identity: tuple[Hashable, ...], device: str, precision: str
    ) -> SharedModel:
        import torch

        return shared_model(
            (identity, device), lambda: self._load(device, getattr(torch, precision))
        )

    def _chunks(
        self,
        shared: SharedModel,
        items: list[Any],
        order: list[int],
        encode: _Encode,
    ) -> Iterator[tuple[list[int], Embeddings]]:
        """Encode in that order; yield positions with their rows, _CHUNK batches at a time."""
        step = _CHUNK * self.batch_size
        batch_size = self.batch_size
        for chunk in self._tracked([order[i : i + step] for i in range(0, len(order), step)]):
            batch = [items[position] for position in chunk]
            rows, batch_size = _encode_fitting(encode, shared, batch, batch_size)
            yield chunk, _unit_rows(rows)

    def _tracked(self, chunks: list[list[int]]) -> Iterator[list[int]]:
        """The chunks; whoever waits is told how many are done."""
        if getattr(self, "_skl_callbacks", None):
            context = self._init_callback_context("transform", max_subtasks=len(chunks))
            context.call_on_fit_task_begin(estimator=self)
            for chunk in chunks:
                task = context.subcontext("chunk")
                task.call_on_fit_task_begin(estimator=self)
                yield chunk
                task.call_on_fit_task_end(estimator=self)
            context.call_on_fit_task_end(estimator=self)
            return
        with require("tqdm").tqdm(
            total=sum(map(len, chunks)),
            desc=type(self).__name__,
            unit="row",
            delay=_BAR_DELAY,
            disable=not self.verbose,
        ) as bar:
            for chunk in chunks:
                yield chunk
                bar.update(len(chunk))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.no_validation = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def _prompt_keys(texts: Sequence[str], namespace: bytes) -> list[bytes]:
    return cache_keys(row_keys(texts), blake2b(namespace + b"prompt", digest_size=16).digest())


def _first_of_each(keys: list[bytes], hits: NDArray[np.int64]) -> tuple[list[int], dict[int, int]]:
    """Positions to encode, one for each new key; and the others, with the position they equal."""
    known = np.zeros(len(keys), bool)
    known[hits] = True
    seen: dict[bytes, int] = {}
    copies = {}
    for position in np.flatnonzero(~known).tolist():
        earlier = seen.setdefault(keys[position], position)
        if earlier != position:
            copies[position] = earlier
    return list(seen.values()), copies


def _encode_fitting(
    encode: _Encode, shared: SharedModel, items: list[Any], batch_size: int
) -> tuple[NDArray[np.floating], int]:
    """Encode with the largest halving of batch_size that fits; returns it for the next call."""
    while True:
        try:
            with shared.lock:
                return encode(shared, items, batch_size), batch_size
        except Exception as error:
            if batch_size == 1 or not is_out_of_memory(error):
                raise
        # Not before here: the error holds the tensors that did not fit.
        free_gpu_memory()
        batch_size //= 2


def _unit_rows(rows: NDArray[np.floating]) -> Embeddings:
    rows = np.asarray(rows, np.float32)
    norm = np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
    if not np.isfinite(norm).all() or not norm.all():
        raise FloatingPointError(
            "The model gave an embedding that is not finite, or zero. In half precision large "
            "activations overflow: try precision='bfloat16' or precision='float32'."
        )
    return rows / norm
