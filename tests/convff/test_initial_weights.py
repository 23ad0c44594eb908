"""Initial weights: their variance, and that biases are zero, for every network."""

import pytest
import torch

from convff import INITIAL_WEIGHTS, MODELS, mlp
from tests.convff.samples import noise

OPTIONS = {
    "resnet_he": {"depth": 8, "widths": (8, 8, 8)},
    "local_fields": {"widths": (16, 16), "field": 8, "stride": 8},
}


@pytest.mark.parametrize("model", MODELS)
def test_normal_weights_have_the_variance_of_their_inputs(model: str) -> None:
    torch.manual_seed(0)
    net = MODELS[model]((3, 32, 32), **OPTIONS.get(model, {}))
    INITIAL_WEIGHTS["normal"](net)
    for block in net:
        weight, bias = block.layer.weight, block.layer.bias
        assert weight.var().item() * weight[0].numel() == pytest.approx(1, abs=6 * (2 / weight.numel()) ** 0.5)
        assert bias is None or not bias.any()


def test_goodness_is_half_the_number_of_units() -> None:
    torch.manual_seed(0)
    net = mlp((3, 8, 8), widths=(2000, 2000))
    images = noise(20).images.float() / 255
    goodness = {}
    for name, make in INITIAL_WEIGHTS.items():
        make(net)
        goodness[name] = [a.square().mean().item() for a in net(images)]
    assert goodness["normal"] == pytest.approx([0.5, 0.5], abs=0.05)
    assert goodness["own"] == pytest.approx([1 / 6, 1 / 6], abs=0.02)


def test_the_networks_own_weights_stay() -> None:
    torch.manual_seed(0)
    net = mlp((3, 8, 8), widths=(5,))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    INITIAL_WEIGHTS["own"](net)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
