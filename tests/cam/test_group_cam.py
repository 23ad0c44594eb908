"""Group maps: they sum to the goodness of a class's own channels, position by position."""

from collections.abc import Callable

import pytest
import torch
from pytorch_grad_cam.utils.model_targets import ClassifierOutputSoftmaxTarget, ClassifierOutputTarget
from torch import Tensor, nn

from cam import GoodnessDifference, GroupCAM, GroupModel, sum_contribution
from convff import AtOutput, ForwardForward, HebbianForwardForward, cnn6, mlp
from convff.functional import group_goodness
from labels import NoLabels
from tests.cam.helpers import CLASSES, every_class, group_model, grouped_network, images

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}


def activities(model: GroupModel, x: Tensor) -> list[Tensor]:
    """The activity of the blocks that count, without the model."""
    with torch.no_grad():
        return model.net.eval()(x)[model.first :]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("contribution", [None, sum_contribution])
@pytest.mark.parametrize("first", [0, 1, 2])
@pytest.mark.parametrize("net", ["cnn3", "cnn6"])
def test_group_maps_sum_to_the_score(
    net: str, first: int, contribution: Callable[[Tensor], Tensor] | None, dtype: torch.dtype
) -> None:
    model = GroupModel(grouped_network(net), NoLabels(CLASSES), first=first, contribution=contribution).to(dtype)
    explain = GroupCAM(model, model.layers)
    scores = model(images(dtype)).detach()
    assert scores.min() > 0
    for k, targets in every_class():
        maps = explain.maps(images(dtype), targets)
        for summed in (maps.shares().sum(dim=1), maps.summed().sum(dim=(1, 2))):
            assert ((summed - scores[:, k]).abs() / scores[:, k]).max() <= TOLERANCE[dtype]
        assert torch.equal(maps.scores, scores[:, k])
        assert all((layer >= 0).all() for layer in maps.layers)
        assert maps.bias is not None
        assert not maps.bias.any()


@pytest.mark.parametrize("net", ["cnn3", "cnn6"])
def test_scores_and_maps_position_by_position(net: str) -> None:
    """In loops: channel by channel of each group, over blocks of different width and, after pooling, size."""
    model = group_model(net, torch.float64)
    explain = GroupCAM(model, model.layers)
    found = {k: explain.maps(images(torch.float64), targets).layers for k, targets in every_class()}
    scores = torch.zeros(3, CLASSES, dtype=torch.float64)
    for layer, a in enumerate(activities(model, images(torch.float64))):
        _, channels, height, width = a.shape
        size = channels // CLASSES
        squares = a.square().tolist()
        for k in range(CLASSES):
            expected = torch.zeros(3, height, width, dtype=torch.float64)
            for b in range(3):
                for y in range(height):
                    for x in range(width):
                        share = sum(squares[b][c][y][x] for c in range(k * size, (k + 1) * size))
                        expected[b, y, x] = share / (size * height * width)
            scores[:, k] += expected.sum(dim=(1, 2))
            torch.testing.assert_close(found[k][layer], expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(model(images(torch.float64)).detach(), scores, rtol=1e-12, atol=0)


def test_the_score_is_the_goodness_of_the_groups() -> None:
    """As the package has it, and as a rule has it with the label at the output."""
    place = AtOutput(CLASSES)
    rules = (
        ForwardForward(label_at=place),
        ForwardForward(label_at=place, reduction="sum"),
        HebbianForwardForward(label_at=place),
    )
    x = images(torch.float64)
    model = group_model(dtype=torch.float64)
    assert len(model.layers) == 3
    expected = sum(group_goodness(a, CLASSES) for a in activities(model, x))
    torch.testing.assert_close(model(x), expected, rtol=1e-12, atol=0)
    for rule in rules:
        judged = GroupModel(model.net, NoLabels(CLASSES), contribution=rule.contribution)
        expected = sum(rule.goodness(a) for a in activities(model, x))
        torch.testing.assert_close(judged(x), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("target", [GoodnessDifference(2, 0), ClassifierOutputSoftmaxTarget(1)])
def test_other_targets_mix_the_classes_by_their_gradient(target: object) -> None:
    model = group_model(dtype=torch.float64)
    explain = GroupCAM(model, model.layers)
    x = images(torch.float64)
    jacobian = torch.stack([torch.autograd.functional.jacobian(target, row) for row in model(x).detach()])  # (B, K)
    by_class = [explain.maps(x, targets).summed() for _, targets in every_class()]
    expected = sum(jacobian[:, k, None, None] * maps for k, maps in enumerate(by_class))
    found = explain.maps(x, [target] * 3)
    torch.testing.assert_close(found.summed(), expected, rtol=1e-11, atol=1e-15)
    if isinstance(target, GoodnessDifference):
        torch.testing.assert_close(found.summed(), by_class[2] - by_class[0], rtol=1e-11, atol=1e-15)
        torch.testing.assert_close(found.shares().sum(dim=1), found.scores, rtol=1e-11, atol=1e-13)
        assert found.summed().min() < 0 < found.summed().max()


def test_each_image_is_explained_as_it_is_alone() -> None:
    """With a target of its own, by the running statistics, whatever the mode of the model."""
    model = group_model(dtype=torch.float64)
    model.train()
    explain = GroupCAM(model, model.layers)
    x, targets = images(torch.float64), [ClassifierOutputTarget(3), GoodnessDifference(1, 2), ClassifierOutputTarget(0)]
    together = explain.maps(x, targets)
    for b, target in enumerate(targets):
        alone = explain.maps(x[b : b + 1], [target])
        torch.testing.assert_close(alone.summed()[0], together.summed()[b], rtol=1e-10, atol=1e-15)
        torch.testing.assert_close(alone.scores[0], together.scores[b], rtol=1e-10, atol=0)


def test_a_class_is_judged_by_its_own_channels_only() -> None:
    """Other weights for all channels of the last block but those of class 2: what is said of class 2 is the same."""
    model = group_model(dtype=torch.float64)
    explain = GroupCAM(model, model.layers[-1:])
    x, targets = images(torch.float64), [ClassifierOutputTarget(2)] * 3
    before, maps = model(x).detach(), explain.maps(x, targets)
    layer = model.layers[-1].layer
    own = torch.arange(len(layer.weight)) // (len(layer.weight) // CLASSES) == 2
    with torch.no_grad():
        layer.weight[~own] *= 1.5
        layer.bias[~own] += 0.5
    after = model(x).detach()
    torch.testing.assert_close(after[:, 2], before[:, 2], rtol=1e-12, atol=0)
    torch.testing.assert_close(explain.maps(x, targets).layers[0], maps.layers[0], rtol=1e-12, atol=1e-15)
    assert all((after[:, k] > 1.1 * before[:, k]).all() for k in (0, 1, 3))


@pytest.mark.parametrize("wanted", [(2,), (2, 0)])
def test_a_part_of_the_layers_gives_their_part_of_the_score(wanted: tuple[int, ...]) -> None:
    model = group_model(dtype=torch.float64)
    x = images(torch.float64)
    goodness = [group_goodness(a, CLASSES)[:, 1] for a in activities(model, x)]
    maps = GroupCAM(model, [model.layers[i] for i in wanted]).maps(x, [ClassifierOutputTarget(1)] * 3)
    torch.testing.assert_close(maps.shares(), torch.stack([goodness[i] for i in wanted], dim=1), rtol=1e-12, atol=0)


def test_what_has_no_groups_is_refused() -> None:
    labels = NoLabels(CLASSES)
    net = grouped_network("cnn6")
    for first in (-1, 4):
        with pytest.raises(ValueError, match=f"at least one of 4 blocks must count, .* block {first}"):
            GroupModel(net, labels, first=first)
    model = GroupModel(net, labels)
    with pytest.raises(ValueError, match=r"groups of target layer 1 .Block. do not count; those of 3 layers do"):
        GroupCAM(model, [model.layers[0], next(iter(net))])
    uneven = cnn6((1, 14, 14), widths=(5, CLASSES, 7, CLASSES), pool_after=(1,))
    broken = GroupModel(uneven, labels)
    with pytest.raises(ValueError, match="block 3 has 7 channels, which do not make 4 equal groups"):
        GroupCAM(broken, broken.layers)(images())
    assert not any(module._forward_hooks for module in broken.modules())
    assert GroupModel(uneven, labels, first=3)(images()).shape == (3, CLASSES)  # only blocks that count need groups


def test_dense_layers_have_scores_but_no_map() -> None:
    net = mlp((1, 14, 14), widths=(8, CLASSES))
    assert isinstance(next(iter(net)).layer, nn.Linear)
    model = GroupModel(net, NoLabels(CLASSES))
    expected = group_goodness(activities(model, images())[0], CLASSES)
    torch.testing.assert_close(model(images()), expected)
    with pytest.raises(ValueError, match="no positions"):
        GroupCAM(model, model.layers)(images())
