"""Heads that are given what they cannot take."""

import numpy as np
import pytest
import torch
from misuse import X, Y, fails
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from skorch import NeuralNetClassifier, NeuralNetRegressor

from skactive import ActiveClassifier, SkorchAdapter, SoftmaxHead


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
def test_softmax_head_parameters(params, match):
    fails(match, SoftmaxHead(**params).fit, X, Y)


def test_softmax_head_set_params():
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
def test_softmax_head_fit(params, match):
    fails(match, SoftmaxHead().fit, X, Y, **params)


def test_softmax_head_predicts_as_it_was_fitted():
    prior = np.log(np.full((30, 3), 1 / 3))
    anchored, alone = SoftmaxHead().fit(X, Y, prior_log_proba=prior), SoftmaxHead().fit(X, Y)
    fails("fitted with it; predict likewise", anchored.predict, X)
    fails("fitted without it; predict likewise", alone.predict, X, prior)
    fails("X has 2 features", alone.predict, X[:, :2])
    with pytest.raises(NotFittedError):
        SoftmaxHead().predict(X)


def test_what_the_adapter_takes():
    match = "'net' parameter of SkorchAdapter must be an instance of .*NeuralNetClassifier"
    fails(match, SkorchAdapter(LogisticRegression()).fit, X, Y)
    fails(match, ActiveClassifier(NeuralNetRegressor(torch.nn.Linear)).fit, X, Y)
    net = NeuralNetClassifier(torch.nn.Linear, module__in_features=3, verbose=0)
    fails("'output_param' parameter", SkorchAdapter(net, output_param=3).fit, X, Y)
    fails("'random_state' parameter", SkorchAdapter(net, random_state="seed").fit, X, Y)
    fails("not fitted yet", SkorchAdapter(net).predict, X, error=NotFittedError)
