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
_CONTAINERS = (list, tuple, set, frozenset, dict)
_MAX_ITEMS = 1000
_WRAPPERS = (
    *(staticmethod, classmethod, MethodType, property, cached_property),
    *(partial, partialmethod),
)
_WRAPPED = ("__func__", "fget", "fset", "func")
_LOADS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")


def user_code_digest(value: Any) -> str:
    """A digest of the code of users' own classes and functions that an object refers to.

    It covers methods along the MRO, default arguments, class attributes, and what this code names:
    functions, classes, numbers, texts, and lists, tuples, sets and dicts of at most 1,000 items. It
    does not cover arrays, the attributes of other objects, and files that the code reads. Comments
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
    pending = [("", item) for item in references.found]
    seen: dict[int, Any] = {}  # with the objects, so that no id is used twice
    parts: set[tuple[str, str]] = set()
    while pending:
        name, item = pending.pop()
        if isinstance(item, _PLAIN):
            parts.add((name, repr(item)))
        elif id(item) not in seen:
            seen[id(item)] = item
            pending += _parts(name, item)
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


def _parts(name: str, item: Any) -> Iterator[tuple[str, Any]]:
    """Plain values that belong to an object, with names, and further objects whose code counts."""
    wrapped = getattr_static(item, "__wrapped__", None)
    if wrapped is not None:
        yield name, wrapped
    if isinstance(item, type):
        yield from _parts_of_class(item)
    elif isinstance(item, FunctionType):
        yield from _parts_of_function(item)
    elif isinstance(item, _CONTAINERS):
        if len(item) <= _MAX_ITEMS:
            items = item.items() if isinstance(item, dict) else enumerate(item)
            for key, value in items:
                # an order of a set, and the text of an object, are those of this process only
                is_stable = isinstance(key, _PLAIN) and not isinstance(item, set | frozenset)
                yield f"{name}[{key!r}]" if is_stable else name, value
    else:
        if isinstance(item, _WRAPPERS):
            found = (getattr(item, part, None) for part in _WRAPPED)
            yield from ((name, part) for part in found if part is not None)
        yield name, type(item)


def _parts_of_class(cls: type) -> Iterator[tuple[str, Any]]:
    if not _is_of_user(cls.__module__):
        return
    name = f"{cls.__module__}.{cls.__qualname__}"
    yield name, " ".join(f"{base.__module__}.{base.__qualname__}" for base in cls.__mro__)
    yield from (("", base) for base in cls.__mro__[1:])
    for attribute, value in vars(cls).items():
        is_comment = attribute.startswith("__") and isinstance(value, (*_PLAIN, *_CONTAINERS))
        if not is_comment:  # such as the docstring and the line number
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
        for used in sorted(set(loads) & scope.keys()):
            yield f"{module}.{used}", scope[used]
            if isinstance(scope[used], ModuleType) and _is_of_user(scope[used].__name__):
                members = vars(scope[used])
                for member in sorted(set(code.co_names) & members.keys()):
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


def _text(value: Any) -> str:
    """Like repr, but with frozensets in sorted order."""
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
