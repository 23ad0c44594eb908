"""Maps of labels that every block tries, position by position; see `test_share_cam.py` for what all kinds keep to."""

import pytest
import torch
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor

from cam import BlockCAM, BlockModel, GoodnessDifference
from convff import AtBeside, AtBlocks, ForwardForward, block_scores, cnn6, evaluating, keyed_generator
from labels import FourierLabels, NoLabels, StreamLabels
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
    with pytest.raises(ValueError, match="3 x 3 regions must divide the map evenly, got a map of"):
        model(images())


def test_terms_may_be_whole_maps_as_of_labels_beside_every_block() -> None:
    """Every position is a region of its own: scores are those of the rule, and the maps sum to them."""
    made, x = model_of(1)[0].net, images()
    labels, place = StreamLabels(FourierLabels(CLASSES, (8, 8))), AtBeside(num_classes=CLASSES)
    rule = ForwardForward(label_at=place)
    beside = torch.nn.ModuleList(place.beside(block, keyed_generator(0, "beside", i)) for i, block in enumerate(made))
    beside.double()
    with torch.no_grad(), evaluating(made):
        planes = [place.planes(labels.label_images(x), tuple(a.shape[2:])) for a in made(x)]
    terms = [module.maps(plane) for module, plane in zip(beside, planes, strict=True)]
    model = BlockModel(made, labels, terms, first=1, contribution=rule.contribution)
    scores = block_scores(made, x, labels, rule, beside)[1:].sum(dim=0)
    torch.testing.assert_close(model(x).detach(), scores, rtol=1e-11, atol=1e-14)
    for k in range(CLASSES):
        maps = BlockCAM(model, model.layers).maps(x, [ClassifierOutputTarget(k)] * 3)
        torch.testing.assert_close(maps.shares().sum(dim=1), scores[:, k], rtol=1e-10, atol=1e-13)
