"""An interrupted training that is resumed equals one that was not, to the bit: every rule, place, step and network."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from convff import (
    AtBeside,
    AtBlocks,
    AtGains,
    AtNowhere,
    AtOutput,
    AtStream,
    Backpropagation,
    DivergedError,
    ForwardForward,
    GlobalHebbian,
    HebbianForwardForward,
    ImageData,
    LinearReadout,
    LocalHead,
    Schedule,
    Similar,
    SoftHebb,
    Softmax,
    Stabilised,
    Trainer,
    TrainingState,
    TrainingWarning,
    cnn3,
    cnn6,
    deephebb,
    local_fields,
    mlp,
    resnet,
    resnet_he,
)
from convff.stabilisers import PeerNormalisation, SlidingThreshold, WeightNorm
from labels import ChannelLabels, FourierLabels, LearnedLabels, MorphLabels, NoLabels, OneHotLabels, StreamLabels
from tests.convff.samples import noise

pytestmark = pytest.mark.filterwarnings("ignore::convff.training.health.TrainingWarning")

K, SIZE, IMAGES, BATCH, EPOCHS = 4, (8, 8), 22, 8, 3  # three steps per epoch
SHAPE = (1, *SIZE)
MAKE: dict[str, Callable[[], dict[str, Any]]] = {
    "ff, waves": lambda: {"rule": ForwardForward(), "labels": FourierLabels(K, SIZE)},
    "hebbff, morphology, batch norm": lambda: {
        "rule": HebbianForwardForward(),
        "labels": MorphLabels(K),
        "net": cnn6(SHAPE, widths=(8, 8), pool_after=(1,)),
        "schedule": {"optimizer": "relative", "lr": 0.01, "momentum": 0.9},
    },
    "hebbff, plain steps, dense": lambda: {
        "rule": HebbianForwardForward(),
        "labels": OneHotLabels(K),
        "net": mlp(SHAPE, widths=(12, 8)),
        "schedule": {"optimizer": "sgd", "lr": 0.001},
    },
    "output, orthogonal, staggered": lambda: {
        "rule": ForwardForward(gate=Softmax(scale=16.0), label_at=AtOutput(K)),
        "net": cnn6(SHAPE, widths=(8, 8, 8), pool_after=(1,)),
        "schedule": {"optimizer": "orthogonal", "lr": 0.02, "stagger": 0.3},
    },
    "blocks": lambda: {"rule": ForwardForward(label_at=AtBlocks(num_classes=K, regions=2))},
    "gains": lambda: {"rule": ForwardForward(label_at=AtGains(num_classes=K))},
    "stream": lambda: {
        "rule": ForwardForward(label_at=AtStream(num_classes=K)),
        "labels": StreamLabels(FourierLabels(K, SIZE)),
    },
    "beside": lambda: {
        "rule": ForwardForward(label_at=AtBeside(num_classes=K)),
        "labels": StreamLabels(FourierLabels(K, SIZE)),
        "net": cnn6(SHAPE, widths=(8, 8), pool_after=(1,)),
    },
    "hybrids, local fields": lambda: {
        "rule": Stabilised(rule=ForwardForward(label_at=AtNowhere()), stabilisers=(PeerNormalisation(),)),
        "net": local_fields(SHAPE, widths=(8, 6), field=4, stride=2),
        "schedule": {"optimizer": "smoothed", "lr": 0.05, "weight_decay": 0.01},
        "readout": True,
    },
    "local head": lambda: {"rule": LocalHead(num_classes=K), "schedule": {"optimizer": "orthogonal"}},
    "similar": lambda: {"rule": Similar(rule=LocalHead(num_classes=K), weight=0.5, num_classes=K)},
    "softhebb": lambda: {
        "rule": SoftHebb(temperature=(1.0, 0.5)),
        "net": deephebb(SHAPE, widths=(4, 6), activation="triangle", padding="reflect", init_radius=25.0),
        "schedule": {"optimizer": "norm_dependent", "lr": 0.08, "momentum": 0.0, "block_factors": (1.0, 0.25)},
    },
    "ghl": lambda: {
        "rule": GlobalHebbian(grid=2, hidden=6, dropout=0.5),
        "net": resnet_he(SHAPE, depth=8, widths=(4, 5, 6)),
        "schedule": {"optimizer": "sgd", "lr": 0.02, "weight_decay": 0.05, "rest_factor": 0.5, "decay": "cosine"},
    },
    "bp": lambda: {"rule": Backpropagation()},
    "bp, orthogonal": lambda: {"rule": Backpropagation(), "schedule": {"optimizer": "orthogonal"}},
    "labels that learn": lambda: {
        "rule": ForwardForward(),
        "labels": LearnedLabels(K, SIZE),
        "net": cnn3((2, *SIZE), width=8, kernel=3),
    },
    "stabilisers": lambda: {
        "rule": Stabilised(rule=HebbianForwardForward(), stabilisers=(SlidingThreshold(), WeightNorm())),
        "labels": FourierLabels(K, SIZE),
        "schedule": {"optimizer": "per_neuron", "lr": 0.01},
    },
    "residual network": lambda: {
        "rule": ForwardForward(),
        "labels": FourierLabels(K, SIZE),
        "net": resnet(SHAPE, widths=(8, 8)),
        "schedule": {"optimizer": "sign", "lr": 0.01},
    },
    "readout beside the blocks": lambda: {"rule": ForwardForward(), "labels": ChannelLabels(K, SIZE), "readout": True},
    "one by one, batch norm": lambda: {
        "rule": ForwardForward(label_at=AtOutput(K)),
        "net": cnn6(SHAPE, widths=(8, 8, 8), pool_after=(1,)),
        "schedule": {"epochs": 1},
        "options": {"order": "one_by_one"},
    },
    "one by one, outputs kept, stabilisers": lambda: {
        "rule": Stabilised(rule=HebbianForwardForward(), stabilisers=(SlidingThreshold(), WeightNorm())),
        "labels": FourierLabels(K, SIZE),
        "schedule": {"epochs": 1},
        "options": {"order": "one_by_one", "redraw": False, "cache_gib": 1.0},
    },
    "one by one, readout and labels that learn": lambda: {
        "rule": ForwardForward(),
        "labels": LearnedLabels(K, SIZE),
        "net": cnn3((2, *SIZE), width=8, kernel=3),
        "schedule": {"epochs": 1},
        "options": {"order": "one_by_one"},
        "readout": True,
    },
    "the same draws in every epoch": lambda: {
        "rule": ForwardForward(),
        "labels": OneHotLabels(K),
        "options": {"redraw": False},
    },
    "bfloat16": lambda: {"rule": ForwardForward(label_at=AtOutput(K)), "precision": "bfloat16"},
}


def data() -> ImageData:
    return noise(IMAGES, classes=K, channels=1)


def trainer(name: str, *, seed: int = 0, **schedule: Any) -> Trainer:
    torch.manual_seed(0)
    made = {"labels": NoLabels(K), "schedule": {}, "readout": False, "precision": "float32", "options": {}} | MAKE[
        name
    ]()
    labels = made["labels"]
    net = made.get("net") or cnn3((labels.channels(1), *SIZE), width=8, kernel=3)
    return Trainer(
        net,
        labels,
        made["rule"],
        schedule=Schedule(**({"epochs": EPOCHS, "batch_size": BATCH, "lr": 1e-3} | made["schedule"] | schedule)),
        readout=LinearReadout(net, labels, SHAPE) if made["readout"] else None,
        seed=seed,
        precision=made["precision"],
        **made["options"],
    )


class Stop(Exception):
    """The training ends here, as by a signal."""


def run(training: Trainer, *, stop: int | None = None) -> list[dict[str, list[float]]]:
    """The metrics of each epoch; the training is left after `stop` further steps."""
    taken = 0

    def progress(images: int) -> None:
        nonlocal taken
        taken += 1
        if taken == stop:
            raise Stop

    metrics = []
    try:
        for record in training.fit(data(), progress=progress):
            metrics.append(record.metrics)
    except Stop:
        pass
    return metrics


def everything(training: Trainer) -> dict[str, Tensor]:
    """All tensors that a training leaves behind."""
    return training.state().tensors


def same(one: Trainer, other: Trainer) -> None:
    first, second = everything(one), everything(other)
    assert first.keys() == second.keys()
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize("stop", [4, 6])  # within the second epoch, and at its end
def test_a_resumed_training_equals_one_that_was_not_interrupted(name: str, stop: int, tmp_path: Path) -> None:
    straight, stopped, resumed = trainer(name), trainer(name), trainer(name)
    wanted = run(straight)
    run(stopped, stop=stop)
    stopped.state().save(tmp_path / "state.safetensors")
    resumed.resume(TrainingState.load(tmp_path / "state.safetensors"))
    got = run(resumed)
    same(straight, resumed)
    assert got == wanted[-len(got) :]
    assert len(got) == 2


REPEATED = {"order": "one_by_one", "redraw": False, "cache_gib": 1.0}


def repeated(schedule: dict[str, Any], options: dict[str, Any]) -> Trainer:
    """Three blocks, two epochs of three batches each, three steps on each batch: nine steps an epoch."""
    torch.manual_seed(0)
    net = mlp(SHAPE, widths=(12, 8, 8), norm="unit")
    given = {"epochs": 2, "batch_size": BATCH, "repeats": 3, "lr": 0.01} | schedule
    return Trainer(net, OneHotLabels(K, rest=0.1), ForwardForward(), schedule=Schedule(**given), **options)


@pytest.mark.parametrize("options", [REPEATED, {"order": "one_by_one"}, {}], ids=["kept", "one by one", "together"])
@pytest.mark.parametrize("stop", [1, 5, 9, 18, 23, 41])  # within a batch, at its end, at the ends of epoch and block
def test_a_training_of_repeated_steps_is_resumed_anywhere(stop: int, options: dict[str, Any], tmp_path: Path) -> None:
    straight, stopped, resumed = (repeated({}, options) for _ in range(3))
    wanted = run(straight)
    steps = 9 * len(wanted)
    run(stopped, stop=stop % steps or 3)
    stopped.state().save(tmp_path / "state.safetensors")
    resumed.resume(TrainingState.load(tmp_path / "state.safetensors"))
    got = run(resumed)
    same(straight, resumed)
    assert got == wanted[-len(got) :]


def test_several_parts_of_the_data_are_learnt_from_one_after_another() -> None:
    """The optimisers remember the earlier part, and a state within the second one is enough to go on."""
    straight, stopped, resumed = (repeated({}, REPEATED) for _ in range(3))
    parts = [data().part(0, 11), data().part(11, None)]
    for part in parts:
        list(straight.fit(part))
    list(stopped.fit(parts[0]))
    taken = 0

    def stop(images: int) -> None:
        nonlocal taken
        taken += 1
        if taken == 15:
            raise Stop

    with pytest.raises(Stop):
        list(stopped.fit(parts[1], progress=stop))
    resumed.resume(stopped.state())
    list(resumed.fit(parts[1]))
    same(straight, resumed)


def test_a_training_can_be_stopped_again_and_again() -> None:
    name = "output, orthogonal, staggered"
    straight, current = trainer(name), trainer(name)
    run(straight)
    for _ in range(3 * EPOCHS):
        run(current, stop=1)
        state, current = current.state(), trainer(name)
        current.resume(state)
    run(current)
    same(straight, current)


def test_a_finished_training_goes_on_by_the_schedule_of_more_epochs() -> None:
    name = "output, orthogonal, staggered"
    short, longer = trainer(name), trainer(name, epochs=5)
    run(short)
    longer.resume(short.state())
    assert len(run(longer)) == 2
    assert longer.position.epoch == 5
    # The rate is that of 5 epochs: another trainer that is at the same place takes the same steps.
    other = trainer(name, epochs=5)
    other.resume(short.state())
    run(other)
    same(longer, other)
    assert run(trainer(name)) != run(trainer(name, epochs=5))[:3]


def test_a_finished_training_that_is_resumed_has_nothing_left_to_do() -> None:
    first, second = trainer("ff, waves"), trainer("ff, waves")
    run(first)
    second.resume(first.state())
    assert run(second) == []
    assert run(second) != []  # without a state, `fit` begins again


def test_a_state_does_not_change_as_the_training_goes_on() -> None:
    current = trainer("ff, waves")
    run(current, stop=2)
    state = current.state()
    before = {name: tensor.clone() for name, tensor in state.tensors.items()}
    run(current)
    assert all(torch.equal(before[name], tensor) for name, tensor in state.tensors.items())


def test_a_finding_is_not_told_again_after_a_resume() -> None:
    def told(training: Trainer) -> list[str]:
        return [str(finding) for record in training.fit(data()) for finding in record.findings]

    first = trainer("ff, waves", lr=100.0, optimizer="sgd")
    with pytest.warns(TrainingWarning):
        before = told(first)
    assert before
    second = trainer("ff, waves", lr=100.0, optimizer="sgd", epochs=EPOCHS + 2)
    second.resume(first.state())
    after = told(second)
    assert not {text.split(",")[0] for text in before} & {text.split(",")[0] for text in after}


@pytest.mark.parametrize(
    ("of", "to", "message"),
    [
        ({"name": "ff, waves"}, {"name": "ff, waves", "seed": 1}, "'seed': 1"),
        ({"name": "ff, waves"}, {"name": "ff, waves", "batch_size": 4}, "'batch_size': 4"),
        ({"name": "ff, waves"}, {"name": "bp"}, "must have the modules \\['head'\\], got \\[\\]"),
        ({"name": "ff, waves"}, {"name": "blocks"}, "must have the modules"),
        ({"name": "ff, waves"}, {"name": "hebbff, plain steps, dense"}, "of another training"),
        ({"name": "ff, waves"}, {"name": "residual network"}, "of another training"),
        ({"name": "ff, waves"}, {"name": "labels that learn"}, "of another training"),
    ],
)
def test_a_state_of_another_training_is_refused(of: dict[str, Any], to: dict[str, Any], message: str) -> None:
    first = trainer(**of)
    run(first, stop=1)
    with pytest.raises(ValueError, match=message):
        trainer(**to).resume(first.state())


@pytest.mark.parametrize(
    ("schedule", "options", "message"),
    [
        ({"repeats": 2}, REPEATED, "'repeats': 2"),
        ({"epochs": 3}, REPEATED, "'epochs': 3"),  # another block would be in its turn
        ({}, {"order": "one_by_one"}, "got .*'redraw': False"),
        ({}, {"redraw": False}, "got .*'order': 'one_by_one'"),
    ],
)
def test_a_state_of_another_order_is_refused(schedule: dict[str, Any], options: dict[str, Any], message: str) -> None:
    first = repeated({}, REPEATED)
    run(first, stop=4)
    with pytest.raises(ValueError, match=message):
        repeated(schedule, options).resume(first.state())


def test_a_metric_that_is_not_finite_stops_the_training_within_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convff.training.trainer.CHECKED_EVERY", 2)
    current = trainer("ff, waves", lr=0.1)

    def spoil(images: int) -> None:
        if current.position.step == 1:
            current.net.blocks[1].layer.weight.data[0, 0] = torch.inf

    with pytest.raises(DivergedError, match=r"of block 2 is (nan|inf) in epoch 1, by step 2"):
        list(current.fit(data(), progress=spoil))
