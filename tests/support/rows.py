"""One table in many containers."""

import numpy as np
import pandas as pd
import polars as pl

from skactive._data.containers import as_object_array

TABLE = np.array([[1, 0, 3], [4, 5, 0], [1, 0, 3], [0, 0, 0]])
SAME_TABLE = {
    "int64": TABLE,
    "int8": TABLE.astype(np.int8),
    "uint8": TABLE.astype(np.uint8),
    "float64": TABLE.astype(np.float64),
    "float32": TABLE.astype(np.float32),
    "float16": TABLE.astype(np.float16),
    "object": TABLE.astype(object),
    "Fortran": np.asfortranarray(TABLE),
    "big-endian": TABLE.astype(">f8"),
    "strided": np.repeat(TABLE, 2, axis=1)[:, ::2],
    "pandas": pd.DataFrame(TABLE, columns=list("abc")),
    "pandas nullable": pd.DataFrame(TABLE, columns=list("abc")).astype("Int64"),
    "pandas mixed": pd.DataFrame({"a": TABLE[:, 0], "b": TABLE[:, 1] * 1.0, "c": TABLE[:, 2]}),
    "polars": pl.DataFrame(TABLE, schema=list("abc")),
    "list of arrays": as_object_array(list(TABLE)),
}
