"""Recognition of missing values."""

from typing import Any

import numpy as np


def is_missing(value: Any) -> bool:
    """Whether a value is a missing one: None, NaN, NaT, or pandas.NA.

    Parameters
    ----------
    value : object
        A cell of a table, a text, a label.

    Returns
    -------
    is_missing : bool
    """
    if isinstance(value, float | np.floating):
        return bool(value != value)
    if isinstance(value, np.datetime64 | np.timedelta64):
        return bool(np.isnat(value))
    # pandas' NA and NaT are recognized by name, since pandas may be absent
    return value is None or type(value).__name__ in ("NAType", "NaTType")
