"""Goodness maps of every label family, position by position; see `test_share_cam.py` for what all kinds keep to."""

from collections.abc import Callable

import pytest
import torch
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor

from cam import GoodnessCAM, GoodnessDifference, GoodnessModel, mean_contribution, sum_contribution
from tests.cam.helpers import CLASSES, TOLERANCE, every_class, images, label_family, network


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("contribution", [mean_contribution, sum_contribution])
@pytest.mark.parametrize(("net", "labels"), [("cnn3", "fourier"), ("cnn6", "morph"), ("cnn6", "channel")])
def test_goodness_maps_sum_to_the_goodness(
    net: str, labels: str, contribution: Callable[[Tensor], Tensor], dtype: torch.dtype
) -> None:
    family = label_family(labels)
    model = GoodnessModel(network(net, family.channels(1)), family, contribution=contribution).to(dtype)
    explain = GoodnessCAM(model, model.layers)
    scores = model(images(dtype)).detach()
    for k, targets in every_class():
        maps = explain.maps(images(dtype), targets)
        assert ((maps.summed().sum(dim=(1, 2)) - scores[:, k]).abs() / scores[:, k]).max() <= TOLERANCE[dtype]
        assert all((layer >= 0).all() for layer in maps.layers)
        wrong = (k + 1) % CLASSES
        difference = explain.maps(images(dtype), [GoodnessDifference(k, wrong)] * 3)
        expected = maps.summed() - explain.maps(images(dtype), [ClassifierOutputTarget(wrong)] * 3).summed()
        torch.testing.assert_close(difference.summed(), expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * 1e-2)


def test_a_goodness_map_position_by_position() -> None:
    family = label_family("fourier")
    model = GoodnessModel(network("cnn3", 1), family).to(torch.float64)
    labelled = family(images(torch.float64), torch.tensor([2, 2, 2]))
    maps = GoodnessCAM(model, [model.layers[1]]).maps(images(torch.float64), [ClassifierOutputTarget(2)] * 3)
    a = model.net(labelled)[2]
    for b in range(3):
        for y in range(7):
            for x in range(7):
                expected = sum(a[b, c, y, x].item() ** 2 for c in range(a.shape[1])) / a[0].numel()
                assert maps.layers[0][b, y, x].item() == pytest.approx(expected, rel=1e-10)
