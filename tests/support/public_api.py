"""What users can call: every public class and function, and what those classes define."""

import functools
import inspect

import skactive

_MEMBERS = (type(lambda: None), property, staticmethod, classmethod)


@functools.cache
def public_api():
    """Objects by their full names: ``skactive.heads.softmax.SoftmaxHead.fit``."""
    found = {}
    for name in skactive.__all__:
        item = getattr(skactive, name)
        for each in _exported(item) if inspect.ismodule(item) else [item]:
            if callable(each):
                found[_full_name(each)] = each
                found |= _members(each) if inspect.isclass(each) else {}
    return dict(sorted(found.items()))


def owner(name):
    """The class that a member belongs to, or None."""
    return public_api().get(name.rpartition(".")[0])


def _exported(module):
    names = getattr(module, "__all__", [name for name in dir(module) if not name.startswith("_")])
    items = [getattr(module, name) for name in names]
    return [item for item in items if getattr(item, "__module__", "").startswith(module.__name__)]


def _members(cls):
    bases = [base for base in cls.__mro__ if base.__module__.startswith("skactive.")]
    names = {name for base in bases for name in vars(base) if not name.startswith("_")}
    found = {name: inspect.getattr_static(cls, name) for name in names}
    return {
        f"{_full_name(cls)}.{name}": member
        for name, member in found.items()
        if isinstance(member, _MEMBERS)
    }


def _full_name(item):
    return f"{item.__module__}.{item.__qualname__}"
