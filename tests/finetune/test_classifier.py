"""FineTunedClassifier on a small model with random weights, and a few tests on the real model."""

import pickle
import pickletools

import numpy as np
import pandas as pd
import pytest
import skops.io
from scipy.special import log_softmax, softmax
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skactive import TRUSTED_TYPES, ActiveClassifier, FineTunedClassifier
from skactive.finetune.tuning_data import held_out_positions
from skactive.heads import SoftmaxHead
from tests.support.errors import fails
from tests.support.finetune import MODES, NEW, NEW_Y, TEXTS, Y

# Modes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_learns(make, mode):
    clf = make(mode, max_epochs=8, lr=0.01).fit(TEXTS, Y)
    assert clf.mode_ == mode
    assert clf.score(TEXTS, Y) > 0.9
    proba = clf.predict_proba(NEW)
    assert proba.shape == (len(NEW), 3)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    np.testing.assert_array_equal(clf.predict(NEW), clf.classes_[proba.argmax(axis=1)])
    assert len(clf.history_) == (0 if mode == "frozen" else 8)
    expected = softmax(clf.embed(NEW) @ clf.coef_.T + clf.intercept_, axis=1)
    np.testing.assert_allclose(proba, expected, atol=1e-6)


def test_frozen_is_a_head_on_the_encoder(make, encoder):
    clf = make("frozen").fit(TEXTS, Y)
    head = SoftmaxHead().fit(encoder.transform(TEXTS), Y)
    np.testing.assert_array_equal(
        clf.predict_proba(NEW), head.predict_proba(encoder.transform(NEW))
    )
    assert clf.encoder_.get_params() == encoder.get_params()


def test_lp_ft_starts_from_the_head(make, encoder):
    """With tiny steps lp-ft equals the frozen classifier, and full predicts uniformly."""
    frozen = make("frozen").fit(TEXTS, Y).predict_proba(NEW)
    small = {"lr": 1e-12, "max_epochs": 1}
    for mode, start in (("lp-ft", frozen), ("full", np.full_like(frozen, 1 / 3))):
        proba = make(mode, **small).fit(TEXTS, Y).predict_proba(NEW)
        assert np.abs(proba - start).max() < 0.1
        assert np.abs(proba - frozen).max() < 0.1 or mode == "full"


# An ordinary classifier -----------------------------------------------------------------------


def test_the_seed_determines_the_results(make):
    first = make().fit(TEXTS, Y).predict_proba(NEW)
    np.testing.assert_array_equal(make().fit(TEXTS, Y).predict_proba(NEW), first)
    assert not np.array_equal(make(random_state=1).fit(TEXTS, Y).predict_proba(NEW), first)


def test_clone_params_and_search(make):
    clf = make(n_accumulate=2)
    copy = clone(clf)
    assert str(copy.get_params()) == str(clf.get_params())
    copy.set_params(model__precision="bfloat16", mode="full")
    assert copy.model.precision == "bfloat16"
    search = GridSearchCV(make("frozen"), {"class_weight": ["balanced", None]}, cv=2)
    assert search.fit(TEXTS, Y).best_score_ > 0.5


@pytest.mark.parametrize("mode", ["frozen", "lp-ft", "lora"])
def test_pickle_holds_arrays_and_no_torch(make, mode):
    clf = make(mode).fit(TEXTS, Y)
    stored = pickle.dumps(clf)
    names = [str(arg) for op, arg, _ in pickletools.genops(stored) if op.name.endswith("UNICODE")]
    assert not [name for name in names if name.startswith(("torch", "skorch", "transformers"))]
    np.testing.assert_array_equal(pickle.loads(stored).predict_proba(NEW), clf.predict_proba(NEW))


def test_skops_loads_what_it_wrote(make):
    clf = make().fit(TEXTS, Y)
    loaded = skops.io.loads(skops.io.dumps(clf), trusted=TRUSTED_TYPES)
    np.testing.assert_array_equal(loaded.predict_proba(NEW), clf.predict_proba(NEW))


def test_labels_of_any_type_and_many_containers(make):
    codes = np.arange(len(Y)) % 3
    expected = make().fit(TEXTS, Y).predict_proba(NEW)
    for rows in (TEXTS.tolist(), pd.Series(TEXTS, index=range(5, 59))):
        clf = make().fit(rows, codes)
        assert clf.classes_.tolist() == [0, 1, 2]
        np.testing.assert_array_equal(clf.predict_proba(pd.Series(NEW)), expected)


def test_zero_weight_equals_an_absent_row(make):
    weight = np.ones(len(Y))
    weight[::5] = 0
    kept = weight > 0
    weighted = make().fit(TEXTS, Y, sample_weight=weight)
    left_out = make().fit(TEXTS[kept], Y[kept])
    np.testing.assert_array_equal(weighted.predict_proba(NEW), left_out.predict_proba(NEW))


def test_weights_reach_the_loss(make):
    """Every row has two labels: the one with the larger weight wins."""
    rows, labels = np.tile(TEXTS, 2), np.concatenate([Y, np.roll(Y, 1)])
    weight = np.repeat([5.0, 1.0], len(Y))
    clf = make(max_epochs=10).fit(rows, labels, sample_weight=weight)
    assert clf.score(TEXTS, Y) > 0.9
    clf = make(max_epochs=10).fit(rows, labels, sample_weight=weight[::-1])
    assert clf.score(TEXTS, Y) < 0.1


def test_classes_without_a_label(make):
    clf = make().fit(TEXTS, Y, classes=["fruit", "moon", "road", "sky"])
    assert clf.classes_.tolist() == ["fruit", "moon", "road", "sky"]
    assert clf.predict_proba(NEW).shape == (len(NEW), 4)


def test_one_class_alone(make):
    clf = make().fit(TEXTS[:3], ["fruit"] * 3)
    assert (clf.predict(NEW) == "fruit").all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mode": "half"}, "mode"),
        ({"lr": -1}, "lr"),
        ({"max_epochs": 0}, "max_epochs"),
        ({"model": 3}, "model"),
        ({"class_weight": {"a": 1}}, "class_weight"),
    ],
)
def test_invalid_parameters_are_named(make, change, message):
    with pytest.raises(ValueError, match=f"'{message}' parameter of FineTunedClassifier"):
        make().set_params(**change).fit(TEXTS, Y)


def test_invalid_input_is_named(make):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        make().fit(TEXTS, Y[:-1])
    with pytest.raises(TypeError, match=r"X\[1\] is None .*, not a str"):
        make().fit(["good", None, "good"], [0, 1, 0])
    with pytest.raises(
        ValueError, match=r"prior_log_proba has shape \(54, 2\), expected \(54, 3\)"
    ):
        make().fit(TEXTS, Y, prior_log_proba=np.zeros((54, 2)))


@pytest.mark.parametrize("loss", ["auto", "cross_entropy", "gce"])
def test_losses(make, loss):
    assert make(loss=loss, max_epochs=6).fit(TEXTS, Y).score(TEXTS, Y) > 0.8


def test_the_noise_rate_is_that_of_the_frozen_head(make):
    rng = np.random.default_rng(1)
    clf = make("frozen").fit(TEXTS, rng.permutation(Y))
    assert clf._criterion().noise_rate == clf.probe_.anchor_["noise_rate"] > 0


def test_balanced_classes(make):
    few = np.flatnonzero((Y != "sky") | (np.arange(len(Y)) < 9))
    likely = {
        weight: make(class_weight=weight).fit(TEXTS[few], Y[few]).predict_proba(NEW)[:, 2].mean()
        for weight in ("balanced", None)
    }
    assert likely["balanced"] > likely[None]


def test_the_prior_predicts_classes_without_labels(make):
    """Only the prior has information on the third class."""
    sure = log_softmax(4 * (np.unique(Y) == Y[:, None]), axis=1)
    new = log_softmax(4 * (np.unique(Y) == np.array(NEW_Y)[:, None]), axis=1)
    seen = Y != "sky"
    clf = make().fit(TEXTS[seen], Y[seen], prior_log_proba=sure[seen], classes=np.unique(Y))
    assert (clf.predict(NEW, new) == NEW_Y).mean() > 0.9
    with pytest.raises(ValueError, match="fitted with prior_log_proba"):
        clf.predict(NEW)


def test_labels_are_held_out_where_there_are_many(make):
    codes = np.arange(1000) % 3
    rows = np.arange(1000.0)[:, None]
    assert len(held_out_positions(rows[:999], codes[:999], "auto", 0)) == 0
    held_out = held_out_positions(rows, codes, "auto", 0)
    assert len(set(held_out.tolist())) == 100
    assert np.bincount(codes[held_out]).tolist() in ([33, 33, 34], [34, 33, 33], [33, 34, 33])
    rows[1::2] = rows[::2]  # every row has two labels: both or none are held out
    held_out = held_out_positions(rows, codes, "auto", 0)
    assert len(held_out) == 100
    assert (held_out[1::2] == held_out[::2] + 1).all()
    clf = make(early_stopping=True).fit(TEXTS, Y)
    assert {"train_loss", "valid_loss", "seconds"} == set(clf.history_[0])


def test_progress_is_printed_where_asked(make, capsys):
    make().fit(TEXTS, Y)
    assert capsys.readouterr().out == ""
    make(verbose=True).fit(TEXTS, Y)
    assert "FineTunedClassifier: epoch 2 of 2: train_loss" in capsys.readouterr().out


# In active learning, and the real model --------------------------------------------------------


@pytest.mark.parametrize("strategy", ["auto", "margin", "badge", "k_center"])
def test_inside_active_classifier(make, strategy):
    clf = ActiveClassifier(make(max_epochs=1), strategy=strategy, random_state=0)
    for _ in range(2):
        queried = clf.query(TEXTS, 8)
        clf.partial_fit(TEXTS[queried], Y[queried])
    assert clf.predict_proba(NEW).shape[0] == len(NEW)
    assert clf.label_trust_.shape == (16,)


@pytest.mark.parametrize(("noise", "loss"), [("auto", "auto"), (None, "cross_entropy")])
def test_without_noise_the_loss_is_cross_entropy(make, noise, loss):
    clf = ActiveClassifier(make("frozen"), noise=noise, random_state=0).fit(TEXTS, Y)
    assert clf.estimator_.loss == loss


def test_the_real_model_learns_from_a_few_texts():
    clf = FineTunedClassifier(max_epochs=2, random_state=0).fit(TEXTS[:24], Y[:24])
    assert clf.score(NEW, NEW_Y) == 1.0


def test_invalid_rows_and_labels(tiny_sentence_model):
    clf = FineTunedClassifier(str(tiny_sentence_model), random_state=0)
    fails("X is 'text' .*list or array with one entry per row", clf.fit, "text", list("abab"))
    fails("X is None", clf.fit, None, ["a"])
    fails("requires y to be passed", clf.fit, ["one", "two"], None)
    fails("y contains NaN or None, at position 1", clf.fit, ["one", "two"], ["a", None])
    fails("X has 2 rows, but y has 1 labels", clf.fit, ["one", "two"], ["a"])
    fails("resume=True needs the checkpoint_dir", clf.set_params(resume=True).fit, ["one"], ["a"])
