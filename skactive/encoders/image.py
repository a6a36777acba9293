"""ClipEncoder: embeddings of images, and of texts about them, from an open_clip model."""

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from numbers import Integral
from os import PathLike
from typing import Any, ClassVar

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import NDArray

from skactive._data.images import ImageRow, check_image, read_images, stack_pixels
from skactive._utils.optional_imports import require
from skactive.encoders.base import Encoder
from skactive.encoders.clip_weights import ClipFiles, find_clip_model
from skactive.encoders.models import SharedModel
from skactive.encoders.row_checks import check_column
from skactive.encoders.weights import load_errors_name

_OPEN_CLIP_PRECISION = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}


class ClipEncoder(Encoder):
    """Embed images with a frozen CLIP model of open_clip.

    A row is a PIL image, a uint8 array of shape (H, W) or (H, W, C) with 1, 3 or 4 channels, or the
    path of an image file. A uint8 array of shape (n, H, W, C) holds n rows. Embeddings are kept in
    a row cache, so that each image is encoded only once.

    Parameters
    ----------
    model : str or path, default="ViT-B-32"
        A name that open_clip knows, "hf-hub:owner/name", or a folder saved by open_clip.
    pretrained : str, path or None, default="laion2b_s34b_b79k"
        Weights of the model: a tag that open_clip knows, or the path of a checkpoint
        (.safetensors, or a file that torch can read without unpickling code). Ignored if `model`
        is a folder or starts with "hf-hub:", because these contain their own weights.
    device : str, default="auto"
        A torch device such as "cuda:1". "auto" is CUDA if available, else MPS, else the CPU.
    batch_size : int, default=64
        Number of images encoded at a time. If a GPU runs out of memory, it is halved.
    cache_dir : str, path or None, default=None
        Folder of a row cache on disk, which remains after the process ends and which several
        processes can share. None keeps the rows in memory, at most 1 GiB, shared by all encoders of
        this process. The cache identifies a file by its path, size and modification time, and any
        other image by its pixels.
    precision : {"auto", "float32", "float16", "bfloat16"}, default="auto"
        Data type of the computation; "auto" is float16 on CUDA and float32 elsewhere. Embeddings
        are always returned as float32.
    n_jobs : int or None, default=None
        Number of processes that read and scale images; -1 is one per core. None uses threads of
        the current process. Threads are sufficient if the model is slower than reading the images,
        as is usual without a GPU.
    verbose : bool, default=True
        Show a progress bar if encoding takes longer than two seconds. An encoder with callbacks
        (see `set_callbacks`) notifies the callbacks instead.

    Notes
    -----
    The model is loaded on first use, and shared by all encoders of this process with the same
    model, device and precision. A pickle of the encoder does not contain the model.

    Examples
    --------
    >>> from skactive.encoders import ClipEncoder
    >>> encoder = ClipEncoder(cache_dir="embeddings")
    >>> embeddings = encoder.transform(["cat.jpg", "dog.jpg"])  # doctest: +SKIP
    >>> prompts = encoder.encode_prompts(["a photo of a cat"])  # doctest: +SKIP
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Encoder._parameter_constraints,
        "pretrained": [str, PathLike, None],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        model: str | PathLike[str] = "ViT-B-32",
        *,
        pretrained: str | PathLike[str] | None = "laion2b_s34b_b79k",
        device: str = "auto",
        batch_size: int = 64,
        cache_dir: str | PathLike[str] | None = None,
        precision: str = "auto",
        n_jobs: int | None = None,
        verbose: bool = True,
    ) -> None:
        self.model = model
        self.pretrained = pretrained
        self.device = device
        self.batch_size = batch_size
        self.cache_dir = cache_dir
        self.precision = precision
        self.n_jobs = n_jobs
        self.verbose = verbose

    def _check_rows(self, X: Any) -> list[ImageRow]:
        if not (isinstance(X, np.ndarray) and X.ndim == 4):
            X = check_column(X, "X")
        return [
            ImageRow(position, check_image(image, position)) for position, image in enumerate(X)
        ]

    def _row_keys(self, rows: Sequence[ImageRow], namespace: bytes) -> list[bytes]:
        return [row.key(namespace) for row in rows]

    def _row_size(self, row: ImageRow) -> int:
        return 1  # all images are scaled to one size, so sorting them by size is useless

    def _files(self) -> ClipFiles:
        return find_clip_model(self.model, self.pretrained)

    def _identity(self) -> tuple[str, ...]:
        files = self._files()
        return ("clip", files.revision, repr(sorted(files.settings.items())))

    def _load(self, device: str, dtype: Any) -> Any:
        open_clip, files = require("open_clip"), self._files()
        precision = _OPEN_CLIP_PRECISION[str(dtype).removeprefix("torch.")]
        try:
            with load_errors_name(files.weights or files.model):
                network, preprocess = open_clip.create_model_from_pretrained(
                    files.model,
                    pretrained=files.weights,
                    precision=precision,
                    device=device,
                    weights_only=True,
                    force_quick_gelu=files.settings.get("quick_gelu", False),
                    image_mean=files.settings.get("mean"),
                    image_std=files.settings.get("std"),
                    image_interpolation=files.settings.get("interpolation"),
                    image_resize_mode=files.settings.get("resize_mode"),
                )
        except pickle.UnpicklingError as error:
            raise ValueError(
                f"pretrained={str(self.pretrained)!r} holds more than arrays. It is not loaded, "
                "since unpickling it could run any code. If you trust the file, load it elsewhere. "
                "Save its state_dict with safetensors.torch.save_file, and give the new file."
            ) from error
        return _Clip(
            network.eval(), preprocess, open_clip.get_tokenizer(files.model), device, dtype
        )

    def _encode_rows(
        self, shared: SharedModel, rows: Sequence[ImageRow], batch_size: int
    ) -> NDArray[np.floating]:
        return shared.model.encode_images(rows, batch_size, self._n_workers)

    def _encode_texts(
        self, shared: SharedModel, texts: Sequence[str], batch_size: int
    ) -> NDArray[np.floating]:
        return shared.model.encode_texts(texts, batch_size)

    def _tower(self, model: "_Clip") -> Any:
        return model.network.visual

    def _collate(self, model: "_Clip") -> Callable[[Sequence[ImageRow]], dict[str, Any]]:
        return partial(stack_pixels, model.preprocess)

    def _forward(self, model: "_Clip", batch: dict[str, Any]) -> Any:
        return model.network.encode_image(batch["pixels"].to(model.dtype), normalize=True).float()

    @property
    def _n_workers(self) -> int:
        return 0 if self.n_jobs is None else effective_n_jobs(self.n_jobs)


@dataclass(frozen=True)
class _Clip:
    network: Any
    preprocess: Any
    tokenizer: Any
    device: str
    dtype: Any

    def encode_images(
        self, rows: Sequence[ImageRow], batch_size: int, n_workers: int
    ) -> NDArray[np.floating]:
        import torch

        out = []
        with torch.inference_mode():
            for batch in read_images(self.preprocess, rows, batch_size, n_workers):
                pixels = batch.to(self.device, self.dtype)
                out.append(self.network.encode_image(pixels, normalize=True).float().cpu())
        return torch.cat(out).numpy()

    def encode_texts(self, texts: Sequence[str], batch_size: int) -> NDArray[np.floating]:
        import torch

        out = []
        with torch.inference_mode():
            for start in range(0, len(texts), batch_size):
                tokens = self.tokenizer(list(texts[start : start + batch_size])).to(self.device)
                out.append(self.network.encode_text(tokens, normalize=True).float().cpu())
        return torch.cat(out).numpy()
