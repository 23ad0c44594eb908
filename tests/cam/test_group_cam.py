"""Maps of a class's own channels, position by position; see `test_share_cam.py` for what all kinds keep to."""

import pytest
import torch
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor

from cam import GroupCAM, GroupModel
from convff import AtOutput, ForwardForward, HebbianForwardForward, cnn6
from convff.functional import group_goodness
from labels import NoLabels
from tests.cam.helpers import CLASSES, every_class, group_model, images


def activities(model: GroupModel, x: Tensor) -> list[Tensor]:
    """The activity of the blocks that count, without the model."""
    with torch.no_grad():
        return model.net.eval()(x)[model.first :]


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
    """As in the package, and as in a rule with the label at the output."""
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


def test_what_has_no_groups_is_refused() -> None:
    labels = NoLabels(CLASSES)
    uneven = cnn6((1, 14, 14), widths=(5, CLASSES, 7, CLASSES), pool_after=(1,))
    broken = GroupModel(uneven, labels)
    with pytest.raises(ValueError, match="block 3 has 7 channels, which do not make 4 equal groups"):
        GroupCAM(broken, broken.layers)(images())
    assert not any(module._forward_hooks for module in broken.modules())
    assert GroupModel(uneven, labels, first=3)(images()).shape == (3, CLASSES)  # only blocks that count need groups
