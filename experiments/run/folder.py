"""Finished runs, read from their folders. Imports torch only where a network is built."""

import csv
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.config.settings import Settings, SettingsError, rule_in_words, settings_from_json

if TYPE_CHECKING:
    from convff import LayerLocalNet, LinearReadout
    from convff.rules.bp import Head
    from experiments.datasets import Dataset
    from experiments.run.parts import Parts


@dataclass(frozen=True, eq=False)
class FinishedRun:
    """What a run left behind, without its network.

    Args:
        folder: the run folder.
        settings: what was asked.
        recipe: the numbers that the settings led to, as JSON.
        results: the content of `results.json`.
        rows: the rows of `metrics.csv`, one an epoch.
    """

    folder: Path
    settings: Settings
    recipe: dict[str, Any]
    results: dict[str, Any]
    rows: list[dict[str, float]]

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.resolve().name

    @property
    def method(self) -> str:
        """Labels and rule in words: what tells the runs of one data set apart."""
        return f"{self.settings.labels} {rule_in_words(self.settings.rule, self.settings.stabilise)}"

    def by_block(self, metric: str) -> dict[str, list[float]]:
        """The columns of a metric with one value a block, epoch by epoch: block to values; empty if there is none."""
        names = [name for name in self.rows[0] if name.rpartition("_")[0] == metric and name[-1].isdigit()]
        return {name.rpartition("_")[2]: [row[name] for row in self.rows] for name in names}


def read_run(folder: Path) -> FinishedRun:
    """Read a run folder.

    Raises:
        FileNotFoundError: a file of the run is missing.
        SettingsError: a file is not one that a run wrote.
    """
    try:
        about = json.loads((folder / "settings.json").read_text())
        results = json.loads((folder / "results.json").read_text())
        with (folder / "metrics.csv").open(newline="") as file:
            rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
        if not rows:
            raise ValueError("metrics.csv has no rows")
        return FinishedRun(folder, settings_from_json(about["settings"]), about["recipe"], results, rows)
    except (KeyError, TypeError, ValueError) as error:
        raise SettingsError(f"{folder} does not hold a run of this package: {error!r}") from error


@dataclass(frozen=True, eq=False)
class TrainedRun:
    """A finished run with its network.

    Args:
        run: what the run left behind.
        parts: its data and labels.
        net: the network, in evaluation mode.
        readout: the readout that was fitted at the end; None where the run had none.
        head: the softmax head that backpropagation trained; None for other rules.
    """

    run: FinishedRun
    parts: "Parts"
    net: "LayerLocalNet"
    readout: "LinearReadout | None"
    head: "Head | None"


def load_run(run: FinishedRun, dataset: "Dataset | None" = None, device: str = "cpu") -> TrainedRun:
    """Build the network of a finished run, and what was trained or fitted beside it.

    Args:
        run: the run.
        dataset: the data of the run, where they are loaded already.
        device: where to compute, as `--device` names it.

    Raises:
        FileNotFoundError: there is no checkpoint.
        DataError: the run's data cannot be had.
        SettingsError: the data that were found are not those of the run.
    """
    from torch import nn

    from convff import load_checkpoint
    from experiments.run.parts import prepare, with_labels_of

    checkpoint = load_checkpoint(run.folder / "checkpoint.safetensors")
    parts = with_labels_of(prepare(replace(run.settings, device=device), dataset), checkpoint)
    if parts.judged.name != run.results["dataset"]:
        raise SettingsError(f"{run.folder} was judged on {run.results['dataset']}, but found is {parts.judged.name}")
    net, extra = checkpoint.net.to(parts.device), checkpoint.extra
    readout = head = None
    if "readout.linear.weight" in extra:
        readout = parts.new_readout(net)
        readout.load_state_dict(
            {name.removeprefix("readout."): t for name, t in extra.items() if name.startswith("readout.")}
        )
    if "head.weight" in extra:
        classes, channels = extra["head.weight"].shape
        head = nn.Linear(channels, classes, device=parts.device)
        head.load_state_dict({"weight": extra["head.weight"], "bias": extra["head.bias"]})
    return TrainedRun(run, parts, net, readout, head)


def load_runs(runs: list[FinishedRun]) -> list[TrainedRun]:
    """Build the networks of several runs; data that they share are loaded once."""
    datasets: dict[tuple[str, Path | None], Dataset] = {}
    trained = []
    for run in runs:
        key = (run.settings.dataset, run.settings.data_dir)
        trained.append(load_run(run, datasets.get(key)))
        datasets[key] = trained[-1].parts.dataset
    return trained
