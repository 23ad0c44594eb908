"""The participation ratio against eigenvalues, and on networks whose filters are all alike."""

import pytest
import torch

from convff import ImageData, cnn6, keyed_generator, participation_ratios
from convff.inference.participation import participation_ratio
from labels import NoLabels


@pytest.mark.parametrize("shape", [(30, 5), (6, 20)])
def test_it_is_that_of_the_eigenvalues(shape: tuple[int, int]) -> None:
    features = torch.randn(shape, generator=keyed_generator(0, "features"), dtype=torch.float64)
    values = torch.linalg.eigvalsh(torch.cov(features.T, correction=0)).clamp_min(0)
    expected = (values.sum().square() / values.square().sum()).item()
    assert participation_ratio(features) == pytest.approx(expected, rel=1e-10)
    assert participation_ratio(3 * features + 7) == pytest.approx(expected, rel=1e-10)


def test_constant_features_use_no_direction() -> None:
    assert participation_ratio(torch.ones(4, 3)) == 0.0


def test_filters_that_are_alike_use_one_direction_per_region() -> None:
    images = torch.randint(256, (300, 1, 8, 8), generator=keyed_generator(0, "images")).byte()
    data = ImageData(images, torch.arange(300) % 2, ("a", "b"), "noise")
    torch.manual_seed(0)
    net = cnn6((1, 8, 8), widths=(8, 8), pool_after=())
    random = participation_ratios(net, data, NoLabels(2), grid=1)
    with torch.no_grad():
        net.blocks[1].layer.weight.copy_(net.blocks[1].layer.weight[:1].expand(8, -1, -1, -1))
        net.blocks[1].layer.bias.fill_(0.1)
    alike = participation_ratios(net, data, NoLabels(2), grid=1)
    assert alike[0] == random[0] > 1.5
    assert random[1] > 1.5
    assert alike[1] == pytest.approx(1.0, abs=1e-6)
