"""The private torch generator."""

import os
import subprocess
import sys

import pytest
import torch

from skactive import SoftmaxHead
from tests.support.active import X, Y, make_active


def test_an_unused_gpu_is_not_seeded(monkeypatch):
    """torch.manual_seed would seed the GPU as soon as it is used."""
    monkeypatch.setattr(torch.cuda, "manual_seed_all", pytest.fail)
    monkeypatch.setattr(torch, "manual_seed", pytest.fail)
    make_active(SoftmaxHead((4,), max_iter=2)).fit(X, Y)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_forked_while_another_thread_trains():
    """Locks that another thread held at the fork are free in the child."""
    command = """if True:
        import os, signal, threading
        from skactive._utils.random import private_torch_generator
        entered, leave = threading.Event(), threading.Event()

        def train():
            with private_torch_generator(0):
                entered.set()
                leave.wait()

        thread = threading.Thread(target=train)
        thread.start()
        entered.wait()
        child = os.fork()
        if not child:
            signal.alarm(20)
            with private_torch_generator(0):
                os._exit(0)
        leave.set()
        thread.join()
        print(os.waitpid(child, 0)[1])
    """
    done = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "0", done.stderr
