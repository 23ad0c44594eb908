"""Which devices `--device` knows."""

import pytest
import torch

from convff.machine.precision import autocast, fastest_precision
from experiments.config.settings import SettingsError
from experiments.run.torchrun import device_named


def test_apple_gpus_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    class Found(torch.Tensor):
        """A tensor on a device that this machine does not have."""

    monkeypatch.setattr(torch, "empty", lambda *size, device: Found())
    assert device_named("mps") == torch.device("mps")


def test_unknown_devices_are_refused_by_name() -> None:
    with pytest.raises(SettingsError, match="--device xpu cannot be used here: known are cpu, cuda, mps"):
        device_named("xpu")


def test_apple_gpus_compute_in_float32() -> None:
    assert fastest_precision(torch.device("mps")) == "float32"
    with autocast(torch.device("mps"), "float32"):
        pass
