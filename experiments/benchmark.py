"""Measure speed and memory: training steps against their floor, by rule and depth; inference, labels and processes.

Example: `python experiments/benchmark.py --json benchmark.json`. Every figure is a median of interleaved repeats, and
figures that are compared come from the same run: quote the ratios. The floor is the time of the convolutions (or matrix
products) and weight-gradients alone, of the same shapes, dtype and memory format.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import tyro

from experiments.config.names import names_in
from experiments.tools.command import exit_on

if TYPE_CHECKING:
    SectionName: TypeAlias = str
else:
    SectionName = Literal[names_in("experiments/benchmarks/__init__.py", "SECTIONS")]


@dataclass(frozen=True, kw_only=True)
class BenchmarkSettings:
    """Measure speed and memory, and print every figure beside its baseline."""

    sections: tuple[SectionName, ...] = (
        "step",
        "shares",
        "memory",
        "inference",
        "labelling",
        "processes",
        "model",
        "hebbff",
        "one_pass",
        "planes",
        "local_fields",
    )
    """Sections to measure; "pruning" trains for some minutes on a task of 100 classes, and runs only if named."""

    repeats: int = 15
    """Measured rounds per median."""

    batch_size: int = 128
    """Images per step, in the sections about a step."""

    device: str = "auto"
    """cpu, cuda, cuda:1, ...; auto takes a GPU if there is one."""

    json: Path | None = None
    """Also write all figures to this file."""


def main(settings: BenchmarkSettings) -> dict[str, object]:
    """Measure the sections that the settings name, and print each at its end; return all figures."""
    import os

    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # the profiler that counts memory is talkative
    from convff import keep_freed_memory
    from experiments.benchmarks import SECTIONS
    from experiments.benchmarks.bench import Bench
    from experiments.config.settings import SettingsError
    from experiments.run.torchrun import device_named
    from experiments.tools import machine
    from experiments.tools.markdown import plain_table

    keep_freed_memory()
    with exit_on(SettingsError):
        if settings.repeats < 1 or settings.batch_size < 2:
            raise SettingsError("--repeats must be at least 1 and --batch-size at least 2")
        device = device_named(settings.device)
    bench = Bench(device, settings.repeats, settings.batch_size)
    figures: dict[str, object] = {
        "hardware": machine.hardware(device),
        "precision": bench.precision,
        "versions": machine.package_versions(),
        "git_commit": machine.git_commit(),
        "settings": {name: str(value) for name, value in asdict(settings).items()},
    }
    print(f"{figures['hardware']}, {bench.precision}, medians of {settings.repeats} interleaved repeats")
    _write(figures, settings.json)  # a path that cannot be written to fails before anything is measured
    for name in settings.sections:
        rows = SECTIONS[name](bench)
        figures[name] = rows
        print(f"\n{name}: {str(SECTIONS[name].__doc__).splitlines()[0]}")
        print(plain_table(rows))
        _write(figures, settings.json)  # after every section, so that a later failure loses nothing
    return figures


def _write(figures: dict[str, object], path: Path | None) -> None:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(tyro.cli(BenchmarkSettings, description=__doc__))
