"""Settings and tasks of the learner benchmark: pool, test rows and labels, some of them wrong."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from _prepared_data import Data

from skactive.datasets import flip_labels, make_long_tailed

# imbalance ratios; the other data sets are long-tailed already
TAILS = {"banking77": 50, "tweeteval_emotion": 20, "cifar10": 20, "satimage": 20, "letter": 20}
N_LABELS = (10, 20, 50, 100, 200, 500)
NOISES = ("0", "20", "40", "pair 20")  # percent of wrong labels; a pair: into the next class
MAX_TEST_ROWS = 3000


@dataclass(frozen=True)
class Task:
    """Labels to learn from, and rows to test on."""

    data: Data
    seed: int
    noise: str
    n: int
    pool: np.ndarray  # positions
    test: np.ndarray  # positions
    labeled: np.ndarray  # (n,) positions
    y: np.ndarray  # (n,) codes, as given

    @property
    def key(self) -> dict:
        """What identifies the task in an outcome file."""
        return {"set": self.data.name, "seed": self.seed, "noise": self.noise, "n": self.n}


def tasks(data: Data, seed: int, noises: list[str] | None, counts: list[int]) -> Iterator[Task]:
    """Tasks of one data set and seed.

    The pool, the test rows and the order of the labels are the same for every noise and n.
    """
    rng = np.random.default_rng(seed)
    test = np.zeros(len(data.y), dtype=bool)
    may_test = ~test if data.test_part is None else data.test_part
    sizes = np.bincount(data.y, minlength=data.n_classes)
    for k in range(data.n_classes):
        rows = np.flatnonzero((data.y == k) & may_test)
        most = int(0.4 * sizes[k]) if data.test_part is None else len(rows)
        test[rng.permutation(rows)[: min(most, MAX_TEST_ROWS // data.n_classes)]] = True
    pool = np.flatnonzero(~test if data.test_part is None else ~data.test_part)
    if data.name in TAILS:
        pool, _ = make_long_tailed(pool, data.y[pool], TAILS[data.name], random_state=seed)
    order = rng.permutation(pool)
    for noise in noises or (*NOISES, *data.given):
        if noise not in (*NOISES, *data.given):
            continue
        if noise in data.given:
            given = data.given[noise]
        else:
            kind = "pairflip" if noise.startswith("pair") else "symmetric"
            given = flip_labels(data.y, int(noise.split()[-1]) / 100, seed, kind)
        # rules leave some rows without a label
        usable = order[given[order] >= 0]
        for n in counts:
            if n <= len(usable):
                rows = usable[:n]
                yield Task(data, seed, noise, n, pool, np.flatnonzero(test), rows, given[rows])
