"""The layout of the package: unique names, short modules, grouped private modules."""

import ast
from collections import Counter
from pathlib import Path

import skactive

ROOT = Path(skactive.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))


def test_no_two_modules_share_a_name():
    counts = Counter(path.stem for path in MODULES)
    repeated = {name for name, n in counts.items() if n > 1}
    assert repeated <= {"__init__", "base"}


def test_no_two_public_classes_share_a_name():
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in MODULES]
    names = Counter(
        node.name
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, n in names.items() if n > 1] == []


def test_no_module_is_long():
    long = {
        str(path.relative_to(ROOT)): n
        for path in MODULES
        if (n := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert long == {}


def test_private_modules_are_grouped():
    private = [path.name for path in ROOT.glob("_*.py") if path.name != "__init__.py"]
    assert len(private) <= 2
