"""Estimates of performance: arguments, held-out predictions, warnings."""

import warnings
from inspect import signature
from time import process_time

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from skactive import ActiveClassifier
from skactive.evaluation import (
    Audit,
    Estimate,
    audit,
    compare_with_random,
    estimate_performance,
    estimate_without_audit,
    report,
)
from skactive.evaluation.performance import _held_out, performance_draws
from skactive.noise import NoiseEstimate
from tests.support.errors import fails

RNG = np.random.default_rng(0)
PROBA = RNG.dirichlet([1, 0.6, 0.3], 400)
CODES = (PROBA.cumsum(axis=1) < RNG.uniform(size=(400, 1))).sum(axis=1)
NAMES = np.array(["ant", "bee", "cat"])
DRAWN = audit(PROBA, None, 60, random_state=0)
ANSWERS = CODES[DRAWN.positions]
TWICE = np.column_stack([ANSWERS, ANSWERS]).astype(object)
TWICE[50, 1] = None
TRUE = float((PROBA.argmax(axis=1) == CODES).mean())


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X / 16, y


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "macro_f1"])
def test_metrics_of_all_classes(metric):
    estimate = estimate_performance(PROBA, DRAWN, ANSWERS, metric=metric)
    low, high = estimate.interval
    assert isinstance(estimate, Estimate)
    assert isinstance(estimate.value, float)
    assert 0 <= low < estimate.value < high <= 1
    assert estimate.confidence == 0.9
    assert estimate.metric == metric
    wider = estimate_performance(PROBA, DRAWN, ANSWERS, metric=metric, confidence=0.99)
    assert wider.interval[0] < low
    assert wider.interval[1] > high
    assert wider.value == estimate.value


@pytest.mark.parametrize("metric", ["precision", "recall", "f1"])
def test_metrics_of_each_class(metric):
    estimate = estimate_performance(PROBA, DRAWN, ANSWERS, metric=metric)
    assert estimate.value.shape == (3,)
    assert estimate.interval.shape == (2, 3)
    assert (estimate.interval[0] <= estimate.value).all()
    assert (estimate.value <= estimate.interval[1]).all()


def test_every_function_estimates_balanced_accuracy_by_default():
    with pytest.warns(UserWarning, match="Without an audit"):
        unaudited = estimate_without_audit(PROBA, None, DRAWN.positions, ANSWERS)
    assert estimate_performance(PROBA, DRAWN, ANSWERS).metric == unaudited.metric
    for function in (estimate_performance, estimate_without_audit, report, compare_with_random):
        assert signature(function).parameters["metric"].default == unaudited.metric
    assert unaudited.metric == "balanced_accuracy"


def test_an_audit_of_all_rows_is_exact():
    drawn = audit(PROBA, None, 400, random_state=0)
    estimate = estimate_performance(PROBA, drawn, CODES[drawn.positions], metric="accuracy")
    assert estimate.value == pytest.approx(TRUE)
    np.testing.assert_allclose(estimate.interval, TRUE)


def test_estimates_do_not_refer_to_excluded_rows():
    proba = np.vstack([PROBA, np.tile([1.0, 0, 0], (400, 1))])
    drawn = audit(proba, None, 400, exclude=range(400, 800), random_state=0)
    estimate = estimate_performance(proba, drawn, CODES[drawn.positions], metric="accuracy")
    assert estimate.value == pytest.approx(TRUE)


def test_labels_and_probabilities_of_any_type():
    plain = estimate_performance(PROBA, DRAWN, ANSWERS, metric="accuracy")
    options = {"metric": "accuracy", "classes": NAMES}
    named = estimate_performance(PROBA, DRAWN, NAMES[ANSWERS].tolist(), **options)
    assert named.value == plain.value
    order = [2, 0, 1]
    options["classes"] = NAMES[order]
    turned = estimate_performance(PROBA[:, order], DRAWN, NAMES[ANSWERS], **options)
    assert turned.value == pytest.approx(plain.value)
    single = estimate_performance(PROBA.astype(np.float32), DRAWN, ANSWERS, metric="accuracy")
    assert single.value == pytest.approx(plain.value, abs=1e-5)


def test_a_class_that_the_classifier_does_not_know():
    y = np.where(np.arange(60) < 6, 3, ANSWERS)
    estimate = estimate_performance(PROBA, DRAWN, y, metric="recall")
    assert estimate.value.shape == (4,)
    assert estimate.value[3] == 0
    precision = estimate_performance(PROBA, DRAWN, y, metric="precision")
    assert np.isnan(precision.value).tolist() == [False, False, False, True]


def test_the_global_generators_and_the_order_of_calls_do_not_matter():
    values = [estimate_performance(PROBA, DRAWN, ANSWERS).interval.tolist() for _ in range(2)]
    assert values[0] == values[1]


def test_second_answers_and_a_given_noise_rate():
    rng = np.random.default_rng(0)
    twice = np.tile(ANSWERS[:, None], (1, 2))
    twice = np.where(rng.uniform(size=twice.shape) < 0.3, (twice + 1) % 3, twice)
    clean = estimate_performance(PROBA, DRAWN, ANSWERS, metric="accuracy")
    double = estimate_performance(PROBA, DRAWN, twice, metric="accuracy")
    assert np.ptp(double.interval) > np.ptp(clean.interval)
    transition = 0.7 * np.eye(3) + 0.3 * np.roll(np.eye(3), 1, axis=1)
    known = NoiseEstimate(0.3, transition, (0.2, 0.4))
    for noise in (0.3, known):
        with pytest.warns(UserWarning, match="one answer, and 30% of the answers"):
            single = estimate_performance(PROBA, DRAWN, twice[:, 0], metric="accuracy", noise=noise)
        assert np.ptp(single.interval) > np.ptp(clean.interval)
        assert single.interval[0] < TRUE < single.interval[1]


def test_audited_rows_may_train(digits):
    X, y = digits
    train, y_train = X[:80], y[:80]
    clf = KNeighborsClassifier(1).fit(train, y_train)
    drawn = audit(clf, X, 100, exclude=range(80), random_state=0)
    answers = y[drawn.positions]
    learned = KNeighborsClassifier(1).fit(
        np.vstack([train, X[drawn.positions]]), np.r_[y_train, answers]
    )
    true = learned.score(X[80:], y[80:])
    fooled = estimate_performance(learned, drawn, answers, metric="accuracy")
    assert fooled.value > 0.97  # every learned row is its own neighbor
    options = {"metric": "accuracy", "training": (train, y_train)}
    honest = estimate_performance(learned, drawn, answers, **options)
    assert honest.interval[0] < true < honest.interval[1]


def test_held_out_predictions_have_not_seen_the_row(digits):
    X, y = digits
    drawn = Audit(np.arange(100, 120), np.full(len(X), 0.1), X)
    clf = LogisticRegression().fit(X[:120], y[:120])
    proba = clf.predict_proba(X)
    held_out = _held_out(clf, drawn, y[100:120], (X[:100], y[:100]), proba, clf.classes_)
    others = np.setdiff1d(np.arange(len(X)), drawn.positions)
    np.testing.assert_array_equal(held_out[others], proba[others])
    kept = np.arange(20) % 5 != 2
    rows = np.r_[np.arange(100), drawn.positions[kept]]
    by_hand = LogisticRegression().fit(X[rows], y[rows]).predict_proba(X[drawn.positions[~kept]])
    np.testing.assert_allclose(held_out[drawn.positions[~kept]], by_hand)


def test_active_classifiers_are_refitted_with_the_pool(digits):
    X, y = digits
    clf = ActiveClassifier(LogisticRegression(), random_state=0)
    asked = clf.query(X, 60)
    clf.partial_fit(X[asked], y[asked])
    drawn = audit(clf, X, 100, exclude=asked, random_state=0)
    answers = y[drawn.positions]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimate_performance(clf, drawn, answers)
    clf.partial_fit(X[drawn.positions], answers)
    with pytest.warns(UserWarning, match="100 of the 100 audited rows are among those"):
        fooled = estimate_performance(clf, drawn, answers, metric="accuracy")
    options = {"metric": "accuracy", "training": (X[asked], y[asked])}
    honest = estimate_performance(clf, drawn, answers, **options)
    rest = np.setdiff1d(np.arange(len(X)), asked)
    assert honest.value < fooled.value
    assert honest.value == pytest.approx(clf.score(X[rest], y[rest]), abs=0.05)


def test_few_rows_cause_a_warning():
    drawn = audit(PROBA, None, 5, random_state=0)
    with pytest.warns(UserWarning, match="The audit has only 5 rows"):
        estimate_performance(PROBA, drawn, CODES[drawn.positions])


def test_few_rows_of_many_classes_cause_a_warning():
    proba = np.full((600, 26), 1 / 26)
    drawn = audit(proba, None, 519, random_state=0)
    with pytest.warns(UserWarning, match="519 rows for 26 classes.*20 rows per class"):
        estimate_performance(proba, drawn, np.arange(519) % 26)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        enough = audit(proba, None, 520, random_state=0)
        estimate_performance(proba, enough, np.arange(520) % 26)
        estimate_performance(np.full((600, 25), 1 / 25), drawn, np.arange(519) % 25)


def test_a_large_pool_takes_seconds():
    proba = np.random.default_rng(0).dirichlet(np.ones(10), 100_000)
    start = process_time()
    drawn = audit(proba, None, 300, random_state=0)
    draws = performance_draws(proba, drawn, proba.argmax(axis=1)[drawn.positions])
    assert draws.confusions.sum(axis=(1, 2)).tolist() == [100_000] * len(draws.confusions)
    assert process_time() - start < 30  # about 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"y": ANSWERS[:-1]}, "audit.positions has 60 rows, but y has 59"),
        ({"y": NAMES[ANSWERS]}, "classes 0 to 2, because classes is None.*classes=clf.classes_"),
        ({"y": ANSWERS > 0}, "y holds labels such as (True|False), .*classes=clf.classes_"),
        ({"y": ANSWERS, "classes": NAMES}, "labels of one type"),
        ({"y": TWICE}, r"y\[:, 1\] contains NaN or None, at position 50"),
        ({"y": TWICE.astype(float)}, r"y\[:, 1\] contains NaN or None, at position 50"),
        ({"y": np.array([ANSWERS, NAMES[ANSWERS]], dtype=object).T}, "labels of one type"),
        ({"metric": "auc"}, "'metric' parameter of estimate_performance"),
        ({"confidence": 1}, "'confidence' parameter"),
        ({"clf_or_proba": PROBA[1:]}, "399 rows, but the audit was drawn from 400"),
        ({"training": (PROBA, CODES)}, "a fit needs a classifier and rows"),
        ({"noise": 1.0}, "'noise' parameter"),
        ({"classes": ["a", "b"]}, r"classes has shape \(2,\), expected \(3,\)"),
        ({"audit": DRAWN.positions}, "'audit' parameter"),
    ],
)
def test_invalid_arguments(options, message):
    arguments = {"clf_or_proba": PROBA, "audit": DRAWN, "y": ANSWERS, **options}
    fails(message, estimate_performance, **arguments)
