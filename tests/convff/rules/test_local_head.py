"""Local heads: against autograd and a plain cross-entropy, with regions that divide a map and that do not."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convff import (
    Batch,
    Block,
    Layout,
    LengthNorm,
    LocalHead,
    LocalStep,
    Schedule,
    Seen,
    Setup,
    block_scores,
    cnn6,
    keyed_generator,
)
from convff.regions import region_means, spread_over_regions
from labels import NoLabels
from tests.convff.samples import relative_error

CLASSES, IMAGES = 3, 5


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=keyed_generator(seed, "head"), dtype=torch.float64)


def seen_of(kind: str, rule: LocalHead) -> Seen:
    dense = kind == "dense"
    block = Block(LengthNorm(), nn.Linear(6, 4) if dense else nn.Conv2d(2, 4, 3, padding=1)).double()
    beside = rule.beside(block, keyed_generator(0, "beside")).double()
    with torch.no_grad():
        for index, parameter in enumerate([*block.parameters(), *beside.parameters()]):
            parameter.copy_(drawn(*parameter.shape, seed=index + 1) / 2)
        x = block.normalised(drawn(IMAGES, 6, seed=9) if dense else drawn(IMAGES, 2, 6, 6, seed=9))
        return Seen(block, x, block.activity(x), Layout(torch.tensor([0, 1, 2, 1, 0])), None, beside)


@pytest.mark.parametrize("regions", [1, 2, 4])
@pytest.mark.parametrize("kind", ["dense", "convolutional"])
def test_the_closed_form_is_the_gradient(kind: str, regions: int) -> None:
    rule = LocalHead(num_classes=CLASSES, regions=regions)
    seen = seen_of(kind, rule)
    got = rule.direction(seen, None).dense(seen.block.layer)
    parameters = dict(seen.block.layer.named_parameters())
    parameters |= {f"beside.{name}": parameter for name, parameter in seen.beside.named_parameters()}
    x = seen.x.clone().requires_grad_()
    a = torch.relu(seen.block.layer(x))
    pooled = a[..., None, None] if a.ndim == 2 else F.adaptive_avg_pool2d(a, regions)
    head = seen.beside
    logits = torch.einsum("norq,krqo->nk", pooled, head.weight) + head.bias
    loss = F.cross_entropy(logits, seen.layout.targets)
    grads = torch.autograd.grad(loss, [*parameters.values(), x])
    assert got.keys() == parameters.keys()
    for name, grad in zip(parameters, grads[:-1], strict=True):
        assert grad.norm() > 0
        assert relative_error(got[name], grad) < 1e-12
    assert relative_error(rule.input_direction(seen), grads[-1]) < 1e-12
    assert torch.allclose(rule.loss(seen), loss)
    assert torch.allclose(rule.scores(seen), logits)


@pytest.mark.parametrize(("size", "regions"), [(4, 2), (7, 3), (2, 4), (5, 1)])
def test_spreading_is_the_transpose_of_the_mean(size: int, regions: int) -> None:
    a, values = drawn(2, 3, size, size + 1), drawn(2, regions, regions, 3, seed=1)
    one = (region_means(a, regions) * values).sum()
    other = (a * spread_over_regions(values, a)).sum()
    assert torch.allclose(one, other, rtol=1e-12)
    means = F.adaptive_avg_pool2d(a, regions).permute(0, 2, 3, 1)
    assert torch.equal(region_means(a, regions), means)


def test_blocks_learn_classes_on_their_own_and_are_judged_by_their_heads() -> None:
    """Three classes of stripes in noise: chance is a third."""
    images = torch.rand(60, 1, 8, 8, generator=keyed_generator(0, "images")) / 2
    classes = torch.arange(60) % CLASSES
    for n, k in enumerate(classes):
        images[n, 0, int(k) :: 3] += 0.4
    torch.manual_seed(0)
    net, rule = cnn6((1, 8, 8), widths=(8, 8), pool_after=(1,)), LocalHead(num_classes=CLASSES, regions=2)
    step = LocalStep(rule, Setup(net=net, labels=NoLabels(CLASSES), schedule=Schedule(lr=3e-3)))
    beside = step.modules["beside"]
    assert isinstance(beside, nn.ModuleList)
    before = block_scores(net, images, NoLabels(CLASSES), rule, beside)
    assert torch.equal(before, torch.zeros_like(before))
    for turn in range(60):
        metrics = step(Batch(images, classes), keyed_generator(turn, "draws"))
    assert (metrics["discrimination"] > 0.9).all()
    after = block_scores(net, images, NoLabels(CLASSES), rule, beside).argmax(dim=2)
    assert ((after == classes).float().mean(dim=1) > 0.9).all()


def test_refusals_name_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="at least 2 classes and 1 region, got 1 and 4"):
        LocalHead(num_classes=1)
    with pytest.raises(ValueError, match="for 3 classes, got 4"):
        LocalHead(num_classes=3).check(cnn6((1, 8, 8)), 4)
    seen = seen_of("dense", LocalHead(num_classes=CLASSES))
    layout = Layout(torch.tensor([0, 1]), passes=2)
    with pytest.raises(ValueError, match="takes one pass and no label images, got 2"):
        LocalHead(num_classes=CLASSES).direction(seen._replace(layout=layout), None)
