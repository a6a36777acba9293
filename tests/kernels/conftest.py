"""Small blocks, so that small data spans several of them."""

import pytest

from skactive.kernels import tensor_rows


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setitem(tensor_rows.BLOCK_ELEMENTS, "cpu", 100)
