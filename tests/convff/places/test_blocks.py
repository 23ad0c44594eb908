"""Labels in every block: against autograd, against the exact form, and against leaks."""

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from convff import (
    AtBlocks,
    Batch,
    Block,
    ForwardForward,
    HebbianForwardForward,
    LayerLocalNet,
    Layout,
    LengthNorm,
    LocalStep,
    Schedule,
    Seen,
    Setup,
    Softmax,
    Stabilised,
    Symmetric,
    Threshold,
    cnn6,
    keyed_generator,
)
from convff.gates import Gate
from convff.places.blocks import LabelTerms
from convff.rules import Autograd
from convff.stabilisers import Oja
from labels import NoLabels
from tests.convff.samples import relative_error

CLASSES, IMAGES = 3, 5
GATES: list[Gate] = [Softmax(scale=3.0), Symmetric(scale=2.0), Threshold(theta=0.4, scale=1.5)]


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=keyed_generator(seed, "blocks"), dtype=torch.float64)


def block_of(kind: str) -> Block:
    layer = nn.Linear(6, 4) if kind == "dense" else nn.Conv2d(2, 4, 3, padding=1)
    block = Block(LengthNorm(), layer).double()
    with torch.no_grad():
        for index, parameter in enumerate(block.parameters()):
            parameter.copy_(drawn(*parameter.shape, seed=index + 1) / 2)
    return block


def seen_of(block: Block, place: AtBlocks) -> Seen:
    shape = (IMAGES, 6) if isinstance(block.layer, nn.Linear) else (IMAGES, 2, 4, 4)
    beside = place.beside(block, keyed_generator(0, "terms")).double()
    with torch.no_grad():
        x = block.normalised(drawn(*shape, seed=7))
        z = block.layer(x)
        return Seen(block, x, torch.relu(z), Layout(torch.tensor([0, 1, 2, 1, 0])), z, beside)


def by_hand(seen: Seen, place: AtBlocks, *, exact: bool) -> Tensor:
    """Goodness `[B, K]` as a function of the parameters, with a graph, image by image and label by label."""
    z = seen.block.layer(seen.x)
    terms = seen.beside.terms - seen.beside.terms.mean(dim=0)
    rows = []
    for n in range(IMAGES):
        row = []
        for k in range(CLASSES):
            v = terms[k]
            if z.ndim == 4:
                repeats = z.shape[2] // place.regions
                v = v.repeat_interleave(repeats, 1).repeat_interleave(repeats, 2)
                v = v.expand_as(z[n])
            else:
                v = v.flatten()
            if exact:
                row.append(torch.relu(z[n] + v).square().mean())
            else:
                a, m = torch.relu(z[n]), (z[n] > 0).to(z.dtype)
                row.append((a.square() + 2 * a * v + m * v.square()).mean())
        rows.append(torch.stack(row))
    return torch.stack(rows)


def right_first(g: Tensor, targets: Tensor) -> Tensor:
    return torch.stack([row.roll(-int(target)) for row, target in zip(g, targets, strict=True)])


def gradients(loss: Tensor, seen: Seen) -> dict[str, Tensor]:
    parameters = dict(seen.block.layer.named_parameters()) | {"beside.terms": seen.beside.terms}
    return dict(zip(parameters, torch.autograd.grad(loss, list(parameters.values())), strict=True))


SETTINGS = [("dense", 1, False), ("dense", 1, True), *itertools.product(["conv"], [1, 2, 4], [False, True])]


@pytest.mark.parametrize(("kind", "regions", "exact"), SETTINGS)
@pytest.mark.parametrize("gate", GATES, ids=repr)
def test_the_direction_is_the_gradient(kind: str, regions: int, exact: bool, gate: Gate) -> None:
    place = AtBlocks(num_classes=CLASSES, regions=regions, exact=exact)
    rule = ForwardForward(gate=gate, label_at=place)
    seen = seen_of(block_of(kind), place)
    g = by_hand(seen, place, exact=exact)
    with torch.no_grad():
        torch.testing.assert_close(rule.scores(seen), g, rtol=1e-12, atol=1e-14)
        update = rule.direction(seen, None).dense(seen.block.layer)
    loss = gate.loss(right_first(g, seen.layout.targets), 1.0).mean()
    for name, gradient in gradients(loss, seen).items():
        assert gradient.norm() > 0
        assert relative_error(update[name], gradient) <= 1e-12, name
    by_graph = Autograd(rule=rule).direction(seen, None).dense(seen.block.layer)
    for name, gradient in by_graph.items():
        assert relative_error(update[name], gradient) <= 1e-12, name


@pytest.mark.parametrize("exact", [False, True])
def test_hebbff_is_ff_up_to_a_factor(exact: bool) -> None:
    place, gate = AtBlocks(num_classes=CLASSES, exact=exact), Softmax(scale=3.0)
    seen = seen_of(block_of("conv"), place)
    with torch.no_grad():
        ff = ForwardForward(gate=gate, label_at=place).direction(seen, None).dense(seen.block.layer)
        hebbff = HebbianForwardForward(gate=gate, label_at=place).direction(seen, None).dense(seen.block.layer)
    factor = 2 * 3.0 / (seen.a[0].numel() * IMAGES)
    for name, direction in ff.items():
        torch.testing.assert_close(direction, factor * hebbff[name], rtol=1e-12, atol=1e-15)


def test_both_forms_agree_where_no_label_changes_which_units_are_active() -> None:
    frozen, exact = (AtBlocks(num_classes=CLASSES, exact=exact, start=1e-4) for exact in (False, True))
    block = block_of("conv")
    seen = seen_of(block, frozen)
    away = seen.z.abs().min().item()
    assert away > 2e-3  # no unit is near its threshold
    gate = Softmax(scale=3.0)
    with torch.no_grad():
        updates = [
            ForwardForward(gate=gate, label_at=place).direction(seen, None).dense(block.layer)
            for place in (frozen, exact)
        ]
    for name, direction in updates[0].items():
        assert relative_error(direction, updates[1][name]) <= 1e-9, name


def net_of(seed: int = 0) -> LayerLocalNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return cnn6((1, 8, 8), widths=(6, 6, 6), pool_after=(1,)).double()


def step_of(net: LayerLocalNet, **options: Any) -> LocalStep:
    rule = ForwardForward(gate=Softmax(scale=20.0), label_at=AtBlocks(num_classes=CLASSES, **options))
    return LocalStep(rule, Setup(net=net, labels=NoLabels(CLASSES), schedule=Schedule(optimizer="orthogonal", lr=0.02)))


def batch_of(seed: int = 0) -> Batch:
    """Images whose class is the brightness of a third of their rows."""
    targets = torch.arange(24) % CLASSES
    images = torch.rand(24, 1, 8, 8, generator=keyed_generator(seed, "batch"), dtype=torch.float64)
    for image, target in zip(images, targets.tolist(), strict=True):
        image[:, 2 * target : 2 * target + 2] += 0.5
    return Batch(images, targets)


def test_a_block_learns_the_same_whatever_the_layers_above_hold() -> None:
    ends = []
    for above in (0.0, 1.0):
        net = net_of()
        step = step_of(net)
        with torch.no_grad():
            net.blocks[2].layer.weight.add_(above)
            step.modules["beside"][2].terms.add_(above)
        step(batch_of(), keyed_generator(0, "draws"))
        ends.append([net.blocks[0].layer.weight.detach().clone(), step.modules["beside"][1].terms.detach().clone()])
    assert all(torch.equal(one, other) for one, other in zip(*ends, strict=True))


def test_what_a_block_passes_up_never_contains_the_label() -> None:
    """In training mode too: shuffled labels leave every activity of the step as it is, to the bit."""
    passed: list[list[Tensor]] = []
    for shift in (0, 1):
        net = net_of()
        step, batch = step_of(net), batch_of()
        passed.append([])
        keep = passed[-1].append
        hooks = [block.norm.register_forward_hook(lambda *call, keep=keep: keep(call[2].clone())) for block in net]
        net.train()
        step(Batch(batch.inputs, (batch.targets + shift) % CLASSES), keyed_generator(0, "draws"))
        for hook in hooks:
            hook.remove()
    assert len(passed[0]) == 3
    assert all(torch.equal(one, other) for one, other in zip(*passed, strict=True))


@pytest.mark.parametrize("options", [{}, {"exact": True}, {"regions": 2}])
def test_it_learns(options: dict[str, Any]) -> None:
    net = net_of()
    step = step_of(net, **options)
    before = [module.terms.detach().clone() for module in step.modules["beside"]]
    first = step(batch_of(), keyed_generator(0, "draws"))["discrimination"]
    for number in range(30):
        last = step(batch_of(number), keyed_generator(0, "draws"))["discrimination"]
    assert (last[1:] > 0.85).all()  # the first block sees 3 x 3 pixels
    assert (last[1:] > first[1:]).all()
    assert all((module.terms - b).abs().max() > 1e-3 for module, b in zip(step.modules["beside"], before, strict=True))


def test_label_terms_are_the_same_for_a_seed_and_differ_between_blocks() -> None:
    one, again, other = (
        LocalStep(
            ForwardForward(label_at=AtBlocks(num_classes=CLASSES)),
            Setup(net=net_of(), labels=NoLabels(CLASSES), seed=seed),
        ).modules["beside"]
        for seed in (0, 0, 1)
    )
    assert torch.equal(one[1].terms, again[1].terms)
    assert not torch.equal(one[1].terms, other[1].terms)
    assert not torch.equal(one[1].terms, one[2].terms)
    assert isinstance(one[0], LabelTerms)


def test_what_does_not_fit_is_refused() -> None:
    place = AtBlocks(num_classes=CLASSES, regions=3)
    with pytest.raises(ValueError, match="3 x 3 regions must divide the map evenly, got a map of 4 x 4"):
        ForwardForward(label_at=place).direction(seen_of(block_of("conv"), place), None)
    with pytest.raises(ValueError, match="for 3 classes, got 4"):
        LocalStep(ForwardForward(label_at=place), Setup(net=net_of(), labels=NoLabels(4)))
    with pytest.raises(ValueError, match="at least 2 classes and 1 region, got 1 and 1"):
        AtBlocks(num_classes=1)
    place = AtBlocks(num_classes=CLASSES)
    rule = Stabilised(rule=ForwardForward(label_at=place), stabilisers=(Oja(),))
    seen = seen_of(block_of("conv"), place)
    with pytest.raises(ValueError, match="this place of the label has none"):
        rule.direction(seen, rule.init(seen.block))
