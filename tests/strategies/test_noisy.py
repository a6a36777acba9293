"""Nas: how labels that look wrong change the choice."""

import numpy as np
import torch

from skactive.strategies import MaxHerding, Nas, PoolView
from tests.support.strategies import blobs, drive_steps, make_view


def test_nas_queries_batches_of_one_row_per_class():
    batches = drive_steps(Nas(), make_view(), 8, np.zeros(60, int))
    assert [len(batch) for batch in batches] == [3, 3, 2]


def test_nas_is_max_herding_while_labels_agree():
    picks = np.concatenate(
        drive_steps(Nas(), make_view(labeled_y=np.zeros(6, int)), 9, np.zeros(60, int))
    )
    np.testing.assert_array_equal(picks, MaxHerding().select(make_view(), 9))


def test_nas_queries_a_region_again_when_its_label_looks_wrong():
    """Three blobs; the only labeled row of the second has the label of another class."""
    X, blob = blobs([30, 30, 30], spread=0.5)
    known = np.array([0, 1, 2, 60, 61, 62, 30, 31, 32, 33, 34])
    labels = np.array([0, 0, 0, 2, 2, 2, 1, 1, 1, 1, 0])
    nas = Nas(n_neighbors=3)
    points = X[known]
    good = nas._credible(torch.from_numpy(points), labels)
    assert good.tolist() == [True] * 10 + [False]
    rest = np.setdiff1d(np.arange(90), known)
    # The only labeled row of the second blob looks wrong, so the blob is queried again.
    some = np.r_[0:6, 10]
    view = PoolView(
        len(rest),
        X=X[rest],
        proba=np.eye(3)[blob[rest]],
        classes=np.arange(3),
        labeled_X=points[some],
        labeled_y=labels[some],
    )
    assert blob[rest][next(nas.steps(view, 1))[0]] == 1
