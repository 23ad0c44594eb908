"""Local fields without shared weights, against dense layers whose other weights are reset to zero after each step."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from convff import (
    AtNowhere,
    Block,
    ForwardForward,
    LayerLocalNet,
    LocalLinear,
    Schedule,
    Setup,
    Threshold,
    autocast,
    keyed_generator,
    local_fields,
    start,
)
from experiments.benchmarks.bench import CLASSES, Bench, Row
from labels import NoLabels

GRAY = (1, 28, 28)
STEPS = Schedule(optimizer="smoothed", lr=0.005, momentum=0.9, weight_decay=0.002)


def measure(bench: Bench) -> list[Row]:
    """Measure a step on images and hybrids of the paper's network, and its parts, against masked dense layers."""
    rows: list[Row] = []
    for precision in dict.fromkeys(("float32", bench.precision)):
        actions = {
            f"{name}, {part}": action
            for name, net in (("local", _net(bench)), ("masked dense", _as_dense(_net(bench))))
            for part, action in _actions(bench, net, precision).items()
        }
        medians = bench.medians(actions)
        rows += [
            {
                "layers": name,
                "precision": precision,
                "ms": 1e3 * seconds,
                "times as fast as masked dense": medians[f"masked dense, {name.rpartition(', ')[2]}"] / seconds,
            }
            for name, seconds in medians.items()
        ]
    return rows


def _net(bench: Bench) -> LayerLocalNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = local_fields(GRAY, widths=(4, 3, 2) if bench.small else (128, 220, 512))
    return net.to(bench.device)


def _as_dense(net: LayerLocalNet) -> LayerLocalNet:
    """Return dense layers that do the same, with a weight of 0 for every connection that does not exist."""
    blocks = []
    for block in net:
        assert isinstance(block.layer, LocalLinear)
        assert block.layer.bias is not None
        dense = nn.Linear(block.layer.in_features, block.layer.out_features, device=block.layer.weight.device)
        dense.load_state_dict({"weight": block.layer.dense_weight(), "bias": block.layer.bias.detach()})
        blocks.append(Block(block.norm, dense))
    return LayerLocalNet(blocks)


def _actions(bench: Bench, net: LayerLocalNet, precision: str) -> dict[str, Callable[[], object]]:
    """Return a step, as Hinton's footnote takes it where layers are dense, and a forward pass of its inputs."""
    data, labels = bench.images(bench.batch_size, GRAY), NoLabels(CLASSES)
    rule = ForwardForward(gate=Threshold(), reduction="sum", label_at=AtNowhere())
    step = start(rule, Setup(net=net, labels=labels, schedule=STEPS))
    batch = data.batch(torch.arange(len(data)))
    inputs = rule.contrast(labels)(batch, keyed_generator(0, "step")).inputs
    masks = {
        optimizer: (block.layer, block.layer.weight != 0)
        for block, optimizer in zip(net, step.optimizers, strict=True)
        if isinstance(block.layer, nn.Linear)
    }

    def take_step() -> None:
        with autocast(bench.device, precision):
            step(batch, keyed_generator(0, "step"))

    def reset(optimizer: torch.optim.Optimizer, *_: object) -> None:
        layer, mask = masks[optimizer]
        layer.weight.detach().mul_(mask)

    for optimizer in masks:
        optimizer.register_step_post_hook(reset)

    @torch.no_grad()
    def forward() -> list[Tensor]:
        with autocast(bench.device, precision):
            activities: list[Tensor] = net(inputs)
        return activities

    return {"step": take_step, "forward": forward}
