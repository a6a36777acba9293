"""A table with missing values and categories."""

import numpy as np
import pandas as pd

N = 240
RNG = np.random.default_rng(0)
CODES = np.arange(N) % 3
Y = np.array(["ant", "bee", "cow"])[CODES]
TABLE = pd.DataFrame(
    {
        "size": np.where(RNG.random(N) < 0.2, np.nan, 1e6 * (CODES + 0.2 * RNG.normal(size=N))),
        "color": pd.Categorical(np.where(CODES == 1, "red", RNG.choice(["red", "blue"], size=N))),
        "legs": pd.array(np.where(CODES == 0, 6, 4), dtype="Int64"),
        "tame": RNG.random(N) < 0.5,
        "empty": np.full(N, np.nan),
    },
    index=[f"row {i}" for i in range(N)],
)
TABLE.loc[TABLE.index[::7], "legs"] = pd.NA
TABLE.loc[TABLE.index[::9], "color"] = None
