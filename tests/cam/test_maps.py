"""Kinds of maps."""

import torch

from cam import kinds


def test_kinds() -> None:
    noise = 1 + 1e-7 * torch.rand(1, 6, 6)
    assert kinds(torch.cat([noise, -noise, torch.zeros(1, 6, 6), torch.rand(1, 6, 6)])) == ["constant"] * 3 + ["fine"]
    assert kinds(-torch.rand(1, 6, 6) - 0.1) == ["all negative"]
