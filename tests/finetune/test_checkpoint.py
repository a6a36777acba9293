"""Checkpoints after a killed training, and checkpoints that are refused."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from skactive import FineTunedClassifier, SentenceEncoder
from skactive.finetune.checkpoint import Checkpoint, Progress
from skactive.finetune.training import Training

TEXTS = [f"{word} of {i}" for i in range(12) for word in ("apple", "car", "kite")]
Y = ["fruit", "road", "sky"] * 12
NEW = ["one more apple", "one more car", "one more kite"]


@pytest.fixture
def make(tiny_sentence_model, tmp_path):
    def make_classifier(mode="lp-ft", **params):
        params = {"lr": 0.003, "max_epochs": 4, "random_state": 0} | params
        encoder = SentenceEncoder(tiny_sentence_model, verbose=False)
        return FineTunedClassifier(encoder, mode=mode, checkpoint_dir=tmp_path / "runs", **params)

    return make_classifier


class Killed(Exception):
    pass


@pytest.fixture
def kill_after(monkeypatch):
    """Make training raise after so many epochs; None restores the normal training."""
    plain = Training._run_epoch

    def arm(n_epochs):
        def run_epoch(self, epoch):
            if epoch == n_epochs:
                raise Killed
            return plain(self, epoch)

        monkeypatch.setattr(Training, "_run_epoch", plain if n_epochs is None else run_epoch)

    return arm


def kill(make, kill_after, n_epochs=2, **params):
    """Interrupt a training, and return its checkpoint."""
    kill_after(n_epochs)
    with pytest.raises(Killed):
        make(**params).fit(TEXTS, Y)
    kill_after(None)
    (path,) = (make().checkpoint_dir).iterdir()
    return path


def header_of(path):
    with safe_open(path, framework="numpy") as file:
        return file.metadata()


def assert_equal_weights(one, other):
    assert one.encoder_.weights == other.encoder_.weights
    np.testing.assert_array_equal(one.coef_, other.coef_)
    np.testing.assert_array_equal(one.predict_proba(NEW), other.predict_proba(NEW))


@pytest.mark.parametrize("mode", ["lp-ft", "full", "lora", "ia3"])
def test_a_killed_training_resumes_to_the_same_weights(make, kill_after, mode):
    whole = make(mode).fit(TEXTS, Y)
    kill(make, kill_after, mode=mode)
    resumed = make(mode).fit(TEXTS, Y)
    assert_equal_weights(resumed, whole)
    assert len(resumed.history_) == 4


def test_a_kill_before_the_first_epoch_is_done(make, kill_after):
    whole = make().fit(TEXTS, Y)
    kill_after(0)
    with pytest.raises(Killed):
        make().fit(TEXTS, Y)
    kill_after(None)
    assert_equal_weights(make().fit(TEXTS, Y), whole)


def test_early_stopping_resumes_too(make, kill_after):
    params = {"early_stopping": True, "max_epochs": 6}
    whole = make(**params).fit(TEXTS, Y)
    kill(make, kill_after, **params)
    resumed = make(**params).fit(TEXTS, Y)
    assert_equal_weights(resumed, whole)
    losses = [[epoch["valid_loss"] for epoch in clf.history_] for clf in (whole, resumed)]
    assert losses[0] == losses[1]


def test_a_training_killed_by_sigkill_resumes(make):
    """SIGKILL ends the process during a training step."""
    whole = make().fit(TEXTS, Y)
    script = (
        "import os, signal\n"
        "from skactive import FineTunedClassifier, SentenceEncoder\n"
        "from skactive.finetune.tuning_net import TuningNet\n"
        "plain = TuningNet.train_step_single\n"
        "steps = []\n"
        "def step(self, batch, **params):\n"
        "    steps.append(1)\n"
        "    if len(steps) == 8:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return plain(self, batch, **params)\n"
        "TuningNet.train_step_single = step\n"
        f"encoder = SentenceEncoder({str(make().model.model)!r}, verbose=False)\n"
        "FineTunedClassifier(encoder, lr=0.003, max_epochs=4, random_state=0,\n"
        f"    checkpoint_dir={str(make().checkpoint_dir)!r}).fit({TEXTS!r}, {Y!r})\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    (left,) = make().checkpoint_dir.glob("*.safetensors")
    assert len(json.loads(header_of(left)["history"])) == 2  # three steps an epoch
    resumed = make(resume=True).fit(TEXTS, Y)
    assert_equal_weights(resumed, whole)


def test_the_checkpoint_is_removed_after_the_training(make, kill_after):
    path = kill(make, kill_after)
    make().fit(TEXTS, Y)
    assert not path.exists()
    assert not list(path.parent.iterdir())


def test_resume_false_starts_again(make, kill_after, capsys):
    kill(make, kill_after)
    make(resume=False, verbose=True).fit(TEXTS, Y)
    assert "epoch 1 of 4" in capsys.readouterr().out
    kill(make, kill_after)
    make(verbose=True).fit(TEXTS, Y)
    assert "epoch 2 of 4" not in capsys.readouterr().out


def test_another_training_uses_another_file(make, kill_after):
    kill(make, kill_after)
    kill_after(1)
    changes = [{"mode": "full"}, {"lr": 0.002}, {"random_state": 1}, {"loss": "gce"}]
    for change in changes:
        with pytest.raises(Killed):
            make(**change).fit(TEXTS, Y)
    with pytest.raises(Killed):
        make().fit(TEXTS[:-3], Y[:-3])
    with pytest.raises(Killed):
        make().fit(TEXTS, Y[3:] + Y[:3][::-1])
    assert len(list(make().checkpoint_dir.iterdir())) == 7


# Refusals -------------------------------------------------------------------------------------


def test_a_missing_checkpoint_is_refused(make, kill_after):
    with pytest.raises(FileNotFoundError, match=r"runs.*\.safetensors is missing.*no checkpoint"):
        make(resume=True).fit(TEXTS, Y)
    path = kill(make, kill_after)
    with pytest.raises(FileNotFoundError, match=f"{path.name} is of this model, but other labels"):
        make(resume=True).fit(TEXTS[:-3], Y[:-3])


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "flipped header", "flipped array"])
@pytest.mark.parametrize("resume", ["auto", True])
def test_a_damaged_checkpoint_is_refused(make, kill_after, damage, resume):
    path = kill(make, kill_after)
    content = path.read_bytes()
    path.write_bytes(
        {
            "cut": content[: len(content) // 2],
            "text": b"no checkpoint at all",
            "empty": b"",
            "flipped header": content[:8] + b"}" + content[9:],
            "flipped array": content[:-1] + bytes([content[-1] ^ 1]),
        }[damage]
    )
    with pytest.raises(ValueError, match=f"{path.name} is damaged .*Delete it"):
        make(resume=resume).fit(TEXTS, Y)


def test_a_checkpoint_of_another_model_is_refused(make, kill_after):
    """The file has another name, or the name of this training."""
    path = kill(make, kill_after)
    other = path.with_name(f"{'0' * 16}.safetensors")
    header = header_of(path) | {"model": "sentence of another digest"}
    save_file(load_file(path), other, metadata=header)
    path.unlink()
    with pytest.raises(FileNotFoundError, match="of another model, 'sentence of another digest'"):
        make(resume=True).fit(TEXTS, Y)
    other.rename(path)
    with pytest.raises(ValueError, match=r"checkpoint of another model: 'sentence of another dig"):
        make().fit(TEXTS, Y)


def test_a_checkpoint_under_a_wrong_name_is_refused(make, kill_after):
    path = kill(make, kill_after)
    path.rename(path.with_name("kept"))
    kill_after(1)
    with pytest.raises(Killed):
        make(lr=0.002).fit(TEXTS, Y)
    kill_after(None)
    (other,) = path.parent.glob("*.safetensors")
    path.with_name("kept").rename(other)
    with pytest.raises(ValueError, match="checkpoint of another training"):
        make(lr=0.002).fit(TEXTS, Y)


def test_a_pickle_is_never_loaded(make, kill_after, tmp_path):
    class Evil:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "was here"),))

    path = kill(make, kill_after)
    torch.save({"weights": Evil()}, path)
    with pytest.raises(ValueError, match="is damaged"):
        make().fit(TEXTS, Y)
    assert not (tmp_path / "was here").exists()


@pytest.mark.parametrize("random_state", [None, np.random.RandomState(0)])
def test_a_checkpoint_needs_a_seed(make, random_state):
    with pytest.raises(ValueError, match=r"random_state=.* must be an int"):
        make(random_state=random_state).fit(TEXTS, Y)


def test_a_kill_while_writing_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    kept = Checkpoint(tmp_path, "model", "training")
    kept.save(Progress([{"train_loss": 1.0}], {"a": torch.ones(2)}))

    def killed(tensors, path, metadata):
        path.write_bytes(b"half a fil")
        raise Killed

    monkeypatch.setattr("safetensors.numpy.save_file", killed)
    with pytest.raises(Killed):
        kept.save(Progress([], {}))
    progress = kept.load()
    assert progress.history == [{"train_loss": 1.0}]
    assert progress.tensors["a"].tolist() == [1.0, 1.0]
