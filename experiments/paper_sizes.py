"""How long the papers' settings take on this machine, and how much memory a step of each needs.

Example: `python experiments/paper_sizes.py` trains each `paper` preset for a few seconds at its full size, on the data
or on stand-ins of the same shape, and prints the time of an epoch and of the whole training. `--epoch` trains a whole
epoch of each instead of a few seconds, which takes hours on a CPU.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from experiments import hinton_mlp, recurrent, unsupervised
from experiments.config.command_line import parse
from experiments.config.settings import Settings
from experiments.tools.command import exit_on

if TYPE_CHECKING:
    from experiments.datasets import Dataset

Parser = Callable[[list[str]], Settings]
PARSERS: dict[str, Parser] = {
    "mnist.py": partial(parse, Settings(dataset="mnist"), None),
    "cifar10.py": partial(parse, Settings(dataset="cifar10"), None),
    "cifar100.py": partial(parse, Settings(dataset="cifar100"), None),
    "softhebb.py": partial(parse, Settings(dataset="cifar10", rule="softhebb", model="deephebb"), None),
    "ghl.py": partial(parse, Settings(dataset="cifar10", rule="ghl", model="deephebb"), None),
    "hinton_mlp.py": hinton_mlp.asked_for,
    "unsupervised.py": unsupervised.asked_for,
    "recurrent.py": recurrent.asked_for,
}
PAPERS: tuple[str, ...] = (
    "mnist.py --labels fourier",
    "mnist.py --labels morph",
    "cifar10.py --labels fourier",
    "cifar10.py --labels fourier --rule hebbff",
    "cifar10.py --labels morph",
    "cifar10.py --labels morph --rule hebbff",
    "cifar10.py --labels morph --rule bp",
    "cifar100.py --labels fourier",
    "cifar100.py --labels morph",
    "softhebb.py",
    "ghl.py",
    "ghl.py --model fasthebb",
    "ghl.py --model resnet_he",
    "ghl.py --model resnet_he --depth 110",
    "ghl.py --model resnet_he --depth 1202 --inference head",  # a readout of 1202 layers takes 57 GB
    "hinton_mlp.py",
    "unsupervised.py --net local",
    "unsupervised.py --net dense",
    "recurrent.py",
    "recurrent.py --dataset cifar10",
)
"""The runs of the papers, each with `--preset paper`."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Options of the measurement."""

    only: tuple[str, ...] = ()
    """Runs to measure: those whose command contains one of these words. All if omitted."""
    seconds: float = 5.0
    """How long to measure each run."""
    epoch: bool = False
    """Train a whole epoch of each run instead."""
    data_dir: Path | None = None
    """Folder with the data sets; $CONVFF_DATA if omitted. Stand-ins take the place of what is not found."""
    device: str = "auto"
    """cpu, cuda, mps or auto."""
    json: Path | None = None
    """File to write all figures to."""


def settings_of(run: str, device: str = "auto") -> Settings:
    """Return the settings of one of the papers' runs.

    Args:
        run: a command of `PAPERS`.
        device: where to train.

    Example:
        >>> settings_of("cifar10.py --labels morph").preset
        'paper'
    """
    script, *arguments = run.split()
    return PARSERS[script]([*arguments, "--preset", "paper", "--device", device])


def chosen(words: Sequence[str]) -> list[str]:
    """Return the runs whose command contains one of the words, or all if there are none.

    Raises:
        ValueError: a word that is in no command.

    Example:
        >>> chosen(["hinton"])
        ['hinton_mlp.py']
    """
    for word in words:
        if not any(word in run for run in PAPERS):
            raise ValueError(f"--only {word}: no run has it; runs are {', '.join(PAPERS)}")
    return [run for run in PAPERS if not words or any(word in run for word in words)]


def measured(run: str, options: Sizes, load: "Callable[[str], Dataset]") -> dict[str, Any]:
    """Measure a run; nothing of it is kept.

    Args:
        run: a command of `PAPERS`.
        options: of the measurement.
        load: returns a data set by name.
    """
    from experiments.ablations.training import measured_speed
    from experiments.run.parts import prepare
    from experiments.tools.clock import peak_mib

    settings = settings_of(run, options.device)
    parts = prepare(settings, load(settings.dataset))
    epochs = parts.recipe.epochs
    parts = replace(parts, recipe=replace(parts.recipe, epochs=1))
    net = parts.new_net()
    trainer = parts.new_trainer(net, parts.joint_readout(net))
    batch = parts.train.part(0, parts.recipe.batch_size)
    trainer.epoch(batch, 0)  # optimiser states are made in the first step
    mib = peak_mib(lambda: trainer.epoch(batch, 0), parts.device)
    if options.epoch:
        start = time.perf_counter()
        for portion in parts.portions:
            for _ in parts.new_trainer(parts.new_net(), None).fit(portion):
                pass
        minutes = (time.perf_counter() - start) / 60
    else:
        minutes = len(parts.train) / measured_speed(parts, options.seconds) / 60
    weights = sum(parameter.numel() for parameter in net.parameters())
    return {
        "run": run,
        "data": parts.train.name,
        "epochs": epochs,
        "million weights": weights / 1e6,
        "minutes per epoch": minutes,
        "hours in all": minutes * epochs / 60,
        "MiB of a step": mib,
        "precision": parts.precision,
    }


def main(options: Sizes) -> list[dict[str, Any]]:
    """Measure the runs and print a table row by row; return all figures."""
    from convff import keep_freed_memory
    from experiments.datasets import load_dataset
    from experiments.run.torchrun import device_named
    from experiments.tools import machine
    from experiments.tools.markdown import plain_table

    keep_freed_memory()
    with exit_on(ValueError):
        runs = chosen(options.only)
    load = cache(lambda name: load_dataset(name, options.data_dir))
    rows = []
    for run in runs:
        rows.append(measured(run, options, load))
        print("; ".join(f"{name} {_short(value)}" for name, value in rows[-1].items()), flush=True)
    about = {"hardware": machine.hardware(device_named(options.device)), "versions": machine.package_versions()}
    print(plain_table([{name: _short(value) for name, value in row.items()} for row in rows]))
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        length = {"epoch": True} if options.epoch else {"seconds": options.seconds}
        figures = {**length, **about, "rows": rows}
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return rows


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main(tyro.cli(Sizes, description=__doc__))
