"""FineTunedClassifier on a small model of random weights, and a little on the real one."""

import pickle
import pickletools
import sys

import numpy as np
import pandas as pd
import pytest
import skops.io
import torch
from scipy.special import log_softmax, softmax
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skactive import (
    TRUSTED_TYPES,
    ActiveClassifier,
    ClipEncoder,
    FineTunedClassifier,
    SentenceEncoder,
)
from skactive.encoders import cache
from skactive.encoders.cache import MemoryRows
from skactive.encoders.tuned import TunedEncoder, Weights
from skactive.finetune.tuning_net import ShuffledBatches
from skactive.heads import SoftmaxHead
from skactive.heads.losses import CrossEntropy, NoisyCrossEntropy, log_class_frequency

RNG = np.random.default_rng(0)
WORDS = {
    "fruit": ["apple", "pear", "plum"],
    "road": ["car", "bus", "lorry"],
    "sky": ["kite", "jet"],
}
TEXTS = np.array([f"{RNG.choice(WORDS[k])} of {i}" for i in range(18) for k in WORDS], dtype=object)
Y = np.array(list(WORDS) * 18)
NEW = [f"one more {word}" for words in WORDS.values() for word in words]
NEW_Y = [k for k, words in WORDS.items() for _ in words]
MODES = ["frozen", "lp-ft", "full", "lora", "ia3"]


@pytest.fixture(autouse=True)
def memory(monkeypatch):
    """A row cache of its own for every test."""
    monkeypatch.setattr(cache, "_MEMORY", MemoryRows())


@pytest.fixture
def encoder(tiny_sentence_model):
    return SentenceEncoder(str(tiny_sentence_model), verbose=False)


@pytest.fixture
def make(encoder):
    """A classifier on the small model, whose random weights take large steps to move."""

    def make_classifier(mode="lp-ft", **params):
        return FineTunedClassifier(
            encoder, mode=mode, **({"lr": 0.003, "max_epochs": 2, "random_state": 0} | params)
        )

    return make_classifier


def tuned_weights(clf):
    return clf.encoder_.weights.arrays


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


@pytest.mark.parametrize("mode", MODES[1:])
def test_what_each_mode_changes(make, mode):
    changed = set(tuned_weights(make(mode).fit(TEXTS, Y)))
    assert changed
    assert not any("word_embeddings" in name or "position" in name for name in changed)
    layers = {name for name in changed if "LayerNorm" not in name and name.endswith("weight")}
    assert len(layers) == 12  # six linear layers in each of the two blocks
    if mode in ("lora", "ia3"):
        assert changed == layers  # the biases are zero, whatever their factor
    else:
        assert any("LayerNorm" in name for name in changed)


def test_lora_changes_a_layer_by_a_matrix_of_low_rank(make, encoder):
    tuned = tuned_weights(make("lora").fit(TEXTS, Y))
    before = encoder._load("cpu", torch.float32).state_dict()
    ranks = [
        np.linalg.matrix_rank(value - before[name].numpy(), tol=1e-5)
        for name, value in tuned.items()
    ]
    assert max(ranks) == 8  # the layers have up to 16


def test_ia3_scales_the_outputs_of_a_layer(make, encoder):
    tuned = tuned_weights(make("ia3").fit(TEXTS, Y))
    before = encoder._load("cpu", torch.float32).state_dict()
    for name, value in tuned.items():
        if name.endswith("weight"):
            factors = value / before[name].numpy()
            np.testing.assert_allclose(factors, np.median(factors, axis=1)[:, None].repeat(
                value.shape[1], axis=1), rtol=1e-3)  # fmt: skip


def test_lp_ft_starts_from_the_head(make, encoder):
    """With steps too small to matter it is the frozen classifier; full knows nothing."""
    frozen = make("frozen").fit(TEXTS, Y).predict_proba(NEW)
    small = {"lr": 1e-12, "max_epochs": 1}
    for mode, start in (("lp-ft", frozen), ("full", np.full_like(frozen, 1 / 3))):
        proba = make(mode, **small).fit(TEXTS, Y).predict_proba(NEW)
        assert np.abs(proba - start).max() < 0.1
        assert np.abs(proba - frozen).max() < 0.1 or mode == "full"


def test_missing_peft_is_named(make, monkeypatch):
    make("frozen").fit(TEXTS, Y)  # the model is loaded, which looks for peft by itself
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ImportError, match=r"pip install 'skactive\[tune\]'"):
        make("lora").fit(TEXTS, Y)


# An ordinary classifier -----------------------------------------------------------------------


def test_the_seed_decides_everything(make):
    first = make().fit(TEXTS, Y).predict_proba(NEW)
    np.testing.assert_array_equal(make().fit(TEXTS, Y).predict_proba(NEW), first)
    assert not np.array_equal(make(random_state=1).fit(TEXTS, Y).predict_proba(NEW), first)


def test_clone_params_and_search(make):
    clf = make(n_accumulate=2)
    twin = clone(clf)
    assert str(twin.get_params()) == str(clf.get_params())
    twin.set_params(model__precision="bfloat16", mode="full")
    assert twin.model.precision == "bfloat16"
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


def test_a_weight_of_nil_is_a_row_left_out(make):
    weight = np.ones(len(Y))
    weight[::5] = 0
    kept = weight > 0
    weighted = make().fit(TEXTS, Y, sample_weight=weight)
    left_out = make().fit(TEXTS[kept], Y[kept])
    np.testing.assert_array_equal(weighted.predict_proba(NEW), left_out.predict_proba(NEW))


def test_weights_reach_the_loss(make):
    """Two labels for every row: the heavier one wins."""
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
def test_wrong_parameters_are_named(make, change, message):
    with pytest.raises(ValueError, match=f"'{message}' parameter of FineTunedClassifier"):
        make().set_params(**change).fit(TEXTS, Y)


def test_wrong_input_is_named(make):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        make().fit(TEXTS, Y[:-1])
    with pytest.raises(TypeError, match=r"X\[1\] is None .*, not a str"):
        make().fit(["good", None, "good"], [0, 1, 0])
    with pytest.raises(
        ValueError, match=r"prior_log_proba has shape \(54, 2\), expected \(54, 3\)"
    ):
        make().fit(TEXTS, Y, prior_log_proba=np.zeros((54, 2)))


# Losses and the prior -------------------------------------------------------------------------


def test_noisy_cross_entropy_follows_its_formula():
    logits, codes = RNG.normal(size=(6, 4)) * 5, np.arange(6) % 4
    given = torch.from_numpy(logits), torch.from_numpy(codes)
    proba = np.exp(log_softmax(logits, axis=1)[np.arange(6), codes])
    loss = NoisyCrossEntropy(0.3)(*given).numpy()
    np.testing.assert_allclose(loss, -np.log(0.7 * proba + 0.3 / 4), atol=1e-12)
    np.testing.assert_array_equal(NoisyCrossEntropy(0.0)(*given), CrossEntropy()(*given))


def test_log_shares():
    shares = log_class_frequency(np.array([0, 0, 2]), np.array([1.0, 2, 1]), 3, "balanced")
    np.testing.assert_allclose(np.exp(shares), np.array([3.1, 0.1, 1.1]) / 4.3)
    assert not log_class_frequency(np.array([0, 0, 2]), np.ones(3), 3, None).any()


@pytest.mark.parametrize("loss", ["auto", "cross_entropy", "gce"])
def test_losses(make, loss):
    assert make(loss=loss, max_epochs=6).fit(TEXTS, Y).score(TEXTS, Y) > 0.8


def test_the_noise_rate_is_the_frozen_heads(make):
    clf = make("frozen").fit(TEXTS, RNG.permutation(Y))
    assert clf._criterion().noise_rate == clf.probe_.anchor_["noise_rate"] > 0


def test_balanced_classes(make):
    few = np.flatnonzero((Y != "sky") | (np.arange(len(Y)) < 9))
    likely = {
        weight: make(class_weight=weight).fit(TEXTS[few], Y[few]).predict_proba(NEW)[:, 2].mean()
        for weight in ("balanced", None)
    }
    assert likely["balanced"] > likely[None]


def test_the_priors_anchor(make):
    """Labels say nothing of the third class; the prior does."""
    sure = log_softmax(4 * (np.unique(Y) == Y[:, None]), axis=1)
    new = log_softmax(4 * (np.unique(Y) == np.array(NEW_Y)[:, None]), axis=1)
    seen = Y != "sky"
    clf = make().fit(TEXTS[seen], Y[seen], prior_log_proba=sure[seen], classes=np.unique(Y))
    assert (clf.predict(NEW, new) == NEW_Y).mean() > 0.9
    with pytest.raises(ValueError, match="fitted with it; predict likewise"):
        clf.predict(NEW)


# Training -------------------------------------------------------------------------------------


def test_embeddings_in_training_are_those_of_transform(encoder, clip_checkpoint):
    images = np.random.default_rng(0).integers(0, 256, (3, 40, 30, 3), dtype=np.uint8)
    clip = ClipEncoder("tiny-clip", pretrained=clip_checkpoint, verbose=False)
    for frozen, X in ((encoder, TEXTS[:5]), (SentenceEncoder(verbose=False), NEW), (clip, images)):
        with torch.random.fork_rng(devices=[]):
            model = frozen._load("cpu", torch.float32)
        batch = frozen._collate(model)(frozen._check_rows(X))
        with torch.no_grad():
            rows = frozen._forward(model, batch).numpy()
        np.testing.assert_allclose(rows, frozen.transform(X), atol=1e-6)


def test_a_step_is_a_batch(make, monkeypatch):
    steps, plain = [], torch.optim.AdamW.step

    def counting(self, *args, **kwargs):
        steps.append(self)
        return plain(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.AdamW, "step", counting)
    make(batch_size=20, max_epochs=1).fit(TEXTS, Y)
    assert len(steps) == -(-len(TEXTS) // 20)


@pytest.mark.parametrize("n_accumulate", [2, 5, 100])
def test_gradients_add_up(make, encoder, n_accumulate, monkeypatch):
    """Without dropout, a batch in parts is the batch."""
    plain = type(encoder)._load

    def without_dropout(self, device, dtype):
        model = plain(self, device, dtype)
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        return model

    monkeypatch.setattr(type(encoder), "_load", without_dropout)
    whole = make().fit(TEXTS, Y)
    parts = make(n_accumulate=n_accumulate).fit(TEXTS, Y)
    np.testing.assert_allclose(parts.predict_proba(NEW), whole.predict_proba(NEW), atol=1e-3)
    assert whole.history_[-1]["train_loss"] == pytest.approx(
        parts.history_[-1]["train_loss"], rel=1e-3
    )


def test_a_batch_that_does_not_fit_is_computed_in_parts(make, monkeypatch):
    from skactive.finetune.tuning_net import TuningNet

    sizes, plain = [], TuningNet.train_step_single

    def small_gpu(self, part, **fit_params):
        sizes.append(len(part[1]))
        if len(part[1]) > 5:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return plain(self, part, **fit_params)

    monkeypatch.setattr(TuningNet, "train_step_single", small_gpu)
    clf = make(max_epochs=1).fit(TEXTS, Y)
    assert sizes[:2] == [16, 8]
    assert max(sizes[2:]) == 4
    assert len(clf.history_) == 1


def test_batches():
    sizes = np.random.default_rng(1).integers(1, 100, 500)
    positions = np.arange(3, 500)
    batches = ShuffledBatches(positions, sizes, batch_size=16, seed=0)
    first = list(batches)
    assert len(first) == len(batches) == 32
    assert sorted(np.concatenate(first)) == positions.tolist()
    assert list(batches) == first
    batches.epoch = 1
    assert list(batches) != first
    padded = sum(len(batch) * sizes[batch].max() for batch in first)
    assert padded < 1.3 * sizes[positions].sum()  # unsorted, it would be 1.9


def test_learning_rates_grow_and_fall(make, monkeypatch):
    rates = []

    class Watched(torch.optim.AdamW):
        def step(self, closure=None):
            rates.append([group["lr"] for group in self.param_groups])
            return super().step(closure)

    monkeypatch.setattr(torch.optim, "AdamW", Watched)
    make(max_epochs=5).fit(TEXTS, Y)  # 4 steps an epoch
    head, model = np.array(rates).T
    assert len(model) == 20
    np.testing.assert_allclose(head, model / 3)
    expected = 0.003 * np.minimum(np.arange(1, 21) / 2, 1) * (1 - np.arange(20) / 20)
    np.testing.assert_allclose(model, expected)


def test_larger_models_learn_more_slowly(make, monkeypatch):
    from skactive.finetune import training

    rates = []

    def record(self, checkpoint, progress, subtask):
        rates.append(self._learning_rate())
        raise KeyboardInterrupt

    monkeypatch.setattr(training.Training, "run", record)
    for size in (1e7, 1000):  # the small model has more parameters than a thousand
        monkeypatch.setattr(training, "_SIZE", size)
        with pytest.raises(KeyboardInterrupt):
            make(lr="auto").fit(TEXTS, Y)
    assert rates[0] == 2e-4
    assert 2e-5 < rates[1] < 1e-4


def test_a_training_that_diverges_is_reported(make):
    with pytest.raises(FloatingPointError, match=r"epoch 1, .* of 1e\+30. Give a smaller lr"):
        make(lr=1e30).fit(TEXTS, Y)


def test_early_stopping_goes_back_to_the_best_epoch(make, monkeypatch):
    from skactive.finetune.training import Training

    losses, seen = iter([3.0, 1.0, 2.0, 1.5, 0.1]), []
    plain = Training._run_epoch

    def scripted(self, epoch):
        measured = plain(self, epoch) | {"valid_loss": next(losses)}
        seen.append({k: v.detach().clone().numpy() for k, v in self.network.trained().items()})
        return measured

    monkeypatch.setattr(Training, "_run_epoch", scripted)
    clf = make(early_stopping=True, max_epochs=9).fit(TEXTS, Y)
    assert [epoch["valid_loss"] for epoch in clf.history_] == [3.0, 1.0, 2.0, 1.5]
    for name, value in tuned_weights(clf).items():
        np.testing.assert_array_equal(value, seen[1][f"tower.{name}"])


def test_labels_are_held_out_where_there_are_many(make):
    clf = make()
    codes = np.arange(1000) % 3
    rows = np.arange(1000.0)[:, None]
    assert len(clf._held_out(rows[:999], codes[:999], 0)) == 0
    held_out = clf._held_out(rows, codes, 0)
    assert len(set(held_out.tolist())) == 100
    assert np.bincount(codes[held_out]).tolist() in ([33, 33, 34], [34, 33, 33], [33, 34, 33])
    rows[1::2] = rows[::2]  # every row has two labels: both are held out, or none
    held_out = clf._held_out(rows, codes, 0)
    assert len(held_out) == 100
    assert (held_out[1::2] == held_out[::2] + 1).all()
    clf.set_params(early_stopping=True).fit(TEXTS, Y)
    assert {"train_loss", "valid_loss", "seconds"} == set(clf.history_[0])


def test_progress_is_printed_where_asked(make, capsys):
    make().fit(TEXTS, Y)
    assert capsys.readouterr().out == ""
    make(verbose=True).fit(TEXTS, Y)
    assert "FineTunedClassifier: epoch 2 of 2: train_loss" in capsys.readouterr().out


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision(make, encoder, precision):
    clf = make(max_epochs=6).set_params(model__precision=precision).fit(TEXTS, Y)
    assert clf.score(TEXTS, Y) > 0.8
    assert all(value.dtype == np.float32 for value in tuned_weights(clf).values())


# The tuned encoder ----------------------------------------------------------------------------


def test_the_tuned_encoder_is_an_ordinary_one(make, encoder):
    tuned = make().fit(TEXTS, Y).encoder_
    rows = tuned.transform(NEW)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert not np.allclose(rows, encoder.transform(NEW), atol=1e-3)
    twin = clone(tuned)
    assert twin.weights is tuned.weights
    np.testing.assert_array_equal(twin.transform(NEW), rows)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(tuned)).transform(NEW), rows)
    assert "TunedEncoder(encoder=SentenceEncoder(" in repr(tuned)
    assert tuned.encode_prompts(["fruit"]).shape == (1, 16)


def test_tuned_rows_have_keys_of_their_own(make, encoder, monkeypatch):
    clf = make().fit(TEXTS, Y)
    counts, plain = [], SentenceEncoder._encode_rows

    def counting(self, shared, rows, batch_size):
        counts.append(len(rows))
        return plain(self, shared, rows, batch_size)

    monkeypatch.setattr(SentenceEncoder, "_encode_rows", counting)
    clf.predict(NEW)
    clf.predict(NEW)
    assert counts == [len(NEW)]


def test_weights_compare_by_content():
    one = Weights({"a": np.zeros(3, np.float32), "b": np.ones(2, np.float32)})
    assert one == Weights({"b": np.ones(2, np.float32), "a": np.zeros(3, np.float32)})
    assert hash(one) == hash(Weights(dict(one.arrays)))
    assert one != Weights({"a": np.zeros(3, np.float32), "b": np.zeros(2, np.float32)})
    assert one != Weights({"a": np.zeros((3, 1), np.float32), "b": np.ones(2, np.float32)})


def test_weights_of_another_model_are_refused(make, encoder):
    weights = Weights({"0.no.such.layer": np.zeros(3, np.float32)})
    with pytest.raises(
        ValueError, match=r"(?s)weights are of another model .* no '0.no.such.layer'"
    ):
        TunedEncoder(encoder, weights).transform(NEW)


def test_a_tuned_encoder_can_be_tuned_again(make):
    once = make().fit(TEXTS, Y)
    again = make(max_epochs=6).set_params(model=once.encoder_).fit(TEXTS, Y)
    assert isinstance(again.encoder_.encoder, TunedEncoder)
    assert again.score(TEXTS, Y) > 0.9


# In active learning, and the real model --------------------------------------------------------


@pytest.mark.parametrize("strategy", ["auto", "margin", "badge", "k_center"])
def test_inside_active_classifier(make, strategy):
    clf = ActiveClassifier(make(max_epochs=1), strategy=strategy, random_state=0)
    for _ in range(2):
        asked = clf.query(TEXTS, 8)
        clf.partial_fit(TEXTS[asked], Y[asked])
    assert clf.predict_proba(NEW).shape[0] == len(NEW)
    assert clf.label_trust_.shape == (16,)


@pytest.mark.parametrize(("noise", "loss"), [("auto", "auto"), (None, "cross_entropy")])
def test_labels_at_their_word(make, noise, loss):
    clf = ActiveClassifier(make("frozen"), noise=noise, random_state=0).fit(TEXTS, Y)
    assert clf.estimator_.loss == loss


def test_the_real_model_learns_from_a_few_texts():
    clf = FineTunedClassifier(max_epochs=2, random_state=0).fit(TEXTS[:24], Y[:24])
    assert clf.score(NEW, NEW_Y) == 1.0
