"""query(return_reasons=True): doubt, rarity and density, computed by hand."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from skactive._learner.query_reasons import query_reasons
from skactive.strategies import PoolView
from tests.support.active import CLASSES, X_NEW, ConstantPrior, X, Y, make_active, make_prior


def kinds(reasons):
    return [reason.kind for reason in reasons]


def test_reasons_follow_the_predicted_probabilities():
    clf = make_active(prior=make_prior()).fit(X[:30], Y[:30])
    positions, scores, reasons = clf.query(X_NEW, 20, return_scores=True, return_reasons=True)
    np.testing.assert_array_equal(positions, clf.query(X_NEW, 20))
    assert len(scores) == len(reasons) == 20
    for own, proba in zip(reasons, clf.predict_proba(X_NEW[positions]), strict=True):
        first, second = np.sort(proba)[::-1][:2]
        assert ("doubt" in kinds(own)) == (first - second < 0.3)
        assert kinds(own)[-1] == "density"
        if own[0].kind == "doubt":
            assert own[0].details["proba"] == pytest.approx((first, second))
            best = CLASSES[np.argsort(-proba)]
            assert own[0].details["classes"] == tuple(best[:2])
            assert own[0].text == f"in doubt between {best[0]} ({first:.2f}) and " + (
                f"{best[1]} ({second:.2f})"
            )
    assert {kind for own in reasons for kind in kinds(own)} >= {"doubt", "density"}


def test_a_rare_class_is_named():
    kept = np.flatnonzero((Y != "cow") | (np.arange(60) < 6))
    clf = make_active().fit(X[kept], Y[kept])
    positions, reasons = clf.query(X_NEW, 60, return_reasons=True)
    predicted = clf.predict(X_NEW[positions])
    for own, label in zip(reasons, predicted, strict=True):
        assert ("rare" in kinds(own)) == (label == "cow")
    rare = next(reason for own in reasons for reason in own if reason.kind == "rare")
    assert rare.details == {"class": "cow", "n_labels": 2, "n_total": 42}
    assert rare.text == "cow is rare: 2 of 42 labels"


def test_density_is_the_fraction_of_rows_in_sparser_regions():
    # the distance to the tenth nearest row is 10 for eleven rows in the middle, 20 at the ends
    X = np.arange(21.0)[:, None] * 2
    reasons = query_reasons(PoolView(21, X=X), np.array([10, 0, 20]), None, np.empty(0))
    radii = np.sort(np.abs(X - X.T), axis=1)[:, 10]
    for position, own in zip([10, 0, 20], reasons, strict=True):
        expected = (radii > radii[position]).mean()
        assert own[0].details["quantile"] == pytest.approx(expected)
        assert own[0].text == f"in a denser region than {expected:.0%} of the rows"
    assert reasons[0][0].details["quantile"] == pytest.approx(10 / 21)
    assert reasons[1][0].details["quantile"] == 0


def test_before_any_label():
    _, reasons = make_active().query(X, 3, return_reasons=True)
    assert [kinds(own) for own in reasons] == [["density"]] * 3
    prior = ConstantPrior({"ant": 0.5, "bee": 0.3, "cow": 0.2})
    _, reasons = make_active(prior=prior).query(X, 3, return_reasons=True)
    assert [kinds(own) for own in reasons] == [["doubt", "density"]] * 3


def test_one_row_and_no_row():
    clf = make_active().fit(X, Y)
    _, reasons = clf.query(X_NEW[:1], return_reasons=True)
    assert "density" not in kinds(reasons[0])
    with pytest.warns(UserWarning, match="only 0"):
        positions, scores, reasons = clf.query(X, 1, return_scores=True, return_reasons=True)
    assert len(positions) == len(scores) == len(reasons) == 0


def test_rows_that_have_no_distances():
    texts = np.array(["a", "b", "c"], dtype=object)[:, None]
    clf = make_active(DummyClassifier(), strategy="random")
    _, reasons = clf.query(texts, 2, return_reasons=True)
    assert reasons == [[], []]


def test_a_large_pool_is_sampled():
    X = np.random.default_rng(0).normal(size=(5000, 3))
    reasons = query_reasons(PoolView(5000, X=X), np.arange(5000), None, np.empty(0))
    quantiles = np.array([own[0].details["quantile"] for own in reasons])
    assert 0.45 < quantiles.mean() < 0.55
    norms = np.linalg.norm(X, axis=1)
    assert norms[quantiles > 0.9].max() < norms[quantiles < 0.1].mean()
