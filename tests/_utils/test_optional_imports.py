"""require: optional packages and the command that installs them."""

import sys

import pytest

from skactive._utils.optional_imports import _EXTRA_OF, require


@pytest.mark.parametrize("module", _EXTRA_OF)
def test_require(module, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"pip install 'skactive\[{_EXTRA_OF[module]}\]'"):
        require(module)


def test_require_gives_the_module():
    assert require("tqdm.auto").tqdm


def test_a_broken_package_is_not_reported_as_missing():
    with pytest.raises(ModuleNotFoundError, match=r"tqdm\.nonsense"):
        require("tqdm.nonsense")
