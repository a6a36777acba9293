"""What is remembered of a pool, for the fits to come."""

from typing import Any, NamedTuple

import numpy as np

from skactive._pipeline import Parts
from skactive._prior import Prior
from skactive._rows import n_rows, take
from skactive.heads.anchoring import summarise_pool
from skactive.heads.balance import balances
from skactive.heads.directions import (
    Groups,
    are_directions,
    group_rows,
    positions_to_group,
    sample_rows,
)


class SeenPool(NamedTuple):
    """What a query saw of a pool.

    Attributes
    ----------
    prior : Prior or None
        With what the pool tells about it.
    groups : Groups or None
        How the pool falls into groups.
    """

    prior: Prior | None
    groups: Groups | None

    def is_like(self, rows: Any, prior_classes: np.ndarray | None) -> bool:
        """Whether it is of use for a fit.

        Parameters
        ----------
        rows : container of rows
            The representation of what is learned from.
        prior_classes : array of shape (K_prior,) or None
            Those of the prior now.

        Returns
        -------
        is_like : bool
            False where there was another prior, or rows of another width.
        """
        if self.prior is None or prior_classes is None:
            same_prior = self.prior is None and prior_classes is None
        else:
            same_prior = np.array_equal(self.prior.classes, prior_classes)
        seen = None if self.groups is None else self.groups.centers
        directions = None if self.prior is None else self.prior.directions
        if seen is None and directions is not None:
            seen = directions.prototypes
        return same_prior and (seen is None or _row_shape(rows) == _row_shape(seen))

    def embedded_anew(self) -> "SeenPool":
        """Without what goes by embeddings that are out of date."""
        return SeenPool(None if self.prior is None else self.prior.without_directions(), None)


def see_pool(
    rows: Any,
    parts: Parts,
    representation: Any,
    prior_classes: np.ndarray | None,
    raw: np.ndarray | None,
    rng: np.random.Generator,
) -> SeenPool:
    """What the next fit is told of a pool.

    Parameters
    ----------
    rows : container of N rows
        The pool.
    parts : Parts
        Whose representation it is.
    representation : callable
        Gives that of the N rows; cached by `functools.cache`. It is only called where there is a
        prior.
    prior_classes : array of shape (K_prior,) or None
        Sorted; None without a prior.
    raw : array of shape (N, K_prior) or None
        The prior's opinion on the rows.
    rng : numpy.random.Generator
        Which rows are looked at, and where groups begin.

    Returns
    -------
    pool : SeenPool
    """
    prior = None
    if raw is not None and prior_classes is not None:
        prior = Prior(prior_classes, summarise_pool(raw, representation()))
    return SeenPool(prior, _group_pool(rows, parts, representation, raw, rng))


def _group_pool(
    rows: Any, parts: Parts, representation: Any, raw: np.ndarray | None, rng: np.random.Generator
) -> Groups | None:
    """How a pool of embeddings falls into groups; of any other, some rows.

    Some of its rows will do; they are all that is embedded where nobody has read the others. None
    where groups would be of no use, or where the head reads texts or images as they are, which
    takes too long.
    """
    changed = any(hasattr(step, "transform") for step in parts.steps)
    if hasattr(parts.head, "embed") or (changed and not balances(parts.head)):
        return None
    positions = positions_to_group(n_rows(rows), rng)
    if representation.cache_info().currsize:
        seen = take(representation(), positions)
    else:
        seen = parts.represent(take(rows, positions))
    raw = None if raw is None else raw[positions]
    if not changed and are_directions(seen):
        groups: Groups | None = group_rows(seen, raw, rng)
    elif balances(parts.head):
        groups = sample_rows(seen, raw, rng)
    else:
        return None
    return None if groups is None else groups._replace(n_pool=n_rows(rows))


def _row_shape(rows: Any) -> tuple[int, ...]:
    return getattr(rows, "shape", ())[1:]
