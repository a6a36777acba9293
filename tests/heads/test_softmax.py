"""SoftmaxHead: against brute force."""

import pickle
import pickletools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from skorch import NeuralNet

from skactive.heads import SoftmaxHead

CODES = np.arange(45) % 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(45, 5)) * 3 + 7  # neither centered nor scaled
X[np.arange(45), CODES] += 4
Y = np.array(["u", "v", "w"])[CODES]
X_NEW = RNG.normal(size=(20, 5)) * 3 + 7
PRIOR = log_softmax(RNG.normal(size=(45, 3)), axis=1)
PRIOR_NEW = log_softmax(RNG.normal(size=(20, 3)), axis=1)
WEIGHT = RNG.uniform(0.2, 3, size=45)


def make_head(*args, **params):
    return SoftmaxHead(*args, **({"strength": 1.5, "class_weight": None} | params))


# Brute force ----------------------------------------------------------------------------------


def scaled(rows, weight):
    """As the head scales X: centered, to a mean squared norm of 1."""
    center = np.average(X, axis=0, weights=weight)
    spread = np.average(((X - center) ** 2).sum(axis=1), weights=weight) ** 0.5
    return (rows - center) / spread


def brute_force(loss, weight, strength, prior=None, prior_new=None, offset=0.0):
    """Probabilities at X_NEW of the penalized optimum, found by BFGS on the formula itself."""
    Z, Z_new = scaled(X, weight), scaled(X_NEW, weight)

    def logits(theta, rows, prior_of_rows):
        free = rows @ theta[:15].reshape(5, 3) + theta[15:18]
        return free if prior_of_rows is None else free + theta[18] * prior_of_rows

    def objective(theta):
        log_proba = log_softmax(logits(theta, Z, prior) + offset, axis=1)[np.arange(45), CODES]
        penalty = (theta[:18] ** 2).sum() + (theta[18] - 1) ** 2
        return weight @ loss(log_proba) + strength / 2 * penalty

    start = np.append(np.zeros(18), 1.0)
    theta = minimize(objective, start, method="BFGS", options={"gtol": 1e-7, "maxiter": 2000}).x
    return softmax(logits(theta, Z_new, prior_new), axis=1)


def gce(q):
    return lambda log_proba: (1 - np.exp(q * log_proba)) / q


@pytest.mark.parametrize("weight", [np.ones(45), WEIGHT], ids=["even", "weighted"])
@pytest.mark.parametrize("strength", [0.3, 5.0])
@pytest.mark.parametrize("anchored", [False, True])
def test_cross_entropy_reaches_its_optimum(weight, strength, anchored):
    priors = (PRIOR, PRIOR_NEW) if anchored else (None, None)
    head = make_head(strength=strength).fit(X, Y, weight, priors[0])
    expected = brute_force(np.negative, weight, strength, *priors)
    np.testing.assert_allclose(head.predict_proba(X_NEW, priors[1]), expected, atol=1e-5)


@pytest.mark.parametrize("q", [0.3, 0.7, 1.0])
def test_generalized_cross_entropy_reaches_its_optimum(q):
    head = make_head(loss="gce", criterion__q=q, strength=3.0).fit(X, Y, WEIGHT)
    expected = brute_force(gce(q), WEIGHT, 3.0)
    np.testing.assert_allclose(head.predict_proba(X_NEW), expected, atol=1e-5)


def test_cross_entropy_equals_penalized_logistic_regression():
    strength = 0.8
    features = np.column_stack([scaled(X, None), np.ones(45)])  # the bias is shrunk too
    logistic = LogisticRegression(C=1 / strength, fit_intercept=False, tol=1e-10, max_iter=1000)
    logistic.fit(features, Y)
    expected = logistic.predict_proba(np.column_stack([scaled(X_NEW, None), np.ones(20)]))
    head = make_head(strength=strength).fit(X, Y)
    np.testing.assert_allclose(head.predict_proba(X_NEW), expected, atol=1e-6)


def test_gce_tends_to_cross_entropy():
    plain = make_head().fit(X, Y).predict_proba(X_NEW)
    distances = [
        np.abs(make_head(loss="gce", criterion__q=q).fit(X, Y).predict_proba(X_NEW) - plain).max()
        for q in (0.7, 0.1, 1e-4)
    ]
    assert distances[0] > distances[1] > distances[2]
    assert distances[2] < 1e-4


def test_coef_and_intercept_are_for_the_features_as_given():
    head = make_head().fit(X, Y)
    assert head.coef_.shape == (3, 5)
    expected = softmax(X_NEW @ head.coef_.T + head.intercept_, axis=1)
    np.testing.assert_allclose(head.predict_proba(X_NEW), expected)
    with pytest.raises(AttributeError, match="hidden layers has no coef_"):
        _ = make_head((2,), max_iter=1).fit(X, Y).coef_


# Weights, classes, labels -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [{}, {"class_weight": "balanced"}, {"loss": "gce"}, {"strength": "auto"}],
    ids=["plain", "balanced", "gce", "auto"],
)
@pytest.mark.parametrize("anchored", [False, True])
def test_a_weight_equals_repeated_rows(params, anchored):
    repeated = np.repeat(np.arange(45), 1 + np.arange(45) % 3)
    weight = 1.0 + np.arange(45) % 3
    head = make_head(**params)
    one = clone(head).fit(X, Y, weight, PRIOR if anchored else None)
    other = clone(head).fit(X[repeated], Y[repeated], None, PRIOR[repeated] if anchored else None)
    prior = PRIOR_NEW if anchored else None
    np.testing.assert_allclose(
        one.predict_proba(X_NEW, prior), other.predict_proba(X_NEW, prior), atol=1e-7
    )


@pytest.mark.parametrize(
    "params",
    [{}, {"strength": "auto"}, {"hidden_layer_sizes": (3,), "max_iter": 20}],
    ids=["linear", "auto", "hidden"],
)
def test_zero_weight_equals_an_absent_row(params):
    head = make_head(**params, random_state=0)
    weight = np.where(np.arange(45) < 30, WEIGHT, 0)
    far_away = np.where(weight[:, None] > 0, X, 1e6)
    zero = clone(head).fit(far_away, Y, weight, PRIOR).predict_proba(X_NEW, PRIOR_NEW)
    absent = clone(head).fit(X[:30], Y[:30], weight[:30], PRIOR[:30])
    np.testing.assert_array_equal(zero, absent.predict_proba(X_NEW, PRIOR_NEW))


@pytest.mark.parametrize("strength", [1.5, "auto"])
def test_balanced_class_weight_does_not_favor_frequent_classes(strength):
    few = np.r_[np.flatnonzero(CODES == 0), np.flatnonzero(CODES != 0)[:6]]
    balanced, plain = (
        make_head(strength=strength, class_weight=weight).fit(X[few], Y[few]).predict_proba(X_NEW)
        for weight in ("balanced", None)
    )
    assert balanced[:, 1:].mean() > plain[:, 1:].mean() + 0.05
    assert abs(balanced.mean(axis=0) - 1 / 3).max() < abs(plain.mean(axis=0) - 1 / 3).max()


def test_balanced_removes_the_class_frequencies_from_the_logits():
    """The optimum of the cross-entropy of logits plus log class frequencies."""
    weight = np.where(CODES == 0, 4.0, 1.0)
    frequency = np.log((np.bincount(CODES, weight) + 0.1) / (weight.sum() + 0.3))
    head = make_head(class_weight="balanced").fit(X, Y, weight)
    expected = brute_force(np.negative, weight, 1.5, offset=frequency)
    np.testing.assert_allclose(head.predict_proba(X_NEW), expected, atol=1e-5)


def test_rows_of_a_class_of_weight_zero_have_no_effect():
    """Not even on whether a feature is constant."""
    rows = np.column_stack([X, CODES == 0])
    new = np.column_stack([X_NEW, np.ones(20)])
    head = make_head(class_weight={Y[CODES == 0][0]: 0.0}).fit(rows, Y)
    expected = make_head().fit(rows, Y, (CODES != 0).astype(float), classes=np.unique(Y))
    np.testing.assert_allclose(head.predict_proba(new), expected.predict_proba(new), atol=1e-9)
    alone = make_head(class_weight=head.class_weight).fit(rows[:, -1:], Y)
    assert np.isfinite(alone.predict_proba(new[:, -1:])).all()


def test_a_class_missing_in_class_weight_has_weight_one():
    partly, fully = ({"u": 2.0}, {"u": 2.0, "v": 1.0, "w": 1.0})
    first, second = (make_head(class_weight=weight).fit(X, Y) for weight in (partly, fully))
    np.testing.assert_array_equal(first.predict_proba(X_NEW), second.predict_proba(X_NEW))


@pytest.mark.parametrize(
    "labels", [["x", "yy", "z"], [3, -1, 7], [True, False, True], np.array([2.0, 1.0, 5.0])]
)
def test_labels_of_any_type(labels):
    labels = np.asarray(labels)
    head = make_head().fit(X, labels[CODES])
    np.testing.assert_array_equal(head.classes_, np.unique(labels))
    predicted = head.predict(X)
    assert predicted.dtype == labels.dtype
    assert (predicted == labels[CODES]).mean() > 0.7


@pytest.mark.parametrize("sizes", [(), (3,)])
def test_announced_classes_without_labels(sizes):
    head = make_head(sizes, max_iter=30, random_state=0).fit(
        X, Y, classes=["a", "u", "v", "w", "z"]
    )
    assert head.classes_.tolist() == ["a", "u", "v", "w", "z"]
    proba = head.predict_proba(X_NEW)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert (proba[:, [0, 4]] > 0).all()
    assert set(head.predict(X_NEW)) <= set("uvw")


def test_the_order_of_announced_classes_does_not_matter():
    first, second = (make_head().fit(X, Y, classes=list(order)) for order in ("zwvu", "uvwz"))
    np.testing.assert_array_equal(first.predict_proba(X_NEW), second.predict_proba(X_NEW))


def test_one_class():
    head = make_head().fit(X, ["only"] * 45)
    assert (head.predict(X_NEW) == "only").all()
    np.testing.assert_array_equal(head.predict_proba(X_NEW), 1)
    assert (make_head().fit(X, ["u"] * 45, classes=["u", "v"]).predict(X_NEW) == "u").all()


# The prior ------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["cross_entropy", "gce"])
def test_a_large_strength_predicts_the_prior(loss):
    head = make_head(strength=1e9, loss=loss).fit(X, Y, prior_log_proba=PRIOR)
    proba = head.predict_proba(X_NEW, prior_log_proba=PRIOR_NEW)
    np.testing.assert_allclose(proba, np.exp(PRIOR_NEW), atol=1e-6)


def test_a_large_strength_without_a_prior_predicts_uniformly():
    proba = make_head(strength=1e9).fit(X, Y).predict_proba(X_NEW)
    np.testing.assert_allclose(proba, 1 / 3, atol=1e-6)


def test_a_small_strength_overrules_a_wrong_prior():
    wrong = np.log(np.where(np.eye(3)[CODES] > 0, 0.1, 0.45))
    head = make_head(strength=1e-2).fit(X, Y, prior_log_proba=wrong)
    assert (head.predict(X, wrong) == Y).mean() > 0.7


def test_a_uniform_prior_has_no_effect():
    even = np.full((45, 3), -np.log(3))
    anchored = make_head().fit(X, Y, prior_log_proba=even)
    np.testing.assert_allclose(
        anchored.predict_proba(X_NEW, even[:20]),
        make_head().fit(X, Y).predict_proba(X_NEW),
        atol=1e-7,
    )


def test_hidden_layers_start_from_the_prior():
    head = make_head((8,), max_iter=1, optimizer__lr=1e-9, random_state=0)
    head.fit(X, Y, prior_log_proba=PRIOR)
    np.testing.assert_allclose(head.predict_proba(X_NEW, PRIOR_NEW), np.exp(PRIOR_NEW), atol=1e-5)


# Input ----------------------------------------------------------------------------------------


def test_single_and_double_precision_agree():
    single, double = make_head().fit(X.astype(np.float32), Y), make_head().fit(X, Y)
    proba = single.predict_proba(X_NEW.astype(np.float32))
    assert proba.dtype == np.float64
    np.testing.assert_allclose(proba, double.predict_proba(X_NEW), atol=1e-5)


@settings(max_examples=10, deadline=None)
@given(shift=st.floats(-100, 100), scale=st.floats(1e-3, 1e3))
def test_shifted_and_scaled_features_give_the_same_predictions(shift, scale):
    moved = make_head().fit(X * scale + shift, Y).predict_proba(X_NEW * scale + shift)
    np.testing.assert_allclose(moved, make_head().fit(X, Y).predict_proba(X_NEW), atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 1e8])
def test_constant_features(value):
    constant = np.column_stack([X, np.full(45, value)])
    new = np.column_stack([X_NEW, np.full(20, value)])
    expected = make_head().fit(X, Y).predict_proba(X_NEW)
    np.testing.assert_allclose(make_head().fit(constant, Y).predict_proba(new), expected, atol=1e-6)


@pytest.mark.parametrize("params", [{}, {"strength": "auto"}, {"hidden_layer_sizes": (4,)}])
@pytest.mark.parametrize("scale", [1e-150, 1e-30, 1e30, 1e150, 1e155])
def test_units_do_not_matter(scale, params):
    params = {"max_iter": 40, "random_state": 0} | params
    expected = make_head(**params).fit(X, Y).predict_proba(X_NEW)
    proba = make_head(**params).fit(X * scale, Y).predict_proba(X_NEW * scale)
    np.testing.assert_allclose(proba, expected, atol=1e-5)


@pytest.mark.parametrize("scale", [1e-10, 1e-30, 1e30])
def test_units_do_not_matter_in_single_precision(scale):
    expected = make_head().fit(X, Y).predict_proba(X_NEW)
    rows, new = (np.float32(part * scale) for part in (X, X_NEW))
    np.testing.assert_allclose(make_head().fit(rows, Y).predict_proba(new), expected, atol=1e-5)


@pytest.mark.parametrize("sizes", [(), (4,)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("scale", [1e-10, 1.0])
def test_features_that_vary_only_by_rounding_have_no_effect(scale, dtype, sizes):
    """Neither beside small features nor alone; nor does what they hold later."""
    value = dtype(1e8)
    noisy = np.array([np.nextafter(value, dtype(0)), value, np.nextafter(value, dtype(np.inf))])
    rows = np.column_stack([X * scale, np.tile(noisy, 15)]).astype(dtype)
    new, later = (np.column_stack([X_NEW * scale, np.full(20, v)]) for v in (value, 2e8))
    head = make_head(sizes, max_iter=40, random_state=0).fit(rows, Y)
    proba = head.predict_proba(new)
    np.testing.assert_allclose(head.predict_proba(later), proba, atol=1e-12)
    if not sizes:  # initial weights of a hidden layer depend on its width
        expected = make_head().fit(X, Y).predict_proba(X_NEW)
        np.testing.assert_allclose(proba, expected, atol=1e-5)
        np.testing.assert_array_equal(head.coef_[:, -1], 0)
    alone = make_head(sizes, max_iter=40, random_state=0).fit(rows[:, -1:], Y)
    np.testing.assert_allclose(np.ptp(alone.predict_proba(rows[:, -1:]), axis=0), 0, atol=1e-12)


def test_constant_features_predict_the_class_frequencies():
    few = np.r_[:45, np.flatnonzero(CODES == 2)]
    head = make_head(strength=1e-6).fit(np.full((60, 2), 0.1), Y[few])
    np.testing.assert_allclose(head.predict_proba([[0.1, 0.1]]), [[0.25, 0.25, 0.5]], atol=1e-4)


def test_a_data_frame_keeps_its_names():
    frame = pd.DataFrame(X, columns=list("abcde"))
    head = make_head().fit(frame, Y)
    assert head.feature_names_in_.tolist() == list("abcde")
    np.testing.assert_array_equal(head.predict_proba(frame), make_head().fit(X, Y).predict_proba(X))


@pytest.mark.parametrize("sizes", [(), (4,)])
def test_the_last_layer_computes_the_logits(sizes):
    head = make_head(sizes, max_iter=20 if sizes else 500, random_state=0).fit(X, Y)
    inputs = head.last_layer_inputs(X_NEW)
    layer = head.net_.module_.output
    weights, biases = (part.detach().numpy() for part in (layer.weight, layer.bias))
    expected = softmax(inputs @ weights.T + biases, axis=1)
    np.testing.assert_allclose(head.predict_proba(X_NEW), expected, atol=1e-6)


def test_the_device_can_be_given():
    expected = make_head(device="auto").fit(X, Y).predict_proba(X_NEW)
    np.testing.assert_array_equal(make_head(device="cpu").fit(X, Y).predict_proba(X_NEW), expected)
    with pytest.raises(ValueError, match=r"device='abacus' cannot be used here .* Give 'auto'"):
        SoftmaxHead(device="abacus").fit(X, Y)


def test_many_rows_are_scored_in_chunks(monkeypatch):
    head = make_head().fit(X, Y, prior_log_proba=PRIOR)
    whole = head.predict_proba(X, PRIOR)
    monkeypatch.setattr("skactive.heads.softmax._CHUNK", 7)
    np.testing.assert_allclose(head.predict_proba(X, PRIOR), whole)


def test_too_few_iterations_are_reported():
    with pytest.warns(ConvergenceWarning, match="Raise max_iter, or strength"):
        head = make_head(max_iter=2).fit(X, Y)
    assert head.n_iter_ == 2
    assert 2 < make_head().fit(X, Y).n_iter_ < 500


@pytest.mark.parametrize("strength", [1.5, "auto"])
def test_the_linear_head_is_deterministic(strength):
    heads = [make_head(strength=strength, random_state=seed).fit(X, Y) for seed in (0, None)]
    np.testing.assert_array_equal(heads[0].predict_proba(X), heads[1].predict_proba(X))


def test_automatic_strength_does_not_depend_on_the_order():
    order = np.random.default_rng(0).permutation(45)
    shuffled = SoftmaxHead().fit(X[order], Y[order], prior_log_proba=PRIOR[order])
    whole = SoftmaxHead().fit(X, Y, prior_log_proba=PRIOR)
    np.testing.assert_allclose(
        shuffled.predict_proba(X_NEW, PRIOR_NEW), whole.predict_proba(X_NEW, PRIOR_NEW), atol=1e-6
    )


@pytest.mark.parametrize("sizes", [(), (4,)])
@pytest.mark.parametrize("anchored", [False, True])
def test_pickles_hold_plain_numpy(sizes, anchored):
    head = make_head(sizes, max_iter=20, random_state=0) if sizes else make_head()
    head.fit(X, Y, prior_log_proba=PRIOR if anchored else None)
    prior = PRIOR_NEW if anchored else None
    pickled = pickle.dumps(head, protocol=4)
    strings = {arg for _, arg, _ in pickletools.genops(pickled) if isinstance(arg, str)}
    assert not [text for text in strings if text.startswith(("torch", "skorch"))]
    copy = pickle.loads(pickled)
    np.testing.assert_array_equal(
        copy.predict_proba(X_NEW, prior), head.predict_proba(X_NEW, prior)
    )
    assert isinstance(copy.net_, NeuralNet)
    assert head.net_ is head.net_
