"""A step that does not fit in memory is taken in parts: the same update, the same statistics, a warning."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from convff import (
    AtBeside,
    AtBlocks,
    AtGains,
    AtOutput,
    AtStream,
    Autograd,
    Backpropagation,
    Batch,
    ForwardForward,
    HebbianForwardForward,
    ImageData,
    LocalHead,
    LocalUpdate,
    MemoryWarning,
    Schedule,
    Seen,
    Setup,
    Similar,
    Stabilised,
    Trainer,
    cnn3,
    cnn6,
    keyed_generator,
    mlp,
)
from convff.stabilisers import Decay, SlidingThreshold
from convff.training.halving import HalvingStep, is_out_of_memory
from convff.training.local_step import LocalStep
from labels import FourierLabels, LearnedLabels, NoLabels, OneHotLabels, StreamLabels
from tests.convff.samples import noise

# The warning of each further halving is given again behind `pytest.warns`.
pytestmark = pytest.mark.filterwarnings("ignore::convff.training.halving.MemoryWarning")

K, SIZE, IMAGES = 3, (8, 8), 24
SHAPE = (1, *SIZE)
CASES: dict[str, Callable[[], dict[str, Any]]] = {
    "ff": lambda: {"rule": ForwardForward(), "labels": FourierLabels(K, SIZE)},
    "hebbff": lambda: {"rule": HebbianForwardForward(), "labels": FourierLabels(K, SIZE)},
    "dense": lambda: {
        "rule": HebbianForwardForward(),
        "labels": OneHotLabels(K),
        "net": mlp(SHAPE, widths=(9, 6)),
    },
    "output": lambda: {"rule": ForwardForward(label_at=AtOutput(K))},
    "blocks": lambda: {"rule": ForwardForward(label_at=AtBlocks(num_classes=K, regions=2))},
    "gains": lambda: {"rule": HebbianForwardForward(label_at=AtGains(num_classes=K))},
    "stream": lambda: {
        "rule": ForwardForward(label_at=AtStream(num_classes=K)),
        "labels": StreamLabels(FourierLabels(K, SIZE)),
    },
    "beside": lambda: {
        "rule": ForwardForward(label_at=AtBeside(num_classes=K)),
        "labels": StreamLabels(FourierLabels(K, SIZE)),
    },
    "local head": lambda: {"rule": LocalHead(num_classes=K)},
    "autograd": lambda: {"rule": Autograd(rule=ForwardForward()), "labels": FourierLabels(K, SIZE)},
    "decay": lambda: {
        "rule": Stabilised(rule=HebbianForwardForward(), stabilisers=(Decay(),)),
        "labels": FourierLabels(K, SIZE),
    },
    "learned": lambda: {
        "rule": ForwardForward(),
        "labels": LearnedLabels(K, SIZE),
        "net": cnn3((2, *SIZE), width=6, kernel=3),
    },
}


def data() -> ImageData:
    return noise(IMAGES, classes=K, channels=1)


def step_of(name: str) -> LocalStep:
    torch.manual_seed(0)
    made = {"labels": NoLabels(K), "net": None} | CASES[name]()
    net = (made["net"] or cnn6(SHAPE, widths=(6, 6), pool_after=(1,))).double().train()
    labels = made["labels"]
    if name == "learned":
        for parameter in labels.parameters():
            parameter.data = parameter.data.double()
    schedule = Schedule(epochs=1, batch_size=IMAGES, optimizer="sgd", lr=1e-3)
    return LocalStep(made["rule"], Setup(net=net, labels=labels, schedule=schedule))


def take(step: LocalStep) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Take two steps; all tensors that learn or are averaged, and the metrics of the second."""
    images, classes = data().batch(torch.arange(IMAGES))
    for turn in range(2):
        metrics = step(Batch(images.double(), classes), keyed_generator(turn, "draws"))
    tensors = {f"net.{name}": tensor for name, tensor in step.net.state_dict().items()}
    for name, module in step.modules.items():
        tensors |= {f"{name}.{key}": tensor for key, tensor in module.state_dict().items()}
    if step.trainable_labels is not None:
        tensors |= {f"labels.{i}": p.data for i, p in enumerate(step.trainable_labels.parameters())}
    return tensors, metrics


def trainer() -> Trainer:
    torch.manual_seed(0)
    schedule = Schedule(epochs=1, batch_size=IMAGES, optimizer="sgd", lr=1e-3)
    net = cnn6(SHAPE, widths=(6, 6), pool_after=(1,))
    return Trainer(net, FourierLabels(K, SIZE), ForwardForward(), schedule=schedule)


class Small:
    """A block step for which memory runs out where there are more images than fit; counts its calls."""

    def __init__(self, step: Any, fits: int) -> None:
        self.step, self.fits = step, fits

    def __call__(self, block: Any, rule: Any, h: Any, layout: Any, *further: Any) -> Any:
        if len(layout.targets) > self.fits:
            block.normalised(h, layout.stream)  # it gets as far as the norm
            raise torch.OutOfMemoryError("no room for 1 GiB")
        return self.step(block, rule, h, layout, *further)


def cut(step: LocalStep, fits: int, monkeypatch: pytest.MonkeyPatch) -> HalvingStep:
    """Let memory be short, in whole steps and in parts."""
    assert isinstance(step.block_step, HalvingStep)
    step.block_step.step = Small(step.block_step.step, fits)
    rule, direction = type(step.rule), type(step.rule).direction

    def short(self: Any, seen: Seen, state: Any) -> LocalUpdate:
        if len(seen.layout.targets) > fits:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")
        return direction(self, seen, state)

    monkeypatch.setattr(rule, "direction", short)
    return step.block_step


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("fits", "parts"), [(12, 2), (7, 4)])
def test_the_update_is_that_of_the_whole_batch(
    name: str, fits: int, parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, halved = step_of(name), step_of(name)
    before = {key: tensor.clone() for key, tensor in whole.net.state_dict().items()}
    wanted, metrics = take(whole)
    step = cut(halved, fits, monkeypatch)
    with pytest.warns(MemoryWarning, match=f"a step of {IMAGES} images does not fit in memory; .* in {parts} parts"):
        got, their_metrics = take(halved)
    assert step.parts == parts
    assert any(not torch.equal(before[key], tensor) for key, tensor in whole.net.state_dict().items())
    for key, tensor in wanted.items():
        torch.testing.assert_close(got[key], tensor, rtol=1e-10, atol=1e-10)
    for metric, values in metrics.items():
        torch.testing.assert_close(their_metrics[metric], values, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("rule", "labels"),
    [
        (Similar(rule=LocalHead(num_classes=K), weight=0.5, num_classes=K), NoLabels(K)),
        (
            Stabilised(rule=HebbianForwardForward(), stabilisers=(SlidingThreshold(),)),
            FourierLabels(K, SIZE),
        ),
        (Backpropagation(), NoLabels(K)),
    ],
)
def test_a_rule_that_cannot_be_cut_says_what_to_do(rule: Any, labels: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    training = Trainer(cnn3(SHAPE, width=6, kernel=3), labels, rule, schedule=Schedule(batch_size=IMAGES))

    def short(*arguments: Any, **options: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr("convff.network.Block.activity", short)
    with pytest.raises(torch.OutOfMemoryError, match=f"{IMAGES} images must fit .* epoch 1, step 1: take a sm"):
        list(training.fit(data()))


def test_it_gives_up_when_no_part_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    training = trainer()
    assert isinstance(training.step, LocalStep)
    step = cut(training.step, 0, monkeypatch)
    with pytest.raises(torch.OutOfMemoryError, match="take a smaller batch size"):
        list(training.fit(data()))
    assert step.parts == 16  # of 24 images, 32 parts cannot be made


def test_other_errors_are_not_taken_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_out_of_memory(ValueError("cannot allocate memory"))
    training = trainer()

    def broken(self: Any, seen: Seen, state: Any) -> LocalUpdate:
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(ForwardForward, "direction", broken)
    with pytest.raises(RuntimeError, match="shapes differ"):
        list(training.fit(data()))
