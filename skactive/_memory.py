"""LabelMemory: every label ever given, in the order it came, and its canonical summary."""

from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

import numpy as np

from skactive._rows import concatenate, take


@dataclass(frozen=True)
class Canonical:
    """What a refit sees: one entry for each (row, label) pair, sorted by content.

    With the same labels it is the same, whatever the order and the size of the batches they came
    in, and a weight of 2 is a row given twice.

    Attributes
    ----------
    rows : container of m rows
        The representation.
    y : array of shape (m,)
        Labels. Equal rows stand side by side, once for every label that they were given.
    weight : float64 array of shape (m,)
        Summed weights, all positive.
    prior_proba : float64 array of shape (m, K_prior) or None
        The prior's opinion.
    keys : array of shape (m,), dtype S16
        Digests of the rows: equal for equal rows, which an internal split keeps together.
    entry : int64 array of shape (n,)
        For each label in the order given, where it went; -1 for a weight of zero.
    originals : container of m rows or None
        The rows as they were given, where the encoder may be tuned on them.
    """

    rows: Any
    y: np.ndarray
    weight: np.ndarray
    prior_proba: np.ndarray | None
    keys: np.ndarray
    entry: np.ndarray
    originals: Any = None

    def subset(self, entries: np.ndarray) -> "Canonical":
        """Some of the entries, as if the others had never been given.

        Parameters
        ----------
        entries : int array
            Which ones.

        Returns
        -------
        canonical : Canonical
            Without the way back to the order given.
        """
        return Canonical(
            rows=take(self.rows, entries),
            y=self.y[entries],
            weight=self.weight[entries],
            prior_proba=None if self.prior_proba is None else self.prior_proba[entries],
            keys=self.keys[entries],
            entry=np.empty(0, dtype=np.int64),
        )

    def digest(self) -> int:
        """A number that the labels decide, whatever the order they came in.

        Returns
        -------
        digest : int
            128 bits.
        """
        content = self.keys.tobytes() + self.weight.tobytes() + repr(self.y.tolist()).encode()
        return int.from_bytes(blake2b(content, digest_size=16).digest(), "little")


@dataclass(frozen=True)
class LabelMemory:
    """Labels in the order given. It never changes: every method gives a new memory.

    Attributes
    ----------
    rows : container of n rows
        The representation of the labelled rows.
    y : array of shape (n,)
        Labels.
    weight : float64 array of shape (n,)
        Sample weights.
    keys : array of shape (n,), dtype S16
        Digests of the rows as they were given.
    sketches : uint64 array of shape (n,)
        Their cheap forerunners.
    prior_proba : float64 array of shape (n, K_prior) or None
        The prior's opinion on the rows.
    originals : container of n rows or None
        The rows as they were given, where the encoder may be tuned on them.
    """

    rows: Any
    y: np.ndarray
    weight: np.ndarray
    keys: np.ndarray
    sketches: np.ndarray
    prior_proba: np.ndarray | None
    originals: Any = None

    def __len__(self) -> int:
        return len(self.y)

    def extended(self, other: "LabelMemory") -> "LabelMemory":
        """This memory, and then the other.

        Parameters
        ----------
        other : LabelMemory
            Later labels.

        Returns
        -------
        memory : LabelMemory
            Both.
        """
        opinions = [
            memory.prior_proba for memory in (self, other) if memory.prior_proba is not None
        ]
        if len(opinions) == 1:
            raise ValueError("prior was set, or removed, after labels were given; call fit anew.")
        originals = [self.originals, other.originals]
        if sum(rows is None for rows in originals) == 1:
            raise ValueError("refresh was set, or unset, after labels were given; call fit anew.")
        return LabelMemory(
            rows=concatenate(self.rows, other.rows),
            y=np.concatenate([self.y, other.y]),
            weight=np.concatenate([self.weight, other.weight]),
            keys=np.concatenate([self.keys, other.keys]),
            sketches=np.concatenate([self.sketches, other.sketches]),
            prior_proba=np.concatenate(opinions) if opinions else None,
            originals=None if self.originals is None else concatenate(*originals),
        )

    def relabelled(self, positions: np.ndarray, y: np.ndarray) -> "LabelMemory":
        """The same rows with other labels at `positions`.

        Parameters
        ----------
        positions : int array
            Which labels, counted in the order they were given.
        y : array
            The corrections.

        Returns
        -------
        memory : LabelMemory
            The corrected one.
        """
        corrected = self.y.astype(np.result_type(self.y, y))
        corrected[positions] = y
        return replace(self, y=corrected)

    def canonical(self) -> Canonical:
        """Merge equal (row, label) pairs, drop zero weights, sort by content.

        Returns
        -------
        canonical : Canonical
            The summary.
        """
        given = np.flatnonzero(self.weight > 0)
        _, codes = np.unique(self.y[given], return_inverse=True)
        # weights last: even a sum of fractions must not depend on the order they came in
        order = np.lexsort((self.weight[given], codes, self.keys[given]))
        given, codes = given[order], codes[order]
        keys = self.keys[given]
        new_pair = np.ones(len(given), dtype=bool)
        new_pair[1:] = (keys[1:] != keys[:-1]) | (codes[1:] != codes[:-1])
        pair = np.cumsum(new_pair) - 1
        first = given[new_pair]
        entry = np.full(len(self), -1)
        entry[given] = pair
        return Canonical(
            rows=take(self.rows, first),
            y=self.y[first],
            weight=np.bincount(pair, self.weight[given], minlength=len(first)),
            prior_proba=None if self.prior_proba is None else self.prior_proba[first],
            keys=keys[new_pair],
            entry=entry,
            originals=None if self.originals is None else take(self.originals, first),
        )
