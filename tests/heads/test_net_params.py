"""Parameters of the skorch net inside SoftmaxHead."""

import numpy as np
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNet

from skactive import ActiveClassifier
from skactive.heads import SoftmaxHead

CODES = np.arange(45) % 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(45, 5)) * 3 + 7  # neither centered nor scaled
X[np.arange(45), CODES] += 4
Y = np.array(["u", "v", "w"])[CODES]


def make_head(*args, **params):
    return SoftmaxHead(*args, **({"strength": 1.5, "class_weight": None} | params))


NET_PARAMS = {
    "module__dropout": 0.3,
    "optimizer__lr": 0.02,
    "criterion__q": 0.5,
    "batch_size": 16,
    "iterator_train__drop_last": True,
}


def test_net_parameters_are_parameters():
    head = make_head((4,), loss="gce", max_iter=3, **NET_PARAMS)
    assert NET_PARAMS.items() <= head.get_params().items()
    assert NET_PARAMS.items() <= clone(head).get_params().items()
    assert "module__dropout=0.3" in repr(head)
    head.fit(X, Y)
    assert head.net_.module_.hidden[2].p == 0.3
    assert head.net_.optimizer_.param_groups[0]["lr"] == 0.02
    assert head.net_.criterion_.q == 0.5
    assert head.get_params() == clone(head).get_params()


def test_net_parameters_can_be_set_later():
    head = make_head((4,), loss="gce", max_iter=3).fit(X, Y)
    head.set_params(optimizer__lr=0.5, criterion__q=0.2, strength=4.0).set_params(optimizer__lr=0.1)
    assert (head.get_params()["optimizer__lr"], head.strength) == (0.1, 4.0)
    head.fit(X, Y)
    assert head.net_.optimizer_.param_groups[0]["lr"] == 0.1
    assert head.net_.criterion_.q == 0.2
    assert isinstance(head.net_, NeuralNet)


def test_the_optimizer_can_be_replaced():
    head = make_head((4,), optimizer=torch.optim.SGD, max_iter=3, random_state=0).fit(X, Y)
    assert isinstance(head.net_.optimizer_, torch.optim.SGD)


def test_grid_search_over_net_parameters():
    grid = {
        "module__dropout": [0.0, 0.2],
        "optimizer__lr": [1e-6, 0.05],
        "hidden_layer_sizes": [(4,)],
    }
    search = GridSearchCV(SoftmaxHead(max_iter=20, random_state=0), grid, cv=3).fit(X, Y)
    assert search.best_params_["optimizer__lr"] == 0.05
    assert search.best_estimator_.net_.module_.hidden[2].p == search.best_params_["module__dropout"]


def test_nested_in_active_classifier():
    clf = ActiveClassifier(SoftmaxHead((4,), max_iter=3), random_state=0)
    clf.set_params(estimator__module__dropout=0.4, estimator__strength=3.0).fit(X, Y)
    assert clf.estimator_.net_.module_.hidden[2].p == 0.4
    assert clf.get_params()["estimator__module__dropout"] == 0.4
