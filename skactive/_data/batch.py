"""Batch: the rows of one call, and what is computed from them, once."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from skactive._data.containers import concatenate, select, take
from skactive._data.pipeline import Parts
from skactive._data.row_keys import row_keys, row_sketches
from skactive._utils.compat import n_rows

_STORED = ("keys", "sketches", "representation", "prior_proba")
_COLUMNS = (*_STORED, "embedding")


class Batch:
    """Rows and their keys, embedding, representation and prior probabilities.

    Each column is computed at the first access and kept. Hence one call hashes, embeds and
    evaluates a row at most once. A part of a batch takes over the columns that are known.

    Parameters
    ----------
    rows : container of n rows or None
        Rows as the user gave them. None where only the columns are stored.
    parts : Parts or None, default=None
        Pipeline whose first steps give the representation.
    predict_prior : callable or None, default=None
        From a batch to the probabilities of the prior, an array (n, K_prior).
    **columns
        Columns that are known already.
    """

    def __init__(
        self,
        rows: Any,
        parts: Parts | None = None,
        predict_prior: "Callable[[Batch], np.ndarray] | None" = None,
        **columns: Any,
    ) -> None:
        self.rows = rows
        self._parts = parts
        self._predict_prior = predict_prior
        self.__dict__.update(columns)

    def __len__(self) -> int:
        return len(self.keys) if self.rows is None else n_rows(self.rows)

    @cached_property
    def keys(self) -> np.ndarray:
        """Digest of the content of each row, (n,) S16."""
        return row_keys(self.rows)

    @cached_property
    def sketches(self) -> np.ndarray:
        """A cheap hash of each row, (n,) uint64; see `row_sketches`."""
        return row_sketches(self.rows)

    @property
    def encoder(self) -> Any:
        """First step of the representation; None without a parts, or where it needs a fit."""
        steps = [] if self._parts is None else self._parts.representation
        return steps[0] if steps else None

    @cached_property
    def embedding(self) -> Any:
        """Output of `encoder`; the rows themselves without an encoder."""
        return self.rows if self._parts is None else self._parts.embed(self)

    @cached_property
    def representation(self) -> Any:
        """The rows after all steps that need no fit."""
        return self.rows if self._parts is None else self._parts.represent(self)

    @cached_property
    def prior_proba(self) -> np.ndarray | None:
        """Probabilities that the prior predicts, (n, K_prior); None without a prior."""
        return None if self._predict_prior is None else self._predict_prior(self)

    def take(self, positions: np.ndarray) -> "Batch":
        """The rows at some positions, in that order."""
        return self._part(None if self.rows is None else take(self.rows, positions), positions)

    def narrow(self, positions: np.ndarray) -> "Batch":
        """The rows at increasing positions, without a copy of a large pool."""
        return self._part(select(self.rows, positions), positions)

    def representation_at(self, positions: np.ndarray) -> Any:
        """Representation of some rows; only these are embedded if not all have been."""
        if "representation" in self.__dict__:
            return take(self.representation, positions)
        return self.take(positions).representation

    def keys_at(self, positions: np.ndarray) -> np.ndarray:
        """Keys of some rows; only these are hashed if not all have been."""
        if "keys" in self.__dict__ or len(positions) == len(self):
            return self.keys[positions]
        return row_keys(take(self.rows, positions))

    def find(self, keys: np.ndarray, sketches: np.ndarray) -> np.ndarray:
        """Which rows have one of these keys.

        The sketches are compared first, so that only few rows of a large numeric pool are hashed.

        Parameters
        ----------
        keys, sketches : arrays of shape (m,)
            Those of the rows to look for.

        Returns
        -------
        found : bool array of shape (n,)
        """
        found = np.zeros(len(self), dtype=bool)
        own = self.sketches
        same = np.isin(own, sketches, kind="sort")  # numpy 2.0 cannot make a table of such numbers
        candidates = np.flatnonzero(same | (own == 0) | (sketches == 0).any())
        if len(candidates) and len(keys):
            found[candidates] = np.isin(self.keys_at(candidates), keys)
        return found

    def stored(self, *, keep_rows: bool) -> "Batch":
        """The same batch with its columns computed, to be kept with the labels.

        Parameters
        ----------
        keep_rows : bool
            Whether to keep the rows as the user gave them, too.

        Returns
        -------
        batch : Batch
            It can be pickled: it holds neither the Pipeline nor the prior.
        """
        columns = {name: getattr(self, name) for name in _STORED}
        return Batch(self.rows if keep_rows else None, **columns)

    def extended(self, other: "Batch") -> "Batch":
        """The rows of two stored batches.

        Parameters
        ----------
        other : Batch
            Later rows.

        Returns
        -------
        batch : Batch

        Raises
        ------
        ValueError
            If only one of both has prior probabilities, or keeps its rows.
        """
        if (self.prior_proba is None) != (other.prior_proba is None):
            raise ValueError("prior was set, or removed, after labels were given; call fit again.")
        if (self.rows is None) != (other.rows is None):
            raise ValueError("refresh was set, or unset, after labels were given; call fit again.")
        columns = {name: _joined(getattr(self, name), getattr(other, name)) for name in _STORED}
        return Batch(_joined(self.rows, other.rows), **columns)

    def represented_by(self, parts: Parts) -> "Batch":
        """A stored batch with the representation that another Pipeline gives."""
        columns = {name: getattr(self, name) for name in _STORED}
        columns["representation"] = Batch(self.rows, parts, keys=self.keys).representation
        return Batch(self.rows, **columns)

    def _part(self, rows: Any, positions: np.ndarray) -> "Batch":
        known = {name: self.__dict__[name] for name in _COLUMNS if name in self.__dict__}
        columns = {k: None if v is None else take(v, positions) for k, v in known.items()}
        return Batch(rows, self._parts, self._predict_prior, **columns)


def _joined(first: Any, second: Any) -> Any:
    return None if first is None else concatenate(first, second)
