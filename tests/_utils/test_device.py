"""The choice of a device."""

from skactive._utils.device import resolve_device


def test_auto_device_prefers_cuda_then_mps(monkeypatch):
    import torch

    for cuda, mps, expected in [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")]:
        monkeypatch.setattr(torch.cuda, "is_available", lambda answer=cuda: answer)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda answer=mps: answer)
        assert resolve_device("auto") == expected
