"""Tables 1 and 2 of the HebbFF paper, the paper's figures beside ours.

Example: `python experiments/hebbff_table.py experiments/results/hebbff/paper/* --benchmark
experiments/results/benchmark/cpu.json`. Runs are folders of `experiments/hebbff_mlp.py` or their `results.json`;
runs of one network, data set and rule that differ only in the seed are averaged.
"""

import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from experiments.tools.command import exit_on

# Mean and standard deviation in per cent: Krutsylo, "The Hebbian Forward-Forward Algorithm", table 1.
PAPER_ACCURACY: dict[tuple[str, str, str], tuple[float, float]] = {
    ("deep", "Fashion-MNIST", "bp"): (88.03, 0.61),
    ("deep", "Fashion-MNIST", "ff"): (80.79, 0.64),
    ("deep", "Fashion-MNIST", "hebbff"): (80.65, 0.46),
    ("deep", "MNIST", "bp"): (97.62, 0.24),
    ("deep", "MNIST", "ff"): (89.79, 0.43),
    ("deep", "MNIST", "hebbff"): (90.03, 0.27),
    ("wide", "Fashion-MNIST", "bp"): (88.09, 0.64),
    ("wide", "Fashion-MNIST", "ff"): (81.20, 0.34),
    ("wide", "Fashion-MNIST", "hebbff"): (80.87, 0.32),
    ("wide", "MNIST", "bp"): (97.79, 0.21),
    ("wide", "MNIST", "ff"): (89.41, 0.34),
    ("wide", "MNIST", "hebbff"): (89.16, 0.51),
}
# Seconds on MNIST, seconds on Fashion-MNIST, and megabytes on either: table 2.
PAPER_COST: dict[tuple[str, str], tuple[float, float, float]] = {
    ("deep", "bp"): (108, 166, 117.9),
    ("deep", "ff"): (462, 570, 123.3),
    ("deep", "hebbff"): (369, 427, 71.5),
    ("wide", "bp"): (125, 173, 150.4),
    ("wide", "ff"): (659, 905, 164.5),
    ("wide", "hebbff"): (331, 626, 106.2),
}
RULES = ("bp", "ff", "hebbff")
SHOWN = {"ff": "ff, closed form"}
USUAL_FF = "ff by autograd, layers run again once trained"


def accuracy_table(results: list[dict[str, Any]]) -> str:
    """Write table 1: accuracy on test images in per cent, mean and standard deviation over the seeds.

    Raises:
        ValueError: a run has another network, data set or images, is stabilised, or is there twice, or the runs have
            several presets.

    Example:
        >>> base = {"net": "deep", "dataset": "MNIST", "rule": "hebbff", "judged_on": "10000 test images"}
        >>> base |= {"preset": "paper", "stabilise": []}
        >>> runs = [base | {"seed": seed, "accuracy": {"goodness": 0.9 + seed / 100}} for seed in (0, 1)]
        >>> print(accuracy_table(runs).splitlines()[-1])
        | deep | MNIST | 97.62 ± 0.24 | - | 89.79 ± 0.43 | - | 90.03 ± 0.27 | 90.50 ± 0.71 (2) |
    """
    groups: dict[tuple[str, str, str], list[float]] = {}
    _refuse_strangers(results)
    for run in results:
        accuracy = run["accuracy"].get("head") or run["accuracy"]["goodness"]
        groups.setdefault((run["net"], run["dataset"], run["rule"]), []).append(100 * accuracy)
    lines = [
        "| network | data | backprop, paper | ours | FF, paper | ours | HebbFF, paper | ours |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for net, data in dict.fromkeys((net, data) for net, data, _ in PAPER_ACCURACY):
        cells = []
        if not any((net, data, rule) in groups for rule in RULES):
            continue
        for rule in RULES:
            mean, deviation = PAPER_ACCURACY[net, data, rule]
            ours = groups.get((net, data, rule))
            cells += [f"{mean:.2f} ± {deviation:.2f}", _mean(ours) if ours else "-"]
        lines.append(f"| {net} | {data} | {' | '.join(cells)} |")
    return "\n".join(lines)


def cost_table(rows: list[dict[str, Any]]) -> str:
    """Write table 2 as ratios to FF: time and peak memory of a training, here of a step.

    Args:
        rows: the section "hebbff" of `experiments/benchmark.py --json`.

    Example:
        >>> row = {"network": "deep", "rule": "hebbff", "ms": 8.0, "MiB": 30.0, "time over autograd ff": 0.5}
        >>> print(cost_table([row | {"memory over autograd ff": 0.4}]).splitlines()[-1])
        | deep | hebbff | 0.80 / 0.75 | 0.50 | 0.58 | 0.40 | 8.0 | 30 |
    """
    ours = {(row["network"], row["rule"]): row for row in rows}
    lines = [
        "| network | rule | time over FF, paper (MNIST / Fashion-MNIST) | ours | memory over FF, paper | ours "
        "| ms per step | MiB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for net in dict.fromkeys(row["network"] for row in rows):
        for rule in dict.fromkeys(row["rule"] for row in rows):
            row, papers_name = ours[net, rule], {USUAL_FF: "ff", "ff": "-"}.get(rule, rule)
            cells = ["-", "-"]
            if (net, papers_name) in PAPER_COST:
                cost, of_ff = PAPER_COST[net, papers_name], PAPER_COST[net, "ff"]
                mnist, fashion, memory = (f"{mine / ffs:.2f}" for mine, ffs in zip(cost, of_ff, strict=True))
                cells = [f"{mnist} / {fashion}", memory]
            name = SHOWN.get(rule, rule)
            lines.append(
                f"| {net} | {name} | {cells[0]} | {row['time over autograd ff']:.2f} | {cells[1]} "
                f"| {row['memory over autograd ff']:.2f} | {row['ms']:.1f} | {row['MiB']:.0f} |"
            )
    return "\n".join(lines)


def _refuse_strangers(results: list[dict[str, Any]]) -> None:
    """Raise for runs that are in no row of table 1, or that must not be averaged."""
    seen = set()
    for run in results:
        row = (run["net"], run["dataset"], run["rule"])
        name = f"{' '.join(row)}, seed {run['seed']}"
        if row not in PAPER_ACCURACY:
            raise ValueError(f"{name}: the paper has no such row")
        if "test images" not in run["judged_on"]:
            raise ValueError(f"{name}: judged on {run['judged_on']}, but the table is about test images")
        if run["stabilise"]:
            raise ValueError(f"{name}: must not be stabilised, as in the paper, got {', '.join(run['stabilise'])}")
        if (row, run["seed"]) in seen:
            raise ValueError(f"{name}: there are two runs with this seed")
        seen.add((row, run["seed"]))
    if len(presets := {run["preset"] for run in results}) > 1:
        raise ValueError(f"runs must have one preset to be averaged, got {', '.join(sorted(presets))}")


def _mean(values: list[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.2f} (1)"
    return f"{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f} ({len(values)})"


@dataclass(frozen=True, kw_only=True)
class Tables:
    """Print the tables of the HebbFF paper beside our measurements."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Run folders, or their results.json."""

    benchmark: Path | None = None
    """Output of `experiments/benchmark.py --sections hebbff --json PATH`, for table 2."""


def main(asked: Tables) -> None:
    """Print both tables; exit with 2 if a file is missing or its run belongs in neither."""
    with exit_on(OSError, ValueError, KeyError, message=_what_is_wrong):
        files = [path / "results.json" if path.is_dir() else path for path in asked.runs]
        results = [json.loads(file.read_text(encoding="utf-8")) for file in files]
        strangers = [str(file) for file, run in zip(files, results, strict=True) if run.get("net") is None]
        if strangers:
            raise ValueError(f"{', '.join(strangers)}: not a run of experiments/hebbff_mlp.py")
        table = accuracy_table(results)
        rows = None if asked.benchmark is None else json.loads(asked.benchmark.read_text(encoding="utf-8"))["hebbff"]
    if results:
        print(table)
    if rows is not None:
        print(f"\n{cost_table(rows)}")


def _what_is_wrong(error: Exception) -> str:
    return f"a file has the wrong content: it has no {error}" if isinstance(error, KeyError) else str(error)


if __name__ == "__main__":
    main(tyro.cli(Tables, description=__doc__))
