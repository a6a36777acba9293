"""Checks that hold for the public methods, with messages that say what to do."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import assert_all_finite, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

_KINDS = {"b": "bool", "i": "number", "u": "number", "f": "number", "U": "str"}


def check_labels(y: Any, earlier: np.ndarray | None) -> np.ndarray:
    """Labels as an array of bool, numbers or str.

    Parameters
    ----------
    y : array-like of shape (n,)
        Labels of one kind.
    earlier : array or None
        Labels known already, whose kind they must share.

    Returns
    -------
    y : array of shape (n,)
        Never of dtype object.

    Raises
    ------
    ValueError
        If labels are missing, continuous, of mixed kinds, or of another kind than before.
    """
    if y is None:
        raise ValueError(
            "ActiveClassifier requires y to be passed, but the target y is None. Give the labelled "
            "rows and their labels."
        )
    if not isinstance(y, np.ndarray):
        y = np.asarray(y, dtype=object)  # numpy would turn ["a", nan] into two texts
    y = column_or_1d(y, warn=True)
    if y.dtype == object:
        y = _without_object(y)
    assert_all_finite(y, input_name="y")
    with few_labels():
        check_classification_targets(y)
    if earlier is not None and len(y) and _kind(y) != _kind(earlier):
        raise ValueError(
            f"y holds labels of type {_kind(y)} ({y[:3].tolist()}...), those known already are "
            f"{_kind(earlier)} ({earlier[:3].tolist()}...). Give labels of one type throughout."
        )
    return y


def union(*labels: np.ndarray | None) -> np.ndarray:
    """All labels that occur, sorted.

    Parameters
    ----------
    *labels : array or None
        Labels of one kind; None stands for none.

    Returns
    -------
    classes : array of shape (K,)
        Each once.
    """
    return np.unique(np.concatenate([part for part in labels if part is not None]))


def check_positions(positions: Any, n: int, name: str) -> np.ndarray:
    """Positions, or a boolean mask, as distinct int64 positions in 0 .. n-1.

    Parameters
    ----------
    positions : array-like of int or bool
        What the user gave.
    n : int
        How many rows there are.
    name : str
        The argument, for the message.

    Returns
    -------
    positions : int64 array
        In the order given.
    """
    positions = np.asarray(positions)
    if positions.dtype == bool:
        if positions.shape != (n,):
            raise ValueError(f"{name} is a mask of shape {positions.shape}, expected ({n},).")
        return np.flatnonzero(positions)
    if positions.size == 0:
        return np.empty(0, dtype=np.int64)
    if positions.ndim != 1 or positions.dtype.kind not in "iu":
        raise ValueError(
            f"{name} must be a 1-D array of positions or a boolean mask; got shape "
            f"{positions.shape}, dtype {positions.dtype}."
        )
    outside = positions[(positions < 0) | (positions >= n)]
    if len(outside):
        raise ValueError(f"{name} holds {outside[0]}, but positions go from 0 to {n - 1}.")
    return positions.astype(np.int64)


def check_count(n: Any, name: str = "n") -> int:
    """A whole number of at least one.

    Parameters
    ----------
    n : int
        What the user gave.
    name : str
        The argument, for the message.

    Returns
    -------
    n : int
        The same.
    """
    if not isinstance(n, Integral) or isinstance(n, bool) or n < 1:
        raise ValueError(f"{name} must be a whole number of at least 1; got {n!r}.")
    return int(n)


@contextmanager
def few_labels() -> Iterator[None]:
    """Keep scikit-learn from doubting that y is a class label where labels are few."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The number of unique classes is greater")
        yield


def _kind(y: np.ndarray) -> str:
    return _KINDS.get(y.dtype.kind, str(y.dtype))


def _without_object(y: np.ndarray) -> np.ndarray:
    missing = [i for i, label in enumerate(y) if _is_missing(label)]
    if missing:
        raise ValueError(
            f"Input y contains NaN or None, at position {missing[0]}. ActiveClassifier takes "
            "labelled rows only: leave the others out of X and y."
        )
    kinds = {_kind(np.asarray(label)) for label in y}
    if len(kinds) > 1:
        names = sorted({type(label).__name__ for label in y})
        raise ValueError(f"y mixes labels of types {', '.join(names)}. Give labels of one type.")
    plain = np.array(y.tolist()) if all(np.ndim(label) == 0 for label in y) else y
    if plain.dtype == object or plain.ndim != 1:
        raise ValueError(f"Unknown label type: {type(y[0]).__name__}. Labels are str, int or bool.")
    return plain


def _is_missing(label: Any) -> bool:
    itself = label == label  # NaN says no, pandas' NA cannot say
    return label is None or not isinstance(itself, bool | np.bool_) or not itself
