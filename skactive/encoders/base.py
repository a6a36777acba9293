"""Base class of the encoders: row cache, batches, out-of-memory errors and progress."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from hashlib import blake2b
from numbers import Integral
from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    clone,
)

from skactive._data.containers import row_blocks
from skactive._data.row_keys import row_keys
from skactive._utils.callbacks import CallbackSupportMixin, with_callbacks
from skactive._utils.compat import Interval, StrOptions
from skactive._utils.device import resolve_device
from skactive._utils.optional_imports import require
from skactive.encoders.cache import Embeddings, open_cache
from skactive.encoders.models import (
    SharedModel,
    forget_models,
    free_gpu_memory,
    is_out_of_memory,
    resolve_precision,
    shared_model,
)
from skactive.encoders.row_checks import cache_keys, check_texts, check_unicode, split_missing
from skactive.pools.lazy_rows import LazyRows
from skactive.pools.pool import Pool, as_pool
from skactive.pools.row_file import write_rows

_CHUNK = 16  # batches between two writes to the cache; an interruption loses at most these
_BAR_DELAY = 2.0  # seconds before the progress bar appears
_Encode = Callable[[SharedModel, Sequence[Any], int], NDArray[np.floating]]


class Encoder(
    CallbackSupportMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """A stateless transformer around a frozen model; embeddings are float32 rows of unit norm.

    A subclass defines the rows (`_check_rows`, `_row_keys`), the model (`_identity`, `_load`), and
    how a batch is encoded (`_encode_rows`, `_encode_texts`). This class looks rows up in the row
    cache, makes batches, halves a batch that does not fit into memory, reports the progress, and
    shares the loaded model.
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

    #: Whether `transform_with_keys` may be called. True if the row cache identifies rows by their
    #: row keys (see `skactive._data.row_keys.row_keys`), as it does for texts. Images have other
    #: keys.
    takes_row_keys: bool = False
    #: `transform` takes a pool as a whole, for a single progress bar.
    takes_pools = True

    def fit(self, X: Any = None, y: Any = None) -> Self:
        """Check the parameters; an encoder does not learn from data.

        Parameters
        ----------
        X : Ignored
            Not used, present for API consistency by convention.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        self
            The encoder.
        """
        self._validate_params()
        return self

    def transform(self, X: Any) -> Any:
        """Embed rows. Rows that are in the row cache are not encoded again.

        Parameters
        ----------
        X : list, array, Series, DataFrame of one column, or Pool, of n rows
            The rows. The documentation of the class describes what a row may be. A pool is read
            block by block.

        Returns
        -------
        ndarray of shape (n, d), float32, or Pool
            Rows of unit norm, in the order of X. For a pool, they are in a temporary file, or on
            the workers that have its rows; ``np.asarray`` reads them into memory.

        Raises
        ------
        TypeError, ValueError
            If the encoder does not support a row; the message names the row and the remedy.
        OSError
            If the model cannot be found, or the folder of the row cache cannot be used.
        """
        self._validate_params()
        X = as_pool(X)
        if isinstance(X, LazyRows):
            return self._embed_pool(X, None)
        rows = self._check_rows(X)
        return self._embed(rows, partial(self._row_keys, rows), self._encode_rows, self._row_size)

    def transform_with_keys(self, X: Any, row_keys: NDArray[np.bytes_]) -> Any:
        """Embed rows whose row keys are already computed.

        The result equals that of `transform`, which would compute the row keys from the rows. Call
        this method only if `takes_row_keys` is True.

        Parameters
        ----------
        X : list, array, Series, DataFrame of one column, or Pool, of n rows
            The rows, as in `transform`.
        row_keys : array of shape (n,), dtype S16
            Row keys of X, in the order of X, from `skactive._data.row_keys.row_keys`.

        Returns
        -------
        ndarray of shape (n, d), float32, or Pool
            As from `transform`.

        Raises
        ------
        TypeError, ValueError, OSError
            As in `transform`.
        """
        self._validate_params()
        if isinstance(X, LazyRows):
            return self._embed_pool(X, row_keys)
        rows = self._check_rows(X)
        return self._embed(rows, partial(cache_keys, row_keys), self._encode_rows, self._row_size)

    def encode_prompts(self, texts: Any) -> Embeddings:
        """Embed descriptions of classes, in the same space as the rows.

        Parameters
        ----------
        texts : list, array or Series of str, of n texts
            The descriptions.

        Returns
        -------
        ndarray of shape (n, d), float32
            Rows of unit norm, in the order of `texts`.
        """
        self._validate_params()
        prompts = check_texts(texts, "texts")
        return self._embed(prompts, partial(_prompt_keys, prompts), self._encode_texts, len)

    @abstractmethod
    def _check_rows(self, X: Any) -> list[Any]:
        """The rows as a list; raises an error for a row that is not supported."""

    @abstractmethod
    def _row_keys(self, rows: Sequence[Any], namespace: bytes) -> list[bytes]:
        """Keys of the rows in the row cache; `namespace` is a digest of the model, of 16 bytes."""

    @abstractmethod
    def _identity(self) -> tuple[str, ...]:
        """Model, revision, preprocessing: all that affects an embedding, but for the precision."""

    @abstractmethod
    def _load(self, device: str, dtype: Any) -> Any:
        """Load the model onto a device, in a torch dtype."""

    @abstractmethod
    def _encode_rows(
        self, shared: SharedModel, rows: Sequence[Any], batch_size: int
    ) -> NDArray[np.floating]:
        """Encode rows, `batch_size` at a time."""

    @abstractmethod
    def _encode_texts(
        self, shared: SharedModel, texts: Sequence[str], batch_size: int
    ) -> NDArray[np.floating]:
        """Encode prompts, `batch_size` at a time."""

    @abstractmethod
    def _tower(self, model: Any) -> Any:
        """The torch module that embeds rows, and that fine-tuning trains."""

    @abstractmethod
    def _collate(self, model: Any) -> Callable[[Sequence[Any]], dict[str, Any]]:
        """A picklable function that turns rows into the tensors of one batch."""

    @abstractmethod
    def _forward(self, model: Any, batch: dict[str, Any]) -> Any:
        """Embed a batch with gradients: a tensor (n, d) that equals the output of `transform`."""

    def _row_size(self, row: Any) -> int:
        """Relative cost of encoding a row; rows of similar size share a batch."""
        return len(row)

    @property
    def _n_workers(self) -> int:
        """Number of processes that make batches; 0 for the current process only."""
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
        return self._embed_rows(items, keys_of, encode, size_of, self._with_progress)

    @with_callbacks
    def _embed_pool(self, pool: Any, row_keys: NDArray[np.bytes_] | None) -> Pool:
        """Embeddings of a pool: in a temporary file, or on the workers that have its rows."""
        if pool.is_distributed:
            quiet = clone(self)
            quiet.verbose = False
            return pool.persist(quiet.transform)

        def embed_blocks() -> Iterator[Embeddings]:
            blocks = [range(*block.indices(len(pool))) for block in row_blocks(pool)]
            for block in self._with_progress(blocks):
                where = slice(block.start, block.stop)
                try:
                    rows = self._check_rows(pool[where])
                except (TypeError, ValueError) as error:
                    error.add_note(f"X starts at row {block.start} of the pool.")
                    raise
                keys_of = partial(self._row_keys, rows)
                if row_keys is not None:
                    keys_of = partial(cache_keys, row_keys[where])
                yield self._embed_rows(rows, keys_of, self._encode_rows, self._row_size, iter)

        return write_rows(embed_blocks())

    def _embed_rows(
        self,
        items: list[Any],
        keys_of: Callable[[bytes], list[bytes]],
        encode: _Encode,
        size_of: Callable[[Any], int],
        with_progress: Callable[[list[Any]], Iterator[Any]],
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

        missing, duplicates = split_missing(keys, hits)
        if isinstance(items[0], str):
            check_unicode(items, missing, "X")
        shared = self._shared_model(identity, device)
        # Longest rows first: batches need little padding, and if memory is too small, the first
        # batch shows it.
        missing.sort(key=lambda position: size_of(items[position]), reverse=True)
        out = None
        for chunk, encoded in self._encode_chunks(shared, items, missing, encode, with_progress):
            cache.put([keys[position] for position in chunk], encoded)
            if out is None:
                out = np.empty((len(items), encoded.shape[1]), np.float32)
            out[chunk] = encoded
        assert out is not None  # at least one row was missing
        if rows is not None:
            out[hits] = rows
        out[list(duplicates)] = out[list(duplicates.values())]
        return out

    def _shared_model(self, identity: tuple[str, ...], device: str) -> SharedModel:
        """The model of an identity that ends with the precision."""
        import torch

        dtype = getattr(torch, identity[-1])
        return shared_model((identity, device), lambda: self._load(device, dtype))

    def _encode_within(
        self, context: Callable[[Any], AbstractContextManager[None]], rows: list[Any]
    ) -> Embeddings:
        """Embed at least one row inside a context around the tower, without the row cache."""
        device = resolve_device(self.device)
        identity = (*self._identity(), resolve_precision(self.precision, device))
        shared = self._shared_model(identity, device)

        def encode(shared: SharedModel, rows: Sequence[Any], size: int) -> NDArray[np.floating]:
            with context(self._tower(shared.model)):
                return self._encode_rows(shared, rows, size)

        return _unit_rows(_encode_in_memory(encode, shared, rows, self.batch_size)[0])

    def _release(self) -> None:
        """Drop the loaded model from memory; it is loaded again when it is used again."""
        forget_models(self._identity())

    def _encode_chunks(
        self,
        shared: SharedModel,
        items: list[Any],
        order: list[int],
        encode: _Encode,
        with_progress: Callable[[list[Any]], Iterator[Any]],
    ) -> Iterator[tuple[list[int], Embeddings]]:
        """Encode the rows in the given order; yield positions and embeddings of _CHUNK batches."""
        step = _CHUNK * self.batch_size
        batch_size = self.batch_size
        for chunk in with_progress([order[i : i + step] for i in range(0, len(order), step)]):
            batch = [items[position] for position in chunk]
            rows, batch_size = _encode_in_memory(encode, shared, batch, batch_size)
            yield chunk, _unit_rows(rows)

    def _with_progress(self, chunks: list[Any]) -> Iterator[Any]:
        """Yield the chunks; report the progress to the callbacks, or in a progress bar."""
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


def _encode_in_memory(
    encode: _Encode, shared: SharedModel, items: list[Any], batch_size: int
) -> tuple[NDArray[np.floating], int]:
    """Encode, and halve `batch_size` until a batch fits into memory; return the size that fits."""
    while True:
        try:
            with shared.lock:
                return encode(shared, items, batch_size), batch_size
        except Exception as error:
            if batch_size == 1 or not is_out_of_memory(error):
                raise
        # Only after the except block: the error keeps the tensors that did not fit alive.
        free_gpu_memory()
        batch_size //= 2


def _unit_rows(rows: NDArray[np.floating]) -> Embeddings:
    rows = np.asarray(rows, np.float32)
    norm = np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
    if not np.isfinite(norm).all() or not norm.all():
        raise FloatingPointError(
            "The model returned an embedding that is zero or not finite. Large activations "
            "overflow in half precision: try precision='bfloat16' or precision='float32'."
        )
    return rows / norm
