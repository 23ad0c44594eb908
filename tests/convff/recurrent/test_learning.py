"""Learning while a network settles: against autograd with the old states detached, in float64."""

import pytest
import torch
from torch import Tensor, nn

from convff import (
    ImageData,
    LabelContrast,
    Layout,
    RecurrentForwardForward,
    Schedule,
    Setup,
    Softmax,
    Symmetric,
    Threshold,
    Trainer,
    as_floats,
    keyed_generator,
    start,
    sum_goodness,
)
from convff.data import Batch
from convff.gates import Gate
from convff.local_linear import LocalLinear
from convff.models import mlp, recurrent_local, recurrent_mlp
from convff.network import Block
from convff.recurrent import BelowAlone, RecurrentNet, Settling, settled_goodness
from convff.recurrent.lesson import Lesson
from convff.recurrent.step import RecurrentStep
from labels import NoLabels
from tests.convff.samples import Two

CLASSES, SHAPE = 3, (1, 3, 4)
LABELS = torch.tensor([[0, 1], [2, 0], [1, 2], [2, 1]])
LAYOUT = Layout(LABELS[:, 0], LABELS, 2)
GATES: list[Gate] = [Threshold(scale=0.3), Symmetric(scale=0.1), Softmax(scale=0.1)]


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=keyed_generator(seed, "recurrent"), dtype=torch.float64)


IMAGES, SQUARES = drawn(4, *SHAPE).abs(), drawn(4, 2, 4, 4).abs()


def images_of(net: RecurrentNet) -> Tensor:
    return IMAGES if net.order is None else SQUARES


def filled(net: RecurrentNet) -> RecurrentNet:
    net.double()
    with torch.no_grad():
        for number, parameter in enumerate(net.parameters()):
            parameter.copy_(drawn(*parameter.shape, seed=number) / 2)
        for block in net:
            if isinstance(block.layer, LocalLinear):
                block.layer.constrain_()
    return net


def dense(depth: int = 3) -> RecurrentNet:
    return filled(recurrent_mlp(SHAPE, classes=CLASSES, widths=(7, 5, 6)[:depth]))


def local() -> RecurrentNet:
    """Two layers with windows: the first sees parts of the image and of the second, which sees parts of the first."""
    first = torch.tensor([[0, 1, 2, -1, 12, 13], [6, 7, 8, 9, 13, -1], [8, 9, 10, 11, -1, 14]])  # 12 pixels, then above
    second = torch.tensor([[0, 1, 2, 6, 7, 8], [3, 4, 5, 6, 7, 8], [2, 3, -1, 6, 7, 8]])  # 6 units, then classes
    blocks = [
        Block(BelowAlone(3), LocalLinear(first, 2, 12 + 3)),
        Block(BelowAlone(CLASSES), LocalLinear(second, 1, 6 + CLASSES)),
    ]
    return filled(RecurrentNet(blocks, columns=(4, 3)))


def tiles() -> RecurrentNet:
    """Three layers of 4 x 4 places in tiles of 2 x 2: units of a tile share a window, of which each sees a part."""
    return filled(recurrent_local((2, 4, 4), classes=CLASSES, depth=3, units=1, field=3, tile=2, centre=0.5))


NETS = {"one layer": lambda: dense(1), "three layers": dense, "local fields": local, "tiles": tiles}


def rms(x: Tensor) -> Tensor:
    return x / (x.square().mean(dim=1, keepdim=True) + 1e-8).sqrt()


def dense_weight(layer: nn.Module) -> Tensor:
    """The weight of the dense layer that does the same, with a graph."""
    if isinstance(layer, nn.Linear):
        return layer.weight
    whole = layer.weight.new_zeros(layer.out_features, layer.in_features + 1)
    sources = layer.sources.repeat_interleave(layer.units, dim=0)
    return whole.scatter_add(1, sources, layer.weight)[:, : layer.in_features]


def connected(net: RecurrentNet, name: str, parameter: Tensor) -> Tensor:
    """The gradient of a parameter, without what is no connection: there a drawn weight is 0."""
    assert parameter.grad is not None
    exists = (parameter != 0) if net.order is not None and name == "weight" else torch.ones_like(parameter)
    return parameter.grad * exists


def settle_by_hand(net: RecurrentNet, iterations: int, damping: float, *, alternating: bool = False):
    """Yield the states after each iteration, with a graph through that iteration alone; one pass after another."""
    layers = [block.layer for block in net]
    images = IMAGES if net.order is None else SQUARES - 0.5
    pixels = rms(images.flatten(1).repeat_interleave(2, dim=0))
    top = rms(nn.functional.one_hot(LABELS.flatten(), CLASSES).double())
    states, below = [], pixels
    for layer in layers:
        z = below @ dense_weight(layer)[:, : below.shape[1]].T + layer.bias
        states.append(torch.relu(z).detach())
        below = rms(states[-1])
    for _ in range(iterations):
        new: list[Tensor] = list(states)
        order = [*range(1, len(layers), 2), *range(0, len(layers), 2)] if alternating else range(len(layers))
        for index in order:
            read = new if alternating else states
            around = [pixels, *(rms(state.detach()) for state in read), top]
            x = torch.cat([around[index], around[index + 2]], dim=1)
            z = x @ dense_weight(layers[index]).T + layers[index].bias
            new[index] = (1 - damping) * states[index] + damping * torch.relu(z)
        yield new
        states = [state.detach() for state in new]


def step_of(net: RecurrentNet, **options: object) -> RecurrentStep:
    return RecurrentForwardForward(**options).start(Setup(net=net, labels=NoLabels(CLASSES)))


@pytest.mark.parametrize("make", NETS.values(), ids=NETS)
@pytest.mark.parametrize("gate", GATES, ids=repr)
@pytest.mark.parametrize("reduction", ["sum", "mean", "minus_sum", "activity"])
@pytest.mark.parametrize(
    ("iterations", "learn_from", "damping", "updates"),
    [
        (1, 1, 1.0, "synchronous"),
        (1, 1, 0.7, "synchronous"),
        (3, 1, 1.0, "synchronous"),
        (3, 1, 0.7, "synchronous"),
        (3, 2, 0.7, "synchronous"),
        (3, 1, 0.7, "alternating"),
    ],
)
def test_the_direction_is_the_gradient_with_old_states_held(
    make, gate: Gate, reduction: str, iterations: int, learn_from: int, damping: float, updates: str
) -> None:
    net = make()
    rule = {"gate": gate, "reduction": reduction, "iterations": iterations, "damping": damping, "updates": updates}
    step = step_of(net, **rule, learn_from=learn_from, counted=(1, 1))
    with torch.no_grad():
        directions, metrics = step.directions(images_of(net), LAYOUT)
    losses = []
    by_hand = settle_by_hand(net, iterations, damping, alternating=updates == "alternating")
    for number, states in enumerate(by_hand, start=1):
        for state in states if number >= learn_from else []:
            units = state.shape[1]
            g = state.sum(dim=1) if reduction == "activity" else state.square().sum(dim=1)
            g = g if "sum" in reduction else g / units
            sign, of_ones = (-1 if "minus" in reduction else 1), float(units) if "sum" in reduction else 1.0
            losses.append(gate.loss(sign * g.view(4, 2), sign * of_ones).mean())
    (torch.stack(losses).sum() / (iterations - learn_from + 1)).backward()
    assert sum(parameter.grad.norm() for parameter in net.parameters()) > 0  # a label takes time to reach all layers
    for block, direction in zip(net, directions, strict=True):
        for name, parameter in block.layer.named_parameters():
            torch.testing.assert_close(direction[name], connected(net, name, parameter), rtol=1e-12, atol=1e-13)
    assert {value.shape for value in metrics.values()} == {(len(net),)}
    assert (metrics["loss"].sum() - torch.stack(losses).sum() / (iterations - learn_from + 1)).abs() <= 1e-12


@pytest.mark.parametrize("make", NETS.values(), ids=NETS)
@pytest.mark.parametrize("alternating", [False, True])
@torch.no_grad()
def test_states_follow_the_equation(make, alternating: bool) -> None:
    net = make()
    updates = "alternating" if alternating else "synchronous"
    settling = Settling(net, images_of(net), LABELS, damping=0.7, updates=updates)
    for states in settle_by_hand(net, 4, 0.7, alternating=alternating):
        for moved, state in zip(settling.iterate(), states, strict=True):
            torch.testing.assert_close(moved.state, state, rtol=1e-12, atol=1e-13)


@torch.no_grad()
def test_alternating_updates_read_new_states() -> None:
    """With one layer both orders agree; with three they do not."""
    for depth, equal in ((1, True), (3, False)):
        net = dense(depth)
        one, other = (Settling(net, IMAGES, LABELS, updates=u) for u in ("synchronous", "alternating"))
        assert torch.equal(one.iterate()[0].state, other.iterate()[0].state) is equal


@torch.no_grad()
def test_two_units_by_hand() -> None:
    """One layer of one unit, one pixel, two classes: z = w rms(x) + v_k sqrt(2), then s <- 0.5 s + 0.5 relu(z)."""
    net = recurrent_mlp((1, 1, 1), classes=2, widths=(1,)).double()
    net.blocks[0].layer.weight.copy_(torch.tensor([[2.0, 1.0, -1.0]]))
    net.blocks[0].layer.bias.fill_(0.5)
    settling = Settling(net, torch.full((1, 1, 1, 1), 3.0, dtype=torch.float64), torch.tensor([[0, 1]]), damping=0.5)
    start, root = 2.5, 2**0.5
    z = torch.tensor([[2.5 + root], [2.5 - root]], dtype=torch.float64)
    expected = 0.5 * start + 0.5 * z
    torch.testing.assert_close(settling.iterate()[0].state, expected, rtol=1e-7, atol=0)
    torch.testing.assert_close(settling.iterate()[0].state, 0.5 * expected + 0.5 * z, rtol=1e-7, atol=0)


@pytest.mark.parametrize("make", [dense, tiles])
@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_layer_learns_the_same_whatever_the_others_weights_become(make, index: int) -> None:
    """Locality: with states held, nothing of another layer's weights is in a layer's direction."""
    net, changed = make(), make()
    rule = RecurrentForwardForward(peer=0.1)
    with torch.no_grad():
        settled, other = (Settling(each, images_of(net), LABELS) for each in (net, changed))
        other.states = [state.clone() for state in settled.states]
        for layer in (block.layer for number, block in enumerate(changed) if number != index):
            for parameter in layer.parameters():
                parameter.mul_(-3)
        found = []
        for each, settling in ((net, settled), (changed, other)):
            lesson = Lesson(each, index, rule, LAYOUT)
            lesson.see(settling._move(index, {}))
            found.append(lesson.direction(settling, torch.full((each.widths[index],), 0.5, dtype=torch.float64))[0])
    assert all(torch.equal(found[0][name], found[1][name]) for name in ("weight", "bias"))
    assert found[0]["weight"].norm() > 0


def test_a_step_makes_no_graph() -> None:
    net = dense()
    with torch.enable_grad():
        metrics = step_of(net)(Batch(IMAGES, LABELS[:, 0]), keyed_generator(0, "step"))
    assert all(parameter.requires_grad and parameter.grad is None for parameter in net.parameters())
    assert not any(value.requires_grad for value in metrics.values())


def test_a_layer_whose_new_input_is_never_positive_is_silent() -> None:
    """Its state decays from that of the first pass and is never 0, but nothing reaches its weights any more."""
    net = dense(2)
    with torch.no_grad():
        net.blocks[1].layer.weight[:, -CLASSES:] = -100.0  # the label silences what the first pass left active
        _, metrics = step_of(net).directions(IMAGES, LAYOUT)
        settling = Settling(net, IMAGES, LABELS)
    assert settling.states[1].max() > 0
    assert metrics["silent"].tolist() == [0.0, 1.0]


@torch.no_grad()
def test_states_before_the_first_iteration_know_no_label() -> None:
    one, other = (Settling(dense(), IMAGES, labels).states for labels in (LABELS, LABELS.roll(1, dims=0)))
    assert all(map(torch.equal, one, other))


@torch.no_grad()
def test_2_2_2_2_by_hand() -> None:
    """Two pixels, two layers of two units, two classes, for two iterations, in plain numbers."""
    net = recurrent_mlp((1, 1, 2), classes=2, widths=(2, 2)).double()
    # Columns: two from below, two from above.
    first = [[1.0, 0.0, 0.5, 0.0], [0.0, 1.0, 0.0, -0.5]]
    second = [[1.0, 1.0, 1.0, 0.0], [1.0, -1.0, 0.0, 1.0]]
    for block, rows in zip(net, (first, second), strict=True):
        block.layer.weight.copy_(torch.tensor(rows))
        block.layer.bias.zero_()
    image, label = torch.tensor([[[[4.0, 3.0]]]], dtype=torch.float64), torch.tensor([[0]])

    def by_rms(a: float, b: float) -> tuple[float, float]:
        length = ((a * a + b * b) / 2 + 1e-8) ** 0.5
        return a / length, b / length

    p, q = by_rms(4.0, 3.0)
    s, t = by_rms(1.0, 0.0)  # the label
    one = (p, q)
    two = (one[0] + one[1], max(0.0, one[0] - one[1]))  # the first pass: rms(one) is one
    settling = Settling(net, image, label, damping=0.7)
    for _ in range(2):
        below, above = by_rms(*one), by_rms(*two)
        z_1 = (p + 0.5 * above[0], q - 0.5 * above[1])
        z_2 = (below[0] + below[1] + s, below[0] - below[1] + t)
        one = tuple(0.3 * old + 0.7 * max(0.0, new) for old, new in zip(one, z_1, strict=True))
        two = tuple(0.3 * old + 0.7 * max(0.0, new) for old, new in zip(two, z_2, strict=True))
        found = [layer.state[0].tolist() for layer in settling.iterate()]
        assert found[0] == pytest.approx(one, rel=1e-7)
        assert found[1] == pytest.approx(two, rel=1e-7)


@torch.no_grad()
def test_less_activity_for_right_labels_is_more_activity_for_wrong_ones() -> None:
    """The loss of `minus_sum` is that of `sum` with right and wrong exchanged, for a gate that compares the two."""
    exchanged = Layout(LABELS[:, 1], LABELS.flip(1), 2)
    net = dense()
    gate = Symmetric(scale=0.1)
    _, minus = step_of(net, gate=gate, reduction="minus_sum").directions(IMAGES, LAYOUT)
    _, plus = step_of(net, gate=gate, reduction="sum").directions(IMAGES, exchanged)
    torch.testing.assert_close(minus["loss"], plus["loss"], rtol=1e-12, atol=0)


@pytest.mark.parametrize("make", NETS.values(), ids=NETS)
@torch.no_grad()
def test_peer_normalisation_pushes_units_towards_their_peers(make) -> None:
    """Against a slow loop: the mean input of right passes and iterations, times how far a unit is below the mean."""
    net = make()
    bare, pushed = step_of(net), step_of(net, peer=0.3, momentum=0.8)
    without, _ = bare.directions(images_of(net), LAYOUT)
    with_peers, _ = pushed.directions(images_of(net), LAYOUT)
    settling = Settling(net, images_of(net), LABELS)
    centred = IMAGES if net.order is None else SQUARES - 0.5
    pixels, top = rms(centred.flatten(1)), rms(nn.functional.one_hot(LABELS[:, 0], CLASSES).double())
    inputs = [torch.zeros(block.layer.in_features, dtype=torch.float64) for block in net]
    activity = [torch.zeros(block.layer.out_features, dtype=torch.float64) for block in net]
    for _ in range(8):
        old = [pixels, *(rms(state[::2]) for state in settling.states), top]
        settling.iterate()
        for index in range(len(net)):
            inputs[index] += torch.cat([old[index], old[index + 2]], dim=1).mean(dim=0) / 8
            activity[index] += settling.states[index][::2].mean(dim=0) / 8
    for index, block in enumerate(net):
        usual = 0.8 * 0.5 + 0.2 * activity[index]
        push = -0.3 * (2 * 0.7) * (usual.mean() - usual)  # the scale of the rule: 2 s, and the damping
        added = with_peers[index]["weight"] - without[index]["weight"]
        padded = torch.cat([inputs[index], inputs[index].new_zeros(1)])
        if isinstance(block.layer, LocalLinear):
            seen = padded[block.layer.sources].repeat_interleave(block.layer.units, dim=0) * (block.layer.weight != 0)
        else:
            seen = inputs[index].expand_as(added)
        torch.testing.assert_close(added, push[:, None] * seen, rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(with_peers[index]["bias"] - without[index]["bias"], push, rtol=1e-9, atol=1e-12)


@torch.no_grad()
def test_goodness_of_the_counted_iterations_alone() -> None:
    net = dense()
    found = settled_goodness(net, IMAGES, goodness=sum_goodness, counted=(2, 3))
    settling = Settling(net, IMAGES, torch.arange(CLASSES).expand(4, -1))
    by_iteration = [torch.stack([sum_goodness(m.state) for m in settling.iterate()]).view(3, 4, 3) for _ in range(6)]
    torch.testing.assert_close(found, (by_iteration[1] + by_iteration[2]) / 2, rtol=1e-12, atol=0)
    tried = torch.tensor([[2, 0]]).expand(4, -1)
    some = settled_goodness(net, IMAGES, goodness=sum_goodness, counted=(2, 3), candidates=tried)
    torch.testing.assert_close(some, found[:, :, [2, 0]], rtol=1e-12, atol=0)


@torch.no_grad()
def test_permuted_classes_permute_the_scores() -> None:
    net, permuted, order = dense(), dense(), torch.tensor([2, 0, 1])
    weight = permuted.blocks[2].layer.weight
    weight[:, -CLASSES:] = weight[:, -CLASSES:][:, order].clone()
    one, other = (settled_goodness(each, IMAGES, goodness=sum_goodness) for each in (net, permuted))
    torch.testing.assert_close(other, one[:, :, order], rtol=1e-12, atol=0)


def test_a_step_moves_every_layer_along_its_direction() -> None:
    net = dense()
    schedule = Schedule(optimizer="sgd", lr=0.1)
    step = RecurrentForwardForward().start(Setup(net=net, labels=NoLabels(CLASSES), schedule=schedule))
    before = [parameter.detach().clone() for parameter in net.parameters()]
    batch, generator = Batch(IMAGES, LABELS[:, 0]), keyed_generator(0, "step")
    _, layout = LabelContrast(NoLabels(CLASSES))(batch, keyed_generator(0, "step"))
    with torch.no_grad():
        directions, _ = step_of(dense()).directions(IMAGES, layout)
    metrics = step(batch, generator)
    expected = [direction[name] for direction in directions for name in ("weight", "bias")]
    for old, new, direction in zip(before, net.parameters(), expected, strict=True):
        torch.testing.assert_close(new.detach(), old - schedule.lr * direction, rtol=1e-10, atol=1e-12)
    assert metrics["discrimination"].shape == (3,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"iterations": 0}, "learn_from must be an iteration from 1 to 0, got 1"),
        ({"learn_from": 9}, "learn_from must be an iteration from 1 to 8, got 9"),
        ({"counted": (4, 3)}, "counted must be two iterations from 1 to 8, the first not later, got \\(4, 3\\)"),
        ({"counted": (3, 9)}, "counted must be two iterations from 1 to 8"),
        ({"damping": 0.0}, "damping must be in \\(0, 1\\], got 0.0"),
        ({"updates": "random"}, "updates must be synchronous or alternating, got 'random'"),
        ({"reduction": "product"}, "reduction must be one of mean, sum"),
        ({"peer": -0.1}, "peer must be at least 0"),
        ({"momentum": 1.0}, "momentum in \\[0, 1\\)"),
    ],
)
def test_bad_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RecurrentForwardForward(**options)


def test_networks_and_setups_that_do_not_fit_are_refused() -> None:
    rule = RecurrentForwardForward(peer=0.1)
    for setup, message in (
        (Setup(net=mlp(SHAPE, widths=(4,)), labels=NoLabels(3)), "trains networks that settle"),
        (Setup(net=dense(), labels=NoLabels(4)), "has units for 3 classes, but there are 4"),
        (Setup(net=dense(), labels=NoLabels(3), compiled=True), "compiled would be ignored"),
        (Setup(net=dense(), labels=NoLabels(3), processes=Two()), "peer normalisation needs the whole batch"),
    ):
        with pytest.raises(ValueError, match=message):
            rule.start(setup)
    with pytest.raises(ValueError, match="a recurrent network needs layers, units and classes"):
        recurrent_mlp(SHAPE, widths=())
    with pytest.raises(ValueError, match=r"its norm must be BelowAlone\(5\)"):
        RecurrentNet([Block(BelowAlone(4), nn.Linear(16, 7)), Block(BelowAlone(3), nn.Linear(10, 5))])
    with pytest.raises(ValueError, match="has 6 inputs from below, where 7 units are"):
        RecurrentNet([Block(BelowAlone(5), nn.Linear(17, 7)), Block(BelowAlone(3), nn.Linear(9, 5))])
    for options, message in (({"damping": 2.0}, "damping"), ({"updates": "none"}, "updates")):
        with pytest.raises(ValueError, match=message):
            Settling(dense(), IMAGES, LABELS, **options)


@pytest.mark.parametrize("peer", [0.0, 0.1])
def test_a_resumed_training_goes_on_to_the_bit(peer: float) -> None:
    images = torch.randint(256, (12, *SHAPE), generator=keyed_generator(0, "images")).byte()
    data = ImageData(images, torch.arange(12) % CLASSES, ("a", "b", "c"), "noise")

    def trainer() -> Trainer:
        rule, schedule = RecurrentForwardForward(peer=peer), Schedule(epochs=2, batch_size=4, optimizer="smoothed")
        return Trainer(dense().float(), NoLabels(CLASSES), rule, schedule=schedule)

    whole, first, second = trainer(), trainer(), trainer()
    for epoch in range(2):
        whole.epoch(data, epoch)
    first.epoch(data, 0)
    second.resume(first.state())
    second.epoch(data, 1)
    for one, other in zip(whole.net.parameters(), second.net.parameters(), strict=True):
        assert torch.equal(one, other)


def test_it_learns_which_row_is_bright() -> None:
    generator = keyed_generator(0, "task")
    classes = torch.arange(300) % CLASSES
    images = torch.randint(80, (300, *SHAPE), generator=generator)
    for kind in range(CLASSES):
        images[classes == kind, :, kind] += 150
    data = ImageData(images.byte(), classes, ("a", "b", "c"), "rows")
    net = recurrent_mlp(SHAPE, classes=CLASSES, widths=(30, 20))
    rule = RecurrentForwardForward(iterations=4, counted=(2, 4))
    trainer = Trainer(net, NoLabels(CLASSES), rule, schedule=Schedule(epochs=10, batch_size=20, lr=0.01))
    list(trainer.fit(data.part(0, 240)))
    held_out = data.part(240, None)
    by_layer = settled_goodness(net, as_floats(held_out.images), goodness=rule.goodness, counted=(2, 4))
    right = (by_layer.sum(dim=0).argmax(dim=1) == held_out.classes).float().mean()
    assert right > 0.9
    mixed = held_out.classes[torch.randperm(len(held_out), generator=keyed_generator(0, "mixed"))]
    of_others = (by_layer.sum(dim=0).argmax(dim=1) == mixed).float().mean()
    assert of_others < 0.6  # a third of the images


def test_an_orthogonalised_step_turns_each_location_and_leaves_what_is_no_connection() -> None:
    net = tiles()
    setup = Setup(net=net, labels=NoLabels(CLASSES), schedule=Schedule(optimizer="orthogonal", lr=0.1))
    step = start(RecurrentForwardForward(), setup)
    before = [block.layer.weight.detach().clone() for block in net]
    step(Batch(drawn(4, 2, 4, 4).abs(), LABELS[:, 0]), keyed_generator(0, "step"))
    for optimizer, block, old in zip(step.optimizers, net, before, strict=True):
        layer = block.layer
        assert isinstance(layer, LocalLinear)
        assert optimizer.param_groups[0]["locations"] == layer.locations == 4
        assert not torch.equal(layer.weight, old)
        assert torch.equal(layer.connected(layer.weight), layer.weight)
