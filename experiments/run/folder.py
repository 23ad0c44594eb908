"""The folder of a run: how its files are written and read. Imports torch only where a network is built."""

import json
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.config.own import short
from experiments.config.ranges import own_files
from experiments.config.rule_options import in_words
from experiments.config.settings import Settings, SettingsError, settings_from_json
from experiments.run.metrics import by_block, read_rows
from experiments.tools.words import TOGETHER, rule_in_words

if TYPE_CHECKING:
    from torch import nn

    from convff import LayerLocalNet, LinearReadout
    from experiments.datasets import Dataset
    from experiments.run.parts import Parts

CONSENT = "CONVFF_OWN_FILES"
NEEDED = ("dataset", "judged_on", "accuracy", "control", "seconds")  # in the results of every version


def run_name(settings: Settings, *, seeds: bool = False) -> str:
    """Return the name of a run, or of the runs of all seeds together.

    Example:
        >>> run_name(Settings()), run_name(Settings(seeds=3), seeds=True)
        ('cifar10-fourier-ff-quick-seed0', 'cifar10-fourier-ff-quick-seeds0-2')
    """
    labels = short(settings.label_name)
    network = settings.net or (
        settings.model if labels in ("none", "nowhere") and settings.model is not None else labels
    )
    seed = f"seeds{settings.seed}-{settings.seed + settings.seeds - 1}" if seeds else f"seed{settings.seed}"
    rule = "-".join((short(settings.rule), *(in_words(value, "-") for value in settings.rule_options().values())))
    return f"{settings.dataset}-{network}-{rule}-{settings.preset}-{seed}"


def new_folder(out: Path, name: str) -> Path:
    """Make `out/name`, or `out/name-2` and so on if that exists: a run never writes into another's folder."""
    for attempt in range(1, 10_000):
        folder = out / (name if attempt == 1 else f"{name}-{attempt}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"{out} holds too many runs called {name}")


def new_file(out: Path, name: str) -> Path:
    """Return `out/name`, or with `-2` and so on before its suffix if that exists; a file is never overwritten.

    Example:
        >>> new_file(Path("no/such/folder"), "seeds.json").as_posix()
        'no/such/folder/seeds.json'
    """
    path = out / name
    for attempt in range(2, 10_000):
        if not path.exists():
            break
        path = out / f"{Path(name).stem}-{attempt}{Path(name).suffix}"
    return path


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON that a person can read, atomically."""
    from convff import write_atomically  # imports torch, which tables of runs do without

    write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())


def keep_own_files(settings: Settings, folder: Path) -> None:
    """Copy the user's own files that the settings name into `own/`, for the record: nothing reads them there."""
    for file in own_files(settings):
        (folder / "own").mkdir(exist_ok=True)
        shutil.copy(file, folder / "own")


def refuse_own_files(settings: Settings, folder: Path) -> None:
    """Raise if a run would run files of somebody's own, unless `$CONVFF_OWN_FILES` is 1.

    Args:
        settings: as the run folder has them; whoever made the folder chose the files.
        folder: the run folder, for the message.

    Raises:
        SettingsError: the settings name such files, and the variable is not set.

    Example:
        >>> refuse_own_files(Settings(rule="./mine.py:MyRule"), Path("runs/x"))
        Traceback (most recent call last):
        ...
        experiments.config.settings.SettingsError: runs/x names mine.py, whose code would be run: set CONVFF_OWN_FILES=1 if you trust it
    """  # noqa: E501
    files = sorted(map(str, own_files(settings)))
    if files and os.environ.get(CONSENT) != "1":
        raise SettingsError(
            f"{folder} names {', '.join(files)}, whose code would be run: set {CONSENT}=1 if you trust it"
        )


@dataclass(frozen=True, eq=False)
class RunRecord:
    """What a finished run left behind, without its network.

    Args:
        folder: the run folder.
        settings: the settings of the run.
        recipe: the numbers that the settings led to, as JSON.
        results: the content of `results.json`.
        rows: the rows of `metrics.csv`, one per epoch.
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
        """Labels and rule in words, which tell the runs of one data set apart.

        Example:
            >>> RunRecord(Path("runs/a"), Settings(stabilise=("oja",)), {}, {}, []).method
            'fourier ff + oja'
        """
        extra = self.settings.variant + self.settings.stabilise
        rule = rule_in_words(self.settings.rule, extra, self.results.get("order", TOGETHER))
        return rule if self.settings.label_name == "none" else f"{short(self.settings.label_name)} {rule}"

    def by_block(self, metric: str) -> dict[str, dict[int, float]]:
        """Return a metric with one value per block: block to epoch to value; empty if there is none.

        Example:
            >>> rows = [{"epoch": 1, "loss_1": 0.5, "loss_2": 0.4}, {"epoch": 2, "loss_1": 0.3, "loss_2": 0.2}]
            >>> RunRecord(Path("runs/a"), Settings(), {}, {}, rows).by_block("loss")
            {'1': {1: 0.5, 2: 0.3}, '2': {1: 0.4, 2: 0.2}}
        """
        return by_block(self.rows, metric)


def read(folder: Path) -> RunRecord:
    """Read a run folder, except its network.

    Raises:
        FileNotFoundError: a file of the run is missing.
        SettingsError: a file was not written by a run.
    """
    try:
        about = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
        results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        if missing := [name for name in NEEDED if name not in results]:
            raise ValueError(f"results.json lacks {', '.join(missing)}")
        rows = read_rows(folder / "metrics.csv")
        if not rows:
            raise ValueError("metrics.csv has no rows")
        return RunRecord(folder, settings_from_json(about["settings"]), about["recipe"], results, rows)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SettingsError(f"{folder} does not hold a run of this package: {error!r}") from error


@dataclass(frozen=True, eq=False)
class RunWithNetwork:
    """A finished run with its network.

    Args:
        run: what the run left behind.
        parts: its data and labels.
        net: the network, in evaluation mode.
        readout: the readout that was fitted at the end; None if there is none.
        modules: what the rule trained beside the network, by name, e.g. the softmax head of backpropagation.
    """

    run: RunRecord
    parts: "Parts"
    net: "LayerLocalNet"
    readout: "LinearReadout | None"
    modules: "dict[str, nn.Module]"


def read_with_network(run: RunRecord, dataset: "Dataset | None" = None, device: str = "cpu") -> RunWithNetwork:
    """Rebuild the network of a finished run, and everything that was trained or fitted beside it.

    Args:
        run: the run.
        dataset: the run's data, if already loaded.
        device: where to compute, as in `--device`.

    Raises:
        FileNotFoundError: there is no checkpoint.
        DataError: the run's data cannot be found.
        SettingsError: the data that are found are not the run's, or it names files of somebody's own and
            `refuse_own_files` refuses them.
    """
    refuse_own_files(run.settings, run.folder)
    from convff import CHECKPOINT, load_checkpoint
    from experiments.datasets.fingerprint import fingerprint_of
    from experiments.run.parts import prepare, with_labels_of

    checkpoint = load_checkpoint(run.folder / CHECKPOINT)
    parts = with_labels_of(prepare(replace(run.settings, device=device), dataset), checkpoint)
    if parts.judged.name != run.results["dataset"]:
        raise SettingsError(f"{run.folder} was judged on {run.results['dataset']}, but found was {parts.judged.name}")
    if run.results.get("data") and run.results["data"] != fingerprint_of(parts.dataset):
        raise SettingsError(f"{run.folder}: the images must be those of the run, but their digests differ")
    net = checkpoint.net.to(parts.device)
    modules = dict(parts.new_trainer(net, None).step.modules)
    for name, module in modules.items():
        module.load_state_dict(checkpoint.tensors_of(name))
    readout = None
    if fitted := checkpoint.tensors_of("readout"):
        readout = parts.evaluator().run.new_readout(net)
        readout.load_state_dict(fitted)
    net.eval()
    return RunWithNetwork(run, parts, net, readout, modules)


def read_all_with_networks(runs: list[RunRecord]) -> list[RunWithNetwork]:
    """Rebuild the networks of several runs; data that they share are loaded once."""
    datasets: dict[tuple[Any, ...], Dataset] = {}
    trained = []
    for run in runs:
        of_run = run.settings
        key = (of_run.dataset, of_run.data_dir, of_run.image_size, of_run.on_bad_image)
        trained.append(read_with_network(run, datasets.get(key)))
        datasets[key] = trained[-1].parts.dataset
    return trained
