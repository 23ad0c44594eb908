"""The label's image beside every block: against autograd, against a convolution of image and label side by side."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convff import (
    AtBeside,
    Batch,
    Block,
    ForwardForward,
    LabelFilters,
    LabelsBeside,
    Layout,
    LengthNorm,
    LocalStep,
    Schedule,
    Seen,
    Setup,
    Softmax,
    Symmetric,
    Threshold,
    block_scores,
    cnn6,
    keyed_generator,
    mlp,
)
from convff.gates import Gate
from convff.testing import check_rule
from labels import FourierLabels, StreamLabels
from tests.convff.samples import relative_error

CLASSES, IMAGES = 3, 5
PLACE = AtBeside(num_classes=CLASSES)
GATES: list[Gate] = [Softmax(scale=3.0), Symmetric(scale=2.0), Threshold(theta=0.4, scale=1.5)]
WAVES = StreamLabels(FourierLabels(CLASSES, (8, 8)))


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=keyed_generator(seed, "beside"), dtype=torch.float64)


def seen_of() -> Seen:
    block = Block(LengthNorm(), nn.Conv2d(2, 4, 3, padding=1)).double()
    beside = PLACE.beside(block, keyed_generator(0, "filters")).double()
    layout = Layout(torch.tensor([0, 1, 2, 1, 0]), label_images=drawn(CLASSES, 2, 8, 8, seed=3))
    with torch.no_grad():
        for index, parameter in enumerate(block.parameters()):
            parameter.copy_(drawn(*parameter.shape, seed=index + 1) / 2)
        x = block.normalised(drawn(IMAGES, 2, 4, 4, seed=7))
        return Seen(block, x, block.activity(x), layout, None, beside)


def planes_by_hand(seen: Seen) -> Tensor:
    """Label images in one channel, averaged over windows of 2 x 2 pixels, each of mean 0 and variance 1."""
    images = seen.layout.label_images.mean(dim=1)
    small = torch.stack([images[:, dy::2, dx::2] for dy in (0, 1) for dx in (0, 1)]).mean(dim=0)
    return torch.stack([(plane - plane.mean()) / plane.std(correction=0) for plane in small])[:, None]


def by_hand(seen: Seen, z: Tensor) -> Tensor:
    """Goodness `[B, K]` with frozen gates, image by image and label by label; keeps the graph."""
    u = F.conv2d(planes_by_hand(seen), seen.beside.weight, padding=1)
    v = u - u.mean(dim=0)
    a, m = torch.relu(z), (z > 0).to(z.dtype)
    rows = [[(m[n] * (z[n] + v[k]) ** 2).mean() for k in range(CLASSES)] for n in range(len(a))]
    return torch.stack([torch.stack(row) for row in rows])


def test_scores_are_the_goodness_written_out() -> None:
    seen = seen_of()
    expected = by_hand(seen, seen.block.layer(seen.x))
    got = ForwardForward(label_at=PLACE).scores(seen)
    assert torch.allclose(got, expected, rtol=1e-12)
    assert torch.allclose(ForwardForward(label_at=PLACE, reduction="sum").scores(seen), expected * seen.a[0].numel())


def test_a_label_adds_what_a_convolution_of_both_side_by_side_would() -> None:
    """`W * x + V * l` is one convolution of the channels of x and l together: HebbFF's label beside the input."""
    seen = seen_of()
    weight = torch.cat([seen.block.layer.weight, seen.beside.weight], dim=1)
    for k, plane in enumerate(planes_by_hand(seen)):
        both = torch.cat([seen.x, plane.expand(IMAGES, -1, -1, -1)], dim=1)
        together = F.conv2d(both, weight, seen.block.layer.bias, padding=1)
        u = F.conv2d(planes_by_hand(seen), seen.beside.weight, padding=1)
        assert torch.allclose(together, seen.block.layer(seen.x) + u[k])
        assert torch.allclose(seen.beside.maps(planes_by_hand(seen))[k], u[k] - u.mean(dim=0))


@pytest.mark.parametrize("gate", GATES)
def test_directions_are_the_gradient_of_the_loss_written_out(gate: Gate) -> None:
    seen = seen_of()
    z = seen.block.layer(seen.x)
    g = by_hand(seen, z)
    order = (seen.layout.targets[:, None] + torch.arange(CLASSES)) % CLASSES
    loss = gate.loss(g.gather(1, order), 1.0).mean()
    rule = ForwardForward(gate=gate, label_at=PLACE)
    assert torch.allclose(rule.loss(seen), loss)
    layer = seen.block.layer
    grads = torch.autograd.grad(loss, [layer.weight, layer.bias, seen.beside.weight])
    got = rule.direction(seen, None).dense(layer)
    for name, grad in zip(("weight", "bias", "beside.weight"), grads, strict=True):
        assert grad.norm() > 0
        assert relative_error(got[name], grad) < 1e-12


def net_of() -> Any:
    torch.manual_seed(0)
    return cnn6((1, 8, 8), widths=(6, 6), pool_after=(1,))


def test_blocks_of_all_sizes_learn_beside_their_filters_and_are_judged_by_all_labels() -> None:
    net, rule = net_of(), ForwardForward(gate=Softmax(scale=30.0), label_at=PLACE)
    step = LocalStep(rule, Setup(net=net, labels=WAVES, schedule=Schedule(lr=3e-3)))
    modules = step.modules["beside"]
    assert all(isinstance(module, LabelFilters) for module in modules)
    before = [module.weight.clone() for module in modules]
    targets = torch.arange(12) % CLASSES
    images = torch.rand(12, 1, 8, 8, generator=keyed_generator(0, "images")) / 3
    images += 0.5 * WAVES.label_images(images)[targets]
    first = step(Batch(images, targets), torch.Generator())
    for turn in range(60):
        last = step(Batch(images, targets), keyed_generator(turn, "draws"))
    assert (last["loss"] < 0.7 * first["loss"]).all()
    assert not any(torch.equal(module.weight, old) for module, old in zip(modules, before, strict=True))
    scores = block_scores(net, images, WAVES, rule, modules)
    assert scores.shape == (2, 12, CLASSES)
    assert (scores.sum(dim=0).argmax(dim=1) == targets).float().mean() > 0.9


def test_it_keeps_to_the_contract() -> None:
    with pytest.raises(ValueError, match="need convolutions, got a dense layer"):
        check_rule(ForwardForward(gate=Softmax(), label_at=PLACE), num_classes=CLASSES)
    check_rule(ForwardForward(gate=Softmax(), label_at=PLACE), num_classes=CLASSES, kinds=("convolutional",))


def test_refusals_name_what_is_wrong() -> None:
    seen = seen_of()
    with pytest.raises(ValueError, match="need images of 3 labels: use the contrast LabelsBeside"):
        ForwardForward(label_at=PLACE).scores(seen._replace(layout=Layout(seen.layout.targets)))
    with pytest.raises(ValueError, match="at least 2 classes and an odd kernel, got 1 and 3"):
        AtBeside(num_classes=1)
    with pytest.raises(ValueError, match="got 3 and 2"):
        AtBeside(num_classes=3, kernel=2)
    with pytest.raises(ValueError, match="for 3 classes, got 4"):
        PLACE.check(net_of(), 4)
    with pytest.raises(ValueError, match="need convolutions, got a dense layer"):
        PLACE.check(mlp((1, 8, 8), widths=(6,)), 3)
    with pytest.raises(TypeError, match=r"FourierLabels has no image of each label: wrap it in labels\.StreamLabels"):
        LabelsBeside(FourierLabels(3, (8, 8)))(Batch(torch.rand(2, 1, 8, 8), torch.tensor([0, 1])), torch.Generator())  # type: ignore[arg-type]
