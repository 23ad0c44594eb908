"""Maps of labels that every block tries, position by position; see `test_share_cam.py` for what all kinds keep to."""

import pytest
import torch
from torch import Tensor

from cam import BlockCAM, BlockModel, GoodnessDifference
from convff import AtBlocks, ForwardForward, block_scores, cnn6, keyed_generator
from labels import NoLabels
from tests.cam.helpers import CLASSES

Model = tuple[BlockModel, torch.nn.ModuleList]


def images() -> Tensor:
    return torch.rand(3, 1, 8, 8, generator=keyed_generator(0, "images"), dtype=torch.float64)


def model_of(regions: int, first: int = 1) -> Model:
    """A model with drawn label terms, and these terms as what learnt beside the blocks."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = cnn6((1, 8, 8), widths=(4, 6, 8), pool_after=(1,))
    place = AtBlocks(num_classes=CLASSES, regions=regions)
    beside = torch.nn.ModuleList(place.beside(block, keyed_generator(0, "terms", i)) for i, block in enumerate(made))
    made, beside = made.double(), beside.double()
    return BlockModel(made, NoLabels(CLASSES), [module.centred() for module in beside], first=first), beside


@pytest.mark.parametrize("regions", [1, 2])
def test_scores_are_those_of_the_rule(regions: int) -> None:
    model, beside = model_of(regions)
    rule = ForwardForward(label_at=AtBlocks(num_classes=CLASSES, regions=regions))
    of_rule = block_scores(model.net, images(), NoLabels(CLASSES), rule, beside)[1:].sum(dim=0)
    torch.testing.assert_close(model(images()).detach(), of_rule, rtol=1e-12, atol=1e-14)


def test_maps_position_by_position() -> None:
    """In loops: the share of each unit, from the definition."""
    model, _ = model_of(2, first=2)
    x = images()
    with torch.no_grad():
        (a,) = model.net.eval()(x)[2:]
    (v,) = model.terms
    _, channels, height, width = a.shape
    (layer,) = BlockCAM(model, model.layers).maps(x, [GoodnessDifference(1, 0)] * len(x)).layers
    expected = torch.zeros(len(x), height, width, dtype=torch.float64)
    for b in range(len(x)):
        for y in range(height):
            for z in range(width):
                for c in range(channels):
                    active = a[b, c, y, z].item()
                    for k, sign in ((1, 1), (0, -1)):
                        added = v[k, c, 2 * y // height, 2 * z // width].item()
                        share = active**2 + 2 * active * added + (active > 0) * added**2
                        expected[b, y, z] += sign * share / (channels * height * width)
    torch.testing.assert_close(layer, expected, rtol=1e-10, atol=1e-14)


def test_regions_that_do_not_divide_a_map_are_refused() -> None:
    model, _ = model_of(3)
    with pytest.raises(ValueError, match="3 x 3 regions do not divide a map of"):
        model(images())
