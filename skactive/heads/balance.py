"""The balance of classes, corrected for which rows a strategy has asked about."""

from typing import Any

import numpy as np

from skactive.heads.directions import Groups, normalised

_POWER = 0.4


def balances(head: Any) -> bool:
    """Whether a head takes out of its opinion how often it has met each class.

    Parameters
    ----------
    head : classifier

    Returns
    -------
    balances : bool
    """
    return getattr(head, "class_weight", None) == "balanced"


def pool_correction(
    opinion: np.ndarray, groups: Groups, counts: np.ndarray, *, prior: bool
) -> np.ndarray:
    """By what to multiply a balanced opinion, so that it is balanced by the pool.

    A head that balances classes takes out their shares among the labels. Those of a strategy are
    not the pool's: it asks about some classes more often than they come, and near their borders.
    Since it goes by the rows alone, what the labels say of a row, unbalanced, is still right, and
    its mean over the pool is what would have to be taken out. Neither is known well; the opinion is
    brought 0.4 of the way, and without a prior less, in so far as chance would have made shares as
    different (positive-part James-Stein shrinkage).

    Parameters
    ----------
    opinion : array of shape (M, K)
        On the pool's groups, as the head has balanced it.
    groups : Groups
        Of a pool without the labelled rows.
    counts : array of shape (K,)
        Labels of each class.
    prior : bool
        Whether the opinion has heard a prior, which knows of classes without labels, and favours
        some whichever rows have labels.

    Returns
    -------
    factors : array of shape (K,)
        1 for a class of which nobody knows anything.
    """
    labelled = (counts + 1) / (counts + 1).sum()
    in_pool = groups.sizes @ normalised(opinion * labelled) / groups.sizes.sum()
    in_pool = (groups.n_pool * in_pool + counts) / (groups.n_pool + counts.sum())
    known = ((counts > 0) | prior) & (in_pool > 0)
    ratio = np.where(known, labelled / np.where(known, in_pool, 1), 1)
    if prior:
        return ratio**_POWER
    distance = 2 * counts.sum() * (labelled @ np.log(ratio))
    beyond_chance = 1 - (known.sum() - 1) / max(distance, 1e-12)
    return ratio ** (_POWER * max(beyond_chance, 0))
