"""Maps of labels that every block tries: they sum to the goodness of a label, position by position."""

import pytest
import torch
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor

from cam import BlockCAM, BlockModel, GoodnessDifference
from convff import AtBlocks, ForwardForward, block_scores, cnn3, cnn6, keyed_generator
from labels import NoLabels
from tests.cam.helpers import CLASSES

Model = tuple[BlockModel, torch.nn.ModuleList]
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}


def images(dtype: torch.dtype) -> Tensor:
    return torch.rand(3, 1, 8, 8, generator=keyed_generator(0, "images"), dtype=dtype)


def model_of(regions: int, dtype: torch.dtype, first: int = 1, net: str = "cnn6") -> Model:
    """A model with drawn label terms, and these terms as what learnt beside the blocks."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        shape = tuple(images(dtype).shape[1:])
        made = cnn6(shape, widths=(4, 6, 8), pool_after=(1,)) if net == "cnn6" else cnn3(shape, width=5, kernel=3)
    place = AtBlocks(num_classes=CLASSES, regions=regions)
    beside = torch.nn.ModuleList(place.beside(block, keyed_generator(0, "terms", i)) for i, block in enumerate(made))
    made, beside = made.to(dtype), beside.to(dtype)
    return BlockModel(made, NoLabels(CLASSES), [module.centred() for module in beside], first=first), beside


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("net", "regions", "first"), [("cnn6", 1, 1), ("cnn6", 2, 0), ("cnn3", 2, 2)])
def test_maps_sum_to_the_score(net: str, regions: int, first: int, dtype: torch.dtype) -> None:
    model, _ = model_of(regions, dtype, first, net)
    explain = BlockCAM(model, model.layers)
    scores = model(images(dtype)).detach()
    scale = scores.abs().max()
    for k in range(CLASSES):
        maps = explain.maps(images(dtype), [ClassifierOutputTarget(k)] * 3)
        assert ((maps.summed().sum(dim=(1, 2)) - scores[:, k]).abs() / scale).max() <= TOLERANCE[dtype]
        other = (k + 1) % CLASSES
        difference = explain.maps(images(dtype), [GoodnessDifference(k, other)] * len(images(dtype)))
        summed = difference.shares().sum(dim=1)
        assert ((summed - (scores[:, k] - scores[:, other])).abs() / scale).max() <= TOLERANCE[dtype]


@pytest.mark.parametrize("regions", [1, 2])
def test_scores_are_those_of_the_rule(regions: int) -> None:
    model, beside = model_of(regions, torch.float64)
    rule = ForwardForward(label_at=AtBlocks(num_classes=CLASSES, regions=regions))
    of_rule = block_scores(model.net, images(torch.float64), NoLabels(CLASSES), rule, beside)[1:].sum(dim=0)
    torch.testing.assert_close(model(images(torch.float64)).detach(), of_rule, rtol=1e-12, atol=1e-14)


def test_maps_position_by_position() -> None:
    """In loops: the share of each unit, from the definition."""
    model, _ = model_of(2, torch.float64, first=2)
    x = images(torch.float64)
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


def test_what_does_not_fit_is_refused() -> None:
    model, _ = model_of(1, torch.float32)
    with pytest.raises(ValueError, match="does not count"):
        BlockCAM(model, [next(iter(model.net))])
    terms: list[Tensor] = model.terms
    with pytest.raises(ValueError, match="3 blocks and 2 terms"):
        BlockModel(model.net, NoLabels(CLASSES), terms)
