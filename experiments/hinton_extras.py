"""Hinton's small experiments, on few images and small networks: two minutes each on two cores.

Example: `python experiments/hinton_extras.py goodness --out figures/hinton`. It writes `NAME.json`, `NAME.md` (the
table) and `NAME.png`, and prints the table. Rates are chosen by validation images, which also judge unless
`--evaluate-on test` is given. See `docs/hinton.md`.
"""

import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import tyro

from experiments.config.choices import DatasetName
from experiments.config.names import names_in
from experiments.config.settings import SettingsError
from experiments.tools.command import exit_on

if TYPE_CHECKING:
    from experiments.extras import Images, Result

    ExtraName: TypeAlias = str
else:  # the command line offers the keys of the table
    ExtraName = Literal[(*names_in("experiments/extras/__init__.py", "EXTRAS"), "all")]


@dataclass(frozen=True, kw_only=True)
class Extras:
    """Run one of Hinton's small experiments, or all."""

    name: Annotated[ExtraName, tyro.conf.Positional]
    """The experiment."""

    images: int = 10_000
    """Number of images to learn from."""

    epochs: int | None = None
    """Passes over them; each experiment's own number if omitted. fast sees each image once."""

    width: int | None = None
    """Units of each of the two layers; 500 if omitted. Groups have to divide it."""

    seeds: int = 1
    """Number of networks of each kind."""

    evaluate_on: Literal["validation", "test"] = "validation"
    """What to judge by; test images only once, at the end."""

    dataset: DatasetName = "mnist"
    """The images."""

    data_dir: Path | None = None
    """Folder of the data; no other place is searched then."""

    require_data: bool = False
    """Stop if the data cannot be found, instead of using drawn images."""

    out: Path = Path("runs/extras")
    """Folder for results, tables and figures."""


def check(asked: Extras) -> None:
    """Raise for a number that is out of its range.

    Raises:
        SettingsError: it is.

    Example:
        >>> check(Extras(name="fast", seeds=0))
        Traceback (most recent call last):
        ...
        experiments.config.settings.SettingsError: --seeds must be at least 1, got 0
    """
    for name, least in (("images", 10), ("epochs", 1), ("width", 2), ("seeds", 1)):
        value = getattr(asked, name)
        if value is not None and value < least:
            raise SettingsError(f"--{name} must be at least {least}, got {value}")
    if asked.name == "fast" and asked.epochs is not None:
        raise SettingsError("--epochs cannot be used with fast, which sees each image once")
    if asked.out.exists() and not asked.out.is_dir():
        raise SettingsError(f"--out must be a folder, and {asked.out} is a file")


def run(asked: Extras) -> list[Path]:
    """Run the experiments that are asked for; return the result files.

    Raises:
        SettingsError: a number is out of its range, or does not fit an experiment; nothing is trained then.
        DataError: the data cannot be found.
    """
    check(asked)
    from experiments.datasets import load_dataset
    from experiments.extras import EXTRAS
    from experiments.extras.base import images_of

    names = tuple(EXTRAS) if asked.name == "all" else (asked.name,)
    chosen = {name: _settings(EXTRAS[name].settings(), asked) for name in names}
    for settings in chosen.values():
        _refuse_unequal_groups(settings)
    dataset = load_dataset(asked.dataset, asked.data_dir, require=asked.require_data)
    images = images_of(dataset, asked.images, asked.evaluate_on)
    if dataset.is_stand_in:
        print(f"note: {dataset.source}")
    return [_one(name, settings, images, asked) for name, settings in chosen.items()]


def _settings(settings: object, asked: Extras) -> object:
    """Return the numbers of an experiment with what the command line says."""
    said = {name: value for name in ("epochs", "width", "seeds") if (value := getattr(asked, name)) is not None}
    return replace(settings, training=replace(settings.training, **said))  # type: ignore[type-var, attr-defined]


def _refuse_unequal_groups(settings: object) -> None:
    width = settings.training.width  # type: ignore[attr-defined]
    for groups in getattr(settings, "groups", (2,)):
        if width % groups:
            raise SettingsError(f"--width must be a multiple of {groups}, the number of groups, got {width}")


def _one(name: str, settings: object, images: "Images", asked: Extras) -> Path:
    """Run an experiment, write what it found, and print its table."""
    from convff import write_atomically
    from experiments.extras import EXTRAS
    from experiments.extras.showing import table
    from experiments.tools.machine import git_commit, package_versions

    start = time.perf_counter()
    result: Result = EXTRAS[name].run(settings, images)
    seconds = time.perf_counter() - start
    asked.out.mkdir(parents=True, exist_ok=True)
    path = asked.out / f"{name}.json"
    about = {
        "experiment": name,
        "data": images.train.name,
        "training_images": len(images.train),
        "judged_on": images.judged_on,
        "settings": asdict(settings),  # type: ignore[call-overload]
        "seconds": seconds,
        "commit": git_commit(),
        "versions": package_versions(),
    }
    write_atomically(path, (json.dumps(about | result, indent=2) + "\n").encode())
    tables = "\n\n".join(table(rows) for name, rows in result.items() if name != "note")
    note = f"; {result['note']}" if "note" in result else ""
    heading = (
        f"{name}: {images.train.name}, {len(images.train)} images, judged on {images.judged_on}{note}; {seconds:.0f} s"
    )
    write_atomically(path.with_suffix(".md"), f"{heading}\n\n{tables}\n".encode())
    print(f"\n{heading}\n{tables}", flush=True)
    EXTRAS[name].draw(result, path.with_suffix(".png"))
    return path


def main(asked: Extras) -> None:
    """Run the experiments; exit with 2 if something cannot be run."""
    with exit_on(SettingsError):
        check(asked)  # before torch is imported
    from convff import keep_freed_memory
    from experiments.datasets import DataError

    keep_freed_memory()
    with exit_on(SettingsError, DataError):
        run(asked)


if __name__ == "__main__":
    main(tyro.cli(Extras, description=__doc__))
