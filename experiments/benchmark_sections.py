"""What the benchmark measures, one section a function: each returns the rows of its table."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.grad import conv2d_weight

from convff import RULES, Block, ImageData, LayerLocalNet, LinearReadout, RandomNegatives, Schedule, cnn3, cnn6, mlp
from convff.data import as_floats
from convff.functional import mean_goodness
from convff.inference import block_goodness_of, predictions
from convff.passes import label_passes
from convff.precision import autocast, fastest_precision
from convff.randomness import keyed_generator
from convff.rules import Autograd
from convff.rules.base import Step
from convff.training import LocalStep
from experiments.cost_model import block_costs, step_bytes, step_operations
from experiments.label_choice import choose
from experiments.measuring import interleaved_medians, peak_mib
from labels import ChannelLabels, FourierLabels, LabelGenerator, MorphLabels, OneHotLabels

Row = dict[str, Any]
CLASSES = 10


@dataclass(frozen=True)
class Bench:
    """Where and how to measure.

    Args:
        device: where to compute.
        repeats: rounds of each median.
        batch_size: images a step.
        small: tiny networks instead of the real ones, for the tests.
    """

    device: torch.device
    repeats: int
    batch_size: int
    small: bool = False
    precision: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "precision", fastest_precision(self.device))

    def medians(self, actions: dict[str, Callable[[], object]]) -> dict[str, float]:
        """Median seconds of each action."""
        return interleaved_medians(actions, self.device, repeats=self.repeats)

    def images(self, count: int, shape: tuple[int, int, int]) -> ImageData:
        """Noise with classes."""
        generator = keyed_generator(0, "benchmark")
        images = torch.randint(256, (count, *shape), generator=generator).byte()
        classes = torch.randint(CLASSES, (count,), generator=generator)
        return ImageData(images, classes, tuple(map(str, range(CLASSES))), "noise").to(self.device)


@dataclass(frozen=True)
class Case:
    """A network with its labels and images."""

    name: str
    labels: LabelGenerator
    shape: tuple[int, int, int]
    make: Callable[[tuple[int, int, int]], LayerLocalNet]

    def net(self, device: torch.device) -> LayerLocalNet:
        """A fresh network; the same at every call."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            net = self.make((self.labels.channels(self.shape[0]), *self.shape[1:]))
        return net.to(device).to(memory_format=torch.channels_last)


def _cases(bench: Bench) -> list[Case]:
    color, gray = (3, 32, 32), (1, 28, 28)
    wide, width, dense = (64, 64, 128, 128, 256, 256), 64, (2000, 2000, 2000)
    if bench.small:
        wide, width, dense = (4, 4, 4, 4, 4, 4), 4, (8, 8, 8)

    def six(shape: tuple[int, int, int]) -> LayerLocalNet:
        return cnn6(shape, widths=wide)

    def quick(shape: tuple[int, int, int]) -> LayerLocalNet:
        return cnn6(shape, widths=wide if bench.small else (32, 64, 64, 128, 128, 128), pool_after=(1, 2, 4))

    def three(shape: tuple[int, int, int]) -> LayerLocalNet:
        return cnn3(shape, width=width, kernel=3 if bench.small else 7)

    def flat(shape: tuple[int, int, int]) -> LayerLocalNet:
        return mlp(shape, widths=dense)

    return [
        Case(f"cnn6 {wide}, fourier", FourierLabels(CLASSES, color[1:]), color, six),
        Case(f"cnn6 {wide}, morph", MorphLabels(CLASSES), color, six),
        Case(f"cnn3 {width}, fourier", FourierLabels(CLASSES, gray[1:]), gray, three),
        Case(f"cnn3 {width}, morph", MorphLabels(CLASSES), gray, three),
        Case("cnn6 of preset quick, fourier", FourierLabels(CLASSES, color[1:]), color, quick),
        Case(f"mlp {dense}, onehot", OneHotLabels(CLASSES), gray, flat),
    ]


def _step(bench: Bench, case: Case, rule: str, precision: str, engine: str = "closed") -> Callable[[], object]:
    """A training step of one rule, ready to be called."""
    data = bench.images(bench.batch_size, case.shape)
    net = case.net(bench.device)
    step: Step
    if rule == "bp":
        step = RULES["bp"]().start(net, case.labels, CLASSES, Schedule())
    else:
        local = Autograd(rule=RULES[rule]()) if engine == "autograd" else RULES[rule]()
        schedule = Schedule(optimizer="relative" if rule == "hebbff" else "adam")
        step = LocalStep(net, case.labels, local, RandomNegatives(), schedule, compiled=engine == "compiled")
    images = as_floats(data.images)

    def action() -> None:
        with autocast(bench.device, precision):
            step(images, data.classes, keyed_generator(0, "step"))

    return action


def _recorded(bench: Bench, case: Case) -> list[tuple[Block, Tensor, Tensor, Tensor]]:
    """For each block of a case: the block, its raw input, its normalised input and its activity in a training step."""
    data, net = bench.images(bench.batch_size, case.shape), case.net(bench.device)
    wrong = RandomNegatives()(data.classes, CLASSES, keyed_generator(0, "wrong"))
    h = label_passes(case.labels, as_floats(data.images), torch.cat([data.classes[:, None], wrong], dim=1))
    recorded: list[tuple[Block, Tensor, Tensor, Tensor]] = []
    with torch.no_grad(), autocast(bench.device, bench.precision):
        for block in net:
            x = block.normalised(h)
            a = block.activity(x)
            recorded.append((block, h, x, a))
            h = block.pool(a)
    return recorded


def _floor(recorded: list[tuple[Block, Tensor, Tensor, Tensor]], precision: str) -> Callable[[], object]:
    """The convolutions (matrix products) and weight-gradients of all blocks, with everything else left out."""
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    parts: list[Callable[[], object]] = []
    for block, _, x, a in recorded:
        layer, inputs, activity = block.layer, x.to(dtype), a.to(dtype)
        weight = layer.weight.detach().to(dtype)
        if isinstance(layer, nn.Conv2d):
            parts += _floor_of_conv(layer, weight, inputs, activity)
        else:
            parts += _floor_of_dense(weight, inputs, activity)

    @torch.no_grad()
    def action() -> None:
        for part in parts:
            part()

    return action


def _floor_of_conv(layer: nn.Conv2d, weight: Tensor, x: Tensor, a: Tensor) -> list[Callable[[], object]]:
    return [
        lambda: torch.conv2d(x, weight, None, layer.stride, layer.padding),
        lambda: conv2d_weight(x, list(weight.shape), a, layer.stride, layer.padding),
    ]


def _floor_of_dense(weight: Tensor, x: Tensor, a: Tensor) -> list[Callable[[], object]]:
    return [lambda: x @ weight.T, lambda: a.T @ x]


def step(bench: Bench) -> list[Row]:
    """Time of a training step by rule, against the floor and against backpropagation of the same network."""
    rows: list[Row] = []
    for case in _cases(bench)[:: 3 if bench.small else 1]:
        actions = {"floor": _floor(_recorded(bench, case), bench.precision)}
        actions |= {rule: _step(bench, case, rule, bench.precision) for rule in ("ff", "hebbff", "bp")}
        actions["ff, compiled"] = _step(bench, case, "ff", bench.precision, "compiled")
        actions["ff, float32"] = _step(bench, case, "ff", "float32")
        actions["ff, float32, autograd"] = _step(bench, case, "ff", "float32", "autograd")
        medians = bench.medians(actions)
        for name, seconds in medians.items():
            rows.append(
                {
                    "network": case.name,
                    "step": name,
                    "ms": 1e3 * seconds,
                    "images/s": bench.batch_size / seconds,
                    "over floor": seconds / medians["floor"],
                    "over bp": seconds / medians["bp"],
                    "autograd over it": medians["ff, float32, autograd"] / seconds,
                }
            )
    return rows


def shares(bench: Bench) -> list[Row]:
    """Where the time of a step goes, part by part, each measured alone."""
    rows: list[Row] = []
    for case in _cases(bench)[:2]:
        data, recorded = bench.images(bench.batch_size, case.shape), _recorded(bench, case)
        images = as_floats(data.images)
        classes = torch.stack([data.classes, (data.classes + 1) % CLASSES], dim=1)
        optimizers = [Schedule().make_optimizer(block.layer.parameters()) for block, *_ in recorded]
        for block, *_ in recorded:
            for parameter in block.layer.parameters():
                parameter.grad = torch.zeros_like(parameter)
        whole = _step(bench, case, "ff", bench.precision)
        parts: dict[str, Callable[[], object]] = {
            "labelling": partial(label_passes, case.labels, images, classes),
            "normalisation": _over(bench, recorded, lambda block, h, x, a: block.normalised(h)),
            "forward, relu": _over(bench, recorded, lambda block, h, x, a: block.activity(x)),
            "goodness": _over(bench, recorded, lambda block, h, x, a: mean_goodness(a)),
            "gate, weight-gradient, metrics": _over(bench, recorded, _direction),
            "pooling": _over(bench, recorded, lambda block, h, x, a: block.pool(a)),
            "optimiser": partial(_step_all, optimizers),
        }
        medians = bench.medians({"whole step": whole, "floor": _floor(recorded, bench.precision)} | parts)
        for name, seconds in medians.items():
            share = seconds / medians["whole step"]
            rows.append({"network": case.name, "part": name, "ms": 1e3 * seconds, "share of the step": share})
    return rows


def _step_all(optimizers: list[torch.optim.Optimizer]) -> None:
    for optimizer in optimizers:
        optimizer.step()


def _direction(block: Any, h: Tensor, x: Tensor, a: Tensor) -> object:
    rule = RULES["ff"]()
    return rule.direction(block, x, a, torch.linspace(0, 1, len(a), device=a.device).view(-1, 2), None)


def _over(
    bench: Bench, recorded: list[tuple[Block, Tensor, Tensor, Tensor]], part: Callable[..., object]
) -> Callable[[], object]:
    """One part of a step, over all blocks."""

    @torch.no_grad()
    def action() -> None:
        with autocast(bench.device, bench.precision):
            for block, h, x, a in recorded:
                part(block, h, x, a)

    return action


def memory(bench: Bench) -> list[Row]:
    """Peak memory of a training step by depth and rule: activations and workspace, without parameters."""
    rows: list[Row] = []
    for rule in ("ff", "hebbff", "bp"):
        for depth in (2, 4, 8, 16):
            case = _deep(bench, depth)
            action = _step(bench, case, rule, bench.precision)
            action()  # optimiser states are made in the first step
            rows.append({"rule": rule, "blocks": depth, "MiB": peak_mib(action, bench.device)})
    by_name = {(row["rule"], row["blocks"]): row["MiB"] for row in rows}
    for row in rows:
        row["over 4 blocks"] = row["MiB"] / by_name[row["rule"], 4]
        row["over bp"] = row["MiB"] / by_name["bp", row["blocks"]]
    return rows


def _deep(bench: Bench, depth: int) -> Case:
    width, shape = (4, (3, 8, 8)) if bench.small else (64, (3, 32, 32))
    labels = FourierLabels(4 if bench.small else CLASSES, shape[1:])
    return Case(f"{depth} x {width}", labels, shape, lambda shape: cnn6(shape, widths=(width,) * depth, pool_after=()))


def inference(bench: Bench) -> list[Row]:
    """Goodness inference: images/s, with and without the shared first block and the readout's candidates."""
    rows: list[Row] = []
    color = (3, 32, 32)
    quick = _cases(bench)[4].make
    families: list[LabelGenerator] = [
        FourierLabels(10, color[1:]),
        ChannelLabels(10, color[1:]),
        FourierLabels(100, color[1:]),
        ChannelLabels(100, color[1:]),
    ]
    for labels in families:
        case = Case(type(labels).__name__, labels, color, quick)
        net, classes = case.net(bench.device), labels.num_classes
        data = bench.images(2 if bench.small else 4000 // classes, color)
        readout = LinearReadout(net, labels, color)
        actions = {
            "every pass in full": _inference(bench, net, data, labels, share_first=False),
            "shared first block": _inference(bench, net, data, labels, share_first=True),
        }
        if classes == 100:
            actions["10 candidates of the readout"] = _pruned(bench, net, data, readout, 10)
        medians = bench.medians(actions)
        with torch.no_grad():
            exact, shared = (
                block_goodness_of(net, data.part(0, 20), labels, share_first=share)[1:].sum(dim=0)
                for share in (False, True)
            )
        for name, seconds in medians.items():
            rows.append(
                {
                    "labels": case.name,
                    "classes": classes,
                    "inference": name,
                    "images/s": len(data) / seconds,
                    "times as fast": medians["every pass in full"] / seconds,
                    "float32 difference": ((exact - shared).abs() / exact.abs()).max().item()
                    if name == "shared first block"
                    else 0.0,
                }
            )
    return rows


def _inference(
    bench: Bench, net: LayerLocalNet, data: ImageData, labels: LabelGenerator, *, share_first: bool
) -> Callable[[], object]:
    return lambda: block_goodness_of(net, data, labels, precision=bench.precision, share_first=share_first)


def _pruned(
    bench: Bench, net: LayerLocalNet, data: ImageData, readout: LinearReadout, count: int
) -> Callable[[], object]:
    def action() -> None:
        candidates = readout.candidates(data, count, precision=bench.precision)
        block_goodness_of(net, data, readout.labels, candidates=candidates, precision=bench.precision)

    return action


def labelling(bench: Bench) -> list[Row]:
    """Time to label 512 images of 32 x 32, right and wrong, all classes present, against a step of preset quick."""
    count = 16 if bench.small else 512
    wide = Bench(bench.device, min(bench.repeats, 5), count, bench.small)
    images = as_floats(wide.images(count, (3, 32, 32)).images)
    medians = wide.medians({"step": _step(wide, _cases(wide)[4], "ff", wide.precision)} | _label_actions(wide, images))
    return [
        {
            "labels": name,
            "ms": 1e3 * seconds,
            "label passes/s": 2 * count / seconds,
            "share of a training step": seconds / medians["step"],
        }
        for name, seconds in medians.items()
        if name != "step"
    ]


def _label_actions(bench: Bench, images: Tensor) -> dict[str, Callable[[], object]]:
    """Labelling of each family, of 10 and of 100 classes, and of labels that were chosen out of candidates."""
    actions: dict[str, Callable[[], object]] = {}
    for count in (10,) if bench.small else (10, 100):
        families: dict[str, LabelGenerator] = {
            "onehot": OneHotLabels(count),
            "fourier": FourierLabels(count, (32, 32)),
            "channel": ChannelLabels(count, (32, 32)),
            "morph": MorphLabels(count),
        }
        for family in ("fourier", "morph"):
            chosen = choose(family, "optimised", num_classes=count, image_size=(32, 32), kernel_size=3)
            families[f"{family} (optimised)"] = chosen.labels
        order = torch.randperm(2 * len(images), generator=keyed_generator(0, "classes"))
        classes = (order % count).view(len(images), 2).to(bench.device)
        for name, labels in families.items():
            actions[f"{name}, {count} classes"] = partial(label_passes, labels, images, classes)
    return actions


def pruning(bench: Bench) -> list[Row]:
    """Accuracy and time of goodness inference over 100 classes: all labels, and the readout's candidates."""
    import time

    from experiments import judge
    from experiments.prepare import prepare
    from experiments.settings import Settings

    settings = Settings(
        dataset="cifar100", labels="channel", device=str(bench.device), preset="smoke" if bench.small else "quick"
    )
    parts = prepare(settings)
    net = parts.new_net()
    for _ in parts.new_trainer(net, None).fit(parts.train):
        pass
    readout = parts.new_readout(net)
    readout.fit(parts.train.part(0, parts.recipe.readout_images), precision=parts.precision)
    judged = parts.judged.part(0, 20 if bench.small else 2000)
    rows: list[Row] = []
    for count in (100, 20, 10, 5):
        start = time.perf_counter()
        pruned = count < parts.labels.num_classes
        candidates = readout.candidates(judged, count, precision=parts.precision) if pruned else None
        by_block = judge.block_goodness_by(parts, net, judged, candidates)
        seconds = time.perf_counter() - start
        predicted = predictions(by_block, range(parts.first_block(net), len(net)), candidates)
        rows.append(
            {
                "data": judged.name,
                "labels tried": count,
                "images/s": len(judged) / seconds,
                "accuracy": judge.share_right(predicted, judged.classes),
            }
        )
    for row in rows:
        row["times as fast"] = row["images/s"] / rows[0]["images/s"]
        row["points lost"] = 100 * (rows[0]["accuracy"] - row["accuracy"])
    return rows


def processes(bench: Bench) -> list[Row]:
    """One process against two on this machine: the same global batch of 64, 20 steps in float32, a thread each."""
    rows: list[Row] = []
    for rule in ("ff", "hebbff"):
        weights: list[Tensor] = []
        for count, overlap in ((1, True), (2, False), (2, True)):
            with tempfile.TemporaryDirectory() as folder:
                seconds, waited = _train_in(count, Path(folder), rule, overlap=overlap, small=bench.small)
                weights.append(torch.load(Path(folder) / "weights.pt", weights_only=True))
            difference = (weights[-1] - weights[0]).abs()
            rows.append(
                {
                    "rule": rule,
                    "processes": count,
                    "sums travel while the next block computes": overlap if count > 1 else "-",
                    "ms a step": 1e3 * seconds,
                    "ms waited a step": 1e3 * waited,
                    "largest weight difference to one process": difference.max().item(),
                    "share of weights within 1e-6": (difference <= 1e-6).float().mean().item(),
                }
            )
    return rows


def _train_in(count: int, folder: Path, rule: str, *, overlap: bool, small: bool) -> tuple[float, float]:
    """Median seconds of a step, and seconds that the first process waited for sums in it."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = str(probe.getsockname()[1])
    command = [
        sys.executable,
        "-m",
        "experiments.benchmark_processes",
        str(folder),
        rule,
        str(int(overlap)),
        str(int(small)),
    ]
    common = os.environ | {"MASTER_ADDR": "localhost", "MASTER_PORT": port, "WORLD_SIZE": str(count)}
    started = [
        subprocess.Popen(
            command,
            env=common | {"RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1"},
            cwd=Path(__file__).parent.parent,
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(count)
    ]
    printed = [process.communicate()[0] for process in started]
    if any(process.returncode for process in started):
        raise RuntimeError("a process of the benchmark failed; its message stands above")
    step_seconds, waited = printed[0].split()[-2:]
    return float(step_seconds), float(waited)


def model(bench: Bench) -> list[Row]:
    """The cost model of docs/cost.md against the clock, at two sizes: two rates measured alone, then whole steps."""
    rate, bandwidth = _rates(bench)
    rows: list[Row] = []
    for case in (_cases(bench)[0], _cases(bench)[4]):
        costs = block_costs(case.net(torch.device("cpu")), (case.labels.channels(case.shape[0]), *case.shape[1:]))
        operations = step_operations(costs, bench.batch_size)
        moved = step_bytes(costs, bench.batch_size, bytes_of_a_value=2 if bench.precision == "bfloat16" else 4)
        medians = bench.medians(
            {
                "floor": _floor(_recorded(bench, case), bench.precision),
                "step": _step(bench, case, "ff", bench.precision),
            }
        )
        predicted = operations / rate + moved / bandwidth
        rows.append(
            {
                "network": case.name,
                "GFLOP a step": operations / 1e9,
                "GB moved": moved / 1e9,
                "ms on paper, arithmetic": 1e3 * operations / rate,
                "ms of the floor": 1e3 * medians["floor"],
                "ms on paper, with memory": 1e3 * predicted,
                "ms of the step": 1e3 * medians["step"],
                "measured over paper": medians["step"] / predicted,
                "MiB to sum over processes": sum(cost.weights for cost in costs) * 4 / 2**20,
            }
        )
    return rows


def _rates(bench: Bench) -> tuple[float, float]:
    """Operations a second of one convolution with its weight-gradient, and bytes a second of one copy."""
    width, side, images = (4, 8, 4) if bench.small else (128, 16, 256)
    dtype = torch.bfloat16 if bench.precision == "bfloat16" else torch.float32
    x = torch.randn(images, width, side, side, device=bench.device, dtype=dtype)
    x = x.contiguous(memory_format=torch.channels_last)
    layer = nn.Conv2d(width, width, 3, padding=1, device=bench.device, dtype=dtype)
    layer = layer.to(memory_format=torch.channels_last)
    floor = _floor_of_conv(layer, layer.weight.detach(), x, x)
    large = torch.zeros(2**20 if bench.small else 2**26, dtype=torch.uint8, device=bench.device)
    into = torch.zeros_like(large)
    medians = bench.medians({"conv": lambda: [part() for part in floor], "copy": lambda: into.copy_(large)})
    operations = 2 * 2 * images * side**2 * layer.weight.numel()
    return operations / medians["conv"], 2 * large.numel() / medians["copy"]


SECTIONS: dict[str, Callable[[Bench], list[Row]]] = {
    "step": step,
    "shares": shares,
    "memory": memory,
    "inference": inference,
    "labelling": labelling,
    "pruning": pruning,
    "processes": processes,
    "model": model,
}
