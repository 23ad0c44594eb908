"""Blocks refuse layers that the closed form does not fit."""

import pytest
from torch import nn

from convff import Block, LengthNorm


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect"), "padding_mode='zeros', got 'reflect'"),
        (nn.Conv2d(1, 2, 3, padding="same"), "a number as padding, got 'same'"),
    ],
)
def test_padding_is_named_that_is_wrong(layer: nn.Conv2d, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Block(LengthNorm(), layer)


def test_other_layers_and_learned_norms_are_refused() -> None:
    with pytest.raises(TypeError, match="got ReLU"):
        Block(LengthNorm(), nn.ReLU())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no learned parameters"):
        Block(nn.BatchNorm2d(1), nn.Conv2d(1, 2, 3))
