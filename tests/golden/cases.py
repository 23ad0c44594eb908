"""What is computed: 20 steps of every rule on every network, and what else a refactoring could break.

Every number is stated here, independent of presets. A case returns numbers by name; all of them are compared.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from convff import (
    MODELS,
    RULES,
    AtOutput,
    Batch,
    ImageData,
    LabelContrast,
    LayerLocalNet,
    LinearReadout,
    RandomNegatives,
    Schedule,
    Softmax,
    Stabilised,
    Symmetric,
    Threshold,
    Trainer,
    block_goodness,
)
from convff.randomness import keyed_generator
from convff.rules import Autograd
from convff.stabilisers import Decay, Oja, SlidingThreshold, WeightNorm
from labels import (
    ChannelLabels,
    FourierLabels,
    LayerwiseLabels,
    LearnedLabels,
    MorphLabels,
    NoLabels,
    OneHotLabels,
)

STEPS, BATCH, CLASSES, SIZE = 20, 12, 4, (8, 8)
Numbers = dict[str, list[float]]


@dataclass(frozen=True, eq=False)
class Case:
    """One training of `STEPS` steps.

    Args:
        net: name in `MODELS`, and its options.
        options: the model's options.
        labels: makes the label generator.
        rule: the rule.
        schedule: the optimiser and its numbers.
        channels: of an image.
        negatives: wrong labels per image.
        precision: "float64" holds across processors; the others are compared on one machine only.
    """

    net: str
    labels: Callable[[], Any]
    rule: Any
    schedule: Schedule
    options: dict[str, Any] = field(default_factory=dict)
    channels: int = 3
    negatives: int = 1
    precision: str = "float64"


ADAM = Schedule(optimizer="adam", lr=3e-3, momentum=0.9, batch_size=BATCH)
RELATIVE = Schedule(optimizer="relative", lr=0.01, momentum=0.9, batch_size=BATCH)
SGD = Schedule(optimizer="sgd", lr=3e-3, momentum=0.0, batch_size=BATCH)
NETS: dict[str, dict[str, Any]] = {
    "cnn3": {"width": 5, "kernel": 3},
    "cnn6": {"widths": (4, 5, 6, 6, 7, 8), "kernel": 3, "pool_after": (1, 3)},
    "mlp": {"widths": (14, 12, 10)},
    "resnet": {"widths": (4, 6)},
}
TRAINED: dict[str, tuple[Any, Schedule]] = {
    "ff": (RULES["ff"](gate=Symmetric(scale=8.0)), ADAM),
    "hebbff": (RULES["hebbff"](gate=Threshold(theta=0.3, scale=1.0)), RELATIVE),
    "bp": (RULES["bp"](), ADAM),
}


def _fourier() -> FourierLabels:
    return FourierLabels(CLASSES, SIZE, intensity=0.4)


def _one_hot() -> OneHotLabels:
    return OneHotLabels(CLASSES)


def _layerwise() -> LayerwiseLabels:
    return LayerwiseLabels(CLASSES, SIZE)


def _none() -> NoLabels:
    return NoLabels(CLASSES)


NORM_DEPENDENT = Schedule(
    optimizer="norm_dependent",
    lr=0.08,
    momentum=0.0,
    batch_size=BATCH,
    decay="constant",
    block_factors=(1.0, 0.0625, 0.125),
)
GUIDED = Schedule(
    optimizer="sgd", lr=0.01, momentum=0.0, batch_size=BATCH, decay="cosine", weight_decay=0.05, rest_factor=0.5
)
SOFTHEBBS_NET = {"widths": (4, 6, 8), "activation": "triangle", "padding": "reflect", "init_radius": 25.0}
GROUPS = NETS["cnn6"] | {"widths": (4, 8, 8, 8, 12, 12)}
AT_OUTPUT = {rule: RULES[rule](gate=Softmax(scale=8.0), label_at=AtOutput(CLASSES)) for rule in ("ff", "hebbff")}
ALL_PIECES = (
    Decay(strength=0.01),
    Oja(strength=0.01),
    SlidingThreshold(strength=0.001, momentum=0.9),
    WeightNorm(strength=0.5),
)
CASES: dict[str, Case] = {
    f"{rule} {net}": Case(net, _one_hot if net == "mlp" else _fourier, trained, schedule, options)
    for rule, (trained, schedule) in TRAINED.items()
    for net, options in NETS.items()
} | {
    "ff cnn3, softmax gate, 3 negatives": Case(
        "cnn3", _fourier, RULES["ff"](gate=Softmax(scale=5.0)), ADAM, NETS["cnn3"], negatives=3
    ),
    "ff mlp, sum of squares": Case(
        "mlp", _one_hot, RULES["ff"](gate=Threshold(scale=0.5), reduction="sum"), ADAM, NETS["mlp"]
    ),
    "ff cnn3 by autograd": Case("cnn3", _fourier, Autograd(rule=TRAINED["ff"][0]), ADAM, NETS["cnn3"]),
    "ff cnn6, learned labels": Case("cnn6", lambda: LearnedLabels(CLASSES, SIZE), TRAINED["ff"][0], ADAM, NETS["cnn6"]),
    "hebbff cnn3, morphology": Case("cnn3", lambda: MorphLabels(CLASSES), *TRAINED["hebbff"], NETS["cnn3"]),
    "ff cnn6, label channels": Case("cnn6", lambda: ChannelLabels(CLASSES, SIZE), TRAINED["ff"][0], ADAM, NETS["cnn6"]),
    "ff cnn6, label at every block": Case(
        "cnn6", _layerwise, TRAINED["ff"][0], ADAM, NETS["cnn6"] | {"label_channels": CLASSES}
    ),
    "hebbff mlp, label at every block, plain steps": Case(
        "mlp",
        _layerwise,
        TRAINED["hebbff"][0],
        SGD,
        NETS["mlp"] | {"label_channels": CLASSES, "label_scale": 0.5},
        channels=1,
    ),
    "ff mlp, label at every block, plain steps": Case(
        "mlp",
        _layerwise,
        TRAINED["ff"][0],
        Schedule(optimizer="sgd", lr=0.5, momentum=0.0, batch_size=BATCH),
        NETS["mlp"] | {"label_channels": CLASSES, "label_scale": 0.5},
        channels=1,
    ),
    "hebbff cnn6, all stabilisers": Case(
        "cnn6", _fourier, Stabilised(rule=TRAINED["hebbff"][0], stabilisers=ALL_PIECES), RELATIVE, NETS["cnn6"]
    ),
    "ff mlp, all stabilisers": Case(
        "mlp", _one_hot, Stabilised(rule=TRAINED["ff"][0], stabilisers=ALL_PIECES), ADAM, NETS["mlp"]
    ),
    "ff cnn6, label at the output": Case("cnn6", _none, AT_OUTPUT["ff"], ADAM, GROUPS),
    "hebbff mlp, label at the output": Case("mlp", _none, AT_OUTPUT["hebbff"], RELATIVE, {"widths": (12, 8)}),
    "ff cnn6, label at the output, bfloat16": Case("cnn6", _none, AT_OUTPUT["ff"], ADAM, GROUPS, precision="bfloat16"),
    "ghl deephebb": Case(
        "deephebb",
        _none,
        RULES["ghl"](temperature=(1.0, 0.65, 0.25), grid=2, dropout=0.5),
        GUIDED,
        {"widths": (4, 6, 8)},
    ),
    "ghl resnet_he": Case("resnet_he", _none, RULES["ghl"](), GUIDED, {"depth": 8, "widths": (4, 5, 6)}),
    "ghl deephebb, bfloat16": Case(
        "deephebb", _none, RULES["ghl"](), GUIDED, {"widths": (4, 6, 8)}, precision="bfloat16"
    ),
    "softhebb deephebb": Case(
        "deephebb", _none, RULES["softhebb"](temperature=(1.0, 0.65, 0.25)), NORM_DEPENDENT, SOFTHEBBS_NET
    ),
    "softhebb deephebb, bfloat16": Case(
        "deephebb",
        _none,
        RULES["softhebb"](temperature=(1.0, 0.65, 0.25)),
        NORM_DEPENDENT,
        SOFTHEBBS_NET,
        precision="bfloat16",
    ),
    "ff cnn6, float32": Case("cnn6", _fourier, TRAINED["ff"][0], ADAM, NETS["cnn6"], precision="float32"),
    "ff cnn6, bfloat16": Case("cnn6", _fourier, TRAINED["ff"][0], ADAM, NETS["cnn6"], precision="bfloat16"),
    "hebbff mlp, plain steps, bfloat16": Case(
        "mlp", _one_hot, TRAINED["hebbff"][0], SGD, NETS["mlp"], precision="bfloat16"
    ),
}


def losses(case: Case) -> Numbers:
    """The metrics of chosen steps and a fingerprint of the weights after `STEPS` steps."""
    return _numbers(*trained(case))


def trained(case: Case) -> tuple[LayerLocalNet, list[dict[str, Tensor]], Any]:
    """The network after `STEPS` steps, the metrics of each step, and the labels."""
    labels = case.labels()
    dtype = torch.float64 if case.precision == "float64" else torch.float32
    net = new_net(case, labels).to(dtype)
    if isinstance(labels, LearnedLabels):
        for parameter in labels.parameters():
            parameter.data = parameter.data.to(dtype)
    trainer = Trainer(net, labels, case.rule, schedule=case.schedule, **_contrast(case, labels))
    images, classes = noise(case.channels, STEPS * BATCH)
    metrics = []
    for step in range(STEPS):
        rows = slice(step * BATCH, (step + 1) * BATCH)
        with torch.autocast("cpu", torch.bfloat16, enabled=case.precision == "bfloat16"):
            batch = Batch((images[rows].double() / 255).to(dtype), classes[rows])
            metrics.append(trainer.step(batch, keyed_generator(0, "negatives", step)))
    return net, metrics, labels


def _contrast(case: Case, labels: Any) -> dict[str, Any]:
    return {} if case.negatives == 1 else {"contrast": LabelContrast(labels, RandomNegatives(case.negatives))}


def new_net(case: Case, labels: Any) -> LayerLocalNet:
    """The network with the weights of seed 0."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return MODELS[case.net]((labels.channels(case.channels), *SIZE), **case.options)


def noise(channels: int, count: int) -> tuple[Tensor, Tensor]:
    """uint8 images whose brightness and stripes depend on the class, and the classes."""
    classes = torch.arange(count) % CLASSES
    images = torch.randint(120, (count, channels, *SIZE), generator=keyed_generator(0, "golden", channels))
    images += 30 * classes.view(-1, 1, 1, 1)
    images[:, :, :, ::2] += 10 * classes.view(-1, 1, 1, 1)
    return images.byte(), classes


def _numbers(net: LayerLocalNet, metrics: list[dict[str, Tensor]], labels: Any) -> Numbers:
    numbers: Numbers = {}
    for step in (0, 4, 9, STEPS - 1):
        for name, values in metrics[step].items():
            numbers[f"{name}, step {step + 1}"] = values.double().tolist()
    tensors = dict(net.named_parameters())
    if isinstance(labels, LearnedLabels):
        tensors["labels"] = labels.parameters()[0]
    for name, tensor in tensors.items():
        flat = tensor.detach().double().flatten()
        # A length, and a sum that a permutation of the weights would change.
        numbers[f"{name}, length and sum"] = [
            torch.linalg.vector_norm(flat).item(),
            (flat * torch.linspace(-1, 1, len(flat), dtype=torch.float64)).sum().item(),
        ]
    return numbers


def whole_training() -> Numbers:
    """`Trainer.fit` with a readout beside it, then goodness and a fitted readout: everything in float32."""
    data = ImageData(*noise(3, 150), tuple("abcd"), "noise")
    numbers: Numbers = {}
    for rule, (built, schedule) in TRAINED.items():
        case = Case("cnn6", _fourier, built, schedule, NETS["cnn6"])
        labels = case.labels()
        net = new_net(case, labels)
        readout = LinearReadout(net, labels, data.shape, grid=2)
        longer = Schedule(
            epochs=2, batch_size=BATCH, optimizer=schedule.optimizer, lr=schedule.lr, momentum=schedule.momentum
        )
        trainer = Trainer(net, labels, built, schedule=longer, readout=readout, seed=3)
        for record in trainer.fit(data):
            for name, values in record.metrics.items():
                numbers[f"{rule}, {name}, epoch {record.epoch}"] = values
        images = data.images[:6].float() / 255
        numbers[f"{rule}, goodness"] = block_goodness(net, images, labels).double().flatten().tolist()
        numbers[f"{rule}, readout beside"] = readout(images).double().flatten().tolist()
        readout.fit(data)
        numbers[f"{rule}, readout fitted"] = readout(images).double().flatten().tolist()
    return numbers


def fingerprint(numbers: Numbers) -> str:
    """A hash of the exact bits of all the numbers."""
    text = repr([(name, [value.hex() for value in values]) for name, values in sorted(numbers.items())])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
