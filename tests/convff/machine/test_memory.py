"""What would not fit into half of the free memory is refused."""

import pytest
import torch

from convff import require_memory
from convff.machine import memory

CPU = torch.device("cpu")


def test_half_of_the_free_memory_is_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda device: 4_000_000_000)
    require_memory(2_000_000_000, CPU, "features")
    with pytest.raises(ValueError, match=r"features must take at most half of the free memory, 2.0 GB, got 2.5 GB"):
        require_memory(2_500_000_000, CPU, "features")


def test_a_system_that_does_not_tell_refuses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda device: None)
    require_memory(10**18, CPU, "features")


def test_this_machine_has_memory() -> None:
    free = memory.free_memory(CPU)
    assert free is None or 10**6 < free < 10**15
