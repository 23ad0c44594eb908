"""Hardware with variations: what it computes, that learning does not know them, and what cannot be copied."""

import pytest
import torch
from torch import Tensor, nn

from convff import (
    Block,
    ForwardForward,
    HardwareLinear,
    LayerLocalNet,
    LengthNorm,
    Schedule,
    Trainer,
    Variations,
    cnn3,
    copy_weights,
    keyed_generator,
    mlp,
    on_hardware,
)
from labels import OneHotLabels
from tests.convff.samples import noise, passes, seen_of

SHAPE = (3, 8, 8)


def piece(seed: int = 0, *, inputs: int = 300, units: int = 400, **variations: float) -> HardwareLinear:
    torch.manual_seed(0)
    generator = keyed_generator(seed, "piece")
    return HardwareLinear(inputs, units, variations=Variations(**variations), generator=generator).double()


def net_on(seed: int, **variations: float) -> LayerLocalNet:
    torch.manual_seed(0)
    return on_hardware(mlp(SHAPE, widths=(12, 10)), Variations(**variations), seed)


def test_a_unit_is_computed_connection_by_connection() -> None:
    layer, x = piece(inputs=5, units=4), torch.rand(3, 5, dtype=torch.float64)
    for n, sample in enumerate(x):
        for k in range(4):
            total = layer.bias[k] + sum(layer.gains[k, j] * layer.weight[k, j] * sample[j] for j in range(5))
            torch.testing.assert_close(layer(x)[n, k], layer.slopes[k] * total, rtol=1e-12, atol=1e-14)


def test_variations_have_the_sizes_asked_for() -> None:
    layer = piece(slopes=0.2, gains=0.1, absent=0.3)
    present = layer.gains > 0
    assert (~present).double().mean().item() == pytest.approx(0.3, abs=0.01)
    assert layer.gains[present].mean().item() == pytest.approx(1, abs=0.01)
    assert layer.gains[present].std().item() == pytest.approx(0.1, abs=0.01)
    assert layer.slopes.std().item() == pytest.approx(0.2, abs=0.03)
    wild = piece(slopes=5.0, gains=5.0, absent=0.0)
    assert min(wild.slopes.min(), wild.gains.min()) >= 0.1 - 1e-7


def test_pieces_differ_by_their_seed_alone_and_keep_the_weights() -> None:
    one, same, other = net_on(0), net_on(0), net_on(1)
    torch.manual_seed(0)
    plain = mlp(SHAPE, widths=(12, 10))
    for a, b, c, bare in zip(one, same, other, plain, strict=True):
        assert torch.equal(a.layer.gains, b.layer.gains)
        assert not torch.equal(a.layer.gains, c.layer.gains)
        assert not torch.equal(a.layer.slopes, c.layer.slopes)
        assert torch.equal(a.layer.weight, bare.layer.weight)
        assert torch.equal(c.layer.bias, bare.layer.bias)


def test_hardware_without_variations_learns_like_any_network_to_the_bit() -> None:
    torch.manual_seed(0)
    plain = mlp(SHAPE, widths=(12, 10))
    ideal = net_on(3, slopes=0.0, gains=0.0, absent=0.0)
    for net in (plain, ideal):
        list(Trainer(net, OneHotLabels(5), ForwardForward(), schedule=Schedule(epochs=2)).fit(noise()))
    for name, value in plain.state_dict().items():
        assert torch.equal(value, ideal.state_dict()[name]), name


@torch.no_grad()
def test_the_direction_is_of_measured_activity_and_has_the_sign_of_the_gradient() -> None:
    block = Block(LengthNorm(), piece(inputs=6, units=5))
    seen = seen_of(block, torch.rand(2, 6, dtype=torch.float64), passes(1, 2))
    rule = ForwardForward()
    direction = rule.direction(seen, None).dense(block.layer)["weight"]
    c = rule.gating(seen).c
    assert c is not None
    torch.testing.assert_close(direction, -(c[:, None] * seen.a).T @ seen.x)
    for n in range(2):  # of one pass: with the sign of the slope of its goodness by each weight that is connected
        with torch.enable_grad():
            goodness = block.layer(seen.x[n]).relu().square().sum()
            (slope,) = torch.autograd.grad(goodness, block.layer.weight)
        hebbian = torch.outer(seen.a[n], seen.x[n])
        assert torch.equal(slope.sign(), (hebbian * (block.layer.gains > 0)).sign())


def test_copied_weights_compute_something_else_elsewhere() -> None:
    source, target = net_on(0), net_on(1)
    list(Trainer(source, OneHotLabels(5), ForwardForward(), schedule=Schedule(epochs=1)).fit(noise()))
    copy_weights(source, target)
    for (name, ours), theirs in zip(source.state_dict().items(), target.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs) == (not name.endswith(("slopes", "gains")))
    x: Tensor = torch.rand(2, *SHAPE)
    assert not torch.allclose(source(x)[-1], target(x)[-1], rtol=0.05)


def test_what_cannot_be_built_or_copied_is_refused() -> None:
    for name, value, message in (
        ("slopes", -0.1, "slopes must be at least 0 and finite, got -0.1"),
        ("gains", float("inf"), "gains must be at least 0 and finite, got inf"),
        ("absent", 1.0, r"absent must be in \[0, 1\), got 1.0"),
    ):
        with pytest.raises(ValueError, match=message):
            Variations(**{name: value})
    net = LayerLocalNet([*cnn3((1, 8, 8), width=4, kernel=3)])
    with pytest.raises(TypeError, match="dense layers, and block 1 has Conv2d"):
        on_hardware(net, Variations(), 0)
    with pytest.raises(ValueError, match="between equal layers"):
        copy_weights(net_on(0), mlp(SHAPE, widths=(12,)))
    assert isinstance(next(iter(net_on(0))).layer, nn.Linear)
