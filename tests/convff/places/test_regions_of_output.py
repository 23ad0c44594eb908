"""Groups of channels that decide region by region: against the loss written out, and against one region."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convff import AtOutput, Block, ForwardForward, Layout, LengthNorm, Seen, Softmax, keyed_generator
from tests.convff.samples import relative_error

CLASSES, IMAGES, TARGETS = 3, 4, torch.tensor([2, 0, 1, 2])


def seen_of(size: int = 4) -> Seen:
    block = Block(LengthNorm(), nn.Conv2d(2, 6, 3, padding=1)).double()
    draws = keyed_generator(0, "regions")
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=draws, dtype=torch.float64) / 2)
        x = block.normalised(torch.randn(IMAGES, 2, size, size, generator=draws, dtype=torch.float64))
        return Seen(block, x, block.activity(x), Layout(TARGETS))


def by_hand(a: Tensor, regions: int, reduction: str) -> Tensor:
    """Goodness `[B, R, R, K]`, region by region and class by class."""
    side, channels = a.shape[2] // regions, a.shape[1] // CLASSES
    found = torch.zeros(IMAGES, regions, regions, CLASSES, dtype=a.dtype)
    for n in range(IMAGES):
        for r in range(regions):
            for q in range(regions):
                part = a[n, :, r * side : (r + 1) * side, q * side : (q + 1) * side]
                for k in range(CLASSES):
                    units = part[k * channels : (k + 1) * channels]
                    of_units = units if reduction == "activity" else units.square()
                    found[n, r, q, k] = of_units.sum() if reduction == "sum" else of_units.mean()
    return found


@pytest.mark.parametrize("reduction", ["mean", "sum", "activity"])
@pytest.mark.parametrize("regions", [1, 2, 4])
def test_every_region_decides_on_its_own(regions: int, reduction: str) -> None:
    seen = seen_of()
    rule = ForwardForward(gate=Softmax(scale=2.0), label_at=AtOutput(CLASSES, regions=regions), reduction=reduction)
    a = torch.relu(seen.block.layer(seen.x))
    g = by_hand(a, regions, reduction)
    assert torch.allclose(rule.scores(seen), g.sum(dim=(1, 2)))
    targets = TARGETS.repeat_interleave(regions**2)
    loss = F.cross_entropy(2.0 * g.flatten(0, 2), targets)
    assert torch.allclose(rule.loss(seen), loss)
    grads = torch.autograd.grad(loss, list(seen.block.layer.parameters()))
    got = rule.direction(seen, None).dense(seen.block.layer)
    for name, grad in zip(("weight", "bias"), grads, strict=True):
        assert grad.norm() > 0
        assert relative_error(got[name], grad) < 1e-12
    assert torch.allclose(rule.contribution(seen.a).sum(dim=(2, 3)).view(IMAGES, CLASSES, -1).sum(2), rule.scores(seen))


def test_regions_that_do_not_divide_a_map_are_refused() -> None:
    rule = ForwardForward(gate=Softmax(), label_at=AtOutput(CLASSES, regions=3))
    with pytest.raises(ValueError, match="3 x 3 regions must divide the map evenly, got a map of 4 x 4"):
        rule.direction(seen_of(), None)
    with pytest.raises(ValueError, match="at least 2 classes and 1 region, got 3 and 0"):
        AtOutput(CLASSES, regions=0)
