"""A gain per channel and class: against autograd, against groups of channels, and learned or not."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from convff import (
    AtGains,
    AtOutput,
    Batch,
    Block,
    ForwardForward,
    Layout,
    LengthNorm,
    LocalStep,
    Schedule,
    Seen,
    Setup,
    Softmax,
    cnn6,
    keyed_generator,
)
from convff.places.gains import Gains
from labels import NoLabels
from tests.convff.samples import relative_error

CLASSES, IMAGES = 3, 5
PLACE = AtGains(num_classes=CLASSES)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=keyed_generator(seed, "gains"), dtype=torch.float64)


def seen_of(kind: str) -> Seen:
    dense = kind == "dense"
    block = Block(LengthNorm(), nn.Linear(6, 6) if dense else nn.Conv2d(2, 6, 3, padding=1)).double()
    beside = PLACE.beside(block, keyed_generator(0, "gains")).double()
    with torch.no_grad():
        for index, parameter in enumerate(block.parameters()):
            parameter.copy_(drawn(*parameter.shape, seed=index + 1) / 2)
        x = block.normalised(drawn(IMAGES, 6, seed=7) if dense else drawn(IMAGES, 2, 4, 4, seed=7))
        return Seen(block, x, block.activity(x), Layout(torch.tensor([0, 1, 2, 1, 0])), None, beside)


def by_hand(seen: Seen, a: Tensor, gains: Tensor) -> Tensor:
    """Goodness `[B, K]`, image by image and class by class."""
    positions = a[0, 0].numel()
    m = positions * a.shape[1] / CLASSES
    rows = [
        [sum(gains[k, c] * image[c].square().sum() for c in range(a.shape[1])) / m for k in range(CLASSES)]
        for image in a
    ]
    return torch.stack([torch.stack(row) for row in rows])


@pytest.mark.parametrize("kind", ["dense", "convolutional"])
def test_directions_are_the_gradient_of_the_loss_written_out(kind: str) -> None:
    seen = seen_of(kind)
    rule = ForwardForward(gate=Softmax(scale=2.0), label_at=PLACE)
    a = torch.relu(seen.block.layer(seen.x))
    g = by_hand(seen, a, seen.beside.gains)
    assert torch.allclose(rule.scores(seen), g)
    loss = nn.functional.cross_entropy(2.0 * g, seen.layout.targets)
    assert torch.allclose(rule.loss(seen), loss)
    layer = seen.block.layer
    grads = torch.autograd.grad(loss, [layer.weight, layer.bias, seen.beside.gains])
    got = rule.direction(seen, None).dense(layer)
    for name, grad in zip(("weight", "bias", "beside.gains"), grads, strict=True):
        assert grad.norm() > 0
        assert relative_error(got[name], grad) < 1e-12


def test_gains_of_groups_are_the_label_at_the_output() -> None:
    seen = seen_of("convolutional")
    groups = torch.eye(CLASSES, dtype=torch.float64).repeat_interleave(2, dim=1)
    with torch.no_grad():
        seen.beside.gains.copy_(groups)
    one, other = (ForwardForward(gate=Softmax(scale=2.0), label_at=place) for place in (PLACE, AtOutput(CLASSES)))
    assert torch.allclose(one.scores(seen), other.scores(seen))
    got, wanted = (rule.direction(seen, None).dense(seen.block.layer) for rule in (one, other))
    assert torch.allclose(got["weight"], wanted["weight"])


@pytest.mark.parametrize("learned", [True, False])
def test_gains_learn_or_stay(learned: bool) -> None:
    place = replace(PLACE, learned=learned)
    torch.manual_seed(0)
    net = cnn6((1, 6, 6), widths=(6, 6), pool_after=(1,))
    rule = ForwardForward(gate=Softmax(scale=2.0), label_at=place)
    step = LocalStep(rule, Setup(net=net, labels=NoLabels(CLASSES), schedule=Schedule()))
    modules = step.modules["beside"]
    assert all(isinstance(module, Gains) for module in modules)
    before = [module.gains.clone() for module in modules]
    weights = [block.layer.weight.clone() for block in net]
    step(Batch(torch.rand(6, 1, 6, 6), torch.arange(6) % CLASSES), torch.Generator())
    assert all(torch.equal(module.gains, old) != learned for module, old in zip(modules, before, strict=True))
    assert not any(torch.equal(block.layer.weight, old) for block, old in zip(net, weights, strict=True))
    assert {name for name, _ in modules.state_dict().items()} == {"0.gains", "1.gains"}


def test_refusals_name_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="at least 2 classes, got 1"):
        AtGains(num_classes=1)
    with pytest.raises(ValueError, match="for 3 classes, got 4"):
        PLACE.check(cnn6((1, 8, 8)), 4)
    seen = seen_of("dense")
    with pytest.raises(ValueError, match="takes one pass and no label images, got 2"):
        ForwardForward(gate=Softmax(), label_at=PLACE).loss(
            seen._replace(layout=Layout(torch.tensor([0, 1]), passes=2))
        )
