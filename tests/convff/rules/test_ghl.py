"""Global-guided Hebbian learning: sizes from the forward pass, signs from the gradient, and everything else as bp."""

import gc
import math
import weakref

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convff import (
    Backpropagation,
    Batch,
    GlobalHebbian,
    ImageData,
    LayerLocalNet,
    Schedule,
    Setup,
    SoftHebb,
    Trainer,
    cnn6,
    deephebb,
    keyed_generator,
    resnet_he,
)
from convff.competition import oja_direction, soft_winners
from convff.rules import ghl
from convff.rules.base import see
from convff.rules.ghl import GlobalHebbianStep, hebbian_directions
from convff.testing import check_rule
from labels import LearnedLabels, NoLabels
from tests.convff.samples import Two

CLASSES, SIZE = 3, (8, 8)
PLAIN = Schedule(optimizer="sgd", lr=2.0**-6, momentum=0.0, decay="cosine")
DECAYING = Schedule(optimizer="sgd", lr=2.0**-6, momentum=0.0, decay="cosine", weight_decay=0.5, rest_factor=0.25)


def network(widths: tuple[int, ...] = (4, 5), seed: int = 0) -> LayerLocalNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return deephebb((3, *SIZE), widths=widths).double()


def images(seed: int = 0) -> Batch:
    inputs = torch.rand(6, 3, *SIZE, generator=keyed_generator(seed, "images"), dtype=torch.float64)
    return Batch(inputs, torch.arange(6) % CLASSES)


def step_of(rule: GlobalHebbian | Backpropagation, net: LayerLocalNet, schedule: Schedule = PLAIN) -> GlobalHebbianStep:
    step = rule.start(Setup(net=net, labels=NoLabels(CLASSES), schedule=schedule))
    with torch.no_grad():  # a head that starts at zero gives no gradient to the blocks
        for index, parameter in enumerate(step.head.double().parameters()):
            draws = keyed_generator(index, "head weights")
            parameter.copy_(torch.randn(parameter.shape, generator=draws, dtype=torch.float64))
    return step  # type: ignore[return-value]


def weights(net: LayerLocalNet) -> list[Tensor]:
    return [block.layer.weight.detach().clone() for block in net]


def taken(
    rule: GlobalHebbian | Backpropagation, batch: Batch | None = None, schedule: Schedule = PLAIN
) -> list[Tensor]:
    """The weights of the layers after one step, and then the parameters of the head."""
    net = network()
    step = step_of(rule, net, schedule)
    step(batch or images(), keyed_generator(0, "draws"))
    return [*weights(net), *(parameter.detach().clone() for parameter in step.head.parameters())]


def gradients(net: LayerLocalNet, head: nn.Module, batch: Batch) -> list[Tensor]:
    """The gradient of the loss by the weights of the layers, by plain autograd."""
    features = net(batch.inputs, detach=False)[-1].flatten(2).mean(dim=2)
    loss = F.cross_entropy(head(features), batch.targets)
    return list(torch.autograd.grad(loss, [block.layer.weight for block in net]))


def sizes(net: LayerLocalNet, batch: Batch, temperatures: tuple[float, ...]) -> list[Tensor]:
    """`|H| / max |H|` of every layer, by the unfolded form: all patches, one image and one position at a time."""
    found = []
    x = batch.inputs
    with torch.no_grad():
        for block, t in zip(net, temperatures, strict=True):
            normalised = block.normalised(x)
            layer, weight = block.layer, block.layer.weight.flatten(1)
            unfolded = F.unfold(normalised, layer.kernel_size, layer.dilation, layer.padding, layer.stride)
            direction = torch.zeros_like(weight)
            for image in unfolded:
                for patch in image.T:
                    u = weight @ patch
                    y = torch.softmax(t * u, dim=0)
                    direction += y[:, None] * (patch - u[:, None] * weight)
            found.append((direction / direction.abs().max()).abs().view_as(layer.weight))
            x = block.pool(torch.relu(layer(normalised)))
    return found


@pytest.mark.parametrize(("given", "temperatures"), [(1.0, (1.0, 1.0)), ((0.7, 0.25), (0.7, 0.25))])
def test_a_step_has_the_size_of_hebb_and_the_sign_of_the_loss(
    given: float | tuple[float, ...], temperatures: tuple[float, ...]
) -> None:
    net, schedule = network(), DECAYING
    before, expected_sizes = weights(net), sizes(network(), images(), temperatures)
    step = step_of(GlobalHebbian(temperature=given), net, schedule)
    expected_signs = [gradient.sign() for gradient in gradients(network(), step.head, images())]
    step(images(), keyed_generator(0, "draws"))
    for old, new, size, sign in zip(before, weights(net), expected_sizes, expected_signs, strict=True):
        assert sign.abs().min() == 1
        expected = old - schedule.lr * (size * sign + schedule.weight_decay * old)
        torch.testing.assert_close(new, expected, rtol=1e-12, atol=1e-14)
        assert (new - old).norm() > 0


def test_with_every_size_1_it_is_sign_descent_to_the_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    step = step_of(GlobalHebbian(), network())
    expected = [
        weight - PLAIN.lr * gradient.sign()
        for weight, gradient in zip(weights(network()), gradients(network(), step.head, images()), strict=True)
    ]
    by_sign = taken(GlobalHebbian(signal="sign"))[:2]
    monkeypatch.setattr(ghl, "by_largest", lambda direction: (torch.ones_like(direction), torch.tensor(0.0)))
    by_ones = taken(GlobalHebbian())[:2]
    assert all(map(torch.equal, by_ones, expected))
    assert all(map(torch.equal, by_sign, expected))


def test_the_local_part_is_softhebbs_without_losers_up_to_its_normalisation() -> None:
    rule = SoftHebb(temperature=0.7, losers="none")
    net = network()
    x, batch = images().inputs, images()
    with hebbian_directions([block.layer for block in net], (0.7, 0.7)) as found, torch.no_grad():
        net(batch.inputs)
    fresh = network()
    with torch.no_grad():
        for index, block in enumerate(fresh):
            seen = see(block, rule, block.normalised(x), layout_of(batch))
            own = -rule.direction(seen, 0.7).dense(block.layer)["weight"]
            direction = found[index][0]
            assert torch.equal(own, direction / direction.abs().max())
            x = block.pool(seen.a)


def layout_of(batch: Batch):  # type: ignore[no-untyped-def]
    from convff import Layout

    return Layout(batch.targets)


def test_the_local_signal_looks_at_no_class() -> None:
    batch = images()
    shuffled = batch._replace(targets=batch.targets.roll(1))
    one, other = (taken(GlobalHebbian(signal="local"), each) for each in (batch, shuffled))
    assert all(map(torch.equal, one[:2], other[:2]))
    assert not torch.equal(one[2], other[2])  # the head does
    both = [taken(GlobalHebbian(), each)[0] for each in (batch, shuffled)]
    assert not torch.equal(*both)


def test_the_local_signal_moves_along_the_hebbian_direction() -> None:
    net = network()
    x = next(iter(net)).normalised(images().inputs)
    layer = next(iter(net)).layer
    with torch.no_grad():
        direction = oja_direction(x, layer(x), soft_winners(layer(x), 1.0), layer)
    expected = weights(network())[0] + PLAIN.lr * direction / direction.abs().max()
    torch.testing.assert_close(taken(GlobalHebbian(signal="local"))[0], expected, rtol=1e-12, atol=1e-14)


def test_the_plain_gradient_is_backpropagation() -> None:
    one, other = taken(GlobalHebbian(signal="gradient")), taken(Backpropagation())
    assert all(map(torch.equal, one, other))


def test_the_head_takes_backpropagations_step() -> None:
    """With the same rate for all, the head's first step is that of backpropagation to the bit."""
    of_bp = taken(Backpropagation())[2:]
    for signal in ("both", "sign", "local"):
        assert all(map(torch.equal, taken(GlobalHebbian(signal=signal))[2:], of_bp))  # type: ignore[arg-type]


@pytest.mark.parametrize("signal", ["both", "sign", "local"])
def test_norms_take_backpropagations_step(signal: str) -> None:
    """Scales and shifts of a residual network, and the norm and the hidden layer of a head on a grid."""

    def moved(rule: GlobalHebbian | Backpropagation) -> dict[str, Tensor]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            net = resnet_he((3, *SIZE), depth=8, widths=(3, 4, 5)).double()
        step = step_of(rule, net)
        before = {name: value.clone() for name, value in rest_of(net, step).items()}
        step(images(), keyed_generator(0, "draws"))
        after = rest_of(net, step)
        return {name: after[name] - before[name] for name in before}

    head = {"grid": 2, "hidden": 6, "head_norm": True}
    found, expected = moved(GlobalHebbian(signal=signal, **head)), moved(Backpropagation(**head))  # type: ignore[arg-type]
    assert sum("norm" in name for name in expected) > 14
    for name, change in expected.items():
        assert torch.equal(found[name], change), name
        assert change.abs().max() > 0, name


def rest_of(net: LayerLocalNet, step: GlobalHebbianStep) -> dict[str, Tensor]:
    """All parameters but the weights of the layers."""
    known = {id(block.layer.weight) for block in net}
    named = [*net.named_parameters(), *((f"head.{name}", value) for name, value in step.head.named_parameters())]
    return {name: value.detach() for name, value in named if id(value) not in known}


def test_steps_descend_and_the_largest_is_the_rate() -> None:
    before, net = weights(network()), network()
    step = step_of(GlobalHebbian(), net)
    found = gradients(network(), step.head, images())
    step(images(), keyed_generator(0, "draws"))
    for old, new, gradient in zip(before, weights(net), found, strict=True):
        moved = new - old
        assert ((moved * gradient) <= 0).all()
        assert moved.abs().max() == pytest.approx(PLAIN.lr, rel=1e-12)


def test_a_layer_without_a_gradient_moves_only_by_decay() -> None:
    net = network()
    step = GlobalHebbian().start(Setup(net=net, labels=NoLabels(CLASSES), schedule=DECAYING))
    step.head.double()  # at zero: no gradient reaches the blocks
    before = weights(net)
    step(images(), keyed_generator(0, "draws"))
    for old, new in zip(before, weights(net), strict=True):
        torch.testing.assert_close(new, old * (1 - DECAYING.lr * DECAYING.weight_decay), rtol=1e-14, atol=0)


def moved_channels(net: LayerLocalNet) -> Tensor:
    """Which channels of the first layer move in a step by more than their decay."""
    before = weights(net)[0]
    step_of(GlobalHebbian(), net, DECAYING)(images(), keyed_generator(0, "draws"))
    moved = weights(net)[0] - before * (1 - DECAYING.lr * DECAYING.weight_decay)
    return moved.flatten(1).abs().amax(dim=1) > 1e-14


def test_a_channel_that_nothing_above_reads_moves_only_by_decay() -> None:
    net = network()
    with torch.no_grad():
        net.blocks[1].layer.weight[:, 2] = 0
    assert moved_channels(net).tolist() == [True, True, False, True]


def test_a_channel_that_never_competes_moves_only_by_decay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its share of the softmax is 0 at every position; its gradient is not."""

    def without_channel_2(u: Tensor, temperature: float) -> Tensor:
        return soft_winners(u, temperature).index_fill(1, torch.tensor(2), 0.0)

    monkeypatch.setattr(ghl, "soft_winners", without_channel_2)
    assert moved_channels(network()).tolist() == [True, True, False, True]


def test_the_loss_may_be_scaled_by_a_power_of_2(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = taken(GlobalHebbian())[:2]
    cross_entropy = F.cross_entropy
    monkeypatch.setattr(F, "cross_entropy", lambda *arguments: 1024 * cross_entropy(*arguments))
    assert all(map(torch.equal, taken(GlobalHebbian())[:2], plain))


def test_the_order_of_the_images_does_not_matter() -> None:
    batch = images()
    turned = Batch(batch.inputs.flip(0), batch.targets.flip(0))
    for one, other in zip(taken(GlobalHebbian(), batch), taken(GlobalHebbian(), turned), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


def test_the_size_is_local() -> None:
    """Whatever is above: other weights, another depth, another head."""
    found = []
    for net in (network(), network((4, 5, 6))):
        with torch.no_grad():
            net.blocks[0].layer.weight.copy_(network().blocks[0].layer.weight)
            net.blocks[0].pool = nn.Identity()
        with hebbian_directions([net.blocks[0].layer], (1.0,)) as directions:
            net(images().inputs, detach=False)[-1].sum().backward()
        found.append(directions[0][0])
    assert torch.equal(*found)


def test_lengths_are_invisible_behind_a_batch_norm() -> None:
    net = network()
    for block in net:
        block.norm.eps = 1e-12
    step = step_of(GlobalHebbian(), net)
    first, last = gradients(net, step.head, images())
    along = (first * net.blocks[0].layer.weight.detach()).flatten(1).sum(dim=1)
    assert along.abs().max() < 1e-9 * first.norm()
    assert (last * net.blocks[1].layer.weight.detach()).sum().abs() > 1e-3 * last.norm()


def test_a_residual_network_takes_a_step_and_keeps_nothing() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = resnet_he((3, *SIZE), depth=8, widths=(3, 4, 5)).double()
    before, norms = weights(net), [block.activation.norm.weight.detach().clone() for block in net]
    step = step_of(GlobalHebbian(), net)
    metrics = step(images(), keyed_generator(0, "draws"))
    assert metrics["size_median"].shape == metrics["slow"].shape == (7,)
    assert all(not torch.equal(old, new) for old, new in zip(before, weights(net), strict=True))
    assert all(not torch.equal(old, block.activation.norm.weight) for old, block in zip(norms, net, strict=True))
    assert not any(block.layer._forward_hooks for block in net)
    gone = weakref.ref(step)
    del step
    gc.collect()
    assert gone() is None


def test_hooks_are_removed_after_an_error() -> None:
    layer = nn.Linear(3, 2)
    with pytest.raises(ZeroDivisionError), hebbian_directions([layer], (1.0,)):
        raise ZeroDivisionError
    assert not layer._forward_hooks


def test_a_layer_that_runs_twice_sums_up() -> None:
    layer, x = nn.Linear(3, 2, bias=False).double(), torch.rand(4, 3).double()
    with hebbian_directions([layer], (1.0,)) as once:
        layer(x)
    with hebbian_directions([layer], (1.0,)) as twice:
        layer(x[:1])
        layer(x[1:])
    torch.testing.assert_close(twice[0][0], once[0][0])


def test_a_bias_takes_the_plain_gradient_at_the_rate_of_the_rest() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        nets = [cnn6((3, *SIZE), widths=(4,), pool_after=()).double() for _ in range(2)]
    nets[1].load_state_dict(nets[0].state_dict())
    step = step_of(GlobalHebbian(), nets[0], DECAYING)
    layer = nets[1].blocks[0].layer
    features = nets[1](images().inputs, detach=False)[-1].flatten(2).mean(dim=2)
    (gradient,) = torch.autograd.grad(F.cross_entropy(step.head(features), images().targets), [layer.bias])
    step(images(), keyed_generator(0, "draws"))
    torch.testing.assert_close(nets[0].blocks[0].layer.bias, layer.bias - DECAYING.lr * 0.25 * gradient)


def noise(count: int) -> ImageData:
    pixels = torch.randint(256, (count, 3, *SIZE), generator=keyed_generator(1, "pixels")).byte()
    return ImageData(pixels, torch.arange(count) % CLASSES, ("a", "b", "c"), "noise")


def test_both_rates_fall_by_the_cosine() -> None:
    schedule = Schedule(optimizer="sgd", lr=0.1, momentum=0.0, decay="cosine", rest_factor=0.5, batch_size=6, epochs=2)
    trainer = Trainer(network().float(), NoLabels(CLASSES), GlobalHebbian(), schedule=schedule)
    rates = []

    def look(_: int) -> None:
        rates.append([group["lr"] for optimizer in trainer.step.optimizers for group in optimizer.param_groups])

    for record in trainer.fit(noise(12), progress=look):
        assert 0 <= record.metrics["slow"][0] <= 1
        assert 0 < record.metrics["winner"][0] <= 1
        assert 0 <= record.metrics["size_median"][0] <= 1
    assert [first for first, _ in rates] == pytest.approx([0.1 * (1 + math.cos(math.pi * t / 4)) / 2 for t in range(4)])
    assert [rest for _, rest in rates] == pytest.approx([first / 2 for first, _ in rates])


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_it_learns(precision: str) -> None:
    """Three kinds of stripes: more than 90 % after 60 steps."""
    pixels = torch.rand(60, 1, 12, 12, generator=keyed_generator(0, "stripes")) * 0.4
    for n in range(60):
        pixels[n, 0, n % 3 :: 3] += 0.5
    data = ImageData((pixels * 255).byte(), torch.arange(60) % 3, ("a", "b", "c"), "stripes")
    torch.manual_seed(0)
    net = deephebb((1, 12, 12), widths=(8, 16))
    schedule = Schedule(
        optimizer="sgd", lr=0.02, momentum=0.0, decay="cosine", weight_decay=0.01, batch_size=20, epochs=20
    )
    rule = GlobalHebbian(grid=3, dropout=0.25)
    records = list(Trainer(net, NoLabels(3), rule, schedule=schedule, precision=precision).fit(data))
    assert records[-1].metrics["train_accuracy"][0] > 0.9


@pytest.mark.parametrize("signal", ghl.SIGNALS)
def test_it_keeps_the_contract(signal: str) -> None:
    check_rule(GlobalHebbian(temperature=0.7, signal=signal))  # type: ignore[arg-type]


def test_it_keeps_the_contract_with_a_head_on_a_grid() -> None:
    check_rule(GlobalHebbian(grid=2, hidden=6, head_norm=True, dropout=0.5), kinds=("convolutional",))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -1.0}, "temperatures must be positive and finite, got -1.0"),
        ({"temperature": math.inf}, "temperatures must be positive and finite, got inf"),
        ({"temperature": (1.0, math.nan)}, "temperatures must be positive and finite, got"),
        ({"signal": "global"}, "signal must be one of both, sign, local, gradient, got 'global'"),
        ({"dropout": 0.5}, "options of a head with a grid, which is None"),
        ({"hidden": 5}, "options of a head with a grid"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GlobalHebbian(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rule", "changes", "message"),
    [
        (GlobalHebbian(temperature=(1.0,)), {}, "has 2 layers, so as many temperatures are needed, got 1"),
        (GlobalHebbian(), {"processes": Two()}, "GlobalHebbian is not a local rule: it runs in one process"),
        (GlobalHebbian(), {"labels": LearnedLabels(CLASSES, SIZE)}, "labels do not learn by it"),
        (GlobalHebbian(), {"compiled": True}, "compiled would be ignored"),
        (GlobalHebbian(), {"net": network().half()}, "float32, bfloat16 or float64, got float16"),
        (
            GlobalHebbian(),
            {"net": deephebb((3, *SIZE), widths=(4, 4), activation="triangle")},
            "power below 1, got 0.7",
        ),
    ],
)
def test_what_does_not_fit_is_refused(rule: GlobalHebbian, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rule.start(Setup(**({"net": network(), "labels": NoLabels(CLASSES), "schedule": PLAIN} | changes)))  # type: ignore[arg-type]


def test_a_grid_finer_than_the_map_is_refused() -> None:
    step = GlobalHebbian(grid=5).start(Setup(net=network(), labels=NoLabels(CLASSES), schedule=PLAIN))
    with pytest.raises(ValueError, match="a head's grid of 5 needs larger maps than 4 x 4"):
        step(images(), keyed_generator(0, "draws"))


def test_steps_that_divide_by_their_usual_size_are_refused() -> None:
    net = deephebb((1, 8, 8), widths=(2, 3, 4), activation="relu", padding="zeros")
    with pytest.raises(ValueError, match="optimizer must be sgd, got adam: steps relative to their usual size"):
        Trainer(net, NoLabels(3), GlobalHebbian())
