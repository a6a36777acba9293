"""Class-prior correction: undo the bias that the selection of rows gives to a balanced head."""

from typing import Any

import numpy as np

from skactive._learner.class_prototypes import normalize_rows
from skactive._learner.pool_clusters import PoolClusters

_EXPONENT = 0.4


def is_balanced(head: Any) -> bool:
    """Whether a head divides its probabilities by the class frequencies of its training labels.

    Parameters
    ----------
    head : classifier

    Returns
    -------
    is_balanced : bool
    """
    return getattr(head, "class_weight", None) == "balanced"


def class_prior_correction(
    proba: np.ndarray, clusters: PoolClusters, counts: np.ndarray, *, has_prior: bool
) -> np.ndarray:
    """Factors that turn probabilities balanced by the labels into ones balanced by the pool.

    A balanced head divides by the class frequencies of its labels. A strategy labels some classes
    more often than they occur, and near their boundaries, so these frequencies are not the pool's.
    The selection depends on the rows alone. Hence p(y | x), without balancing, is unbiased, and
    its mean over the pool is the frequency to divide by. Both are estimates: the ratio is raised to
    the power 0.4. Without a prior it is also shrunk, as far as chance explains the difference
    (positive-part James-Stein shrinkage).

    Parameters
    ----------
    proba : array of shape (M, K)
        Balanced probabilities of the pool's clusters.
    clusters : PoolClusters
        Of a pool without the labeled rows.
    counts : array of shape (K,)
        Number of labels of each class.
    has_prior : bool
        Whether the probabilities include a prior. A prior also knows classes without labels, and
        its bias does not depend on the selection.

    Returns
    -------
    factors : array of shape (K,)
        1 for a class without labels and without a prior.
    """
    labeled = (counts + 1) / (counts + 1).sum()
    in_pool = clusters.sizes @ normalize_rows(proba * labeled) / clusters.sizes.sum()
    in_pool = (clusters.n_pool * in_pool + counts) / (clusters.n_pool + counts.sum())
    known = ((counts > 0) | has_prior) & (in_pool > 0)
    ratio = np.where(known, labeled / np.where(known, in_pool, 1), 1)
    if has_prior:
        return ratio**_EXPONENT
    distance = 2 * counts.sum() * (labeled @ np.log(ratio))
    beyond_chance = 1 - (known.sum() - 1) / max(distance, 1e-12)
    return ratio ** (_EXPONENT * max(beyond_chance, 0))
