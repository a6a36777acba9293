"""Invalid arguments of SoftmaxHead."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from skactive import SoftmaxHead, TabularClassifier
from tests.support.errors import X, Y, fails


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"hidden_layer_sizes": 8}, "'hidden_layer_sizes' parameter"),
        ({"hidden_layer_sizes": ("8",)}, "each of hidden_layer_sizes must be .*; got '8'"),
        ({"hidden_layer_sizes": (8, 0)}, "each of hidden_layer_sizes must be .*; got 0"),
        ({"loss": "hinge"}, "'loss' parameter"),
        ({"strength": 0.0}, "'strength' parameter"),
        ({"strength": "much"}, "'strength' parameter"),
        ({"class_weight": "even"}, "'class_weight' parameter"),
        ({"max_iter": 0}, "'max_iter' parameter"),
        ({"random_state": "seed"}, "'random_state' parameter"),
        ({"stregnth": 1.0}, "no parameter 'stregnth'.*begin with one of: module__"),
    ],
)
def test_invalid_parameters(params, match):
    fails(match, SoftmaxHead(**params).fit, X, Y)


def test_invalid_set_params():
    fails("Invalid parameter 'stregnth'", SoftmaxHead().set_params, stregnth=1.0)


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"sample_weight": np.zeros(30)}, "at least one"),
        ({"sample_weight": -np.ones(30)}, "Negative values"),
        ({"prior_log_proba": np.zeros((30, 2))}, r"shape \(30, 2\), expected \(30, 3\)"),
        ({"prior_log_proba": np.zeros((3, 3))}, r"shape \(3, 3\), expected \(30, 3\)"),
        ({"prior_log_proba": np.full((30, 3), -np.inf)}, "prior_log_proba contains infinity"),
        ({"prior_log_proba": np.full((30, 3), 1 / 3)}, r"holds 0.333, .* Give np.log\(proba\)"),
        ({"classes": ["a", "b"]}, r"not among classes: \['c'\]"),
    ],
)
def test_invalid_fit_arguments(params, match):
    fails(match, SoftmaxHead().fit, X, Y, **params)


@pytest.mark.parametrize("head", [SoftmaxHead, TabularClassifier])
@pytest.mark.parametrize(
    ("class_weight", "match"),
    [
        ({"a": -1.0}, r"class_weight gives class 'a' the weight -1\.0"),
        ({"a": np.nan}, "class_weight gives class 'a' the weight nan"),
        ({"b": "2"}, "class_weight gives class 'b' the weight '2'"),
        ({"a": 0, "b": 0, "c": 0}, r"class_weight=\{.*\} gives every row weight 0"),
    ],
)
def test_invalid_class_weights(head, class_weight, match):
    fails(match, head(class_weight=class_weight).fit, X, Y)


def test_prior_log_proba_must_be_given_as_in_fit():
    prior = np.log(np.full((30, 3), 1 / 3))
    anchored, alone = SoftmaxHead().fit(X, Y, prior_log_proba=prior), SoftmaxHead().fit(X, Y)
    fails("fitted with prior_log_proba; pass it", anchored.predict, X)
    fails("fitted without prior_log_proba; do not pass it", alone.predict, X, prior)
    fails("X has 2 features", alone.predict, X[:, :2])
    with pytest.raises(NotFittedError):
        SoftmaxHead().predict(X)
