"""States while a network settles, their places, and the scores and maps of the settled state."""

import pytest
import torch

from cam import GoodnessDifference, Judged, PixelCAM, SettledModel, ShareCAM, input_times_gradient
from cam.score_maps import settled_maps
from convff import RecurrentForwardForward, keyed_generator, settled_goodness, settled_states, sum_goodness
from convff.local_linear import LocalLinear
from convff.models import recurrent_local, recurrent_mlp
from convff.recurrent import RecurrentNet, Settling
from labels import NoLabels

CLASSES = 3


def local() -> RecurrentNet:
    return filled(recurrent_local((3, 8, 8), classes=CLASSES, units=2, field=3, tile=4))


def dense() -> RecurrentNet:
    return filled(recurrent_mlp((1, 4, 3), classes=CLASSES, widths=(6, 5, 4)))


def filled(net: RecurrentNet) -> RecurrentNet:
    generator = keyed_generator(0, "settled states")
    with torch.no_grad():
        for parameter in net.double().parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) / 3)
        for block in net:
            if isinstance(block.layer, LocalLinear):
                block.layer.weight.copy_(block.layer.connected(block.layer.weight))
    return net


def images(net: RecurrentNet) -> torch.Tensor:
    shape = (4, 3, 8, 8) if net.order is not None else (4, 1, 4, 3)
    return torch.rand(shape, generator=keyed_generator(1, "images"), dtype=torch.float64)


def settled_model(net: RecurrentNet) -> SettledModel:
    """Iterations 2 to 4 count."""

    def settle(x: torch.Tensor, labels: torch.Tensor) -> list[torch.Tensor]:
        counted = [s[:, 2:5] for s in settled_states(net, x, labels, iterations=4, damping=0.5)]
        return counted if net.order is None else [net.as_maps(s) for s in counted]

    return SettledModel(net, settle, num_classes=CLASSES, iterations=3)


@pytest.mark.parametrize("updates", ["synchronous", "alternating"])
@torch.no_grad()
def test_states_are_those_of_the_settling(updates) -> None:
    net = dense()
    labels = torch.tensor([[0, 1], [2, 0], [1, 1], [2, 1]])
    settling = Settling(net, images(net), labels, damping=0.6, updates=updates)
    kept = [[state] for state in settling.states]
    for _ in range(3):
        for index, moved in enumerate(settling.iterate()):
            kept[index].append(moved.state)
    found = settled_states(net, images(net), labels, iterations=3, damping=0.6, updates=updates)
    for states, expected in zip(found, kept, strict=True):
        assert states.shape[:2] == (8, 4)
        assert torch.equal(states, torch.stack(expected, dim=1))
    with pytest.raises(ValueError, match="at least 0, got -1"):
        settled_states(net, images(net), labels, iterations=-1)


@torch.no_grad()
def test_maps_show_units_in_their_places() -> None:
    """A unit at place (y, x) sees pixels near (y, x) alone: a lit pixel changes a square around it in the map."""
    net = local()
    dark, lit = torch.ones(1, 3, 8, 8, dtype=torch.float64), torch.ones(1, 3, 8, 8, dtype=torch.float64)
    lit[0, 1, 5, 2] = 1.5
    label = torch.tensor([[0]])
    for block in net:
        block.layer.bias.zero_()  # so that activity scales with the image
        block.layer.weight.abs_()  # and every unit is active
    before, after = (settled_states(net, x, label, iterations=0)[0][:, 0] for x in (dark, lit))
    scaled = after * lit.square().mean().sqrt()  # the length of the dark image is 1
    changed = ((net.as_maps(scaled) - net.as_maps(before)).abs() > 1e-6)[0]  # (units, 8, 8)
    assert changed.shape == (2, 8, 8)
    around = torch.zeros(2, 8, 8, dtype=torch.bool)
    around[:, 4:7, 1:4] = True
    assert torch.equal(changed, around)
    with pytest.raises(ValueError, match="no places"):
        dense().as_maps(before)


def test_an_order_of_other_units_is_refused() -> None:
    net = dense()
    with pytest.raises(ValueError, match="order has 8 places"):
        RecurrentNet(net.blocks, order=torch.zeros(2, 2, 2, dtype=torch.int64))


@pytest.mark.parametrize("make", [dense, local])
@torch.no_grad()
def test_the_settled_model_scores_like_the_inference(make) -> None:
    net = make()
    scores = settled_model(net)(images(net))
    goodness = settled_goodness(net, images(net), goodness=sum_goodness, counted=(2, 4), damping=0.5)
    torch.testing.assert_close(scores, goodness.sum(dim=0), rtol=1e-12, atol=0)


def test_maps_of_the_settled_state_sum_to_the_lead() -> None:
    net = local()
    model, x = settled_model(net), images(local())
    maps = ShareCAM(model, model.layers).maps(x, [GoodnessDifference(0, 2)] * 4)
    scores = model(x).detach()
    torch.testing.assert_close(maps.shares().sum(dim=1), scores[:, 0] - scores[:, 2], rtol=1e-10, atol=1e-10)
    by_place = torch.zeros(4, 8, 8, dtype=torch.float64)
    for label, sign in ((0, 1), (2, -1)):
        tried = torch.full((4, 1), label)
        for states in settled_states(net, x, tried, iterations=4, damping=0.5):
            by_place += sign * net.as_maps(states)[:, 2:5].square().sum(dim=2).mean(dim=1).detach()
    torch.testing.assert_close(maps.summed(), by_place, rtol=1e-10, atol=1e-10)


def test_pixels_of_an_image_divided_by_its_length_have_shares_that_sum_to_0() -> None:
    net = dense()
    x = images(net)
    targets = [GoodnessDifference(1, 0)] * 4
    maps = input_times_gradient(settled_model(net), x, targets)
    assert maps.abs().max() > 1e-3
    torch.testing.assert_close(maps.sum(dim=(1, 2)), torch.zeros(4, dtype=torch.float64), rtol=0, atol=1e-6)
    step = 1e-5
    for y, pixel in ((0, 1), (3, 2)):
        up, down = x.clone(), x.clone()
        up[:, 0, y, pixel] += step
        down[:, 0, y, pixel] -= step
        with torch.no_grad():
            lead = [s[:, 1] - s[:, 0] for s in (settled_model(net)(up), settled_model(net)(down))]
        expected = x[:, 0, y, pixel] * (lead[0] - lead[1]) / (2 * step)
        torch.testing.assert_close(maps[:, y, pixel], expected, rtol=1e-5, atol=1e-7)
    assert all(parameter.grad is None for parameter in net.parameters())
    with pytest.raises(ValueError, match="one target for each of 4 images, got 1"):
        input_times_gradient(settled_model(net), x, targets[:1])


@pytest.mark.parametrize("first", [0, 1])
def test_pixel_maps_are_input_times_gradient(first: int) -> None:
    net, x = dense(), images(dense())
    rule = RecurrentForwardForward(iterations=4, counted=(2, 4), damping=0.5)
    method = settled_maps(Judged(net, NoLabels(CLASSES), rule, {}, (1, 4, 3)), first)
    assert isinstance(method, PixelCAM)
    targets = [GoodnessDifference(1, 0)] * 4
    maps = method.maps(x, targets)
    assert maps.bias is None
    torch.testing.assert_close(maps.layers[0], input_times_gradient(method.model, x, targets), rtol=1e-12, atol=0)
    goodness = settled_goodness(net, x, goodness=sum_goodness, counted=(2, 4), damping=0.5)[first:].sum(dim=0)
    torch.testing.assert_close(maps.scores, goodness[:, 1] - goodness[:, 0], rtol=1e-10, atol=1e-12)
    assert all(parameter.grad is None for parameter in net.parameters())


@pytest.mark.parametrize("first", [-1, 2])
def test_a_first_layer_that_is_not_there_is_refused(first: int) -> None:
    with pytest.raises(ValueError, match=rf"`first` must be in \[0, 2\), got {first}"):
        SettledModel(local(), lambda x, labels: [], num_classes=CLASSES, iterations=1, first=first)
