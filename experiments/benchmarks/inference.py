"""Inference by goodness."""

from collections.abc import Callable

import torch

from convff import (
    ImageData,
    LayerLocalNet,
    LinearReadout,
    block_goodness_of,
    block_scores_of,
)
from experiments.benchmarks.bench import Bench, Row
from experiments.benchmarks.cases import Case, cases
from labels import ChannelLabels, FourierLabels, LabelGenerator


def measure(bench: Bench) -> list[Row]:
    """Measure goodness inference, images/s: the label in the image (a pass per label) or at the output (one pass)."""
    rows: list[Row] = []
    color = (3, 32, 32)
    quick = cases(bench)[4].make
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
    return rows + _at_output(bench, color)


def _at_output(bench: Bench, shape: tuple[int, int, int]) -> list[Row]:
    """Measure one pass per image of a network with groups of channels, beside a pass per label of the same network."""
    case, labels = cases(bench)[6], FourierLabels(10, shape[1:])
    net, rule = case.net(bench.device), case.rule("ff")
    data = bench.images(2 if bench.small else 400, shape)
    medians = bench.medians(
        {
            "every pass in full": _inference(bench, net, data, labels, share_first=False),
            "groups of channels, one pass": lambda: block_scores_of(
                net, data, case.labels, rule, precision=bench.precision
            ),
        }
    )
    return [
        {
            "labels": "at the output" if "groups" in name else "FourierLabels, the same network",
            "classes": 10,
            "inference": name,
            "images/s": len(data) / seconds,
            "times as fast": medians["every pass in full"] / seconds,
            "float32 difference": 0.0,
        }
        for name, seconds in medians.items()
    ]


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
