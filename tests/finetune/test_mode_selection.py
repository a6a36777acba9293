"""The automatic choice of the mode by held-out labels."""

import numpy as np
import pytest

from skactive import FineTunedClassifier, SentenceEncoder
from skactive.finetune.mode_selection import Gain, held_out_gain

KEYS = np.array([f"{i:016}" for i in range(40)], dtype="S16")
CODES = np.repeat([0, 0, 0, 1], 10)


def scripted(right):
    """Predicts correctly where ``right[mode]`` is true, and records the training sets."""
    seen = []

    def fit_predict(mode, train, test):
        seen.append((mode, train, test))
        return np.where(right[mode][test], CODES[test], 1 - CODES[test])

    return fit_predict, seen


def test_gain_by_hand():
    """In class 0, 6 of 30 rows improve and 3 worsen; in class 1, 2 of 10 improve."""
    right = {"a": np.ones(40, bool), "b": np.ones(40, bool)}
    right["a"][[0, 1, 2, 3, 4, 5, 30, 31]] = False
    right["b"][[10, 11, 12]] = False
    fit_predict, seen = scripted(right)
    gain = held_out_gain(KEYS, CODES, np.ones(40), fit_predict, ("a", "b"))
    assert gain.mean == pytest.approx((3 / 30 + 2 / 10) / 2)
    values = np.zeros(40)
    values[[0, 1, 2, 3, 4, 5, 30, 31]], values[[10, 11, 12]] = 1, -1
    weight_of_row = np.where(CODES == 0, 1 / 60, 1 / 20)
    assert gain.error == pytest.approx(
        np.sqrt((weight_of_row**2 * (values - gain.mean) ** 2).sum())
    )
    assert [mode for mode, _, _ in seen] == ["a", "b", "a", "b"]
    for _, train, test in seen:
        assert sorted([*train, *test]) == list(range(40))


def test_weights_change_the_gain():
    right = {"a": np.ones(40, bool), "b": np.ones(40, bool)}
    right["a"][:3] = False
    weight = np.ones(40)
    weight[:3] = 10
    gain = held_out_gain(KEYS, CODES, weight, scripted(right)[0], ("a", "b"))
    assert gain.mean == pytest.approx(30 / 57 / 2)


def test_equal_rows_are_in_the_same_half():
    keys = np.repeat(KEYS[:10], 4)
    fit_predict, seen = scripted({"a": np.ones(40, bool), "b": np.ones(40, bool)})
    held_out_gain(keys, CODES, np.ones(40), fit_predict, ("a", "b"))
    for _, train, test in seen:
        assert not set(keys[train]) & set(keys[test])


def test_one_half_is_held_out_where_labels_are_many():
    codes = np.arange(300) % 2
    keys = np.array([f"{i:016}" for i in range(300)], dtype="S16")
    seen = []

    def fit_predict(mode, train, test):
        seen.append(mode)
        return codes[test] if mode == "b" else 1 - codes[test]

    gain = held_out_gain(keys, codes, np.ones(300), fit_predict, ("a", "b"))
    assert seen == ["a", "b"]
    np.testing.assert_allclose(gain, [1.0, 0.0], atol=1e-9)


# The automatic mode ---------------------------------------------------------------------------

TEXTS = [f"{word} of {i}" for i in range(20) for word in ("apple", "car", "kite")]
Y = ["fruit", "road", "sky"] * 20


@pytest.fixture
def make(tiny_sentence_model):
    def make_classifier(**params):
        encoder = SentenceEncoder(str(tiny_sentence_model), verbose=False)
        params = {"mode": "auto", "lr": 0.003, "max_epochs": 2, "random_state": 0} | params
        return FineTunedClassifier(encoder, **params)

    return make_classifier


@pytest.mark.parametrize(("mean", "mode"), [(0.01, "lp-ft"), (0.0, "frozen"), (-0.03, "frozen")])
def test_the_gain_determines_the_mode(make, monkeypatch, mean, mode):
    gain = Gain(mean, 0.02)
    monkeypatch.setattr(FineTunedClassifier, "_held_out_gain", lambda self, *args: gain)
    clf = make().fit(TEXTS, Y)
    assert (clf.mode_, clf.gain_) == (mode, gain)
    same = make(mode=mode).fit(TEXTS, Y)
    np.testing.assert_array_equal(clf.predict_proba(TEXTS[:5]), same.predict_proba(TEXTS[:5]))


def test_the_gain_equals_a_computation_by_hand(make):
    """Fit both modes on both halves."""
    clf = make().fit(TEXTS, Y)
    from skactive._data.row_keys import row_keys

    texts, y = np.array(TEXTS, dtype=object), np.array(Y)
    half = np.argsort(np.argsort(row_keys(texts))) % 2
    right = {
        mode: np.concatenate(
            [
                make(mode=mode).fit(texts[half != k], y[half != k]).predict(texts[half == k])
                == y[half == k]
                for k in (0, 1)
            ]
        )
        for mode in ("frozen", "lp-ft")
    }
    labels = np.concatenate([y[half == k] for k in (0, 1)])
    gains = [(right["lp-ft"][labels == k].mean() - right["frozen"][labels == k].mean()) for k in
             np.unique(y)]  # fmt: skip
    assert clf.gain_.mean == pytest.approx(np.mean(gains))


def test_few_labels_are_not_halved(make):
    clf = make().fit(TEXTS[:48], Y[:48])
    assert clf.mode_ == "frozen"
    assert clf.gain_.mean == -np.inf


def test_with_a_prior_and_weights(make):
    prior = np.log(np.full((60, 3), 1 / 3))
    weight = np.tile([1.0, 0.5, 2.0], 20)
    weight[:5] = 0
    clf = make().fit(TEXTS, Y, sample_weight=weight, prior_log_proba=prior)
    assert np.isfinite(clf.gain_.mean)
    assert clf.predict_proba(TEXTS[:4], prior[:4]).shape == (4, 3)
