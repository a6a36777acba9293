"""Experts with and without a prior: what each counts, and what it would be without some labels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, normalize

from skactive import ActiveClassifier, SoftmaxHead
from skactive._learner.component import MixtureComponent, TrainingRows
from skactive._learner.cross_fitting import CrossFittedModels
from skactive._learner.mixture_weight import mixture_weight
from skactive._learner.pool_clusters import cluster_rows
from skactive.heads.averaged_head import TrainingData

RNG = np.random.default_rng(0)
CODES = RNG.integers(3, size=400)
ROWS = normalize(RNG.normal(scale=0.5, size=(400, 12)) + np.eye(3, 12)[CODES] + 1)
LIKELIHOODS = st.lists(st.tuples(*[st.floats(0, 1)] * 2, st.integers(0, 2)), min_size=1)


class Prior:
    """What it says of each row, whose position is read off its content."""

    classes_ = np.arange(3)

    def __init__(self, proba):
        self.proba = proba

    def predict_proba(self, X):
        position = (X @ ROWS.T).argmax(axis=1)
        return self.proba[position]


GOOD = np.eye(3)[CODES] * 0.6 + 0.4 / 3
USELESS = RNG.permutation(GOOD)


def learned(proba, estimator=None):
    clf = ActiveClassifier(estimator, prior=Prior(proba), random_state=0)
    clf.query(ROWS, 1)
    return clf.partial_fit(ROWS[:60], CODES[:60])


@pytest.mark.parametrize(
    ("agreement", "benefit"), [(-3, 25), (0, 25), (0.5, 25.08), (0.6, 25.16), (9, 25.4)]
)
def test_share_by_integration(agreement, benefit):
    with_prior, without = np.array([0.9, 0.2, 0.6]), np.array([0.5, 0.4, 0.1])
    codes, weight = np.array([0, 0, 1]), np.array([1.0, 2.0, 1.0])
    worth = weight / np.sqrt([3, 3, 1])
    worth *= 4 / worth.sum()

    def posterior(share):
        mixture = share * with_prior + (1 - share) * without
        return share**benefit * np.prod((0.9 * mixture + 0.1 / 2) ** worth)

    expected = quad(lambda share: share * posterior(share), 0, 1)[0] / quad(posterior, 0, 1)[0]
    assert mixture_weight(with_prior, without, codes, weight, 2, agreement) == pytest.approx(
        expected, abs=0.01
    )


@pytest.mark.parametrize("agreement", [-2, 1.8, 3])
def test_doubt_about_a_prior_with_which_labels_do_not_agree(agreement):
    """By 100 labels, 4 is expected of a prior of use; four fifths of up to four labels count."""
    doubt = 0.8 * min(2 * max(8 - 4 * agreement, 0), 4)
    benefit = 1 + max(4 * agreement - 8, 0)
    foretold, codes = np.full(100, 0.5), np.repeat([0, 1], 50)
    share = mixture_weight(foretold, foretold, codes, np.ones(100), 2, agreement)
    # the likelihood tells nothing: a beta distribution
    assert share == pytest.approx((benefit + 1) / (benefit + doubt + 2), abs=0.01)


def test_nothing_is_held_against_a_prior_by_twenty_labels():
    foretold, codes = np.full(20, 0.5), np.zeros(20, dtype=int)
    shares = [mixture_weight(foretold, foretold, codes, np.ones(20), 1, a) for a in (-4.0, 0.0)]
    assert shares[0] == shares[1] > 0.8


@settings(deadline=None)
@given(LIKELIHOODS, st.integers(0, 2**32 - 1))
def test_any_likelihoods(rows, seed):
    with_prior, without, codes = (np.array(column) for column in zip(*rows, strict=True))
    weight = np.ones(len(rows))
    share = mixture_weight(with_prior, without, codes, weight, 3, 0.0)
    assert 0 < share < 1
    order = np.random.default_rng(seed).permutation(len(rows))
    shuffled = mixture_weight(with_prior[order], without[order], codes[order], weight, 3, 0.0)
    assert shuffled == pytest.approx(share)
    better = np.maximum(with_prior, without)
    assert mixture_weight(better, without, codes, weight, 3, 0.0) >= share - 1e-9
    few = mixture_weight(with_prior, without, codes, weight / 10, 3, 0.0)
    assert few > 0.5  # ten times the benefit of the doubt, and a tenth of the evidence


def test_rows_that_nobody_foretold_do_not_count():
    with_prior, without = np.array([0.9, np.nan, 0.2]), np.array([0.5, 0.3, np.nan])
    codes, weight = np.array([0, 0, 0]), np.ones(3)
    # the one that is left stands for all three
    alone = mixture_weight(np.array([0.9]), np.array([0.5]), codes[:1], np.array([3.0]), 3, 0.0)
    assert mixture_weight(with_prior, without, codes, weight, 3, 0.0) == pytest.approx(alone)
    nothing = np.full(3, np.nan)
    assert mixture_weight(nothing, nothing, codes, weight, 3, 0.0) > 0.9


def test_useless_priors_count_less_than_good_ones():
    good, useless = (learned(proba) for proba in (GOOD, USELESS))
    assert good.prior_weight_ > 0.8
    assert 0 < useless.prior_weight_ < good.prior_weight_
    assert sum(useless._state.fitted.model.weights) == pytest.approx(1)
    assert ActiveClassifier().fit(ROWS[:60], CODES[:60]).prior_weight_ == 0


def test_the_mixture_and_the_head_alone():
    clf = learned(GOOD)
    model = clf._state.fitted.model
    prior_proba = clf._state.fitted.prior.calibrate(GOOD, ROWS, clf.classes_)
    opinions = [expert.proba(ROWS, prior_proba) for expert in model.components]
    expected = np.tensordot(model.weights, opinions, axes=1)
    np.testing.assert_allclose(clf.predict_proba(ROWS), model.corrected(expected))
    # the second expert is the classifier without a prior
    plain = ActiveClassifier(SoftmaxHead(), random_state=0)
    plain.query(ROWS, 1)
    plain.partial_fit(ROWS[:60], CODES[:60])
    np.testing.assert_allclose(opinions[1], plain._state.fitted.model.proba(ROWS, None), rtol=1e-5)
    np.testing.assert_allclose(model.head_proba(ROWS), plain.estimator_.predict_proba(ROWS))


@pytest.mark.parametrize(
    "estimator", [SoftmaxHead(strength=1.0), LogisticRegression(), SoftmaxHead((4,), max_iter=5)]
)
def test_one_expert_where_a_head_does_not_tell_what_it_would_be_without_labels(estimator):
    model = learned(GOOD, estimator=estimator)._state.fitted.model
    assert len(model.components) == 1
    assert model.weights == [1.0]


def test_two_experts_behind_a_scaler():
    clf = learned(GOOD, estimator=make_pipeline(StandardScaler(), SoftmaxHead()))
    assert len(clf._state.fitted.model.components) == 2
    assert all(expert.prototypes is None for expert in clf._state.fitted.model.components)
    assert clf.score(ROWS, CODES) > 0.8


@pytest.mark.parametrize("n", [60, 350])
def test_heads_that_have_not_seen_some_labels(n):
    head = SoftmaxHead().fit(ROWS[:n], CODES[:n])
    held_out = [rows for rows, _ in head.held_out_heads_]
    assert len(held_out) == (4 if n < 300 else 1)
    counted = np.sum(held_out, axis=0)
    assert counted.max() == 1
    assert counted.min() == (1 if n < 300 else 0)
    whole = head.predict_proba(ROWS)
    for rows, without in head.held_out_heads_:
        proba = without.predict_proba(ROWS)
        assert not np.allclose(proba, whole)
        assert np.mean(proba.argmax(axis=1) == whole.argmax(axis=1)) > 0.8
        given = np.flatnonzero(rows), CODES[:n][rows]
        assert proba[given].mean() < whole[given].mean()  # foretelling is harder


def test_labels_held_out_change_nothing():
    codes = CODES[:40]
    candidates = np.array([[1.0, 0.0, 0.3]])
    fold = np.arange(40) % 4

    def coefficients(codes):
        rows = TrainingData(ROWS[:40], codes, np.ones(40), np.log(np.full(3, 1 / 3)), None)
        return rows._fit_without(candidates, fold)[2][1].numpy()

    np.testing.assert_array_equal(
        coefficients(np.where(fold == 2, (codes + 1) % 3, codes)), coefficients(codes)
    )
    assert not np.array_equal(
        coefficients(np.where(fold == 1, (codes + 1) % 3, codes)), coefficients(codes)
    )


def test_what_is_foretold_by_hand():
    """With the groups of a pool, whose directions are found without the labels held out."""
    labeled = TrainingRows(ROWS[:60], CODES[:60], np.ones(60), None)
    head = SoftmaxHead().fit(labeled.X, labeled.y)
    groups = cluster_rows(ROWS, None, np.random.default_rng(0))
    expert = MixtureComponent(head, np.arange(3))
    foretold = CrossFittedModels(expert, labeled, groups).held_out_proba(3.0)
    for rows, without in head.held_out_heads_:
        twin = MixtureComponent(without, np.arange(3))
        twin.fit_prototypes(groups, labeled.take(~rows))
        twin.concentration = 3.0
        proba = twin.proba(ROWS[:60][rows], None)
        np.testing.assert_allclose(foretold[rows], proba[np.arange(rows.sum()), CODES[:60][rows]])
    assert expert.prototypes is None


def test_nothing_is_foretold_where_all_rows_are_equal():
    head = SoftmaxHead().fit(np.ones((6, 2)), [0, 1, 0, 1, 1, 1])
    labeled = TrainingRows(np.ones((6, 2)), np.array([0, 1, 0, 1, 1, 1]), np.ones(6), None)
    assert head.held_out_heads_ == []
    twins = CrossFittedModels(MixtureComponent(head, np.arange(2)), labeled, None)
    assert np.isnan(twins.held_out_proba(4.0)).all()
    assert twins.concentration() == 4


def twins_of(rows, codes, pool):
    """Of an expert without a prior, on labeled rows of a pool."""
    labeled = TrainingRows(rows, codes, np.ones(len(rows)), None)
    groups = cluster_rows(pool, None, np.random.default_rng(0))
    return CrossFittedModels(
        MixtureComponent(SoftmaxHead().fit(rows, codes), np.arange(3)), labeled, groups
    )


def test_concentration_by_brute_force():
    codes = np.concatenate([CODES[:50], (CODES[50:60] + 1) % 3])
    twins = twins_of(ROWS[:60], codes, ROWS)
    counts = np.bincount(codes)
    best = []
    for concentration in (1, 2, 4, 8, 16):
        tried = []
        for power in (0.4, 0.6, 1, 1.6, 2.4):
            total = 0
            for held_out, twin, rows, _ in twins._copies:
                twin.concentration = concentration
                proba = twin.proba(rows, None) ** power
                proba /= proba.sum(axis=1, keepdims=True)
                for opinion, code in zip(proba, codes[held_out], strict=True):
                    total += np.log(0.9 * opinion[code] + 0.1 / 3) / counts[code] ** 0.5
            tried.append(total * 60 / (counts**0.5).sum())
        best.append(max(tried))
    share = np.exp((np.array(best) - [4, 1, 0, 1, 4]) / 4)
    expected = np.exp(share / share.sum() @ np.log([1, 2, 4, 8, 16]))
    assert twins.concentration() == pytest.approx(expected, rel=1e-6)
    assert expected != pytest.approx(4, rel=0.01)


def test_the_labels_tell_how_far_to_go_by_directions():
    """Where they are of any class, that rows lie in one direction means nothing."""
    tight = normalize(np.eye(3, 12)[CODES] + 0.05 * RNG.normal(size=(400, 12)) + 0.3)
    sure = twins_of(tight[:90], CODES[:90], tight).concentration()
    unsure = twins_of(tight[:90], RNG.permutation(CODES[:90]), tight).concentration()
    assert 1 <= unsure < sure <= 16


def test_concentration_is_the_same_in_any_order():
    order = RNG.permutation(60)
    once = twins_of(ROWS[:60], CODES[:60], ROWS).concentration()
    shuffled = twins_of(ROWS[:60][order], CODES[:60][order], ROWS).concentration()
    assert shuffled == pytest.approx(once, rel=1e-3)
