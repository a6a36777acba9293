"""Pools, answers and test rows of the label-savings benchmark: the same for every method.

A setting defines the data set, the length of its tail and the noise of the answers. A seed draws
the classes, the order, the split and the wrong answers.
"""

from dataclasses import dataclass, replace

import numpy as np
from _prepared_data import load
from sklearn.metrics import recall_score

from skactive.datasets import flip_labels, make_long_tailed

MAX_POOL_ROWS, MAX_TEST_ROWS = 6000, 3000


@dataclass(frozen=True)
class Setting:
    """A data set, and how the pool and the answers are made from it."""

    data: str
    tail: int | None = None  # largest class over smallest, with an exponential profile
    n_classes: int | None = None  # number of classes, drawn at random; None for all
    one_rare: int | None = None  # one class against the rest: rows of the rest per row of the class
    noise: float | str = 0.0  # rate of symmetric noise, or the name of real answers

    @property
    def name(self) -> str:
        shape = f"lt{self.tail}" if self.tail else "natural"
        if self.one_rare:
            shape = f"merged1:{self.one_rare}"
        noise = f"n{self.noise:.0%}"[:-1] if isinstance(self.noise, float) else self.noise
        classes = f"-{self.n_classes}" if self.n_classes else ""
        return f"{self.data}{classes} {shape} {noise}"


SETTINGS = (
    Setting("tweeteval_emotion", tail=20, noise=0.2),
    Setting("trec6", tail=50, noise=0.2),
    Setting("trec6", one_rare=40),
    Setting("banking77", tail=50, n_classes=20, noise=0.2),
    Setting("davidson_hate", noise="one annotator"),
    Setting("goemotions"),
    Setting("cifar10", tail=50, noise="human worse"),
    Setting("caltech101", n_classes=30, noise=0.2),
    Setting("satimage", tail=20, noise=0.2),
    Setting("page_blocks", noise=0.1),
    Setting("mammography"),
)
# The cost of wrong answers: the same pools without any, and with many.
NOISE_PAIRS = tuple(
    (replace(setting, noise=0.0), replace(setting, noise=0.4))
    for setting in SETTINGS
    if setting.noise == 0.2
)


@dataclass(frozen=True)
class Trial:
    """One pool with the answers of its annotator, and clean test rows."""

    X: np.ndarray  # (N, d) float32
    y: np.ndarray  # (N,) codes, clean
    given: np.ndarray  # (N,) codes
    X_test: np.ndarray
    y_test: np.ndarray
    prior: np.ndarray | None  # (N, K) probabilities
    prior_test: np.ndarray | None
    n_classes: int
    embedded: bool

    def score(self, codes: np.ndarray) -> float:
        """Balanced accuracy of predicted codes for the test rows."""
        return float(recall_score(self.y_test, codes, average="macro", zero_division=0))

    @property
    def zero_shot(self) -> float | None:
        return None if self.prior_test is None else self.score(self.prior_test.argmax(axis=1))


def draw(setting: Setting, folder: str | None, seed: int) -> Trial | None:
    """The trial of a setting and a seed, or None if its data are absent."""
    data = load(folder, setting.data)
    if data is None:
        return None
    rng = np.random.default_rng([seed, 5])
    y, rows, prior = data.y, np.arange(len(data.y)), data.prior
    n_classes = data.n_classes
    if setting.n_classes:
        classes = np.sort(rng.permutation(n_classes)[: setting.n_classes])
        rows, n_classes = np.flatnonzero(np.isin(y, classes)), len(classes)
        y = np.searchsorted(classes, np.clip(y, 0, classes[-1]))
        if prior is not None:  # a softmax over fewer classes is the same softmax, rescaled
            prior = prior[:, classes] / prior[:, classes].sum(axis=1, keepdims=True)
    if setting.one_rare:
        rare = rng.integers(n_classes)
        y, n_classes = (y == rare).astype(np.int64), 2
        if prior is not None:
            prior = np.column_stack([1 - prior[:, rare], prior[:, rare]])
    test = _test_rows(y, rows, data.test_part, rng)
    pool = np.setdiff1d(rows if data.test_part is None else rows[~data.test_part[rows]], test)
    if setting.one_rare:
        rest, few = pool[y[pool] == 0], pool[y[pool] == 1]
        few = rng.permutation(few)[: max(4, len(rest) // setting.one_rare)]
        pool = np.sort(np.concatenate([rest, few]))
    if setting.tail:
        pool, _ = make_long_tailed(pool, y[pool], setting.tail, random_state=seed)
    pool = rng.permutation(pool)[:MAX_POOL_ROWS]
    if isinstance(setting.noise, str):
        given = data.given[setting.noise][pool]
    else:
        given = flip_labels(np.r_[y[pool], np.arange(n_classes)], setting.noise, seed)[: len(pool)]
    return Trial(
        X=data.X[pool],
        y=y[pool],
        given=given,
        X_test=data.X[test],
        y_test=y[test],
        prior=None if prior is None else prior[pool],
        prior_test=None if prior is None else prior[test],
        n_classes=n_classes,
        embedded=data.embedded,
    )


def _test_rows(
    y: np.ndarray, rows: np.ndarray, part: np.ndarray | None, rng: np.random.Generator
) -> np.ndarray:
    """A quarter of each class, and at most the same number of rows for each."""
    chosen = []
    classes = np.unique(y[rows])
    for k in classes:
        of_class = rows[(y[rows] == k) & (True if part is None else part[rows])]
        most = len(of_class) if part is not None else max(1, len(of_class) // 4)
        chosen.append(rng.permutation(of_class)[: min(most, MAX_TEST_ROWS // len(classes))])
    return np.sort(np.concatenate(chosen))
