"""What counts as a missing value."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from skactive._utils.missing_values import is_missing


@pytest.mark.parametrize(
    "value", [None, np.nan, np.float32("nan"), pd.NA, pd.NaT, np.datetime64("NaT")]
)
def test_missing(value):
    assert is_missing(value) is True


@pytest.mark.parametrize(
    "value", [0, 0.0, "", "nan", False, np.inf, Decimal(1), np.zeros(2), np.datetime64("2020")]
)
def test_not_missing(value):
    assert is_missing(value) is False
