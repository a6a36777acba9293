"""Digest of the code that users wrote: classes and functions that are not installed packages."""

import sys
from collections.abc import Iterator
from dis import get_instructions
from functools import cached_property, partial, partialmethod
from hashlib import blake2b
from inspect import getattr_static
from pathlib import Path
from pickle import Pickler
from types import CellType, CodeType, FunctionType, MethodType, ModuleType, NoneType
from typing import Any

_INSTALLED = {"site-packages", "dist-packages"}
_PLAIN = (str, bytes, int, float, complex, NoneType)
_WRAPPERS = (staticmethod, classmethod, MethodType, property, cached_property)
_PARTIAL = (partial, partialmethod)
_WRAPPED = ("__func__", "fget", "fset", "func")
_LOADS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")


def user_code_digest(value: Any) -> str:
    """A digest of the code of users' own classes and functions that an object refers to.

    It covers methods along the MRO, default arguments, class attributes, and the functions, classes
    and constants (numbers, texts, and tuples of them) that this code names. It does not cover files
    that the code reads, nor the contents of global lists, dicts, arrays and other objects. Comments
    and the position in a file do not count. Another version of Python may give another digest.

    Parameters
    ----------
    value : object
        It can be pickled, apart from its classes and functions.

    Returns
    -------
    digest : str
        Empty if all classes and functions are those of Python, skactive and installed packages.
    """
    references = _References()
    references.dump(value)
    pending = references.found
    seen: dict[int, Any] = {}  # with the objects, so that no id is used twice
    parts: set[tuple[str, str]] = set()
    while pending:
        item = pending.pop()
        if id(item) in seen:
            continue
        seen[id(item)] = item
        for name, part in _parts(item):
            if _is_constant(part):
                parts.add((name, _text(part)))
            else:
                pending.append(part)
    return blake2b(repr(sorted(parts)).encode(), digest_size=16).hexdigest() if parts else ""


class _References(Pickler):
    """Collects the classes and functions that an object refers to, and writes nothing."""

    def __init__(self) -> None:
        super().__init__(self)
        self.found: list[Any] = []

    def write(self, data: Any) -> int:
        return len(data)

    def persistent_id(self, value: Any) -> bool | None:
        if not isinstance(value, type | FunctionType):
            return None
        self.found.append(value)
        return True  # in place of its name, which a lambda does not have


def _parts(item: Any) -> Iterator[tuple[str, Any]]:
    """Constants of an object with their names, and further objects whose code counts."""
    wrapped = getattr_static(item, "__wrapped__", None)
    if wrapped is not None:
        yield "", wrapped
    if isinstance(item, type):
        yield from _parts_of_class(item)
    elif isinstance(item, FunctionType):
        yield from _parts_of_function(item)
    else:
        if isinstance(item, _WRAPPERS + _PARTIAL):
            found = (getattr(item, name, None) for name in _WRAPPED)
            yield from (("", part) for part in found if part is not None)
        yield "", type(item)


def _parts_of_class(cls: type) -> Iterator[tuple[str, Any]]:
    if not _is_of_user(cls.__module__):
        return
    name = f"{cls.__module__}.{cls.__qualname__}"
    yield name, tuple(f"{base.__module__}.{base.__qualname__}" for base in cls.__mro__)
    yield from (("", base) for base in cls.__mro__[1:])
    for attribute, value in vars(cls).items():
        if not (attribute.startswith("__") and _is_constant(value)):  # docstring, line number
            yield f"{name}.{attribute}", value


def _parts_of_function(function: FunctionType) -> Iterator[tuple[str, Any]]:
    scope = function.__globals__
    module = scope.get("__name__", "")
    if not _is_of_user(module):
        return
    name = f"{module}.{function.__qualname__}"
    yield name, _code_text(function.__code__)
    defaults = dict(enumerate(function.__defaults__ or ())) | (function.__kwdefaults__ or {})
    yield from ((f"{name} default {key}", value) for key, value in defaults.items())
    for variable, cell in zip(
        function.__code__.co_freevars, function.__closure__ or (), strict=True
    ):
        if cell != CellType():  # else not yet assigned
            yield f"{name} closure {variable}", cell.cell_contents
    for code in _nested(function.__code__):
        loads = (step.argval for step in get_instructions(code) if step.opname in _LOADS)
        for used in set(loads) & scope.keys():
            yield f"{module}.{used}", scope[used]
            if isinstance(scope[used], ModuleType) and _is_of_user(scope[used].__name__):
                members = vars(scope[used])
                for member in set(code.co_names) & members.keys():
                    yield f"{scope[used].__name__}.{member}", members[member]


def _nested(code: CodeType) -> Iterator[CodeType]:
    """A code object and those of the functions, comprehensions and classes within."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)


def _code_text(code: CodeType) -> str:
    constants = [_code_text(c) if isinstance(c, CodeType) else _text(c) for c in code.co_consts]
    return repr((code.co_code, code.co_names, code.co_varnames, constants))


def _is_constant(value: Any) -> bool:
    if isinstance(value, tuple | frozenset):
        return all(map(_is_constant, value))
    return isinstance(value, _PLAIN)


def _text(value: Any) -> str:
    """Like repr, but of a frozenset in sorted order."""
    if isinstance(value, frozenset):
        return f"frozenset{sorted(map(_text, value))}"
    return f"({', '.join(map(_text, value))})" if isinstance(value, tuple) else repr(value)


def _is_of_user(module: str) -> bool:
    """Whether a module is neither of Python nor of skactive nor of an installed package."""
    package = str(module).partition(".")[0]
    if package == "skactive" or package in sys.stdlib_module_names:
        return False
    file = getattr(sys.modules.get(module), "__file__", None)
    return file is None or _INSTALLED.isdisjoint(Path(file).parts)
