"""Label trust and noise rates: by hand, and where some labels are known to be wrong."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from skactive import ActiveClassifier, SoftmaxHead
from skactive.datasets import flip_labels
from skactive.noise import NoiseEstimate, estimate_noise, label_trust, out_of_fold
from tests.support.active import X as X_ACTIVE
from tests.support.active import Y as Y_ACTIVE
from tests.support.active import make_active, make_prior
from tests.support.errors import fails, table


def make_data(counts, seed=0):
    """Overlapping classes, with the given number of rows."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(len(counts)), counts)
    return rng.normal(size=(len(codes), 6)) + 3 * np.eye(len(counts), 6)[codes], codes


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 999), n=st.integers(1, 20), n_classes=st.integers(1, 4))
def test_trust_is_between_zero_and_one(seed, n, n_classes):
    rng = np.random.default_rng(seed)
    proba, codes = rng.dirichlet(np.full(n_classes, 0.2), n), rng.integers(n_classes, size=n)
    trust = label_trust(proba, codes)
    assert trust.shape == (n,)
    assert trust.min() >= 0
    assert trust.max() <= 1
    own = proba[np.arange(n), codes]
    assert (own - 1e-12 <= trust).all()
    assert (trust <= own / proba.max(axis=1) + 1e-12).all()


def test_trust_by_hand():
    proba = np.array([[0.81, 0.19], [0.36, 0.64], [0.2, 0.8], [1.0, 0.0], [1.0, 0.0]])
    trust = label_trust(proba, np.array([0, 0, 1, 0, 1]))
    np.testing.assert_allclose(trust, [0.9, 0.45, 0.8**0.5, 1, 0])


def test_out_of_fold_never_trains_on_the_row_it_judges():
    keys = np.array([b"a", b"b", b"a", b"c", b"d", b"e", b"f", b"a"])
    judged = []

    def fit_predict(train, test):
        assert not set(keys[train]) & set(keys[test])
        assert len(train) + len(test) == len(keys)
        judged.extend(test)
        return np.tile([0.25, 0.75], (len(test), 1))

    proba = out_of_fold(keys, fit_predict, 2)
    assert sorted(judged) == list(range(8))
    np.testing.assert_array_equal(proba, np.tile([0.25, 0.75], (8, 1)))


@pytest.mark.filterwarnings("ignore:(divide by zero|invalid value):RuntimeWarning")
def test_out_of_fold_predictions_that_are_not_finite_are_uniform():
    """GaussianNB predicts NaN if all rows that it has seen are equal."""
    keys, codes = np.array(["a", "b"] * 4), np.array([0, 0, 1, 1] * 2)

    def predict(train, test):
        return np.where(keys[test, None] == "a", np.nan, [0.2, 0.8])

    found = out_of_fold(keys, predict, 2)
    np.testing.assert_array_equal(found, [[0.5, 0.5], [0.2, 0.8]] * 4)
    X = np.repeat((keys == "a").astype(float)[:, None], 2, axis=1)
    clf = ActiveClassifier(GaussianNB(), random_state=0).fit(X, codes)
    assert np.isfinite(clf.label_trust_).all()
    assert np.isfinite(clf.noise_.rate)


def test_out_of_fold_of_a_single_row():
    proba = out_of_fold(np.array([b"a", b"a"]), lambda train, test: 1 / 0, 4)
    np.testing.assert_array_equal(proba, np.full((2, 4), 0.25))


@pytest.mark.parametrize("estimator", [LogisticRegression(), SoftmaxHead(strength=1.0)])
@pytest.mark.parametrize("kind", ["symmetric", "pairflip"])
def test_flipped_labels_are_found(estimator, kind):
    X, y = make_data([40, 40, 40])
    given_ = flip_labels(y, 0.15, random_state=0, kind=kind)
    flipped = np.flatnonzero(given_ != y)
    clf = ActiveClassifier(estimator, random_state=0).fit(X, given_)
    suspects = clf.suspects(len(flipped))
    # a random choice would contain 15 % wrong labels
    assert np.isin(suspects, flipped).mean() > 0.6
    assert clf.label_trust_[flipped].mean() < 0.4
    assert np.delete(clf.label_trust_, flipped).mean() > 0.7


@pytest.mark.parametrize("estimator", [LogisticRegression(), SoftmaxHead(strength=1.0)])
def test_a_rare_class_is_trusted(estimator):
    X, y = make_data([80, 80, 6])
    trust = ActiveClassifier(estimator, random_state=0).fit(X, y).label_trust_
    assert trust[y == 2].mean() > 0.6
    assert trust[y != 2].mean() > 0.8


def test_too_few_labels_to_judge():
    X, y = make_data([1, 1])
    trust = ActiveClassifier(LogisticRegression(), random_state=0).fit(X, y).label_trust_
    assert trust.shape == (2,)
    assert ((trust >= 0) & (trust <= 1)).all()


def test_supervised_steps_do_not_leak_the_labels():
    """In pure noise, held-out models predict a label no better than random guessing."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 35)), np.arange(40) % 2
    pipeline = make_pipeline(LinearDiscriminantAnalysis(), SoftmaxHead())
    trust = ActiveClassifier(pipeline, random_state=0).fit(X, y).label_trust_
    assert (trust < 0.5).mean() > 0.15


def one_hot(right, wrong, n_classes=2):
    """Certain predictions; some labels, equally many in each class, contradict them."""
    codes = np.tile(np.arange(n_classes), right + wrong)
    true = np.where(np.arange(len(codes)) < n_classes * right, codes, (codes + 1) % n_classes)
    return np.eye(n_classes)[true], codes, np.ones(len(codes))


def test_noise_by_hand():
    """Certain predictions stay certain at any exponent, so that the posterior is a short sum."""
    proba, codes, weight = one_hot(right=10, wrong=2)
    n, n_right, n_wrong, n_classes = 24, 20, 4, 2
    errors = [0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7]
    prior = [np.exp(-error * n / n_classes) for error in errors]
    rates = np.linspace(0.001, 0.499, 250)
    density = np.zeros(250)
    for error, mass in zip(errors, prior, strict=True):
        # a replaced prediction is right half of the time
        contradicted = rates * (1 - error) + 0.5 * error
        likelihood = (1 - contradicted) ** n_right * contradicted**n_wrong
        density += mass * likelihood ** (0.5 * n / (n + 3 * n_classes) / (1 + n / 1000))
    noise = estimate_noise(proba, codes, weight)
    assert noise.rate == pytest.approx(density @ rates / density.sum(), abs=0.002)
    likely = rates[density > np.exp(-(1.645**2) / 2) * density.max()]
    assert noise.interval == pytest.approx((likely[0], likely[-1]), abs=0.01)
    # the two classes are symmetric
    expected = [[1 - noise.rate, noise.rate], [noise.rate, 1 - noise.rate]]
    np.testing.assert_allclose(noise.transition, expected)


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.4])
def test_noise_rate_and_transition_are_found(rate):
    X, codes = make_data([400, 400, 200])
    given = flip_labels(codes, rate, random_state=0)
    noise = ActiveClassifier(LogisticRegression(), random_state=0).fit(X, given).noise_
    truth = (given != codes).mean()
    assert noise.rate == pytest.approx(truth, abs=0.07)
    assert noise.interval[0] <= truth <= noise.interval[1] <= noise.interval[0] + 0.3
    expected = np.full((3, 3), rate / 2) + (1 - 1.5 * rate) * np.eye(3)
    np.testing.assert_allclose(noise.transition, expected, atol=0.1)


@pytest.mark.parametrize("head", [LogisticRegression(), SoftmaxHead()])
def test_errors_of_the_model_are_not_called_noise(head):
    """Classes overlap, and every fourth prediction is wrong, but all labels are right."""
    X, codes = make_data([50, 50, 50, 50])
    X = X + np.random.default_rng(0).normal(size=X.shape)
    clf = ActiveClassifier(head, random_state=0).fit(X, codes)
    assert (clf.label_trust_ < 0.5).mean() > 0.2
    assert clf.noise_.rate < 0.1
    assert clf.noise_.interval[0] == 0


def test_confident_predictions_agree_with_cleanlab():
    count = pytest.importorskip("cleanlab.count")
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1, 2], [400, 200, 100])
    proba = rng.dirichlet(np.ones(3), len(codes)) + 8 * np.eye(3)[codes]
    proba /= proba.sum(axis=1, keepdims=True)
    given = flip_labels(codes, 0.2, random_state=0)
    joint = count.estimate_joint(given, proba)
    rate, transition, _ = estimate_noise(proba, given, np.ones(len(given)))
    assert rate == pytest.approx(1 - np.trace(joint), abs=0.02)
    np.testing.assert_allclose(transition, (joint / joint.sum(axis=0)).T, atol=0.03)


def test_verified_labels_are_no_noise():
    X, codes = make_data([30, 30])
    given = flip_labels(codes, 0.2, random_state=0)
    clf = ActiveClassifier(LogisticRegression(), random_state=0).fit(X, given)
    before = clf.noise_
    wrong = given != codes
    clf.relabel(np.flatnonzero(wrong), given[wrong])
    after = clf.noise_
    assert after.rate < before.rate / 2
    assert after.interval[1] < before.interval[1]
    assert (np.diag(after.transition) > np.diag(before.transition)).all()
    clf.relabel(np.arange(60), given)
    assert clf.noise_.rate == 0
    assert clf.noise_.interval == (0, 0)
    np.testing.assert_array_equal(clf.noise_.transition, np.eye(2))


def test_few_labels_give_a_wide_interval_and_many_a_narrow_one():
    widths = []
    for size in (1, 10, 100, 1000):
        noise = estimate_noise(*one_hot(4 * size, size))
        assert noise.interval[0] < 0.2 < noise.interval[1]
        widths.append(noise.interval[1] - noise.interval[0])
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 0.3
    assert widths[-1] < 0.07


def test_labels_that_all_agree():
    rates = [estimate_noise(*one_hot(size, 0, 3)) for size in (5, 50, 500)]
    assert [noise.interval[0] for noise in rates] == [0, 0, 0]
    assert rates[0].rate < 0.3
    assert rates[1].rate < 0.05
    assert rates[2].rate < 0.01
    assert rates[2].interval[1] < 0.03
    np.testing.assert_allclose(rates[2].transition, np.eye(3), atol=0.01)


def test_predictions_that_say_nothing():
    """No rate is more probable than another, from 0 to 0.7 or to (K - 1) / K."""
    for n_classes, highest in ((2, 0.5), (3, 2 / 3), (8, 0.7)):
        proba, codes = np.full((50, n_classes), 1 / n_classes), np.arange(50) % n_classes
        noise = estimate_noise(proba, codes, np.ones(50))
        assert noise.interval == pytest.approx((0, highest))
        assert noise.rate == pytest.approx(highest / 2)


def test_one_class():
    noise = estimate_noise(np.ones((5, 1)), np.zeros(5, dtype=int), np.ones(5))
    expected = NoiseEstimate(0.0, np.eye(1), (0.0, 0.0))
    assert noise.rate == expected.rate
    assert noise.interval == expected.interval
    np.testing.assert_array_equal(noise.transition, expected.transition)


def test_transition_has_the_kind_of_noise():
    """Only labels of class 0 are wrong, and all of these are labeled 1."""
    codes = np.repeat([0, 1, 1, 2], [60, 40, 100, 100])
    proba = 0.04 + 0.88 * np.eye(3)[np.repeat([0, 0, 1, 2], [60, 40, 100, 100])]
    noise = estimate_noise(proba, codes, np.ones(300))
    expected = [[0.6, 0.4, 0], [0, 1, 0], [0, 0, 1]]
    np.testing.assert_allclose(noise.transition, expected, atol=0.08)
    # equally many rows of each class
    assert 1 - np.trace(noise.transition) / 3 == pytest.approx(noise.rate, abs=0.01)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 999),
    n=st.integers(0, 30),
    n_classes=st.sampled_from([1, 2, 3, 100]),
    alpha=st.sampled_from([0.01, 0.3, 3]),
)
def test_properties_of_the_noise_estimate(seed, n, n_classes, alpha):
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet(np.full(n_classes, alpha), n)
    codes, weight = rng.integers(n_classes, size=n), rng.integers(1, 4, n)
    noise = estimate_noise(proba, codes, weight)
    low, high = noise.interval
    assert 0 <= low <= noise.rate <= high <= 1
    assert noise.transition.min() >= 0
    np.testing.assert_allclose(noise.transition.sum(axis=1), 1)
    order, classes = rng.permutation(n), rng.permutation(n_classes)
    places = np.argsort(classes)
    repeated = order.repeat(weight[order])
    for other, transition in (
        (estimate_noise(proba[order], codes[order], weight[order]), noise.transition),
        (
            estimate_noise(proba[repeated], codes[repeated], np.ones(len(repeated))),
            noise.transition,
        ),
        (
            estimate_noise(proba[:, classes], places[codes], weight),
            noise.transition[classes][:, classes],
        ),
    ):
        assert other.rate == pytest.approx(noise.rate)
        assert other.interval == pytest.approx(noise.interval)
        np.testing.assert_allclose(other.transition, transition, atol=1e-9)


def test_probabilities_and_weights_at_the_limits():
    """A certain prediction of another class, and a huge weight, leave the estimate finite."""
    for weight in (1e-6, 1.0, 1e9):
        noise = estimate_noise(np.eye(2)[[0, 0, 1]], np.array([0, 1, 1]), np.full(3, weight))
        assert np.isfinite([noise.rate, *noise.interval, *noise.transition.ravel()]).all()
    assert noise.rate == pytest.approx(1 / 3, abs=0.01)


def test_noise_none_models_no_label_noise():
    X, codes = make_data([30, 30])
    given = flip_labels(codes, 0.3, random_state=0)
    clf = ActiveClassifier(SoftmaxHead(), noise=None).fit(X, given)
    assert clf.noise_.rate == 0
    assert clf.noise_.interval == (0, 0)
    np.testing.assert_array_equal(clf.noise_.transition, np.eye(2))
    assert (clf.label_trust_ == 1).all()
    with pytest.raises(ValueError, match="noise=None suspects no label; set noise='auto'"):
        clf.suspects()
    assert clf.estimator_.anchor_["noise_rate"] == 0
    assert ActiveClassifier(SoftmaxHead()).fit(X, given).estimator_.anchor_["noise_rate"] > 0


@pytest.mark.parametrize("prior", [None, make_prior()], ids=["no prior", "prior"])
def test_a_head_that_needs_more_labels_than_a_fold_has(prior):
    """The trust then uses a model that has seen the labels, or the prior."""
    clf = make_active(KNeighborsClassifier(10), prior=prior)
    warns = pytest.warns(UserWarning, match="Neighbors.* on four fifths of the labels.*noise=None")
    with warns:
        clf.fit(X_ACTIVE[:12], Y_ACTIVE[:12])
        trust = clf.label_trust_
    assert ((trust > 0) & (trust <= 1)).all()
    if prior is None:
        own = clf.predict_proba(X_ACTIVE[:12])
        codes = np.searchsorted(clf.classes_, Y_ACTIVE[:12])
        np.testing.assert_allclose(trust, label_trust(own, codes))
    assert len(clf.query(X_ACTIVE, 2)) == 2


EVEN = np.full((3, 2), 0.5)
BAD_CODES = {
    "labels": (EVEN, ["a", "b", "a"], r"codes must be whole numbers from 0 to 1.*searchsorted"),
    "floats": (EVEN, [0.0, 1.0, 0.0], "codes must be whole numbers from 0 to 1"),
    "too large": (EVEN, [0, 1, 2], r"codes must be whole numbers from 0 to 1.* got \[0, 1, 2\]"),
    "negative": (EVEN, [0, -1, 1], "codes must be whole numbers from 0 to 1"),
    "too few": (EVEN, [0, 1], r"proba has shape \(3, 2\) and codes \(2,\), expected \(m, K\)"),
    "no columns": (EVEN[0], [0, 1], r"proba has shape \(2,\)"),
}


@table(BAD_CODES)
def test_invalid_codes(case):
    proba, codes, match = case
    fails(match, label_trust, proba, codes)
    fails(match, estimate_noise, proba, codes, np.ones(3))


BAD_PROBA = {
    "NaN": ([[0.5, 0.5], [np.nan, 1.0]], r"finite probabilities.*row 1 is \[nan, 1.0\]"),
    "infinite": ([[np.inf, 0.0], [0.5, 0.5]], "finite probabilities.*row 0"),
    "negative": ([[0.5, 0.5], [1.5, -0.5]], "finite probabilities.*row 1"),
    "zero": ([[0.5, 0.5], [0.0, 0.0]], "not all zero in a row; row 1"),
    "texts": ([["a", "b"], ["a", "b"]], "proba must hold numbers"),
}


@table(BAD_PROBA)
def test_invalid_probabilities(case):
    proba, match = case
    fails(match, label_trust, proba, [0, 1])
    fails(match, estimate_noise, proba, [0, 1], np.ones(2))


@pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf])
def test_invalid_weights(weight):
    match = f"weight must be finite and at least 0; got {weight}"
    fails(match, estimate_noise, EVEN, [0, 1, 0], [1.0, weight, 1.0])


def test_weights_of_another_length():
    fails(r"weight has shape \(2,\), expected \(3,\)", estimate_noise, EVEN, [0, 1, 0], np.ones(2))


def test_label_trust_accepts_lists():
    np.testing.assert_allclose(label_trust([[0.25, 0.75]], [0]), 0.25 / 0.75**0.5)
