"""Users' own type checkers see skactive's types."""

import re
from importlib.resources import files

import pytest

import skactive

mypy = pytest.importorskip("mypy.api")

# other packages, which are slow to check
OTHERS = ["torch", "sklearn", "scipy", "skorch", "imblearn", "transformers", "pandas", "joblib"]
NAMES = skactive.__all__
USE = f"""from skactive import {", ".join(NAMES)}
import numpy as np
clf: ActiveClassifier = ActiveClassifier(SoftmaxHead(), strategy=strategies.get("margin"))
proba: np.ndarray = clf.fit(np.eye(3), ["a", "b", "c"]).predict_proba(np.eye(3))
clf.query(np.eye(3), "three")
""" + "\n".join(f"reveal_type({name})" for name in NAMES)


def test_the_package_says_that_it_is_typed(tmp_path):
    assert files("skactive").joinpath("py.typed").is_file()
    skip = [f"[mypy-{name}.*]\nfollow_imports = skip\n" for name in OTHERS]
    config = "[mypy]\nignore_missing_imports = true\npython_version = 3.12\n"
    (tmp_path / "mypy.ini").write_text(config + "".join(skip))
    (tmp_path / "use.py").write_text(USE)
    options = ["--config-file", str(tmp_path / "mypy.ini"), "--cache-dir", str(tmp_path)]
    output, _, _ = mypy.run([*options, str(tmp_path / "use.py")])
    wrong, *revealed = re.findall(r"use\.py:(\d+: .*)", output)
    assert wrong == (
        '5: error: Argument 2 to "query" of "ActiveClassifier" has incompatible type "str"; '
        'expected "int"  [arg-type]'
    )
    assert len(revealed) == len(NAMES)
    assert [line for line in revealed if '"Any"' in line] == []
