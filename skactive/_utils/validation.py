"""Validation of arguments: rows, labels, positions and counts."""

import warnings
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import is_regressor
from sklearn.utils import assert_all_finite, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from skactive._utils.compat import HasMethods, n_rows
from skactive._utils.missing_values import is_missing

_KINDS = {"b": "bool", "i": "number", "u": "number", "f": "number", "U": "str"}


class _Classifier(HasMethods):
    """Constraint: an object with ``fit`` and ``predict_proba``.

    A StackingClassifier, or a Pipeline that ends in one, has the latter only after its fit.
    """

    def __init__(self) -> None:
        super().__init__(["fit", "predict_proba"])

    def is_satisfied_by(self, val: Any) -> bool:
        if super().is_satisfied_by(val):
            return True
        from sklearn.ensemble import StackingClassifier  # not needed by most programs
        from sklearn.pipeline import Pipeline

        last = val[-1] if isinstance(val, Pipeline) else val
        return isinstance(last, StackingClassifier) and last.final_estimator is None

    def __str__(self) -> str:
        return f"{super().__str__()} (around an SVC, CalibratedClassifierCV has one)"


class _Regressor(HasMethods):
    """Constraint: an object with ``fit`` and ``predict``; a regressor may hide the latter.

    A StackingRegressor has ``predict`` only after its fit.
    """

    def __init__(self) -> None:
        super().__init__(["fit", "predict"])

    def is_satisfied_by(self, val: Any) -> bool:
        if super().is_satisfied_by(val):
            return True
        return hasattr(val, "__sklearn_tags__") and hasattr(val, "fit") and is_regressor(val)


A_CLASSIFIER = _Classifier()
A_REGRESSOR = _Regressor()


def check_is_container(X: Any, name: str) -> None:
    """Raise an error if X is not a container of rows, but a single text, None or a generator.

    Parameters
    ----------
    X : object
        Argument to check.
    name : str
        Name of the argument, for the message.
    """
    if isinstance(X, Set):
        raise ValueError(f"{name} is a {type(X).__name__}, whose rows have no order. Give a list.")
    has_rows = hasattr(X, "shape") or (hasattr(X, "__len__") and not isinstance(X, Mapping))
    if isinstance(X, str | bytes) or not (has_rows or hasattr(X, "__array__")):
        given = "None" if X is None else f"one {type(X).__name__}"
        once = ""
        if isinstance(X, Iterator):
            once = " An iterator is read only once: write its rows to a Parquet file or a list."
        raise ValueError(
            f"{name} is {given}, not a sequence of rows. Give a list, an array, a DataFrame or a "
            f"Pool.{once}"
        )


def check_one_label_per_row(X: Any, y: Any, X_name: str = "X", y_name: str = "y") -> None:
    """Raise an error if X and y differ in length.

    Parameters
    ----------
    X : container of n rows
        The rows.
    y : sequence of n labels
        Labels of the rows.
    X_name, y_name : str, default="X", "y"
        Names of the arguments, for the message.
    """
    if n_rows(X) != len(y):
        raise ValueError(
            f"{X_name} has {n_rows(X)} rows, but {y_name} has {len(y)} labels: inconsistent "
            "numbers of samples. Give one label for each row."
        )


def check_labels(y: Any, earlier: np.ndarray | None, name: str = "y") -> np.ndarray:
    """Check labels and convert them to an array of bool, numbers or str.

    Parameters
    ----------
    y : array-like of shape (n,)
        Labels of one type.
    earlier : array or None
        Labels given before. New labels must be of the same type.
    name : str, default="y"
        Name of the argument, for the message.

    Returns
    -------
    y : array of shape (n,)
        The labels, never of dtype object.

    Raises
    ------
    ValueError
        If labels are missing, continuous, of mixed types, or of another type than `earlier`.
    """
    if y is None:
        raise ValueError(
            f"A fit requires {name} to be passed, but the target {name} is None. Give the labeled "
            "rows and their labels."
        )
    if not isinstance(y, np.ndarray):
        y = np.asarray(y, dtype=object)  # numpy would convert ["a", nan] to two strings
    if y.ndim == 0:
        raise ValueError(f"{name} should be a 1d array of labels; got {y.item()!r}.")
    y = column_or_1d(y, warn=True)
    if y.dtype == object:
        y = _convert_object_labels(y, name)
    assert_all_finite(y, input_name=name)
    with ignore_many_classes_warning():
        check_classification_targets(y)
    if earlier is not None and len(y) and _kind(y) != _kind(earlier):
        raise ValueError(
            f"{name} holds labels of type {_kind(y)} ({y[:3].tolist()}...), those known already "
            f"are {_kind(earlier)} ({earlier[:3].tolist()}...). Give labels of one type throughout."
        )
    return y


def check_annotators(annotators: Any, n: int) -> np.ndarray:
    """Check who gave the labels, and convert the names to an array of str.

    Parameters
    ----------
    annotators : array-like of shape (n,)
        Names, str or int.
    n : int
        Number of labels.

    Returns
    -------
    annotators : str array of shape (n,)
        Always a copy.

    Raises
    ------
    ValueError
        If their number is not n, or a name is missing or neither str nor int.
    """
    given = np.asarray(annotators, dtype=object)
    if given.shape != (n,):
        raise ValueError(
            f"annotators has shape {given.shape}, but there are {n} labels. Give one for each."
        )
    for position, name in enumerate(given):
        if not isinstance(name, str | Integral) or isinstance(name, bool):
            raise ValueError(
                f"annotators must hold names of type str or int; got {name!r} at position "
                f"{position}."
            )
    return np.array([str(name) for name in given], dtype=str)


def unique_labels(*labels: np.ndarray | None) -> np.ndarray:
    """Sorted unique labels of several arrays.

    Parameters
    ----------
    *labels : array or None
        Labels of one type. None is skipped.

    Returns
    -------
    classes : array of shape (K,)
        The unique labels.
    """
    return np.unique(np.concatenate([part for part in labels if part is not None]))


def check_positions(positions: Any, n: int, name: str) -> np.ndarray:
    """Check positions, or a boolean mask, and convert them to int64 positions.

    Parameters
    ----------
    positions : array-like of int or bool
        Positions from 0 to n - 1, or a mask of length n.
    n : int
        Number of rows.
    name : str
        Name of the argument, for the message.

    Returns
    -------
    positions : int64 array
        The positions, in the order given.
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
    if len(positions) == n > 2 and np.isin(positions, [0, 1]).all():
        raise ValueError(
            f"{name} looks like a mask, but its dtype is {positions.dtype}; give bool."
        )
    outside = positions[(positions < 0) | (positions >= n)]
    if len(outside):
        raise ValueError(f"{name} holds {outside[0]}, but positions go from 0 to {n - 1}.")
    return positions.astype(np.int64)


def check_count(n: Any, name: str = "n") -> int:
    """Check that a number is a whole number of at least 1.

    Parameters
    ----------
    n : int
        Number to check.
    name : str
        Name of the argument, for the message.

    Returns
    -------
    n : int
        The same number.
    """
    if not isinstance(n, Integral) or isinstance(n, bool) or n < 1:
        raise ValueError(f"{name} must be a whole number of at least 1; got {n!r}.")
    return int(n)


def equal_parameters(first: Any, second: Any) -> bool:
    """Whether two estimators have the same type and equal parameters, nested ones included.

    Parameters
    ----------
    first, second : estimators

    Returns
    -------
    equal : bool
        False if the parameters cannot be compared.
    """
    if first is second:
        return True
    if type(first) is not type(second) or not hasattr(first, "get_params"):
        return False
    own, other = first.get_params(deep=False), second.get_params(deep=False)
    return own.keys() == other.keys() and all(_equal(own[name], other[name]) for name in own)


def _equal(first: Any, second: Any) -> bool:
    if hasattr(first, "get_params"):
        return equal_parameters(first, second)
    return first is second or (type(first) is type(second) and np.array_equal(first, second))


@contextmanager
def unchanged_by_failure(estimator: Any) -> Iterator[None]:
    """Restore the attributes of an estimator if the with block raises an exception.

    Parameters
    ----------
    estimator : object
        Estimator whose attributes are restored.
    """
    before = dict(estimator.__dict__)
    try:
        yield
    except BaseException:
        # one by one: a thread that reads meanwhile must not find an empty object
        for name in estimator.__dict__.keys() - before.keys():
            del estimator.__dict__[name]
        estimator.__dict__.update(before)
        raise


@contextmanager
def ignore_many_classes_warning() -> Iterator[None]:
    """Suppress scikit-learn's warning that many unique labels may be a regression target."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The number of unique classes is greater")
        yield


def _kind(y: np.ndarray) -> str:
    return _KINDS.get(y.dtype.kind, str(y.dtype))


def _convert_object_labels(y: np.ndarray, name: str) -> np.ndarray:
    missing = [i for i, label in enumerate(y) if is_missing(label)]
    if missing:
        raise ValueError(
            f"Input {name} contains NaN or None, at position {missing[0]}. Give labeled rows "
            "only: leave the others out."
        )
    large = [label for label in y if isinstance(label, int) and not -(2**63) <= label < 2**63]
    if large:
        raise ValueError(
            f"{name} contains the label {large[0]}, which exceeds 64 bits. Give such labels as str."
        )
    kinds = {_kind(np.asarray(label)) for label in y}
    if len(kinds) > 1:
        types = ", ".join(sorted({type(label).__name__ for label in y}))
        raise ValueError(f"{name} mixes labels of types {types}. Give labels of one type.")
    converted = np.array(y.tolist()) if all(np.ndim(label) == 0 for label in y) else y
    if converted.dtype == object or converted.ndim != 1:
        raise ValueError(
            f"Unknown label type: {type(y[0]).__name__}. Give labels of type str, int or bool."
        )
    return converted
