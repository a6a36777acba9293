"""The networks of SoftmaxHead with hidden layers."""

import numpy as np
from sklearn.base import clone
from skorch.callbacks import EarlyStopping

from skactive.heads import SoftmaxHead

CODES = np.arange(45) % 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(45, 5)) * 3 + 7  # neither centered nor scaled
X[np.arange(45), CODES] += 4
Y = np.array(["u", "v", "w"])[CODES]
X_NEW = RNG.normal(size=(20, 5)) * 3 + 7
XOR = RNG.choice([-1.0, 1.0], size=(80, 2))
XOR_Y = XOR.prod(axis=1) > 0
XOR += 0.1 * RNG.normal(size=XOR.shape)


def make_head(*args, **params):
    return SoftmaxHead(*args, **({"strength": 1.5, "class_weight": None} | params))


def test_hidden_layers_learn_xor():
    linear = SoftmaxHead(strength=0.01).fit(XOR, XOR_Y)
    hidden = SoftmaxHead((16,), strength=0.01, random_state=0, lr=0.01).fit(XOR, XOR_Y)
    assert linear.score(XOR, XOR_Y) < 0.8
    assert hidden.score(XOR, XOR_Y) == 1
    assert hidden.n_iter_ == 500


def test_a_seed_determines_the_results():
    heads = [
        make_head((4,), max_iter=5, module__dropout=0.5, random_state=seed) for seed in (0, 0, 1)
    ]
    first, again, other = (head.fit(X, Y).predict_proba(X_NEW) for head in heads)
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_dropout_is_off_when_predicting():
    head = make_head((8,), max_iter=5, module__dropout=0.9, random_state=0).fit(X, Y)
    np.testing.assert_array_equal(head.predict_proba(X), head.predict_proba(X))


def test_callbacks_can_be_given():
    stop = EarlyStopping(monitor="train_loss", patience=2, threshold=10.0)
    head = make_head((4,), callbacks=[("stop", stop)], random_state=0).fit(X, Y)
    assert head.n_iter_ < 10


def test_a_second_fit_starts_from_scratch():
    head = make_head((4,), max_iter=10, random_state=0).fit(XOR, XOR_Y)
    again = head.fit(X, Y).predict_proba(X_NEW)
    np.testing.assert_array_equal(again, clone(head).fit(X, Y).predict_proba(X_NEW))
