"""He's residual networks: against the same network written down in plain PyTorch."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from convff import resnet_he
from convff.models.resnet_he import HeNet, NormedReLU, option_a


def network(depth: int = 8, widths: tuple[int, ...] = (3, 4, 6)) -> HeNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = resnet_he((3, 8, 8), depth=depth, widths=widths).double()
    assert isinstance(net, HeNet)
    return net


def by_hand(net: HeNet, x: Tensor) -> Tensor:
    """Figure 3 of the paper, with option A: the last activity."""
    blocks = list(net)

    def normed(index: int, h: Tensor) -> Tensor:
        norm = blocks[index].activation.norm  # type: ignore[union-attr]
        z = F.conv2d(h, blocks[index].layer.weight, stride=blocks[index].layer.stride, padding=1)  # type: ignore[union-attr]
        mean, variance = z.mean(dim=(0, 2, 3), keepdim=True), z.var(dim=(0, 2, 3), correction=0, keepdim=True)
        scale, shift = (values.view(1, -1, 1, 1) for values in (norm.weight, norm.bias))
        return (z - mean) / (variance + norm.eps).sqrt() * scale + shift

    h = normed(0, 2 * x - 1).relu()
    for index in range(1, len(blocks), 2):
        inner = normed(index, h).relu()
        outer = normed(index + 1, inner)
        step = h.shape[2] // outer.shape[2]
        skip = torch.zeros_like(outer)
        skip[:, : h.shape[1]] = h[:, :, ::step, ::step]
        h = (outer + skip).relu()
    return h


@torch.no_grad()
@pytest.mark.parametrize("depth", [8, 20])
def test_it_is_the_published_network(depth: int) -> None:
    net = network(depth)
    for index, block in enumerate(net):  # scales and shifts as after a training
        torch.nn.init.uniform_(block.activation.norm.weight, 0.5, 1.5)  # type: ignore[union-attr]
        torch.nn.init.uniform_(block.activation.norm.bias, -0.1, 0.1 + index / 100)  # type: ignore[union-attr]
    x = torch.rand(4, 3, 8, 8, dtype=torch.float64)
    torch.testing.assert_close(net(x)[-1], by_hand(net, x), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("depth", "millions"),
    [
        (20, 0.27),
        (32, 0.46),
        (44, 0.66),
        (56, 0.85),
        (110, 1.73),
        pytest.param(1202, 19.4, marks=pytest.mark.slow),
    ],
)
def test_it_has_the_published_number_of_parameters(depth: int, millions: float) -> None:
    with torch.device("meta"):
        net = resnet_he((3, 32, 32), depth=depth)
    head = 64 * 10 + 10
    assert (sum(parameter.numel() for parameter in net.parameters()) + head) / 1e6 == pytest.approx(millions, rel=0.015)
    assert len(net) == depth - 1


def test_a_block_with_labels_beside_it_keeps_them_from_the_skip() -> None:
    net = resnet_he((5, 8, 8), depth=8, widths=(3, 4, 6), label_channels=2)
    assert [block.layer.in_channels for block in net] == [5, 5, 5, 5, 6, 6, 8]
    assert net(torch.rand(2, 5, 8, 8))[-1].shape == (2, 6, 2, 2)


def test_no_skip_is_left_behind_after_an_error() -> None:
    net = network()

    def fail(index: int, block: torch.nn.Module, h: Tensor) -> Tensor:
        if index == 2:
            raise ZeroDivisionError
        a: Tensor = block(h)
        return a

    with pytest.raises(ZeroDivisionError):
        net.route(torch.rand(2, 3, 8, 8, dtype=torch.float64), fail)
    activation = net.blocks[2].activation
    assert isinstance(activation, NormedReLU)
    assert activation._skip is None


def test_a_shortcut_takes_every_second_position_and_adds_zeros() -> None:
    skip = torch.arange(32.0).view(1, 2, 4, 4)
    found = option_a(skip, (3, 2, 2))
    assert torch.equal(found[0, :2], skip[0, :, ::2, ::2])
    assert not found[0, 2].any()
    assert torch.equal(option_a(skip, (2, 4, 4)), skip)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 18}, r"6n \+ 2 with n at least 1, got 18"),
        ({"depth": 2}, r"6n \+ 2 with n at least 1, got 2"),
        ({"widths": (4, 8)}, r"three widths that do not descend, got \(4, 8\)"),
        ({"widths": (8, 4, 2)}, "three widths that do not descend"),
    ],
)
def test_what_cannot_be_built_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        resnet_he((3, 32, 32), **options)  # type: ignore[arg-type]
