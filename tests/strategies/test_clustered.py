"""ClusterMargin, Clue and DropQuery: against brute force and by hand."""

import numpy as np
import pytest
from scipy.special import softmax

from skactive.kernels import tensor_rows
from skactive.strategies import Clue, ClusterMargin, DropQuery, PoolView
from tests.support.strategies import blobs, make_view


def test_cluster_margin_cycles_through_the_clusters_from_the_smallest():
    X, blob = blobs([30, 10, 20, 5])
    lead = np.random.default_rng(0).uniform(size=65)
    view = PoolView(65, X=X, proba=np.stack([1 + lead, 1 - lead], axis=1) / 2)
    unsure = np.argsort(lead)[:40]
    queues = [[i for i in unsure if blob[i] == b] for b in range(4)]
    queues = sorted((q for q in queues if q), key=len)
    expected = []
    while len(expected) < 4:
        expected += [q.pop(0) for q in queues if q]
    assert ClusterMargin(factor=10).select(view, 4).tolist() == expected[:4]


def test_cluster_margin_with_factor_one_is_the_margin_set():
    view = make_view()
    expected = np.argsort(-ClusterMargin().score(view))[:9]
    assert set(ClusterMargin(factor=1).select(view, 9)) == set(expected)


def test_clue_with_one_pick_is_nearest_to_the_weighted_mean():
    view = make_view()
    center = np.average(view.X, axis=0, weights=Clue().score(view))
    assert Clue().select(view, 1)[0] == np.linalg.norm(view.X - center, axis=1).argmin()


def test_clue_draws_its_sample_by_entropy(monkeypatch):
    monkeypatch.setattr("skactive.strategies.clustered._SAMPLE", 50)
    X, blob = blobs([400, 100])
    proba = np.where(blob[:, None] == 0, [1.0, 0.0], [0.5, 0.5])
    assert blob[Clue().select(PoolView(500, X=X, proba=proba), 1)] == 1


def linear_view():
    rng = np.random.default_rng(0)
    X, weights, offsets = rng.normal(size=(80, 6)), rng.normal(size=(3, 6)), rng.normal(size=3)
    proba = softmax(X @ weights.T + offsets, axis=1)
    return make_view(80, X=X, proba=proba, head_proba=proba, linear=(weights, offsets))


@pytest.mark.parametrize(("n_dropouts", "dropout"), [(3, 0.75), (5, 0.5)])
def test_drop_query_counts_changed_predictions(n_dropouts, dropout):
    view = linear_view()
    weights, offsets = view.linear
    rng, changed = np.random.default_rng(0), np.zeros(80)
    for _ in range(n_dropouts):
        kept = rng.random((80, 6), dtype=np.float32) >= dropout
        logits = (view.X * kept / (1 - dropout)) @ weights.T + offsets
        changed += logits.argmax(axis=1) != view.proba.argmax(axis=1)
    strategy = DropQuery(n_dropouts=n_dropouts, dropout=dropout)
    np.testing.assert_allclose(strategy.score(view), changed / n_dropouts)


@pytest.mark.parametrize("factor", [1, 2])
def test_drop_query_chooses_among_rows_that_change(factor):
    score = DropQuery().score(linear_view())
    picks = DropQuery(factor=factor).select(linear_view(), 10)
    least = min(2 / 3, np.sort(score)[-10 * factor])
    assert (score[picks] >= least).all()
    assert not (score >= least).all()


def test_drop_query_uses_sampled_proba_where_the_head_is_not_linear():
    view = make_view()
    firm = view.proba.argmax(axis=1)
    expected = (view.sampled_proba(3).argmax(axis=2) != firm).mean(axis=0)
    np.testing.assert_allclose(DropQuery().score(view), expected)


def test_drop_query_without_a_head_selects_one_row_per_cluster():
    X, blob = blobs([40, 30, 20])
    assert sorted(blob[DropQuery().select(PoolView(90, X=X), 3)]) == [0, 1, 2]


def test_drop_query_does_not_depend_on_the_block_size(monkeypatch):
    whole = DropQuery().score(linear_view())
    monkeypatch.setitem(tensor_rows.BLOCK_ELEMENTS, "cpu", 64)
    np.testing.assert_array_equal(DropQuery().score(linear_view()), whole)
