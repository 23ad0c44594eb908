"""The one wiring: what a route visits, and networks that have another."""

from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from convff import (
    MODELS,
    RULES,
    Batch,
    Block,
    ImageData,
    LayerLocalNet,
    LengthNorm,
    LocalStep,
    OneProcess,
    Schedule,
    Setup,
    Trainer,
    block_goodness,
    keyed_generator,
)
from convff.models.resnet import ResidualNet, resnet, shortcut
from convff.network import Entered, Visit
from labels import FourierLabels, LayerwiseLabels
from tests.convff.samples import seen_of

SIZE = (8, 8)
LABELS = FourierLabels(4, SIZE)
OPTIONS = {  # a network's name, and what is special
    "cnn3": {"width": 4, "kernel": 3},
    "cnn6": {"widths": (4, 5, 6), "pool_after": (1,)},
    "cnn6 with skips": {"widths": (4, 5, 6, 7), "pool_after": (1, 3), "skip": True},
    "mlp": {"widths": (9, 8)},
    "resnet": {"widths": (4, 6)},
    "deephebb": {"widths": (4, 5)},
    "local_fields": {"widths": (4, 3), "field": 4, "stride": 2},
    "resnet_he": {"depth": 8, "widths": (4, 5, 6)},
    "deephebb of SoftHebb": {"widths": (4, 5), "activation": "triangle", "padding": "reflect"},
}


NOT_HERE = {"fasthebb", "recurrent_mlp", "recurrent_local"}  # needs larger images; see tests/convff/recurrent


def new(model: str, channels: int = 3, **options: object) -> LayerLocalNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return MODELS[model.partition(" ")[0]]((channels, *SIZE), **OPTIONS[model], **options)


def test_every_network_is_tested() -> None:
    assert {name.partition(" ")[0] for name in OPTIONS} == set(MODELS) - NOT_HERE


@pytest.mark.parametrize("model", OPTIONS)
@pytest.mark.parametrize("stop", [0, 1, 2, None])
def test_a_route_visits_in_order_and_stops(model: str, stop: int | None) -> None:
    net, visited = new(model).eval(), []
    x = torch.rand(2, 3, *SIZE)
    activities = net(x)

    def visit(index: int, block: Block, h: Tensor) -> Tensor:
        assert block is net.blocks[index]
        a = block(h)
        assert torch.equal(a, activities[index])
        visited.append(index)
        return a

    net.route(x, visit, stop=stop)
    assert visited == list(range(len(net)))[:stop]


@pytest.mark.parametrize("model", OPTIONS)
def test_a_route_may_be_entered_before(model: str) -> None:
    net = new(model, 3 + 4, label_channels=4).eval()
    x = LayerwiseLabels(4, SIZE)(torch.rand(2, 3, *SIZE), torch.tensor([0, 3]))
    seen: list[list[Tensor]] = [[], []]

    def visit_into(into: list[Tensor]) -> Visit:
        def visit(index: int, block: Block, h: Tensor) -> Tensor:
            into.append(h)
            return block(h)

        return visit

    net.route(x, visit_into(seen[0]))
    net.route(net.enter(x), visit_into(seen[1]))
    assert len(seen[0]) == len(net)
    for one, other in zip(*seen, strict=True):
        assert torch.equal(one, other)


def test_a_residual_block_sees_the_sum_of_its_skip_and_the_pair() -> None:
    net = resnet((3, *SIZE), widths=(4, 6)).eval()
    x = torch.rand(2, 3, *SIZE)
    first, inner, second, _, last = net(x)
    assert isinstance(net, ResidualNet)
    inputs: list[Tensor] = []

    def visit(index: int, block: Block, h: Tensor) -> Tensor:
        inputs.append(h)
        return block(h)

    net.route(x, visit)
    assert torch.equal(inputs[1], first)
    assert torch.equal(inputs[2], inner)
    pooled = nn.functional.max_pool2d(second, 2) + nn.functional.avg_pool2d(first, 2)
    torch.testing.assert_close(inputs[3], pooled)
    assert last.shape == (2, 6, 4, 4)


def test_a_shortcut_has_no_parameters_and_adds_zeros() -> None:
    skip = torch.rand(1, 2, 4, 4)
    wider = shortcut(skip, (3, 4, 4))
    assert torch.equal(wider[:, :2], skip)
    assert not wider[:, 2].any()
    assert not list(resnet((3, *SIZE)).blocks[0].norm.parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel": 2}, "kernel must be odd, got 2"),
        ({"widths": (8, 4)}, "widths must not descend"),
        ({"widths": (4, 4, 4, 4, 4)}, "4 poolings are too many for images of 8 x 8"),
    ],
)
def test_residual_networks_that_cannot_be_built(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        resnet((3, *SIZE), **options)  # type: ignore[arg-type]


class Twice(LayerLocalNet):
    """A network whose route visits its only block twice: first with the input, then with its own activity."""

    repeats: ClassVar[bool] = True

    def route(self, x: Tensor | Entered, visit: Visit, stop: int | None = None) -> None:
        h, _ = self.enter(x)
        block = self.blocks[0]
        for _ in range(2):
            h = visit(0, block, h)  # type: ignore[arg-type]


def twice() -> Twice:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Twice([Block(LengthNorm(), nn.Conv2d(3, 3, 3, padding=1))]).double()


@pytest.mark.parametrize("rule", ["ff", "hebbff"])
@pytest.mark.parametrize("schedule", [Schedule(optimizer="sgd", momentum=momentum, lr=0.1) for momentum in (0.0, 0.9)])
def test_a_block_that_is_visited_twice_steps_once_along_the_sum(rule: str, schedule: Schedule) -> None:
    made, net, images = RULES[rule](), twice(), torch.rand(6, 3, *SIZE, dtype=torch.float64)
    batch, block = Batch(images, torch.arange(6) % 4), net.blocks[0]
    step = LocalStep(made, Setup(net=net, labels=LABELS, schedule=schedule))
    h, layout = step.contrast(batch, keyed_generator(0, "draw"))
    expected = twice().blocks[0].layer
    with torch.no_grad():
        total: dict[str, Tensor] = {}
        for _ in range(2):
            seen = seen_of(block, h, layout)
            update = made.direction(seen, None)
            for name, direction in update.dense(block.layer).items():
                total[name] = total.get(name, 0) + direction
            h = seen.a
    optimizer = schedule.make_optimizer(expected.parameters())
    for name, parameter in expected.named_parameters():
        parameter.grad = total[name]
    optimizer.step()
    metrics = step(batch, keyed_generator(0, "draw"))
    assert metrics["loss"].shape == (1,)
    for name, parameter in expected.named_parameters():
        torch.testing.assert_close(dict(block.layer.named_parameters())[name], parameter, rtol=1e-12, atol=1e-14)


def test_a_block_that_is_visited_twice_in_two_processes_sums_once() -> None:
    class Counting(OneProcess):
        sums = 0

        def start_sum(self, tensors, weight):  # type: ignore[no-untyped-def]
            self.sums += 1
            return super().start_sum(tensors, weight)

    processes = Counting()
    step = LocalStep(RULES["ff"](), Setup(net=twice(), labels=LABELS, processes=processes))
    batch = Batch(torch.rand(6, 3, *SIZE, dtype=torch.float64), torch.arange(6) % 4)
    step(batch, keyed_generator(0, "draw"))
    assert processes.sums == 1


def test_a_network_of_ones_own_trains_and_infers() -> None:
    net = twice().float()
    images = torch.randint(256, (12, 3, *SIZE), generator=keyed_generator(0, "images")).byte()
    data = ImageData(images, torch.arange(12) % 4, tuple("abcd"), "noise")
    for record in Trainer(net, LABELS, RULES["ff"](), schedule=Schedule(batch_size=6)).fit(data):
        assert len(record.metrics["loss"]) == 1
    assert block_goodness(net, images[:2] / 255, LABELS).shape == (2, 2, 4)  # two visits
