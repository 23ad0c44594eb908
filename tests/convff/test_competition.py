"""Soft competition and Oja's rule, against loops over images, positions and channels in float64."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convff.competition import anti, by_largest, competing, hard, oja_direction, soft_winners, winners
from convff.randomness import keyed_generator

EXACT = 1e-12
LAYERS = {
    "dense": lambda: nn.Linear(6, 4, bias=False),
    "3 x 3": lambda: nn.Conv2d(2, 4, 3, padding=1, bias=False),
    "5 x 5, stride 2": lambda: nn.Conv2d(2, 4, 5, stride=2, padding=2, bias=False),
    "1 x 1": lambda: nn.Conv2d(2, 4, 1, bias=False),
    "dilated": lambda: nn.Conv2d(2, 4, 3, padding=2, dilation=2, bias=False),
    "two groups": lambda: nn.Conv2d(4, 6, 3, padding=1, groups=2, bias=False),
}


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=keyed_generator(seed, "competition"), dtype=torch.float64)


def layer_and_input(kind: str) -> tuple[nn.Linear | nn.Conv2d, Tensor]:
    layer = LAYERS[kind]().double()
    layer.weight.data.copy_(drawn(*layer.weight.shape, seed=1) / 2)
    return layer, drawn(3, 6) if kind == "dense" else drawn(3, layer.in_channels, 6, 6)


def patches(x: Tensor, layer: nn.Linear | nn.Conv2d) -> list[list[Tensor]]:
    """The patch under every position of every image, flat and for all channels: `[images][positions]`."""
    if isinstance(layer, nn.Linear):
        return [[row] for row in x]
    unfolded = F.unfold(x, layer.kernel_size, layer.dilation, layer.padding, layer.stride)
    return [list(image.T) for image in unfolded]


def by_loops(x: Tensor, layer: nn.Linear | nn.Conv2d, temperature: float, *, sign: bool) -> Tensor:
    """`sum_nl s_k y_k (x - u_k w_k)`, written down as in the papers."""
    weight = layer.weight.detach().flatten(1)
    groups = getattr(layer, "groups", 1)
    direction = torch.zeros_like(weight)
    for image in patches(x, layer):
        for whole in image:
            parts = whole.view(groups, -1)
            seen = [parts[k * groups // len(weight)] for k in range(len(weight))]  # the inputs of channel k
            u = [float(weight[k] @ seen[k]) for k in range(len(weight))]
            powers = [math.exp(temperature * value) for value in u]
            y = [power / sum(powers) for power in powers]
            for k in range(len(weight)):
                s = 1.0 if not sign or y[k] == max(y) else -1.0
                direction[k] += s * y[k] * (seen[k] - u[k] * weight[k])
    return direction.view(layer.weight.shape)


@torch.no_grad()
@pytest.mark.parametrize("sign", [True, False], ids=["anti", "unsigned"])
@pytest.mark.parametrize("kind", LAYERS)
def test_the_closed_form_is_the_sum_over_images_and_positions(kind: str, sign: bool) -> None:
    layer, x = layer_and_input(kind)
    u = layer(x)
    y = soft_winners(u, 0.7)
    got = oja_direction(x, u, anti(y, *winners(y)) if sign else y, layer)
    expected = by_loops(x, layer, 0.7, sign=sign)
    assert expected.norm() > 1
    assert (got - expected).norm() <= EXACT * expected.norm()


@torch.no_grad()
def test_the_closed_form_is_the_unfolded_form() -> None:
    """The arithmetic of the authors' codes: all patches at once, and a matrix product."""
    layer, x = layer_and_input("5 x 5, stride 2")
    u, weight = layer(x), layer.weight.flatten(1)
    y = soft_winners(u, 1.0)
    unfolded = F.unfold(x, layer.kernel_size, layer.dilation, layer.padding, layer.stride)
    flat_y, flat_u = y.flatten(2), u.flatten(2)
    expected = torch.einsum("nkl,nil->ki", flat_y, unfolded) - (flat_y * flat_u).sum(dim=(0, 2))[:, None] * weight
    got = oja_direction(x, u, y, layer).flatten(1)
    assert (got - expected).norm() <= EXACT * expected.norm()


def test_winners_share_one_at_every_position() -> None:
    u = drawn(2, 5, 3, 3) * 4
    y = soft_winners(u, 1.3)
    torch.testing.assert_close(y.sum(dim=1), torch.ones(2, 3, 3, dtype=torch.float64), rtol=1e-14, atol=0)
    found = anti(y, *winners(y))
    torch.testing.assert_close(found.abs(), y, rtol=0, atol=0)
    assert ((found > 0).sum(dim=1) == 1).all()
    assert torch.equal(found.argmax(dim=1), u.argmax(dim=1))
    only = hard(y, *winners(y))
    assert torch.equal(only, found.clamp_min(0))


def test_one_of_equal_winners_wins() -> None:
    y = torch.full((1, 3, 1, 1), 1 / 3)
    assert (anti(y, *winners(y)) > 0).sum() == 1
    assert (hard(y, *winners(y)) > 0).sum() == 1


def test_the_softmax_is_in_float32_under_bfloat16() -> None:
    u = (drawn(2, 6, 4, 4) * 30).to(torch.bfloat16)
    y = soft_winners(u, 0.65)
    assert y.dtype == torch.float32
    torch.testing.assert_close(y, torch.softmax(0.65 * u.float(), dim=1))
    assert not torch.equal(y, y.to(torch.bfloat16).float())
    assert y.isfinite().all()


def test_the_direction_is_in_float32_under_bfloat16() -> None:
    layer, x = layer_and_input("3 x 3")
    layer, x = layer.float(), x.float()
    with torch.no_grad():
        exact = oja_direction(x, layer(x), soft_winners(layer(x), 1.0), layer)
        u = layer(x).to(torch.bfloat16)
        coarse = oja_direction(x, u, soft_winners(u, 1.0), layer)
    assert coarse.dtype == torch.float32
    assert (coarse - exact).norm() < 0.02 * exact.norm()


def test_a_single_winner_at_one_position_is_ojas_rule() -> None:
    layer, x = layer_and_input("dense")
    with torch.no_grad():
        u = layer(x[:1])
        got = oja_direction(x[:1], u, soft_winners(u, 1e6), layer)
    k = int(u.argmax())
    torch.testing.assert_close(got[k], x[0] - u[0, k] * layer.weight[k].detach())
    others = [j for j in range(4) if j != k]
    assert torch.equal(got[others], torch.zeros(3, 6, dtype=torch.float64))


def test_a_filter_of_length_1_along_its_input_stays() -> None:
    layer, x = nn.Linear(3, 1, bias=False).double(), drawn(1, 3)
    layer.weight.data.copy_(x / x.norm())
    with torch.no_grad():
        u = layer(x)
        assert oja_direction(x, u, soft_winners(u, 1.0), layer).abs().max() < EXACT


def test_the_largest_entry_becomes_1_and_zeros_stay() -> None:
    scaled, slow = by_largest(torch.tensor([[[3.0, -6.0]], [[0.5, 0.1]], [[0.7, 0.0]]]))
    assert scaled.abs().max() == 1
    assert slow == pytest.approx(1 / 3)
    zeros, _ = by_largest(torch.zeros(2, 3))
    assert torch.equal(zeros, torch.zeros(2, 3))


def test_competition_is_without_the_bias() -> None:
    layer = nn.Conv2d(2, 3, 3).double()
    x = drawn(2, 2, 5, 5)
    torch.testing.assert_close(competing(layer, layer(x)), F.conv2d(x, layer.weight))
