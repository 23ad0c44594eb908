"""Blocks that learn one after another: what stays, what is kept, and what a training of one block alone would learn."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from convff import (
    ORDERS,
    AtBlocks,
    AtGains,
    AtOutput,
    AtStream,
    Backpropagation,
    Batch,
    DivergedError,
    EpochRecord,
    ForwardForward,
    HebbianForwardForward,
    ImageData,
    LabelContrast,
    LayerLocalNet,
    LinearReadout,
    LocalHead,
    Schedule,
    SoftHebb,
    Softmax,
    Stabilised,
    Threshold,
    Trainer,
    cnn6,
    deephebb,
    mlp,
    resnet,
    stop_if_diverged,
)
from convff.stabilisers import SlidingThreshold
from convff.training.augment import shifts
from convff.training.compiled import CompiledBlockStep
from convff.training.health import HealthCheck, TrainingWarning
from convff.training.order import Stretches, one_by_one
from labels import FourierLabels, LayerwiseLabels, LearnedLabels, NoLabels, OneHotLabels, StreamLabels
from tests.convff.samples import noise
from tests.convff.test_route import LABELS as PLAIN_LABELS
from tests.convff.test_route import twice
from tests.convff.training.notebook import notebooks_loop

pytestmark = pytest.mark.filterwarnings("ignore::convff.training.health.TrainingWarning")

K, SIZE, EPOCHS, IMAGES = 4, (8, 8), 2, 22
SHAPE = (1, *SIZE)
NETS: dict[str, Callable[[int], LayerLocalNet]] = {
    "dense": lambda channels: mlp((channels, *SIZE), widths=(12, 8, 8)),
    "convolutional": lambda channels: cnn6((channels, *SIZE), widths=(8, 8, 8), pool_after=(1,)),
    "skips": lambda channels: cnn6((channels, *SIZE), widths=(8, 8, 8), pool_after=(1,), skip=True),
    "residual": lambda channels: resnet((channels, *SIZE), widths=(8,)),
    "deephebb": lambda channels: deephebb((channels, *SIZE), widths=(8, 8, 8)),
}
RULES: dict[str, Callable[[], Any]] = {
    "ff": ForwardForward,
    "hebbff": HebbianForwardForward,
    "output": lambda: ForwardForward(gate=Softmax(), label_at=AtOutput(K)),
    "blocks": lambda: ForwardForward(label_at=AtBlocks(num_classes=K)),
    "gains": lambda: ForwardForward(gate=Softmax(), label_at=AtGains(num_classes=K)),
    "stream": lambda: ForwardForward(gate=Softmax(), label_at=AtStream(num_classes=K)),
    "local head": lambda: LocalHead(num_classes=K),
    "softhebb": lambda: SoftHebb(temperature=(1.0, 0.7, 0.5)),
    "sliding": lambda: Stabilised(rule=HebbianForwardForward(), stabilisers=(SlidingThreshold(),)),
}
LABELS = dict.fromkeys(("ff", "hebbff", "sliding"), OneHotLabels(K)) | {"stream": StreamLabels(FourierLabels(K, SIZE))}
OPTIMIZERS = {"softhebb": "norm_dependent"}


def data(count: int = IMAGES) -> ImageData:
    return noise(count, classes=K, channels=1)


def trainer(net: str = "dense", rule: str = "ff", *, order: str = "one_by_one", **options: Any) -> Trainer:
    made = RULES[rule]()
    labels = LABELS.get(rule, NoLabels(K))
    schedule = {"epochs": EPOCHS, "batch_size": 8, "lr": 0.01, "optimizer": OPTIMIZERS.get(rule, "adam")}
    schedule |= options.pop("schedule", {})
    torch.manual_seed(0)
    return Trainer(NETS[net](1), labels, made, schedule=Schedule(**schedule), order=order, **options)


def run(training: Trainer, images: ImageData | None = None) -> list[EpochRecord]:
    return list(training.fit(data() if images is None else images))


def tensors(training: Trainer, block: int) -> dict[str, Tensor]:
    """All that a block has learnt: weights, statistics of its norm, and what learns beside it."""
    found = dict(training.net.blocks[block].state_dict())
    beside = training.step.modules.get("beside")
    found |= {} if beside is None else {f"beside.{name}": value for name, value in beside[block].state_dict().items()}
    return {name: value.clone() for name, value in found.items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    assert one.keys() == other.keys()
    return all(torch.equal(value, other[name]) for name, value in one.items())


def equal(one: Trainer, other: Trainer) -> bool:
    return all(same(tensors(one, block), tensors(other, block)) for block in range(len(one.net)))


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("rule", RULES)
def test_only_the_block_whose_turn_it_is_changes(rule: str, net: str) -> None:
    training = trainer(net, rule)
    before = [tensors(training, block) for block in range(len(training.net))]
    for record in training.fit(data()):
        (learning,) = record.blocks
        assert learning == record.epoch // EPOCHS
        after = [tensors(training, block) for block in range(len(training.net))]
        changed = [block for block, (one, other) in enumerate(zip(before, after, strict=True)) if not same(one, other)]
        assert changed == [learning]
        before = after
    assert training.net.training
    assert all(block.training for block in training.net)


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("rule", RULES)
def test_the_first_block_learns_the_same_in_either_order(rule: str, net: str) -> None:
    """It never depends on what is above it, and its draws and rates are the same."""
    greedy, joint = trainer(net, rule), trainer(net, rule, order="together")
    first, all_at_once = run(greedy), run(joint)
    assert same(tensors(greedy, 0), tensors(joint, 0))
    assert not same(tensors(greedy, 1), tensors(joint, 1))
    for one, other in zip(first[:EPOCHS], all_at_once, strict=True):
        for name in one.metrics.keys() - {"weight_rms"}:
            assert one.metrics[name] == other.metrics[name][:1]
            assert one.first_half[name] == other.first_half[name][:1]


def test_a_network_of_one_block_has_one_order() -> None:
    made = []
    for order in ORDERS:
        torch.manual_seed(0)
        schedule = Schedule(epochs=EPOCHS, batch_size=8)
        net = mlp(SHAPE, widths=(12,))
        made.append(Trainer(net, OneHotLabels(K), ForwardForward(), schedule=schedule, order=order))
    one, other = (run(training) for training in made)
    assert equal(*made)
    assert [record.metrics for record in one] == [record.metrics for record in other]
    assert [record.first_half for record in one] == [record.first_half for record in other]
    assert {record.blocks for record in (*one, *other)} == {(0,)}


@dataclass(frozen=True, eq=False)
class Outputs:
    """What a finished block puts out, as data for a training of the next block alone."""

    passes: Tensor
    targets: Tensor
    name: str = "outputs"
    num_classes: int = K

    def __len__(self) -> int:
        return len(self.targets)

    def batch(self, indices: Tensor) -> Batch:
        return Batch(self.passes[indices], self.targets[indices])


@dataclass(frozen=True, eq=False)
class Ready:
    """A contrast of images whose passes are ready: `[B, P, ...]`."""

    labels: None = None

    def __call__(self, batch: Batch, generator: object, scores: object = None, rows: slice = slice(None)) -> Any:
        from convff.contrasts import Layout, Passes

        drawn = torch.stack([batch.targets, (batch.targets + 1) % K], dim=1)
        return Passes(batch.inputs.flatten(0, 1), Layout(batch.targets, drawn, passes=2))


class NextLabel:
    """The wrong label is the next class: no draw."""

    def __call__(self, classes: Tensor, num_classes: int, generator: torch.Generator) -> Tensor:
        return (classes[:, None] + 1) % num_classes


class Doubled(ImageData):
    """Images as float64."""

    def batch(self, indices: Tensor) -> Batch:
        images, classes = super().batch(indices)
        return Batch(images.double(), classes)


@pytest.mark.parametrize("cached", [False, True])
def test_the_second_block_learns_what_it_would_alone_on_the_frozen_outputs(cached: bool) -> None:
    images, labels = noise(16, classes=K, channels=1), OneHotLabels(K)
    images = Doubled(images.images, images.classes, images.class_names, images.name)
    torch.manual_seed(0)
    net = mlp(SHAPE, widths=(12, 8)).double()
    alone = LayerLocalNet([net.blocks[1]])  # the weights before any training
    weights = {name: value.clone() for name, value in net.blocks[1].layer.state_dict().items()}
    schedule = Schedule(epochs=3, batch_size=16, lr=0.01)  # one batch: the order of images does not matter
    options: dict[str, Any] = {"redraw": False, "cache_gib": 1.0} if cached else {}
    contrast = LabelContrast(labels, NextLabel())
    training = Trainer(
        net, labels, ForwardForward(), schedule=schedule, contrast=contrast, order="one_by_one", **options
    )
    run(training, images)
    learnt = {name: value.clone() for name, value in net.blocks[1].layer.state_dict().items()}
    every = torch.arange(16)
    passes = contrast(images.batch(every), torch.Generator()).inputs
    with torch.no_grad():
        outputs = net.blocks[0](passes).view(16, 2, -1)
    alone.blocks[0].layer.load_state_dict(weights)
    other = Trainer(alone, labels, ForwardForward(), schedule=schedule, contrast=Ready())
    list(other.fit(Outputs(outputs, images.classes)))
    for name, value in alone.blocks[0].layer.state_dict().items():
        assert not torch.equal(learnt[name], weights[name])
        torch.testing.assert_close(value, learnt[name], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("rule", RULES)
def test_kept_outputs_change_no_bit(rule: str, net: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recomputed, kept = (trainer(net, rule, redraw=False, cache_gib=gib, augment=shifts) for gib in (0.0, 1.0))
    wanted = [record.metrics for record in run(recomputed)]
    made: list[int] = []
    prepare = kept.step.prepare
    monkeypatch.setattr(kept.step, "prepare", lambda *given: made.append(kept.step.learning.start) or prepare(*given))
    assert [record.metrics for record in run(kept)] == wanted
    assert equal(recomputed, kept)
    asked, batches = len(kept.net) - 1, 3
    # Twice for each block to see the size, then once for each batch: not in the second epoch, and never for the first.
    assert sorted(made) == sorted(list(range(1, asked + 1)) * (2 + batches))


def test_labels_beside_every_block_are_kept_too() -> None:
    made = []
    for gib in (0.0, 1.0):
        labels = LayerwiseLabels(K, SIZE)
        torch.manual_seed(0)
        net = mlp((labels.channels(1), *SIZE), widths=(12, 8), label_channels=labels.repeated_channels)
        schedule = Schedule(epochs=EPOCHS, batch_size=8)
        made.append(
            Trainer(net, labels, ForwardForward(), schedule=schedule, order="one_by_one", redraw=False, cache_gib=gib)
        )
    one, other = (run(training) for training in made)
    assert equal(*made)
    assert [record.metrics for record in one] == [record.metrics for record in other]


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("order", ORDERS)
def test_repeats_of_one_batch_are_epochs_with_the_same_draws(net: str, order: str) -> None:
    steps = 4
    repeated = trainer(
        net, order=order, schedule={"epochs": 1, "batch_size": 32, "repeats": steps, "decay": "constant"}, redraw=False
    )
    epochs = trainer(net, order=order, schedule={"epochs": steps, "batch_size": 32, "decay": "constant"}, redraw=False)
    (first, *_), many = run(repeated), run(epochs)
    assert equal(repeated, epochs)
    mean = sum(record.metrics["loss"][0] for record in many[:steps]) / steps
    assert first.metrics["loss"][0] == pytest.approx(mean, rel=1e-6)


def test_repeats_take_each_batch_several_times_in_a_row_and_the_rate_counts_them() -> None:
    training = trainer(schedule={"epochs": 1, "repeats": 3})
    rates: list[float] = []
    taken: list[int] = []

    def progress(images: int) -> None:
        rates.append(training.step.optimizers[0].param_groups[0]["lr"])
        taken.append(images)

    records = list(training.fit(data(), progress=progress))
    assert taken == 3 * [8, 8, 8, 8, 8, 8, 6, 6, 6]  # three blocks
    assert sum(taken) == len(data()) * training.stretches.total * training.schedule.repeats
    assert rates[:9] == [pytest.approx(0.01 * min(1, 2 * (1 - step / 9))) for step in range(9)]
    assert rates[9:18] == rates[:9]  # each block begins with the full rate
    for record in records:
        assert record.images_per_second * record.seconds == pytest.approx(3 * len(data()))


@pytest.mark.slow
@pytest.mark.parametrize("net", ["dense", "convolutional"])
def test_kept_inputs_can_be_compiled_and_taken_in_parts(net: str) -> None:
    made = [trainer(net, schedule={"epochs": 1, "repeats": 2}) for _ in range(3)]
    made[1].step.block_step.parts = 2  # as where memory ran out
    made[2].step.block_step.step = CompiledBlockStep(backend="aot_eager")
    wanted, in_parts, compiled = ([record.metrics["loss"][0] for record in run(each)] for each in made)
    assert in_parts == pytest.approx(wanted, rel=1e-4)
    assert compiled == pytest.approx(wanted, rel=1e-4)


def test_repeats_by_backpropagation_have_the_same_passes() -> None:
    made = []
    for schedule in ({"epochs": 1, "repeats": 3}, {"epochs": 3}):
        torch.manual_seed(0)
        shared = {"batch_size": 32, "decay": "constant"}
        training = Trainer(
            NETS["dense"](1), NoLabels(K), Backpropagation(), schedule=Schedule(**shared | schedule), redraw=False
        )
        run(training)
        made.append(training)
    assert same(dict(made[0].net.state_dict()), dict(made[1].net.state_dict()))


@pytest.mark.parametrize("redraw", [False, True])
def test_draws_are_those_of_the_first_epoch_unless_they_are_drawn_anew(redraw: bool) -> None:
    seen: list[tuple[Tensor, Tensor]] = []

    class Watched(LabelContrast):
        def __call__(self, batch: Batch, *given: Any) -> Any:
            passes = super().__call__(batch, *given)
            seen.append((batch.inputs, passes.layout.labels))
            return passes

    labels = OneHotLabels(5)
    torch.manual_seed(0)
    training = Trainer(
        mlp((1, *SIZE), widths=(8,)),
        labels,
        ForwardForward(),
        schedule=Schedule(epochs=2, batch_size=60),
        contrast=Watched(labels),
        augment=shifts,
        redraw=redraw,
    )
    run(training, noise(60, channels=1))
    first, second = seen
    assert torch.equal(first[0], second[0]) != redraw
    assert torch.equal(first[1], second[1]) != redraw


def test_records_are_of_the_block_that_learns() -> None:
    training = trainer("convolutional")
    rates: list[float] = []
    records = list(
        training.fit(data(), progress=lambda _: rates.append(training.step.optimizers[0].param_groups[0]["lr"]))
    )
    blocks = len(training.net)
    assert [record.epoch for record in records] == list(range(EPOCHS * blocks))
    assert [record.blocks for record in records] == [(block,) for block in range(blocks) for _ in range(EPOCHS)]
    for record in records:
        assert len(record.metrics["weight_rms"]) == blocks
        for name, values in (record.metrics | record.first_half).items():
            assert name == "weight_rms" or len(values) == 1
            assert all(value == value for value in values)
    assert rates[:: 3 * EPOCHS] == [0.01] * blocks


def test_blocks_above_do_not_run_and_those_below_run_in_evaluation_mode() -> None:
    training = trainer("convolutional")
    ran: list[tuple[int, bool]] = []
    for index, block in enumerate(training.net):
        block.layer.register_forward_hook(
            lambda *_, index=index: ran.append((index, training.net.blocks[index].training))
        )
    for record in training.fit(data()):
        (learning,) = record.blocks
        assert set(ran) == {(block, block == learning) for block in range(learning + 1)}
        ran.clear()


def test_a_readout_beside_the_blocks_learns_with_the_last_one() -> None:
    torch.manual_seed(0)
    net, labels = NETS["dense"](1), OneHotLabels(K)
    readout = LinearReadout(net, labels, SHAPE)
    training = Trainer(net, labels, ForwardForward(), readout=readout, order="one_by_one")
    for record in training.fit(data()):
        learns = record.blocks == (len(net) - 1,)
        assert ("readout_loss" in record.metrics) == learns
        assert bool(readout.linear.weight.any()) == learns


def test_trainable_labels_learn_with_the_first_block_and_stay() -> None:
    labels = LearnedLabels(K, SIZE)
    torch.manual_seed(0)
    net = cnn6((labels.channels(1), *SIZE), widths=(8, 8), pool_after=())
    training = Trainer(
        net, labels, ForwardForward(), schedule=Schedule(epochs=EPOCHS, batch_size=8), order="one_by_one"
    )
    before = labels.maps.detach().clone()
    for record in training.fit(data()):
        assert torch.equal(labels.maps, before) == (record.blocks != (0,))
        before = labels.maps.detach().clone()


def test_no_epoch_is_no_training() -> None:
    training = trainer(schedule={"epochs": 0})
    before = [tensors(training, block) for block in range(3)]
    assert run(training) == []
    assert all(same(before[block], tensors(training, block)) for block in range(3))


def test_stretches() -> None:
    stretches = Stretches(one_by_one(2), epochs=3)
    assert [stretches.blocks(epoch) for epoch in range(6)] == [range(1)] * 3 + [range(1, 2)] * 3
    assert [stretches.within(epoch) for epoch in range(6)] == [0, 1, 2, 0, 1, 2]
    assert [stretches.left(epoch) for epoch in range(6)] == [2, 1, 0, 2, 1, 0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": "upwards"}, "order must be one of together, one_by_one, got 'upwards'"),
        ({"schedule": {"stagger": 0.5}}, "stagger must be 0 where blocks learn one_by_one, got 0.5"),
        ({"schedule": {"repeats": 0}}, "repeats must be at least 1, got 0"),
        ({"cache_gib": 1.0}, "cache_gib needs redraw=False: new draws change the outputs of finished blocks"),
        ({"cache_gib": -1.0, "redraw": False}, "cache_gib must be at least 0 and finite, got -1"),
        ({"cache_gib": float("nan"), "redraw": False}, "cache_gib must be at least 0 and finite, got nan"),
        (
            {"cache_gib": 1.0, "redraw": False, "order": "together"},
            "cache_gib needs an order in which blocks are finished, got 'together'",
        ),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        trainer(**options)


def test_rules_and_networks_without_an_order_are_refused() -> None:
    with pytest.raises(ValueError, match="Backpropagation has no order of blocks: order must be 'together'"):
        Trainer(NETS["dense"](1), NoLabels(K), Backpropagation(), order="one_by_one")
    with pytest.raises(ValueError, match="a network that visits a block repeatedly has no order of blocks"):
        Trainer(twice(), PLAIN_LABELS, ForwardForward(), order="one_by_one")


def test_outputs_that_take_more_memory_than_they_may_are_refused_before_anything_learns() -> None:
    training = trainer("convolutional", redraw=False, cache_gib=1e-6)
    before = [tensors(training, block) for block in range(3)]
    size = IMAGES * 2 * 8 * 4 * 4 * 4 / 2**30  # passes, channels, a pooled map of 4 x 4, bytes
    with pytest.raises(
        ValueError, match=r"below block 2 must fit in cache_gib = 1e-06 GiB, and those of 22 images"
    ) as got:
        run(training)
    assert f"take {size:.3g} GiB" in str(got.value)
    assert all(same(before[block], tensors(training, block)) for block in range(3))
    assert training.step.learning == range(3)


def test_rows_of_a_label_stream_are_counted_once_per_batch() -> None:
    training = trainer("convolutional", "stream", redraw=False, cache_gib=1e-6)
    rows = IMAGES + 3 * K  # three batches of at most 8 images
    size = rows * 8 * 4 * 4 * 4 / 2**30
    with pytest.raises(ValueError, match="must fit in cache_gib") as got:
        run(training)
    assert f"take {size:.3g} GiB" in str(got.value)


def test_each_process_keeps_its_share_only() -> None:
    from convff import OneProcess
    from convff.machine.processes import Shard

    class Half(OneProcess):
        """The first of two processes, without the other one."""

        size = 2

        def shard(self, images: int) -> Shard:
            return Shard(slice(0, images // 2), 0.5, 1.0)

    kept = []
    for processes in (OneProcess(), Half()):
        training = trainer(redraw=False, cache_gib=1.0, processes=processes)
        run(training, data(32))
        kept.append(sum(prepared.bytes for prepared in training.lessons._kept.values()))
    assert kept[0] == 32 * 2 * 8 * 4  # images, passes, units of block 2, bytes
    assert kept[1] == kept[0] / 2


def test_a_finding_names_the_block_whose_turn_it_is() -> None:
    training = trainer(schedule={"epochs": 1, "lr": 0.001})
    with torch.no_grad():
        training.net.blocks[1].layer.weight.fill_(-1.0)
        for block in (1, 2):  # the third would get no input
            training.net.blocks[block].layer.bias.fill_(-1.0)
    with pytest.warns(TrainingWarning, match="dead layer in block 2, epoch 2") as told:
        records = run(training)
    assert [[finding.block for finding in record.findings] for record in records] == [[], [2], [3]]
    texts = [str(warning.message) for warning in told]
    assert "try a smaller lr (or a larger theta" in texts[0]
    assert "block 2 below outputs only zeros, and as it has finished learning it cannot be fixed any more" in texts[1]


def test_epochs_left_are_those_of_the_block() -> None:
    """A gate that will leave saturation in time is no fault, and that is a question of the epochs left."""
    of_block = {"saturation": 1.0, "gate_right": 1.0, "gate_wrong": 0.0, "goodness": 1.0, "silent": 0.0}
    metrics = {name: [value] for name, value in of_block.items()} | {"loss": [4.0], "weight_rms": [1.0, 1.0]}
    halfway = {"loss": [4.25]}  # falls by 1 in an epoch
    for left, found in ((3, []), (2, [2])):
        check = HealthCheck([1.0, 1.0])
        assert [finding.block for finding in check(5, metrics, halfway, left, blocks=(1,))] == found
    seen: list[tuple[int, int]] = []
    training = trainer()

    class Watched(HealthCheck):
        def __call__(self, epoch: int, metrics: Any, first_half: Any, left: int, **options: Any) -> Any:
            seen.append((epoch, left))
            return super().__call__(epoch, metrics, first_half, left, **options)

    training.health = Watched([1.0] * 3)
    training._resumed = True
    run(training)
    assert seen == [(epoch, 1 - epoch % 2) for epoch in range(6)]


def test_a_divergence_names_the_block_whose_turn_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = {"loss": [float("nan")], "weight_rms": [1.0, 1.0, 1.0]}
    with pytest.raises(DivergedError, match="loss of block 3 is nan in epoch 1"):
        stop_if_diverged(0, metrics, blocks=(2,))
    with pytest.raises(DivergedError, match="weight_rms of block 2 is inf"):
        stop_if_diverged(0, {"weight_rms": [1.0, float("inf"), 1.0]}, blocks=(2,))
    monkeypatch.setattr("convff.training.trainer.CHECKED_EVERY", 1)
    training = trainer()

    def spoil(images: int) -> None:
        if training.position.epoch == EPOCHS:
            training.net.blocks[1].layer.weight.data[0, 0] = torch.inf

    with pytest.raises(DivergedError, match=rf"of block 2 is (nan|inf) in epoch {EPOCHS + 1}, by step 2"):
        list(training.fit(data(), progress=spoil))


@pytest.mark.parametrize("first", [0, 1])
def test_inference_counts_the_blocks_from_the_first_that_counts_on(first: int) -> None:
    """A net whose block 1 has most goodness for label 0, and whose block 2 has most for label 1."""
    from convff import goodness_scores

    net = mlp((1, 1, 3), widths=(2, 1))
    with torch.no_grad():
        one, two = (block.layer for block in net)
        for layer in (one, two):
            layer.bias.zero_()
        one.weight.copy_(torch.tensor([[9.0, 0.0, 0.0], [0.0, 3.0, 0.0]]))  # label 0 is loud, label 1 is soft
        two.weight.copy_(torch.tensor([[0.0, 1.0]]))  # and only label 1 gets to block 2
    scores = goodness_scores(net, torch.zeros(1, 1, 1, 3), OneHotLabels(2), first=first)
    assert scores.argmax(dim=1).tolist() == [first]
    with pytest.raises(ValueError, match=r"`first` must be in \[0, 2\), got 2"):
        goodness_scores(net, torch.zeros(1, 1, 1, 3), OneHotLabels(2), first=2)


def test_a_batch_of_fewer_than_two_images_is_refused() -> None:
    with pytest.raises(ValueError, match="has 1 images to learn from, but a step needs at least 2"):
        run(trainer(), data(1))


def test_the_blogs_loop() -> None:
    """Threshold 3, unit length, Adam kept over three parts of the data: layer by layer, against autograd in float64."""
    images = Doubled(noise(60, channels=1).images, torch.arange(60) % 5, tuple("abcde"), "noise")
    parts = [
        Doubled(images.images[at : at + 20], images.classes[at : at + 20], images.class_names, "part")
        for at in (0, 20, 40)
    ]
    labels, steps = OneHotLabels(5, rest=0.1307), 5
    for reset in (False, True):
        torch.manual_seed(1)
        net = mlp(SHAPE, widths=(6, 6), norm="unit", standardise=(0.1307, 0.3081)).double()
        expected = [
            {name: value.clone().requires_grad_() for name, value in block.layer.state_dict().items()} for block in net
        ]
        training = Trainer(
            net,
            labels,
            ForwardForward(gate=Threshold(theta=3.0, scale=1.0)),
            schedule=Schedule(batch_size=20, lr=0.03, decay="constant", repeats=steps),
            order="one_by_one",
            redraw=False,
        )
        for part in parts:
            list(training.fit(part))
        notebooks_loop(parts, labels, expected, steps, reset=reset)
        errors = [
            (block.layer.state_dict()[name] - value).abs().max().item()
            for block, layer in zip(net, expected, strict=True)
            for name, value in layer.items()
        ]
        assert max(errors) < 1e-9 if not reset else max(errors) > 1e-3  # Adam remembers the earlier parts
