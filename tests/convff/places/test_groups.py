"""Groups of units that judge a label one by one: against autograd and slow loops, in float64."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from convff import (
    AtImage,
    Block,
    ForwardForward,
    HebbianForwardForward,
    InGroups,
    LengthNorm,
    Softmax,
    Symmetric,
    Threshold,
    cnn3,
    keyed_generator,
    mlp,
)
from convff.gates import Gate
from tests.convff.samples import passes, relative_error, seen_of

IMAGES, PASSES = 3, 3
GATES: list[Gate] = [
    Threshold(scale=0.3),
    Symmetric(scale=0.2),
    Softmax(scale=0.5),
]  # torch's softplus is exact up to 20


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=keyed_generator(seed, "groups"), dtype=torch.float64)


def block_and_input(kind: str) -> tuple[Block, Tensor]:
    layer = nn.Linear(7, 6) if kind == "dense" else nn.Conv2d(2, 6, 3, padding=1)
    block = Block(LengthNorm(), layer).double()
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.copy_(drawn(*parameter.shape, seed=parameter.ndim))
    return block, drawn(IMAGES * PASSES, 7) if kind == "dense" else drawn(IMAGES * PASSES, 2, 4, 5)


def loss_by_loops(a: Tensor, place: InGroups, gate: Gate, reduction: str) -> Tensor:
    """The mean loss over images and groups, where opposed groups have twice the goodness of ones minus their own."""
    losses = []
    for g, of_group in enumerate(a.chunk(place.groups, dim=1)):
        units = of_group[0].numel()
        goodness = torch.stack([unit.square().sum() for unit in of_group]) / (1 if reduction == "sum" else units)
        of_ones = float(units) if reduction == "sum" else 1.0
        if place.opposed and g >= place.groups // 2:
            goodness = 2 * of_ones - goodness
        losses += [gate.loss(of_image[None], of_ones) for of_image in goodness.view(IMAGES, PASSES)]
    return torch.cat(losses).mean()


@pytest.mark.parametrize("kind", ["dense", "conv"])
@pytest.mark.parametrize("gate", GATES, ids=repr)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("place", [InGroups(3), InGroups(2, opposed=True)], ids=repr)
def test_the_direction_is_the_gradient_of_the_loss_of_all_groups(
    kind: str, gate: Gate, reduction: str, place: InGroups
) -> None:
    block, h = block_and_input(kind)
    if reduction == "sum":  # goodness is of the order of 100, and torch's softplus is exact only up to 20
        gate = replace(gate, scale=gate.scale / 50)
    rule = ForwardForward(gate=gate, reduction=reduction, label_at=place)
    with torch.no_grad():
        seen = seen_of(block, h, passes(IMAGES, PASSES))
        update = rule.direction(seen, None)
    loss = loss_by_loops(block(h), place, gate, reduction)
    loss.backward()
    torch.testing.assert_close(rule.loss(seen), loss)
    for name, parameter in block.layer.named_parameters():
        assert parameter.grad.norm() > 0
        assert relative_error(update.dense(block.layer)[name], parameter.grad) <= 1e-12


@pytest.mark.parametrize("kind", ["dense", "conv"])
@torch.no_grad()
def test_one_group_is_the_whole_layer(kind: str) -> None:
    block, h = block_and_input(kind)
    seen = seen_of(block, h, passes(IMAGES, PASSES))
    for rule in (ForwardForward, HebbianForwardForward):
        whole, one = (
            rule(label_at=place).direction(seen, None).dense(block.layer) for place in (AtImage(), InGroups(1))
        )
        for name, direction in whole.items():
            torch.testing.assert_close(one[name], direction, rtol=1e-12, atol=0)
    torch.testing.assert_close(InGroups(1).goodness(seen.a, "mean"), AtImage().goodness(seen.a, "mean"))


def test_bad_groups_are_refused() -> None:
    for groups, opposed, message in (
        (0, False, "at least 1 groups, got 0"),
        (3, True, "an even number of groups, got 3"),
    ):
        with pytest.raises(ValueError, match=message):
            InGroups(groups, opposed)
    with pytest.raises(ValueError, match="InGroups is built on squares"):
        ForwardForward(label_at=InGroups(2), reduction="minus_sum")
    with pytest.raises(ValueError, match="block 2 has 5 units, which do not make 2 groups"):
        InGroups(2).check(mlp((1, 4, 4), widths=(4, 5)), 10)
    InGroups(2).check(cnn3((1, 8, 8), width=4, kernel=3), 10)
    assert [InGroups(4).fitting(width) for width in (1, 5, 8, 11)] == [4, 4, 8, 12]
