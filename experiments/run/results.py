"""What a run leaves behind: the folder, the rows of an epoch, results.json and the closing table."""

import csv
import json
import platform
import statistics
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from convff import EpochRecord, Finding, __version__
from experiments.config.settings import labels_in_words, rule_in_words

PACKAGES = ("torch", "torchvision", "numpy")


def package_versions() -> dict[str, str | None]:
    """Versions of Python, of this package and of the packages that compute; None where a package has none."""
    return {"python": platform.python_version(), "convff": __version__} | {name: _version(name) for name in PACKAGES}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:  # after a training, no missing package is worth the loss of its results
        return None


def git_commit(code: Path = Path(__file__)) -> str | None:
    """The commit that the code is at, with "+" if it was changed since.

    Args:
        code: a file of the code.

    Returns:
        None if the file is not tracked by the repository around it: an installed copy may lie inside somebody else's.
    """
    try:
        _git(code.parent, "ls-files", "--error-unmatch", code.name)
        return _git(code.parent, "describe", "--always", "--abbrev=40", "--dirty=+")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()


@dataclass(frozen=True, kw_only=True)
class Results:
    """The content of `results.json`; accuracies in [0, 1]. `experiments/run/evaluate.py` says what each figure means."""

    dataset: str
    is_stand_in: bool
    judged_on: str
    labels: str
    label_selection: str | None
    rule: str
    preset: str
    seed: int
    accuracy: dict[str, float | None]
    control: dict[str, float | None]
    per_layer: dict[str, list[float]]
    label_only_probe: dict[str, list[float]]
    images_per_second: float
    peak_memory_mib: float | None
    seconds: dict[str, float]
    hardware: str
    versions: dict[str, str | None]
    git_commit: str | None
    processes: int = 1
    net: str | None = None
    stabilise: tuple[str, ...] = ()
    candidates: int | None = None
    findings: tuple[Finding, ...] = ()


def new_folder(out: Path, name: str) -> Path:
    """Make `out/name`, or `out/name-2` and so on where that is taken: a run never writes into another's folder."""
    for attempt in range(1, 10_000):
        folder = out / (name if attempt == 1 else f"{name}-{attempt}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"{out} holds too many runs called {name}")


def new_file(out: Path, name: str) -> Path:
    """`out/name`, or with `-2` and so on before its suffix where that is taken; a file is never overwritten."""
    path = out / name
    for attempt in range(2, 10_000):
        if not path.exists():
            break
        path = out / f"{Path(name).stem}-{attempt}{Path(name).suffix}"
    return path


def seed_summary(results: list[Results]) -> dict[str, Any]:
    """Mean and standard deviation (of the sample) of every accuracy over the seeds, with the values themselves."""
    measured = {key: [result.accuracy.get(key) for result in results] for key, _ in ACCURACIES}
    measured["untrained_linear"] = [result.control["untrained_linear"] for result in results]
    first = results[0]
    about = ("dataset", "is_stand_in", "judged_on", "labels", "label_selection", "rule", "stabilise", "preset", "net")
    return {name: getattr(first, name) for name in about} | {
        "seeds": [result.seed for result in results],
        "accuracy": {
            key: {"mean": statistics.mean(known), "standard_deviation": statistics.stdev(known), "values": known}
            for key, values in measured.items()
            if len(known := [value for value in values if value is not None]) == len(results)
        },
        "seconds": sum(result.seconds["total"] for result in results),
        "hardware": first.hardware,
        "versions": first.versions,
        "git_commit": first.git_commit,
    }


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON that a person can read."""
    path.write_text(json.dumps(content, indent=2) + "\n")


class MetricsFile:
    """`metrics.csv`: one row an epoch, written as the epochs end.

    A metric with one value a block has a column a block, counted from 1: `loss_1`, `loss_2`, ...
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[dict[str, float]] = []

    def add(self, record: EpochRecord, validation: dict[str, float]) -> dict[str, float]:
        """Add the row of an epoch and rewrite the file; returns the row."""
        row: dict[str, float] = {"epoch": record.epoch + 1}
        for name, values in record.metrics.items():
            single = len(values) == 1
            row |= {name if single else f"{name}_{block}": value for block, value in enumerate(values, start=1)}
        row |= validation
        row |= {"images_per_second": record.images_per_second, "seconds": record.seconds}
        self.rows.append(row)
        with self.path.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(self.rows[0]))
            writer.writeheader()
            writer.writerows(self.rows)
        return row


def peak_memory_mib(device: torch.device) -> float | None:
    """The most memory held so far: by CUDA's allocator on its GPUs, else by the whole process; None if unknown."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    try:
        import resource  # Windows has none
    except ImportError:
        return None
    unit = 2**20 if sys.platform == "darwin" else 2**10  # ru_maxrss is in bytes there, in KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def hardware(device: torch.device) -> str:
    """What computed, in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return f"GPU of {platform.processor()} ({platform.platform()})"
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return f"{torch.get_num_threads()} threads of {capabilities.get('cpu_name') or platform.processor()}"


def closing_table(results: Results) -> str:
    """The short table that ends a run, and in words what stands out."""
    accuracy, control = results.accuracy, results.control["untrained_linear"]
    names = dict(ACCURACIES)
    if results.candidates is not None:
        names["goodness"] += f" of the readout's {results.candidates} best labels"
    labels = labels_in_words(results.labels, results.label_selection)
    rule = rule_in_words(results.rule, results.stabilise)
    lines = [
        f"{results.dataset} · labels {labels} · rule {rule} · preset {results.preset} "
        f"· seed {results.seed} · judged on {results.judged_on}",
        *(_line(name, accuracy.get(key)) for key, name in names.items() if accuracy.get(key) is not None),
        _line(CONTROL, control),
    ]
    for key, name in PER_BLOCK:
        values = results.per_layer.get(key) or results.label_only_probe.get(key)
        if values:
            lines.append(f"  {name:{NAME_WIDTH}}" + " ".join(f"{value:6.3f}" for value in values))
    lines += _remarks(results)
    return "\n".join(lines)


def plain_table(rows: list[dict[str, Any]]) -> str:
    """Rows as a table in Markdown; numbers with three digits that count.

    Example:
        >>> print(plain_table([{"step": "ff", "ms": 12.345}]))
        | step | ms |
        |---|---|
        | ff | 12.3 |
    """
    header = [f"| {' | '.join(rows[0])} |", "|" + "---|" * len(rows[0])]
    return "\n".join(header + [f"| {' | '.join(_cell(value) for value in row.values())} |" for row in rows])


def _cell(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


CONTROL = "the same fitted readout, untrained network (control)"
NAME_WIDTH = 54
ACCURACIES = (
    ("goodness", "goodness inference"),
    ("linear", "linear readout, fitted at the end (L-BFGS)"),
    ("linear_joint", "linear readout, trained beside the blocks (Adam)"),
    ("head", "softmax head, trained by backpropagation"),
)
PER_BLOCK = (
    ("accuracy", "goodness accuracy, block by block"),
    ("discrimination", "right label over wrong one, block by block"),
    ("label_bias", "label bias on a blank image (0 is ideal)"),
)


def _line(name: str, value: float | None) -> str:
    return f"  {name:{NAME_WIDTH}}{'-' if value is None else f'{100 * value:6.2f} %'}"


def _remarks(results: Results) -> list[str]:
    remarks = []
    linear, control = results.accuracy.get("linear"), results.control["untrained_linear"]
    if linear is not None and control is not None and linear <= control:
        remarks.append(
            f"  The readout ({100 * linear:.1f} %) is NOT better than on the untrained network "
            f"({100 * control:.1f} %): training gave it nothing."
        )
    remarks += [f"  warning: {finding}" for finding in results.findings]
    if results.is_stand_in:
        remarks.append("  These are DRAWN STAND-IN images, not the data set asked for: no number here is comparable.")
    return remarks
