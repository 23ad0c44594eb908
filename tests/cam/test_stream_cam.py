"""Maps of a stream of labels, against loops and blocks in plain steps; all else is in `test_share_cam.py`."""

import torch
from torch import Tensor, nn

from cam.recorder import Recorder
from tests.cam.helpers import CLASSES, every_class, images, judged


def plain_activities(net: nn.Module, x: Tensor, own: bool) -> list[Tensor]:
    """Activities `[N, C, h, w]` of batch-normed blocks, step by step; by statistics of the rows themselves if `own`."""
    found = []
    for block in net:
        running = block.norm.running_mean, block.norm.running_var
        mean, variance = (x.mean(dim=(0, 2, 3)), x.var(dim=(0, 2, 3), unbiased=False)) if own else running
        x = (x - mean[:, None, None]) / (variance[:, None, None] + block.norm.eps).sqrt()
        x = nn.functional.conv2d(x, block.layer.weight, block.layer.bias, padding=1).clamp_min(0)
        found.append(x)
        x = block.pool(x)
    return found


@torch.no_grad()
def test_scores_and_maps_position_by_position() -> None:
    found = judged("stream", dtype=torch.float64)
    x = images(torch.float64)
    of_images = plain_activities(found.model.net, x, own=False)[1:]
    of_labels = plain_activities(found.model.net, found.labels.label_images(x), own=True)[1:]
    maps = {k: found.explain().maps(x, targets).layers for k, targets in every_class()}
    scores = torch.zeros(3, CLASSES, dtype=torch.float64)
    for layer, (a, t) in enumerate(zip(of_images, of_labels, strict=True)):
        _, channels, height, width = a.shape
        ours, theirs = a.tolist(), t.tolist()
        for k in range(CLASSES):
            expected = torch.zeros(3, height, width, dtype=torch.float64)
            for b in range(3):
                for y in range(height):
                    for z in range(width):
                        share = sum(ours[b][c][y][z] * theirs[k][c][y][z] for c in range(channels))
                        expected[b, y, z] = share / (channels * height * width)
            scores[:, k] += expected.sum(dim=(1, 2))
            torch.testing.assert_close(maps[k][layer], expected, rtol=1e-9, atol=1e-14)
    torch.testing.assert_close(found.model(x), scores, rtol=1e-9, atol=0)


def test_what_is_recorded_is_the_activity_of_the_images() -> None:
    """The label images pass the same blocks: a hook must not see them, and no batch of them may count as images."""
    model = judged("stream", dtype=torch.float64).model
    recorder = Recorder(model, model.layers, needs_graph=False)
    recorder(images(torch.float64))
    for recorded, expected in zip(recorder.activations, model.net.eval()(images(torch.float64))[1:], strict=True):
        assert torch.equal(recorded, expected)


def test_label_activities_are_of_all_labels_in_the_blocks_asked_for() -> None:
    found = judged("stream", dtype=torch.float64)
    activities = found.model.label_activities()
    expected = plain_activities(found.model.net, found.labels.label_images(images(torch.float64)), own=True)
    for some in (activities, found.model.label_activities(stop=2)):
        assert len(some) in (2, 4)
        for a, other in zip(some, expected, strict=False):
            assert len(a) == CLASSES
            assert not a.requires_grad
            torch.testing.assert_close(a, other.detach(), rtol=1e-9, atol=1e-12)
