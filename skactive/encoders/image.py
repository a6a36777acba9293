"""Images (and texts about them) to embeddings, with an open_clip model."""

import os
import pickle
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from os import PathLike
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from skactive._extras import require
from skactive.encoders.base import Encoder
from skactive.encoders.clip_weights import ClipFiles, find_clip_model
from skactive.encoders.models import SharedModel
from skactive.encoders.rows import check_column

_OPEN_CLIP_PRECISION = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}
_DECODERS = min(8, os.cpu_count() or 1)


class ClipEncoder(Encoder):
    """Embed images with a frozen CLIP model of open_clip; every image once, ever.

    A row is a PIL image, a uint8 array of shape (H, W) or (H, W, C) with 1, 3 or 4 channels, or the
    path of an image file. One uint8 array of shape (n, H, W, C) holds n rows.

    Parameters
    ----------
    model : str or path, default="ViT-B-32"
        A name that open_clip knows, "hf-hub:owner/name", or a folder saved by open_clip.
    pretrained : str, path or None, default="laion2b_s34b_b79k"
        The weights for that name: a tag that open_clip knows, or a checkpoint (.safetensors, or
        one that torch can read without unpickling). Ignored where `model` is a folder or
        starts with "hf-hub:", which bring their own.
    device : str, default="auto"
        "auto" takes CUDA, then MPS, then the CPU; or a torch device such as "cuda:1".
    batch_size : int, default=64
        Images encoded at once. Where a GPU has too little memory, it is halved and the work goes
        on.
    cache_dir : str, path or None, default=None
        Folder of a row cache that outlives the process and may be shared by several. None keeps
        the rows in memory, at most 1 GiB, shared by all encoders of this process. Files are known
        by path, size and time of change, other images by their pixels.
    precision : {"auto", "float32", "float16", "bfloat16"}, default="auto"
        What the model computes in; "auto" is float16 on CUDA and float32 elsewhere. Embeddings are
        float32 in any case.
    verbose : bool, default=True
        Show a progress bar where encoding takes longer than two seconds. With callbacks (see
        `set_callbacks`) the callbacks are told instead.

    Notes
    -----
    The model is loaded when first needed and shared by all encoders of this process with the same
    model, device and precision. It is no part of a pickle.

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
        verbose: bool = True,
    ) -> None:
        self.model = model
        self.pretrained = pretrained
        self.device = device
        self.batch_size = batch_size
        self.cache_dir = cache_dir
        self.precision = precision
        self.verbose = verbose

    def _check_rows(self, X: Any) -> list["_Image"]:
        if not (isinstance(X, np.ndarray) and X.ndim == 4):
            X = check_column(X, "X")
        return [_Image(position, _check_image(image, position)) for position, image in enumerate(X)]

    def _row_keys(self, rows: Sequence["_Image"], namespace: bytes) -> list[bytes]:
        return [row.key(namespace) for row in rows]

    def _row_size(self, row: "_Image") -> int:
        return 1  # all are scaled to one size: keep their order

    def _files(self) -> ClipFiles:
        return find_clip_model(self.model, self.pretrained)

    def _identity(self) -> tuple[str, ...]:
        files = self._files()
        return ("clip", files.revision, repr(sorted(files.settings.items())))

    def _load(self, device: str, dtype: Any) -> Any:
        open_clip, files = require("open_clip"), self._files()
        precision = _OPEN_CLIP_PRECISION[str(dtype).removeprefix("torch.")]
        try:
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
                f"pretrained={str(self.pretrained)!r} holds more than arrays; unpickling it could "
                "run any code, so it is not loaded. Save its state_dict with "
                "safetensors.torch.save_file where you trust it, and give that file."
            ) from error
        return _Clip(
            network.eval(), preprocess, open_clip.get_tokenizer(files.model), device, dtype
        )

    def _encode_rows(
        self, shared: SharedModel, rows: Sequence["_Image"], batch_size: int
    ) -> NDArray[np.floating]:
        return shared.model.encode_images(rows, batch_size)

    def _encode_texts(
        self, shared: SharedModel, texts: Sequence[str], batch_size: int
    ) -> NDArray[np.floating]:
        return shared.model.encode_texts(texts, batch_size)


@dataclass(frozen=True)
class _Image:
    """One row: where it stands, and a path or the pixels."""

    position: int
    source: Any

    def key(self, namespace: bytes) -> bytes:
        if isinstance(self.source, str):
            return _digest(self._file_stamp(), namespace, b"file")
        pixels = np.ascontiguousarray(self.pixels())
        return _digest(str(pixels.shape).encode(), namespace, b"image", pixels)

    def pixels(self) -> NDArray[np.uint8]:
        if isinstance(self.source, np.ndarray):
            return self.source
        return np.asarray(self.open().convert("RGB"))

    def open(self) -> Any:
        """The image as PIL has it, its pixels read."""
        pillow = require("PIL.Image")
        if isinstance(self.source, np.ndarray):
            return pillow.fromarray(self.source)
        try:
            if isinstance(self.source, str):
                with pillow.open(self.source) as image:
                    return image.convert("RGB")
            self.source.load()
        except (OSError, ValueError, SyntaxError) as error:  # what PIL's decoders raise
            raise ValueError(
                f"X[{self.position}]: {self.source!r} cannot be read as an image ({error}). "
                "Repair the file, or leave this row out."
            ) from error
        return self.source

    def _file_stamp(self) -> bytes:
        path = os.path.abspath(os.path.expanduser(self.source))
        try:
            status = os.stat(path)
        except OSError as error:
            raise FileNotFoundError(
                f"X[{self.position}]: the image {self.source!r} cannot be read "
                f"({error.strerror}; looked for {path}). Correct the path, or leave this row out."
            ) from error
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(
                f"X[{self.position}]: {self.source!r} is not a file. "
                "Give the paths of image files, for example sorted(Path(folder).glob('*.jpg'))."
            )
        return os.fsencode(f"{path}\0{status.st_size}\0{status.st_mtime_ns}")


@dataclass(frozen=True)
class _Clip:
    network: Any
    preprocess: Any
    tokenizer: Any
    device: str
    dtype: Any

    def encode_images(self, rows: Sequence[_Image], batch_size: int) -> NDArray[np.floating]:
        import torch

        out = []
        with torch.inference_mode(), ThreadPoolExecutor(_DECODERS) as pool:
            for batch in self._decoded_ahead(pool, rows, batch_size):
                pixels = torch.stack(batch).to(self.device, self.dtype)
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

    def _decoded_ahead(
        self, pool: ThreadPoolExecutor, rows: Sequence[_Image], batch_size: int
    ) -> Iterator[list[Any]]:
        """Batches ready for the network; the next is decoded while one is encoded."""
        coming: list[Any] = []
        for start in range(0, len(rows) + batch_size, batch_size):
            batch = [pool.submit(self._decode, row) for row in rows[start : start + batch_size]]
            if coming:
                yield [decoded.result() for decoded in coming]
            coming = batch

    def _decode(self, row: _Image) -> Any:
        return self.preprocess(row.open())


def _check_image(image: Any, position: int) -> Any:
    if isinstance(image, (str, PathLike)):
        return os.fsdecode(image)
    if isinstance(image, np.ndarray):
        if image.ndim == 3 and image.shape[2] == 1:
            image = image[:, :, 0]
        shape_fits = image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (3, 4))
        if image.dtype == np.uint8 and image.size and shape_fits:
            return image
        raise TypeError(
            f"X[{position}] is an array of shape {image.shape} and dtype {image.dtype}. An image "
            "is uint8, 0 to 255, of shape (H, W) or (H, W, C), C being 1, 3 or 4: convert it first."
        )
    if isinstance(image, require("PIL.Image").Image):
        return image
    raise TypeError(
        f"X[{position}] is {image!r} (a {type(image).__name__}), not an image. Give PIL images, "
        "uint8 arrays of shape (H, W, 3), or paths of image files."
    )


def _digest(head: bytes, namespace: bytes, kind: bytes, data: Any = b"") -> bytes:
    digest = blake2b(head, digest_size=16, salt=namespace, person=kind)
    digest.update(data)
    return digest.digest()
