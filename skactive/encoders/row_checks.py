"""Checks of the rows that are given to an encoder, and keys of rows in the row cache."""

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

import numpy as np
from numpy.typing import NDArray


def check_texts(X: Any, name: str) -> list[str]:
    """Convert a container with one text per row to a list of str.

    Parameters
    ----------
    X : list, array, Series, or DataFrame of one column
        The texts.
    name : str
        Name of the argument, for the message.

    Returns
    -------
    list of str

    Raises
    ------
    TypeError
        If X is a single text or not a collection of rows, or if a row is not a str; the message
        names the row.
    ValueError
        If X has more than one column.
    """
    texts = check_column(X, name)
    if not all(map(str.__instancecheck__, texts)):
        position, text = next((i, t) for i, t in enumerate(texts) if not isinstance(t, str))
        raise TypeError(
            f"{name}[{position}] is {_brief(text)}, not a str. {_ADVICE.get(type(text), _MISSING)}"
        )
    return texts


def check_column(X: Any, name: str) -> list[Any]:
    """Convert a container to a list with one entry per row.

    A single text, several columns, and containers without an order raise an error.
    """
    if isinstance(X, (str, bytes, Mapping, Set)) or not hasattr(X, "__iter__"):
        raise TypeError(
            f"{name} is {_brief(X)}; it must be a list or array with one entry per row. For a "
            "single row, give a list of one, [row]."
        )
    if isinstance(X, Iterator):
        raise TypeError(
            f"{name} is a {type(X).__name__}, which is read only once. Give list(...) of its rows, "
            "or write them to a Parquet file."
        )
    if hasattr(X, "columns"):  # a DataFrame of any library
        if len(X.columns) != 1:
            raise ValueError(
                f"{name} has {len(X.columns)} columns; an encoder takes one. Select one with "
                f"{name}['column'], or use a ColumnTransformer."
            )
        X = X[X.columns[0]]
    if isinstance(X, np.ndarray) and X.ndim == 2 and X.shape[1] == 1:
        X = X[:, 0]
    if isinstance(X, np.ndarray) and X.ndim != 1:
        raise ValueError(
            f"{name} has shape {X.shape}; an encoder takes one column. Give shape (n,)."
        )
    return X.tolist() if hasattr(X, "tolist") else list(X)


def check_unicode(texts: Sequence[str], positions: Sequence[int], name: str) -> None:
    """Raise an error for texts that cannot be encoded as UTF-8, such as a lone surrogate.

    Parameters
    ----------
    texts : sequence of str
        All texts.
    positions : sequence of int
        Positions of the texts to check.
    name : str
        Name of the argument, for the message.

    Raises
    ------
    ValueError
        If a text cannot be encoded; the message names the row.
    """
    for position in positions:
        try:
            texts[position].encode()
        except UnicodeEncodeError as error:
            raise ValueError(
                f"{name}[{position}] cannot be encoded as UTF-8 ({error}). Repair it, for example "
                "with text.encode('utf-8', 'replace').decode()."
            ) from error


def cache_keys(row_keys: NDArray[np.bytes_], namespace: bytes) -> list[bytes]:
    """Keys of rows in the row cache: each row key, combined with the namespace by exclusive or.

    Parameters
    ----------
    row_keys : array of shape (n,), dtype S16
        Digests of the rows, from `skactive._data.row_keys.row_keys`.
    namespace : bytes of length 16
        Digest of the model and its settings.

    Returns
    -------
    list of n bytes of length 16
    """
    mixed = row_keys.view(np.uint64).reshape(-1, 2) ^ np.frombuffer(namespace, np.uint64)
    raw = mixed.tobytes()
    return [raw[start : start + 16] for start in range(0, len(raw), 16)]


def split_missing(keys: list[bytes], hits: NDArray[np.int64]) -> tuple[list[int], dict[int, int]]:
    """Positions to compute: one for each key that a row cache does not contain.

    Parameters
    ----------
    keys : list of n bytes
        Keys of rows, perhaps equal ones among them.
    hits : int64 array
        Positions of the keys that the row cache contains.

    Returns
    -------
    missing : list of int
        First position of each other key, increasing.
    duplicates : dict of int to int
        Every later position of such a key, and its first one.
    """
    known = np.zeros(len(keys), bool)
    known[hits] = True
    first: dict[bytes, int] = {}
    duplicates = {}
    for position in np.flatnonzero(~known).tolist():
        earlier = first.setdefault(keys[position], position)
        if earlier != position:
            duplicates[position] = earlier
    return list(first.values()), duplicates


def _brief(value: Any) -> str:
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} (a {type(value).__name__})"


_MISSING = "Drop the rows without text, or fill them, for example with Series.fillna('')."
_ADVICE = {bytes: "Decode it first, for example with text.decode('utf-8')."}
