"""The scaled label beside a normalised activity, held against a loop, and in the dense networks of the HebbFF paper."""

import math

import pytest
import torch

from convff import mlp
from convff.models.mlp import LabelBesideLengthNorm
from convff.randomness import keyed_generator
from labels import LayerwiseLabels


def test_it_is_what_a_loop_makes_of_it() -> None:
    x = torch.rand(3, 12, generator=keyed_generator(0, "x"), dtype=torch.float64)
    ours = LabelBesideLengthNorm(4, 0.7)(x)
    for row, normalised in zip(x.tolist(), ours.tolist(), strict=True):
        mean_square = sum(value**2 for value in row[:8]) / 8
        expected = [value / math.sqrt(mean_square + 1e-8) for value in row[:8]]
        expected += [value * 0.7 * math.sqrt(8) for value in row[8:]]
        assert normalised == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("scale", [0.1, 1.0, 3.0])
def test_the_label_has_its_share_of_the_length_in_every_layer_however_active_it_is(scale: float) -> None:
    torch.manual_seed(0)
    net = mlp((14, 8, 8), widths=(50, 20, 10), label_channels=10, label_scale=scale)
    net.blocks[0].layer.weight.data *= 30  # a layer as loud as this must not drown the label of the next
    seen = []
    for block in net:
        block.norm.register_forward_hook(lambda module, inputs, output: seen.append(output))
    net(LayerwiseLabels(10, (8, 8))(torch.rand(6, 4, 8, 8), torch.arange(6)))
    assert len(seen) == 3
    for x in seen:
        activity, label = x[:, :-10].norm(dim=1), x[:, -10:].norm(dim=1)
        torch.testing.assert_close(label, scale * activity, rtol=1e-5, atol=0)
        assert x[:, -10:].argmax(dim=1).tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(("channels", "scale"), [(0, 1.0), (10, 0.0), (10, -1.0)])
def test_a_scale_without_label_or_length_is_refused(channels: int, scale: float) -> None:
    with pytest.raises(ValueError, match="label_scale must be positive and needs label channels"):
        mlp((11, 8, 8), widths=(5,), label_channels=channels, label_scale=scale)
