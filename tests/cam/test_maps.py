"""Maps against sums written out slowly: they add up, to the score or to the goodness, position by position."""

import numpy as np
import pytest
import pytorch_grad_cam
import torch
from pytorch_grad_cam.utils.model_targets import (
    ClassifierOutputSoftmaxTarget,
    ClassifierOutputTarget,
    FinerWeightedTarget,
)
from torch import Tensor, nn

from cam import (
    CentredCAM,
    GoodnessCAM,
    GoodnessDifference,
    GoodnessModel,
    GradCAM,
    GradientCAM,
    HeadModel,
    LinearCAM,
    PoolingCAM,
    ReadoutModel,
    kinds,
    usual_activity,
)
from cam.functional import position_weights, regions, spread_to_image
from convff import LayerLocalNet, LinearReadout, cnn3, cnn6, goodness_scores
from convff.functional import sum_goodness
from labels import ChannelLabels, FourierLabels, LabelGenerator, MorphLabels

CLASSES = 4
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


class SignedHiResCAM(GradientCAM, pytorch_grad_cam.HiResCAM):
    """Grad-cam's own element-wise method, for its signed maps."""


def shaken(net: LayerLocalNet) -> LayerLocalNet:
    """The network with statistics and biases that are not those of a new one."""
    generator = torch.Generator().manual_seed(7)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.copy_(0.2 * torch.rand(module.num_features, generator=generator))
            module.running_var.copy_(0.5 + torch.rand(module.num_features, generator=generator))
        if isinstance(module, nn.Conv2d):
            module.bias.data.copy_(0.1 * torch.rand(module.out_channels, generator=generator))
    return net


def network(name: str, channels: int) -> LayerLocalNet:
    torch.manual_seed(0)
    if name == "cnn3":
        return shaken(cnn3((channels, 14, 14), width=5, kernel=3, stride=2))
    return shaken(cnn6((channels, 14, 14), widths=(4, 6, 5, 7), pool_after=(1, 2)))


def label_family(name: str) -> LabelGenerator:
    return {
        "fourier": FourierLabels(CLASSES, (14, 14)),
        "morph": MorphLabels(CLASSES),
        "channel": ChannelLabels(CLASSES, (14, 14)),
    }[name]


def images(dtype: torch.dtype = torch.float32, count: int = 3) -> Tensor:
    return torch.rand(count, 1, 14, 14, generator=torch.Generator().manual_seed(1)).to(dtype)


def readout_model(
    net: str = "cnn6",
    labels: str = "fourier",
    *,
    grid: int | None = 4,
    first: int = 1,
    dtype: torch.dtype = torch.float32,
) -> ReadoutModel:
    family = label_family(labels)
    readout = LinearReadout(network(net, family.channels(1)), family, (1, 14, 14), first=first, grid=grid)
    nn.init.normal_(readout.linear.weight, generator=torch.Generator().manual_seed(2))
    nn.init.normal_(readout.linear.bias, generator=torch.Generator().manual_seed(3))
    return ReadoutModel(readout).to(dtype)


def positive_head() -> nn.Linear:
    """A head whose every weight speaks for its class, so that no map is without evidence."""
    head = nn.Linear(7, CLASSES)
    nn.init.uniform_(head.weight, 0.1, 1.0, generator=torch.Generator().manual_seed(4))
    return head


def every_class(count: int = 3) -> list[tuple[int, list[ClassifierOutputTarget]]]:
    return [(k, [ClassifierOutputTarget(k)] * count) for k in range(CLASSES)]


def slow_pooling(size: int, grid: int) -> list[range]:
    """The positions of each region of adaptive pooling, as PyTorch defines them: floor(in/g) to ceil((i+1)n/g)."""
    return [range(i * size // grid, -((-(i + 1) * size) // grid)) for i in range(grid)]


@pytest.mark.parametrize("size", [3, 4, 7, 14])
@pytest.mark.parametrize("grid", [1, 2, 3, 4, None])
def test_position_weights_are_the_regions_transposed(size: int, grid: int | None) -> None:
    """Region by region, position by position; 4 regions of 7 or 14 positions overlap."""
    side = size if grid is None else min(grid, size)
    v = torch.rand(2, 3 * side * side, dtype=torch.float64)
    expected = torch.zeros(2, 3, size, size, dtype=torch.float64)
    for i, rows in enumerate(slow_pooling(size, side)):
        for j, columns in enumerate(slow_pooling(size, side)):
            for y in rows:
                for x in columns:
                    expected[:, :, y, x] += v.view(2, 3, side, side)[:, :, i, j] / (len(rows) * len(columns))
    torch.testing.assert_close(position_weights(v, (size, size), grid), expected, rtol=1e-13, atol=0)


@pytest.mark.parametrize("size", [(3, 5), (7, 7), (14, 14)])
@pytest.mark.parametrize("image", [(14, 14), (28, 31)])
def test_spreading_keeps_the_sum_and_the_place(size: tuple[int, int], image: tuple[int, int]) -> None:
    maps = torch.rand(2, *size, dtype=torch.float64) - 0.5
    spread = spread_to_image(maps, image)
    assert spread.shape == (2, *image)
    torch.testing.assert_close(spread.sum(dim=(1, 2)), maps.sum(dim=(1, 2)), rtol=1e-12, atol=1e-12)
    corner = torch.zeros(1, *size, dtype=torch.float64)
    corner[0, -1, 0] = 1
    y, x = divmod(int(spread_to_image(corner, image).argmax()), image[1])
    assert y > image[0] * 0.7
    assert x < image[1] * 0.3


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
    """In the order asked for, whatever the order in which they run; the columns of other layers are left out."""
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


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("mean", [True, False])
@pytest.mark.parametrize(("net", "labels"), [("cnn3", "fourier"), ("cnn6", "morph"), ("cnn6", "channel")])
def test_goodness_maps_sum_to_the_goodness(net: str, labels: str, mean: bool, dtype: torch.dtype) -> None:
    family = label_family(labels)
    model = GoodnessModel(network(net, family.channels(1)), family, mean=mean).to(dtype)
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


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("grid", [3, None])
def test_centred_maps_are_differences_of_linear_maps(grid: int | None, dtype: torch.dtype) -> None:
    """From the maps of the mean activity, which is not that of any image; with the bias they sum to the score."""
    model = readout_model("cnn6", grid=grid, dtype=dtype)
    others = torch.rand(7, 1, 14, 14, generator=torch.Generator().manual_seed(9)).to(dtype)
    usual = usual_activity(model, others, batch=3)
    scores = model(images(dtype)).detach()
    for k, targets in every_class():
        maps = CentredCAM(model, model.layers, usual=usual).maps(images(dtype), targets)
        error = (maps.summed().sum(dim=(1, 2)) + maps.bias - scores[:, k]).abs() / scores.abs().amax(dim=1)
        assert error.max() <= TOLERANCE[dtype]
        plain = LinearCAM(model, model.layers)
        theirs = plain.maps(others, [ClassifierOutputTarget(k)] * 7).summed().mean(dim=0)  # linear in the activity
        expected = plain.maps(images(dtype), targets).summed() - theirs
        torch.testing.assert_close(maps.summed(), expected, rtol=1e-4, atol=1e-5)


def test_models_score_as_the_package_does() -> None:
    family = label_family("fourier")
    net = network("cnn6", 1)
    readout = LinearReadout(net, family, (1, 14, 14), grid=3)
    nn.init.normal_(readout.linear.weight)
    torch.testing.assert_close(ReadoutModel(readout)(images()), readout(images()))
    torch.testing.assert_close(GoodnessModel(net, family)(images()), goodness_scores(net, images(), family))
    by_sum = goodness_scores(net, images(), family, goodness=sum_goodness)
    torch.testing.assert_close(GoodnessModel(net, family, mean=False)(images()), by_sum)
    head = nn.Linear(7, CLASSES)
    expected = head(net.eval()(family.neutral(images()))[-1].mean(dim=(2, 3)))
    torch.testing.assert_close(HeadModel(net, head, family)(images()), expected)


def test_pooling_cam_is_grad_cam_of_the_last_block_and_complete() -> None:
    model = HeadModel(network("cnn6", 1), nn.Linear(7, CLASSES), label_family("fourier"))
    targets = [ClassifierOutputTarget(k) for k in (0, 3, 2)]
    ours = PoolingCAM(model, model.layers).maps(images(), targets)
    theirs = GradCAM(model, model.layers).maps(images(), targets)
    torch.testing.assert_close(ours.summed(), theirs.summed(), rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(ours.shares().sum(dim=1) + ours.bias, ours.scores, rtol=1e-5, atol=1e-6)


def test_grad_cam_is_grad_cams_own() -> None:
    model = HeadModel(network("cnn6", 1), positive_head(), label_family("fourier"))
    targets = [ClassifierOutputTarget(k) for k in (0, 3, 2)]
    theirs = pytorch_grad_cam.GradCAM(model, [model.blocks[0]])(images(), targets)  # at the image's size
    np.testing.assert_allclose(GradCAM(model, [model.blocks[0]])(images(), targets), theirs, atol=1e-5)


def test_disturbing_the_image_leaves_the_label_alone() -> None:
    """The label enters inside the model: a flipped image is flipped before its wave is added, not with it."""
    family = label_family("fourier")
    model = readout_model("cnn3", grid=None)
    flipped = images().flip(-1)
    with torch.no_grad():
        expected = model.net(family.neutral(flipped))[-1]
        wrong = model.net(family.neutral(images()).flip(-1))[-1]
    seen = []
    handle = model.layers[-1].register_forward_hook(lambda _module, _inputs, output: seen.append(output.detach()))
    model(flipped)
    handle.remove()
    torch.testing.assert_close(seen[0], expected)
    assert (seen[0] - wrong).abs().max() > 1e-3


def test_kinds() -> None:
    noise = 1 + 1e-7 * torch.rand(1, 6, 6)
    assert kinds(torch.cat([noise, -noise, torch.zeros(1, 6, 6), torch.rand(1, 6, 6)])) == ["constant"] * 3 + ["fine"]
    assert kinds(-torch.rand(1, 6, 6) - 0.1) == ["all negative"]
