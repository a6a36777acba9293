"""Every public parameter is given a value in some test, and everything public is called in one.

What an estimator or a strategy is given in its constructor is checked before it is used."""

import ast
import inspect
from collections import defaultdict
from pathlib import Path

import pytest
from sklearn.base import BaseEstimator

from skactive import ZeroShotClassifier, strategies
from tests.support.public_api import public_api

CALLABLE = {name: item for name, item in public_api().items() if not isinstance(item, property)}


class Calls:
    """What the tests call, and with which arguments.

    Keywords count where they are written in the call, in a dict that is spread there, and in the
    call of a helper that hands its own keywords on: ``def make(**params): return Head(**params)``,
    or of a fixture that returns such a helper.
    """

    def __init__(self, folder):
        self.keywords = defaultdict(set)
        self.n_positional = defaultdict(int)
        helpers = defaultdict(set)
        for path in folder.rglob("*.py"):
            tree = ast.parse(path.read_text())
            self.dicts = _dicts_by_name(tree)
            for call in _calls(tree):
                self._note(call)
            for node in ast.walk(tree):
                for inner in ast.walk(node) if isinstance(node, ast.FunctionDef) else ():
                    helpers[node.name] |= _handed_to(inner)
        for helper, targets in helpers.items():
            for target in targets:
                self.keywords[target] |= self.keywords[helper]

    def _note(self, call):
        name = _called(call)
        self.n_positional[name] = max(self.n_positional[name], len(call.args))
        for keyword in call.keywords:
            if keyword.arg:
                self.keywords[name].add(keyword.arg)
            else:
                for node in ast.walk(keyword.value):
                    self.keywords[name] |= _keys(node) | self.dicts[getattr(node, "id", node)]

    def knows(self, name):
        return name in self.n_positional

    def untested(self, name, item):
        given = enumerate(_parameters(item))
        known = self.keywords[name]
        return [p for i, p in given if p not in known and i >= self.n_positional[name]]


def _calls(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def _called(call):
    return getattr(call.func, "attr", getattr(call.func, "id", None))


def _keys(node):
    return {key.value for key in getattr(node, "keys", []) if isinstance(key, ast.Constant)}


def _dicts_by_name(tree):
    found = defaultdict(set)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            found[getattr(node.targets[0], "id", None)] |= _keys(node.value)
    return found


def _handed_to(function):
    """What a function hands its own keywords on to."""
    if not isinstance(function, ast.FunctionDef) or not function.args.kwarg:
        return set()
    own = function.args.kwarg.arg
    return {
        _called(call)
        for call in _calls(function)
        for keyword in call.keywords
        if not keyword.arg and own in {getattr(n, "id", None) for n in ast.walk(keyword.value)}
    }


def _parameters(item):
    item = getattr(item, "__func__", item)
    known = inspect.signature(item).parameters.values()
    variable = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    names = [p.name for p in known if p.kind not in variable]
    return [name for name in names if name not in ("self", "cls")]


CALLS = Calls(Path(__file__).parent)
BY_NAME_ALONE = {type(strategies.get(name)).__name__ for name in strategies.names()}


@pytest.mark.parametrize("name", CALLABLE)
def test_every_parameter_is_tested(name):
    own = name.rpartition(".")[2]
    if own not in BY_NAME_ALONE and not inspect.isabstract(CALLABLE[name]):
        assert CALLS.knows(own), f"no test calls {name}"
    untested = CALLS.untested(own, CALLABLE[name])
    assert not untested, f"no test gives {name} a value for {', '.join(untested)}"


ESTIMATORS = {
    name: item
    for name, item in CALLABLE.items()
    if inspect.isclass(item) and issubclass(item, BaseEstimator)
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_parameter_of_a_constructor_has_a_constraint(name):
    if ESTIMATORS[name] is ZeroShotClassifier:
        pytest.skip("what its parameters may be depends on the others: see test_priors.py")
    assert set(ESTIMATORS[name]._parameter_constraints) == set(_parameters(ESTIMATORS[name]))


def test_static_analysis_of_calls(tmp_path):
    (tmp_path / "test_it.py").write_text(
        """
DEFAULTS = {"c": 3}
def make(a, **params):
    return Thing(a, **(DEFAULTS | params))
def test_thing():
    make(1, d=4)
    Other(1, 2, e=5)
"""
    )
    calls = Calls(tmp_path)
    assert calls.untested("Thing", lambda a, b, c, d, e: None) == ["b", "e"]
    assert calls.untested("Other", lambda a, b, c, d, e: None) == ["c", "d"]
    assert calls.knows("Other")
    assert not calls.knows("Another")
