"""The training loop of fine-tuning."""

import numpy as np
import pytest
import torch

from tests.support.finetune import NEW, TEXTS, Y, tuned_weights


def test_a_step_is_a_batch(make, monkeypatch):
    steps, plain = [], torch.optim.AdamW.step

    def counting(self, *args, **kwargs):
        steps.append(self)
        return plain(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.AdamW, "step", counting)
    make(batch_size=20, max_epochs=1).fit(TEXTS, Y)
    assert len(steps) == -(-len(TEXTS) // 20)


@pytest.mark.parametrize("n_accumulate", [2, 5, 100])
def test_accumulated_gradients_equal_a_whole_batch(make, encoder, n_accumulate, monkeypatch):
    """Without dropout, a batch in parts gives the gradient of the whole batch."""
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


def test_a_diverging_training_is_reported(make):
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


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision(make, encoder, precision):
    clf = make(max_epochs=6).set_params(model__precision=precision).fit(TEXTS, Y)
    assert clf.score(TEXTS, Y) > 0.8
    assert all(value.dtype == np.float32 for value in tuned_weights(clf).values())
