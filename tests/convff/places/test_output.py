"""The label at the output: groups of channels against slow oracles written from the definition, in float64."""

import itertools
import math
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from convff import (
    AtImage,
    AtOutput,
    Block,
    ForwardForward,
    HebbianForwardForward,
    ImageData,
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
    Trainer,
    block_scores,
    cnn3,
    fitting_width,
    keyed_generator,
    mlp,
)
from convff.functional import group_goodness
from convff.gates import Gate
from convff.stabilisers import Oja
from labels import NoLabels
from tests.convff.samples import relative_error, seen_of
from tests.golden.cases import CLASSES as EASY_CLASSES
from tests.golden.cases import noise

CLASSES, IMAGES = 3, 5
PLACE = AtOutput(CLASSES)
TARGETS = torch.tensor([2, 0, 1, 0, 2])
GATES: list[Gate] = [Threshold(theta=0.7, scale=0.5), Threshold(scale=0.3), Symmetric(scale=1.0), Softmax(scale=0.5)]
RULES_OF = {
    "ff, mean": lambda gate: ForwardForward(gate=gate, label_at=PLACE),
    "ff, sum": lambda gate: ForwardForward(gate=gate, label_at=PLACE, reduction="sum"),
    "hebbff": lambda gate: HebbianForwardForward(gate=gate, label_at=PLACE),
}


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=keyed_generator(seed, "places"), dtype=torch.float64)


def dense() -> Block:
    return fill(Block(LengthNorm(), nn.Linear(7, 2 * CLASSES)))


def conv(stride: int) -> Block:
    return fill(Block(nn.BatchNorm2d(4, affine=False), nn.Conv2d(4, 2 * CLASSES, 3, stride, padding=1, groups=2)))


def fill(block: Block) -> Block:
    block.double()
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.copy_(drawn(*parameter.shape, seed=parameter.ndim) / 3)
    return block


BLOCKS = {
    "dense": (dense, (7,)),
    "conv": (lambda: conv(1), (4, 4, 3)),
    "conv, stride 2": (lambda: conv(2), (4, 6, 5)),
}


def seen_in(kind: str, targets: Tensor = TARGETS) -> Seen:
    make, shape = BLOCKS[kind]
    return seen_of(make(), drawn(len(targets), *shape, seed=7), Layout(targets))


@torch.no_grad()
def direction(rule: object, seen: Seen) -> dict[str, Tensor]:
    return rule.direction(seen, rule.init(seen.block)).dense(seen.block.layer)


def group(k: int, channels: int = 2 * CLASSES) -> range:
    """The channels of a class."""
    return range(k * channels // CLASSES, (k + 1) * channels // CLASSES)


def goodness_by_loops(a: Tensor, reduction: str) -> Tensor:
    """Goodness `[N, K]`: squares of the units of a group, one channel after another; keeps the graph."""
    rows = []
    for n in range(len(a)):
        of_classes = []
        for k in range(CLASSES):
            squares = torch.cat([a[n, channel].flatten().square() for channel in group(k, a.shape[1])])
            of_classes.append(squares.sum() / (len(squares) if reduction == "mean" else 1))
        rows.append(torch.stack(of_classes))
    return torch.stack(rows)


def softplus(t: Tensor) -> Tensor:
    return torch.logaddexp(torch.zeros_like(t), t)


def losses_by_loops(gate: Gate, g: Tensor, unit_goodness: float) -> Tensor:
    """The loss of each image `[B]`, from the definition."""
    if isinstance(gate, Softmax):
        return F.cross_entropy(gate.scale * g, TARGETS, reduction="none")
    losses = []
    for n, target in enumerate(TARGETS.tolist()):
        right, wrong = g[n, target], [g[n, k] for k in range(CLASSES) if k != target]
        if isinstance(gate, Threshold):
            theta = unit_goodness if gate.theta is None else gate.theta
            pushed = [softplus(gate.scale * (one - theta)) for one in wrong]
            losses.append(softplus(gate.scale * (theta - right)) + sum(pushed) / len(wrong))
        else:
            losses.append(sum(softplus(-gate.scale * (right - one)) for one in wrong) / len(wrong))
    return torch.stack(losses)


@pytest.mark.parametrize("kind", BLOCKS)
@pytest.mark.parametrize("gate", GATES, ids=repr)
@pytest.mark.parametrize("name", RULES_OF)
def test_a_direction_is_the_gradient_of_the_loss_of_groups(name: str, gate: Gate, kind: str) -> None:
    rule, seen = RULES_OF[name](gate), seen_in(kind)
    reduction = "sum" if name == "ff, sum" else "mean"
    a = torch.relu(seen.block.layer(seen.x))
    units = a[0].numel() // CLASSES
    losses = losses_by_loops(gate, goodness_by_loops(a, reduction), units if reduction == "sum" else 1.0)
    # HebbFF's weights are the gates themselves, summed over the images: n / 2s times the gradient of the summed loss.
    loss = losses.sum() * units / (2 * gate.scale) if name == "hebbff" else losses.mean()
    parameters = dict(seen.block.layer.named_parameters())
    grads = torch.autograd.grad(loss, list(parameters.values()))
    got = direction(rule, seen)
    for parameter, grad in zip(parameters, grads, strict=True):
        assert grad.norm() > 1e-3
        assert relative_error(got[parameter], grad) <= 1e-12
    torch.testing.assert_close(rule.loss(seen), loss.detach(), rtol=1e-12, atol=0)


class TestGroupGoodness:
    """Squares of each group of channels."""

    @pytest.mark.parametrize("reduction", ["mean", "sum"])
    @pytest.mark.parametrize("shape", [(4, 6), (4, 6, 5, 3), (4, 3, 2, 2)], ids=str)
    def test_it_is_what_loops_make_of_it(self, shape: tuple[int, ...], reduction: str) -> None:
        a = drawn(*shape)
        got = group_goodness(a, CLASSES, reduction)
        assert got.shape == (4, CLASSES)
        assert relative_error(got, goodness_by_loops(a, reduction)) <= 1e-14

    @pytest.mark.parametrize("shape", [(4, 600), (4, 6, 40, 30)], ids=str)
    def test_bfloat16_is_added_up_in_float32(self, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
        a = drawn(*shape).relu().bfloat16()
        exact = goodness_by_loops(a.double(), "sum")
        for cached in (2**20, 10_000):  # all samples at once, and one at a time
            monkeypatch.setattr("convff.functional.CACHED", cached)
            got = group_goodness(a, CLASSES, "sum")
            assert got.dtype == torch.float32
            assert ((got.double() - exact).abs() / exact).max() <= 1e-6
        rounded = group_goodness(a, CLASSES, "sum").bfloat16().double()  # what bfloat16 would do to it, at the least
        assert ((rounded - exact).abs() / exact).max() > 1e-4

    def test_channels_last_is_the_same(self) -> None:
        a = drawn(4, 6, 5, 3)
        last = a.contiguous(memory_format=torch.channels_last)
        assert last.stride() != a.stride()
        torch.testing.assert_close(group_goodness(last, CLASSES), group_goodness(a, CLASSES), rtol=1e-14, atol=0)

    @pytest.mark.parametrize("shape", [(4, 6), (4, 6, 5, 3)], ids=str)
    @pytest.mark.parametrize("name", RULES_OF)
    def test_what_units_contribute_adds_up_to_it(self, name: str, shape: tuple[int, ...]) -> None:
        rule, a = RULES_OF[name](Symmetric()), drawn(*shape)
        summed = rule.contribution(a).reshape(4, CLASSES, -1).sum(dim=2)
        assert relative_error(summed, rule.goodness(a)) <= 1e-14


@st.composite
def goodness_and_targets(draw: st.DrawFn) -> tuple[Tensor, Tensor]:
    classes, images = draw(st.integers(2, 7)), draw(st.integers(1, 5))
    rows = st.lists(st.floats(0, 1e6, width=32), min_size=classes, max_size=classes)
    g = torch.tensor(draw(st.lists(rows, min_size=images, max_size=images)))
    return g, torch.tensor(draw(st.lists(st.integers(0, classes - 1), min_size=images, max_size=images)))


@given(goodness_and_targets(), st.integers(1, 3), st.booleans())
@settings(deadline=None, derandomize=True)
def test_right_first_and_back_to_the_channels_of_each_class(
    drawn_goodness: tuple[Tensor, Tensor], width: int, convolutional: bool
) -> None:
    g, targets = drawn_goodness
    (images, classes), layout = g.shape, Layout(targets)
    place, a = AtOutput(classes), torch.empty(images, classes * width, *(2, 2) * convolutional)
    rotated = place.right_first(g, layout)
    assert torch.equal(rotated[:, 0], g[range(images), targets])
    back = place.gate_units(rotated, a, layout)
    assert back.shape == (images, classes * width, *(1, 1) * convolutional)
    assert torch.equal(back.reshape(images, classes, width), g[:, :, None].expand(-1, -1, width))


def gate_by_the_paper(g: Tensor, target: int, k: int, theta: float) -> float:
    """Equation 2 of the HebbFF paper for the group of class k; the wrong groups share the weight of one."""
    if k == target:
        return 1 / (1 + math.exp(g[k].item() - theta))
    return -1 / (1 + math.exp(theta - g[k].item())) / (CLASSES - 1)


def responses(seen: Seen) -> Iterator[tuple[int, int, Tensor, float]]:
    """Image, channel, what it sees and its activity at each position, by loops; for a dense layer."""
    weight, bias = seen.block.layer.weight.detach(), seen.block.layer.bias.detach()
    for n, channel in itertools.product(range(len(seen.x)), range(len(weight))):
        yield n, channel, seen.x[n], max(0.0, (weight[channel] @ seen.x[n] + bias[channel]).item())


THETA = 0.6


def test_each_group_is_gated_by_its_own_class_alone() -> None:
    seen = seen_in("dense")
    g = goodness_by_loops(seen.a, "mean")
    expected = torch.zeros_like(seen.block.layer.weight)
    for n, channel, x, a in responses(seen):
        (k,) = [k for k in range(CLASSES) if channel in group(k)]
        expected[channel] -= gate_by_the_paper(g[n], TARGETS[n].item(), k, THETA) * a * x
    got = direction(HebbianForwardForward(gate=Threshold(theta=THETA), label_at=PLACE), seen)
    assert relative_error(got["weight"], expected.detach()) <= 1e-12


@pytest.mark.parametrize("kind", ["dense", "conv"])
def test_a_stabilised_rule_forgets_channel_by_channel(kind: str) -> None:
    """Oja's term with the gate of each channel: `-lambda sum_n |c_nk| a_nk^2 w_k`, over all positions too."""
    seen = seen_in(kind)
    bare = HebbianForwardForward(gate=Threshold(theta=THETA), label_at=PLACE)
    g = goodness_by_loops(seen.a, "mean")
    expected = {name: torch.zeros_like(w) for name, w in seen.block.layer.named_parameters()}
    for n, k in itertools.product(range(IMAGES), range(CLASSES)):
        c = gate_by_the_paper(g[n], TARGETS[n].item(), k, THETA)
        for channel in group(k):
            for a in seen.a[n, channel].flatten().tolist():
                for name, w in seen.block.layer.named_parameters():
                    expected[name][channel] += 0.3 * abs(c) * a**2 * w[channel].detach()
    stabilised = direction(Stabilised(rule=bare, stabilisers=(Oja(strength=0.3),)), seen)
    without = direction(bare, seen)
    for name, term in expected.items():
        assert term.norm() > 0.01
        assert relative_error(stabilised[name] - without[name], term.detach()) <= 1e-12


@pytest.mark.parametrize("kind", ["dense", "conv, stride 2"])
@pytest.mark.parametrize("gate", GATES, ids=repr)
def test_classes_may_change_places(gate: Gate, kind: str) -> None:
    """Targets and groups of channels permuted together: so is the direction."""
    seen, order = seen_in(kind), torch.tensor([2, 0, 1])  # class k is called order[k] now
    moved = torch.tensor([channel for k in order.argsort().tolist() for channel in group(k)])
    renamed = seen_in(kind, order[TARGETS])
    if isinstance(seen.block.layer, nn.Conv2d):  # of groups that see different channels, none can move to another place
        seen, renamed = (ungrouped(one) for one in (seen, renamed))
    with torch.no_grad():
        for parameter in renamed.block.layer.parameters():
            parameter.copy_(parameter[moved])
        renamed = renamed._replace(a=renamed.block.activity(renamed.x))
    assert torch.allclose(renamed.a, seen.a[:, moved], rtol=1e-12)
    for make in RULES_OF.values():
        rule = make(gate)
        for parameter, expected in direction(rule, seen).items():
            got = direction(rule, renamed)[parameter]
            assert relative_error(got, expected[moved]) <= 1e-12
            assert relative_error(got, expected) > 1e-3


def ungrouped(seen: Seen) -> Seen:
    block = fill(Block(seen.block.norm, nn.Conv2d(4, 2 * CLASSES, 3, 2, padding=1)))
    with torch.no_grad():
        return seen._replace(block=block, a=block.activity(seen.x))


@pytest.mark.parametrize("kind", BLOCKS)
def test_fully_open_gates_weigh_what_a_stabiliser_is_told(kind: str) -> None:
    seen, gate = seen_in(kind), Symmetric(scale=3.0)
    units = seen.a[0].numel() // CLASSES
    expected = {"ff, mean": 2 * gate.scale / units, "ff, sum": 2 * gate.scale, "hebbff": IMAGES}
    for name, open_weight in expected.items():
        found = RULES_OF[name](gate).gating(seen)
        assert found.open_weight == pytest.approx(open_weight, rel=1e-12)
        assert found.c.shape == (IMAGES, 2 * CLASSES, *[1] * (seen.a.ndim - 2))
        assert found.c.abs().max() <= open_weight / IMAGES


def test_what_a_step_shows() -> None:
    """An image is silent if no group is active, and a decision is between the right group and a wrong one."""
    seen = seen_in("dense")
    a = torch.zeros(IMAGES, 2 * CLASSES, dtype=torch.float64)
    a[0, 5] = a[1, 0] = a[1, 2] = a[2, 4] = 2.0  # right; a tie with class 1; wrong; two images are silent
    metrics = ForwardForward(label_at=PLACE).gating(seen._replace(a=a)).metrics
    assert metrics["silent"].item() == pytest.approx(2 / IMAGES)
    assert metrics["discrimination"].item() == pytest.approx((2 + 1 + 0 + 0 + 0) / (IMAGES * (CLASSES - 1)))
    assert metrics["goodness"].item() == pytest.approx(4 * 2.0 / (IMAGES * CLASSES))


@pytest.mark.parametrize("place", [PLACE, AtImage()], ids=repr)
def test_passes_that_a_place_cannot_compare_are_refused(place: object) -> None:
    passes, message = (
        (2, "an image takes one pass and no label images, got 2") if place == PLACE else (1, "a right and a wrong pass")
    )
    for layout in (Layout(TARGETS, passes=passes), Layout(TARGETS, passes=3 - passes, stream=4)):
        with pytest.raises(ValueError, match=message if not layout.stream else "one pass|label images"):
            place.right_first(torch.rand(layout.rows), layout)


class TestWidths:
    """Layers need channels for every class alike."""

    @given(st.integers(1, 2000), st.integers(2, 101))
    @settings(deadline=None, derandomize=True)
    def test_no_fitting_width_is_nearer(self, width: int, classes: int) -> None:
        fitting = fitting_width(width, classes)
        assert fitting == AtOutput(classes).fitting(width)
        assert fitting % classes == 0
        assert fitting >= classes
        for other in (fitting - classes, fitting + classes):
            if other >= classes:
                assert (abs(fitting - width), -fitting) < (abs(other - width), -other)  # the larger of two as near

    def test_a_network_that_does_not_fit_is_refused_with_the_nearest_width(self) -> None:
        message = "block 2 has 8 channels, which do not make 3 equal groups, one per class: the nearest .* is 9$"
        odd = mlp((1, 2, 2), widths=(6, 8, 7))
        with pytest.raises(ValueError, match=message):
            PLACE.check(odd, CLASSES)
        for rule in (ForwardForward(label_at=PLACE), Stabilised(rule=HebbianForwardForward(label_at=PLACE))):
            with pytest.raises(ValueError, match=message):
                LocalStep(rule, Setup(net=odd, labels=NoLabels(CLASSES)))
        PLACE.check(mlp((1, 2, 2), widths=(6, 9, 3)), CLASSES)
        AtImage().check(odd, CLASSES)

    def test_one_class_is_refused(self) -> None:
        with pytest.raises(ValueError, match="at least 2 classes and 1 region, got 1 and 1"):
            AtOutput(1)


def tiny() -> LayerLocalNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return cnn3((3, 8, 8), width=2 * EASY_CLASSES, kernel=3, stride=2)


@pytest.mark.parametrize(
    "made",
    [
        ForwardForward(gate=Softmax(), label_at=AtOutput(EASY_CLASSES)),
        HebbianForwardForward(label_at=AtOutput(EASY_CLASSES)),
    ],
    ids=["ff", "hebbff"],
)
def test_it_learns(made: ForwardForward | HebbianForwardForward) -> None:
    data, labels, net = ImageData(*noise(3, 120), tuple("abcd"), "noise"), NoLabels(EASY_CLASSES), tiny()
    for k in range(EASY_CLASSES):  # a bright row per class: length normalisation leaves little of the brightness
        data.images[data.classes == k, :, 2 * k] = 255

    def accuracy() -> float:
        scores = block_scores(net, data.images / 255, labels, made)
        assert scores.shape == (3, 120, EASY_CLASSES)
        return (scores.sum(dim=0).argmax(dim=1) == data.classes).float().mean().item()

    before = accuracy()
    list(Trainer(net, labels, made, schedule=Schedule(epochs=10, batch_size=12, lr=0.01)).fit(data))
    assert before < 0.5
    assert accuracy() > 0.85
