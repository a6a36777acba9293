"""Digests of users' own code: what changes them, and what does not."""

import subprocess
import sys
from functools import partial
from textwrap import dedent
from types import ModuleType

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer

from skactive import ActiveClassifier, strategies
from skactive._data.user_code import user_code_digest

SOURCE = """
from functools import cached_property, lru_cache, wraps
from skactive.strategies import QueryStrategy
import of_user_helpers

FACTOR = 2.0
CACHE = {}

def doubled(function):
    @wraps(function)
    def twice(*args):
        return 2 * function(*args)
    return twice

def helper(x):
    return 1 + inner(x)

def inner(x):
    return x ** 2

def inner_of_table():
    return 16

TABLE = {"by name": [inner_of_table], helper: 19}

class Base(QueryStrategy):
    weight = 3
    names = {17, 18}

    def inherited(self):
        return TABLE, 4

class Other:
    def used(self):
        return 5

class Mine(Base):
    def __init__(self, power=6):
        self.power = power

    def select(self, view, n):
        CACHE[n] = helper(n) * FACTOR
        return [of_user_helpers.outside(x) for x in view if x in {"a", "b", "c"}]

    def score(self, view):
        return Other().used()

    @property
    def read(self):
        return 7

    @cached_property
    def once(self):
        return 8

    @staticmethod
    def plain():
        return 9

    @classmethod
    def of_class(cls):
        return 10

    @lru_cache
    def kept(self):
        return 11

    @doubled
    def decorated(self):
        return 12

    def keyword(self, *, option=13):
        return lambda x: x + 14
"""
HELPERS = """
def outside(x):
    return x - 15
"""


def define(monkeypatch, name, source):
    module = ModuleType(name)
    monkeypatch.setitem(sys.modules, name, module)
    exec(source, vars(module))
    return module


@pytest.fixture
def digest(monkeypatch):
    """The digest of a classifier with the strategy of a source."""

    def of(source=SOURCE, helpers=HELPERS, name="Mine"):
        define(monkeypatch, "of_user_helpers", helpers)
        strategy = getattr(define(monkeypatch, "of_user", source), name)()
        return user_code_digest([ActiveClassifier(strategy=strategy)])

    return of


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("FACTOR = 2.0", "FACTOR = 2.5"),
        ("2 * function", "3 * function"),
        ("1 + inner", "1 - inner"),
        ("x ** 2", "x ** 3"),
        ("weight = 3", "weight = 4"),
        ("TABLE, 4", "TABLE, 5"),
        ("return 5", "return 6"),
        ("power=6", "power=7"),
        ("return 7", "return 8"),
        ("return 8", "return 9"),
        ("return 9", "return 10"),
        ("return 10", "return 11"),
        ("return 11", "return 12"),
        ("return 12", "return 13"),
        ("option=13", "option=14"),
        ("x + 14", "x + 15"),
        ('"b"', '"d"'),
        ("self.power = power", "self.power = int(power)"),
        ("class Mine(Base)", "class Mine(QueryStrategy)"),
        ("CACHE = {}", "CACHE = {1: 2}"),
        ('TABLE = {"by name": [inner_of_table], helper: 19}', "TABLE = {}"),
        ("return 16", "return 17"),
        ("names = {17, 18}", "names = {17, 19}"),
    ],
)
def test_every_part_of_the_code_counts(digest, before, after):
    assert SOURCE.count(before) == 1
    assert digest(SOURCE.replace(before, after)) != digest()


def test_modules_of_the_user_count(digest):
    assert digest(helpers=HELPERS.replace("15", "16")) != digest()


def test_unused_code_and_text_do_not_count(digest):
    assert digest("# moved\n\n\n" + SOURCE + "def unused():\n    return 1\n") == digest()
    large = [SOURCE.replace("CACHE = {}", f"CACHE = [0] * {n}") for n in (1001, 1002)]
    assert digest(large[0]) == digest(large[1])
    assert digest(helpers=HELPERS + "\ndef unused():\n    return 1\n") == digest()
    documented = SOURCE.replace("    weight = 3", "    'Of a user.'\n    weight = 3")
    assert digest(documented) == digest()
    attribute = SOURCE + "power = view = 1\n"  # equal names of attributes and arguments
    assert digest(attribute) == digest()


def test_installed_code_has_no_digest():
    assert user_code_digest([ActiveClassifier(LogisticRegression()), "balanced_accuracy"]) == ""
    assert user_code_digest(strategies.Power(strategies.Margin())) == ""
    assert user_code_digest(make_scorer(len)) == ""


def abs_of(x):
    return abs(x)


def test_functions_closures_and_instances(monkeypatch):
    source = """
class Scale:
    def by(self, x):
        return 2 * x

SCALE = Scale()

def scorer(estimator, X, y):
    return SCALE.by(1)

def make(factor, function):
    def made(estimator, X, y):
        return factor * function(1)
    return made
"""

    def digests(source):
        module = define(monkeypatch, "of_user", source)
        made = module.make(3, abs_of)
        values = module.scorer, partial(module.scorer, y=1), made, module.SCALE.by
        return [user_code_digest(value) for value in values]

    first = digests(source)
    assert "" not in first
    assert digests(source) == first
    changed = digests(source.replace("2 *", "3 *"))
    assert [a != b for a, b in zip(changed, first, strict=True)] == [True, True, False, True]
    make = define(monkeypatch, "of_user", source).make
    of_closures = [make(4, abs_of), make(3, lambda x: x), make(3, abs_of)]
    assert [user_code_digest(made) == first[2] for made in of_closures] == [False, False, True]
    recursive = make(3, None)
    recursive.__closure__[1].cell_contents = recursive
    assert user_code_digest(recursive)
    del recursive.__closure__[1].cell_contents
    assert user_code_digest(recursive)


def test_digests_of_two_processes_are_equal():
    program = dedent("""
        import sys
        from types import ModuleType
        from skactive._data.user_code import user_code_digest
        for name in ("of_user_helpers", "of_user"):
            sys.modules[name] = ModuleType(name)
        exec(sys.stdin.read(), vars(sys.modules["of_user"]))
        print(user_code_digest(sys.modules["of_user"].Mine()))
    """)
    imported = "from skactive.strategies import QueryStrategy"
    source = SOURCE.replace(imported, "QueryStrategy = object")  # a light import
    runs = [
        subprocess.run(
            [sys.executable, "-c", program],
            input=source,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        for seed in "12"
    ]
    assert len(runs[0].stdout) == 33
    assert runs[0].stdout == runs[1].stdout
