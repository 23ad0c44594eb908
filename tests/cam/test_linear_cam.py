"""Linear maps: with the bias they sum to the score, position by position."""

import numpy as np
import pytest
import pytorch_grad_cam
import torch
from pytorch_grad_cam.metrics.cam_mult_image import CamMultImageConfidenceChange
from pytorch_grad_cam.utils.model_targets import (
    ClassifierOutputSoftmaxTarget,
    ClassifierOutputTarget,
    FinerWeightedTarget,
)
from torch import nn

from cam import GoodnessDifference, GradientCAM, LinearCAM, ReadoutModel
from cam.functional import regions
from convff import LinearReadout, cnn3, mlp
from labels import OneHotLabels
from tests.cam.helpers import CLASSES, TOLERANCE, every_class, hooks, images, label_family, readout_model, shaken


class SignedHiResCAM(GradientCAM, pytorch_grad_cam.HiResCAM):
    """Grad-cam's own element-wise method, for its signed maps."""


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("grid", [1, 3, 4, None])
@pytest.mark.parametrize("first", [0, 1, 2])
@pytest.mark.parametrize(("net", "labels"), [("cnn3", "morph"), ("cnn6", "fourier"), ("cnn6", "channel")])
def test_linear_maps_and_bias_sum_to_the_score(
    net: str, labels: str, first: int, grid: int | None, dtype: torch.dtype
) -> None:
    model = readout_model(net, labels, grid=grid, first=first, dtype=dtype)
    scores = model(images(dtype)).detach()
    explain = LinearCAM(model, model.layers)
    for k, targets in every_class():
        maps = explain.maps(images(dtype), targets)
        assert maps.bias is not None
        largest = scores.abs().amax(dim=1)
        for summed in (maps.shares().sum(dim=1), maps.summed().sum(dim=(1, 2))):
            error = (summed + maps.bias - scores[:, k]).abs() / largest
            assert error.max() <= TOLERANCE[dtype]


@pytest.mark.parametrize("wanted", [(0,), (2,), (2, 0), (1, 2, 0)])
def test_a_part_of_the_layers_gives_their_part_of_the_score(wanted: tuple[int, ...]) -> None:
    """In the order asked for, whatever the order in which they run; the columns of other layers are ignored."""
    model = readout_model("cnn6", grid=3, dtype=torch.float64)
    activities = model.net.eval()(model.labels.neutral(images(torch.float64)))[1:]
    ends = np.cumsum([0] + [regions(a[:1], 3).numel() for a in activities])
    maps = LinearCAM(model, [model.layers[i] for i in wanted]).maps(
        images(torch.float64), [ClassifierOutputTarget(2)] * 3
    )
    for place, i in enumerate(wanted):
        weight = model.linear.weight[2, ends[i] : ends[i + 1]]
        expected = regions(activities[i], 3).flatten(1) @ weight
        torch.testing.assert_close(maps.shares()[:, place], expected, rtol=1e-11, atol=1e-11)


def test_a_linear_map_position_by_position() -> None:
    """Weight times activity, summed over channels, in loops: for a readout of every position."""
    model = readout_model("cnn3", grid=None, dtype=torch.float64)
    first, second = model.net(model.labels.neutral(images(torch.float64)))[1:]
    weight = model.linear.weight.detach()
    maps = LinearCAM(model, model.layers).maps(images(torch.float64), [ClassifierOutputTarget(k) for k in (3, 0, 1)])
    for b, k in enumerate((3, 0, 1)):
        column = 0
        for a, found in zip((first, second), maps.layers, strict=True):
            expected = torch.zeros(7, 7, dtype=torch.float64)
            for c in range(a.shape[1]):
                for y in range(7):
                    for x in range(7):
                        expected[y, x] += (weight[k, column] * a[b, c, y, x]).item()
                        column += 1
            torch.testing.assert_close(found[b], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("grid", [3, 4, None])
@pytest.mark.parametrize("net", ["cnn3", "cnn6"])
def test_linear_maps_are_hirescam_of_the_readout(net: str, grid: int | None) -> None:
    """The readout connects a block to the scores by its weight alone, so gradient times activity is the same map."""
    model = readout_model(net, grid=grid)
    for _, targets in every_class():
        ours = LinearCAM(model, model.layers).maps(images(), targets)
        theirs = SignedHiResCAM(model, model.layers).maps(images(), targets)
        for a, b in zip(ours.layers, theirs.layers, strict=True):
            assert (a - b).abs().max() <= 1e-6 * b.abs().max()


def test_one_layer_at_image_size_is_grad_cams_own_hirescam() -> None:
    """With nothing to resize or to sum, the maps that users get are the same, too."""
    family = label_family("fourier")
    net = shaken(cnn3((1, 14, 14), width=5, kernel=3))
    readout = LinearReadout(net, family, (1, 14, 14))
    nn.init.normal_(readout.linear.weight, generator=torch.Generator().manual_seed(2))
    model = ReadoutModel(readout)
    targets = [ClassifierOutputTarget(k) for k in (1, 2, 0)]
    theirs = pytorch_grad_cam.HiResCAM(model, [model.layers[-1]])(images(), targets)
    np.testing.assert_allclose(LinearCAM(model, [model.layers[-1]])(images(), targets), theirs, atol=1e-6)


@pytest.mark.parametrize(
    "target", [ClassifierOutputSoftmaxTarget(1), FinerWeightedTarget(0, [1, 2], 1.0), GoodnessDifference(0, 3)]
)
def test_other_targets_mix_the_classes_by_their_gradient(target: object) -> None:
    model = readout_model(dtype=torch.float64)
    scores = model(images(torch.float64)).detach()
    jacobian = torch.stack([torch.autograd.functional.jacobian(target, row) for row in scores])  # (B, K)
    expected = sum(
        jacobian[:, k, None, None] * LinearCAM(model, model.layers).maps(images(torch.float64), targets).summed()
        for k, targets in every_class()
    )
    found = LinearCAM(model, model.layers).maps(images(torch.float64), [target] * 3)
    torch.testing.assert_close(found.summed(), expected, rtol=1e-10, atol=1e-12)


def test_finer_cam_takes_linear_cam() -> None:
    model = readout_model()
    finer = pytorch_grad_cam.FinerCAM(model, model.layers, base_method=LinearCAM)
    assert finer(images()).shape == (3, 14, 14)
    assert hooks(model) == 0
    assert all(parameter.grad is None for parameter in model.parameters())


def test_grad_cams_metrics_take_our_maps_and_models() -> None:
    model = readout_model()
    targets = [ClassifierOutputTarget(0)] * 3
    change = CamMultImageConfidenceChange()(images(), LinearCAM(model, model.layers)(images(), targets), targets, model)
    assert change.shape == (3,)


def test_dense_layers_have_no_map() -> None:
    labels = OneHotLabels(CLASSES)
    net = mlp((1, 14, 14), widths=(6, 5))
    model = ReadoutModel(LinearReadout(net, labels, (1, 14, 14)))
    assert model(images()).shape == (3, CLASSES)
    with pytest.raises(ValueError, match="no positions"):
        LinearCAM(model, model.layers)(images())
