"""Ranges of settings, each by itself: numbers, layers, device, folders and files. Imports no torch."""

import math
import re
from pathlib import Path
from tempfile import TemporaryFile

from experiments.config.names import bound_in
from experiments.config.own import own_file
from experiments.config.settings import Settings, SettingsError
from experiments.tools.archive_names import is_archive
from experiments.tools.split_folders import LEAST_CLASSES, SPLITS, count_folders, rename_hint, splits_in

LEAST = {
    "seeds": 1,
    "epochs": 1,
    "repeats": 1,
    "portions": 1,
    "batch_size": 2,
    "negatives": 1,
    "blurs": 1,
    "first_block": 0,
    "train_images": 2,
    "width": 1,
    "depth": 1,
    "candidates": 0,
    "coarse_blocks": 1,
    "label_planes": 1,
    "label_regions": 1,
    "stabiliser_strength": 0,
    "similarity": 0,
    "weight_decay": 0,
}
MOST = {"label_intensity": 1.0, "momentum": None, "stagger": None}  # None: less than 1
POSITIVE = ("scale", "lr", "label_scale", "cache_gib", "rest_factor")
FINITE = (*POSITIVE, "theta", "similarity", "stabiliser_strength", "weight_decay")
WIDEST = 65_536  # a wider layer would take minutes, and all memory, to be refused
SEEDS = 2**63  # torch takes no larger ones
DEVICE = re.compile(r"auto|cpu|cuda(:\d{1,4})?|mps(:\d{1,4})?")
PARTS = ("labels", "rule", "gate", "contrast", "inference", "augment")  # which may be in a file of the user's own
IN_FOLDER = "train/<class>/* and test/<class>/*, or <class>/* alone"
SIDES = (8, 1024)  # pixels per side of images: the least and the most


def check_ranges(settings: Settings) -> None:
    """Raise for a setting that no run can have, whatever the others are.

    Raises:
        SettingsError: a number is out of its range, a folder or file cannot be used, or a list is empty or names
            something twice. The message names the option and what is allowed.

    Example:
        >>> check_ranges(Settings(lr=float("nan")))
        Traceback (most recent call last):
        ...
        experiments.config.settings.SettingsError: --lr must be positive and finite, got nan
    """
    _check_numbers(settings)
    _check_per_block(settings)
    _check_seeds(settings)
    _check_layers(settings)
    for name, what in (("stabilise", "stabiliser"), ("inference", "evaluation")):
        named = getattr(settings, name)
        if len(set(named)) < len(named):
            raise SettingsError(f"--{name} must name each {what} once, got {' '.join(named)}")
    if not settings.inference:
        raise SettingsError("--inference must name at least one evaluation, for example both")
    if DEVICE.fullmatch(settings.device) is None:
        raise SettingsError(
            f"--device {settings.device} cannot be used here: it must be auto, cpu, cuda, cuda:N or mps"
        )
    check_out(settings.out)
    _check_own_images(settings)
    _check_data_dir(settings)
    for name in PARTS:
        value = getattr(settings, name)
        for each in value if isinstance(value, tuple) else (value or "",):
            _check_own(name, each)


def own_files(settings: Settings) -> set[Path]:
    """Return the files of the user's own that settings name.

    Example:
        >>> own_files(Settings(rule="./mine.py:MyRule", gate="softmax"))
        {PosixPath('mine.py')}
    """
    values = (getattr(settings, name) or () for name in PARTS)
    names = [name for value in values for name in (value if isinstance(value, tuple) else (value,))]
    return {file for name in names if (file := own_file(name)) is not None}


def option(name: str) -> str:
    """Return a setting as it is written on the command line.

    Example:
        >>> option("batch_size")
        '--batch-size'
    """
    return f"--{name.replace('_', '-')}"


def _check_numbers(settings: Settings) -> None:
    for name, most in MOST.items():
        value = getattr(settings, name)
        if value is not None and not (0 <= value < 1 or value == most):
            raise SettingsError(f"{option(name)} must be in [0, 1{']' if most else ')'}, got {value}")
    for name in POSITIVE:
        value = getattr(settings, name)
        if value is not None and not 0 < value < math.inf:
            raise SettingsError(f"{option(name)} must be positive and finite, got {value}")
    for name, least in LEAST.items():
        value = getattr(settings, name)
        if value is not None and value < least:
            raise SettingsError(f"{option(name)} must be at least {least}, got {value}")
    for name in FINITE:
        value = getattr(settings, name)
        if value is not None and not math.isfinite(value):
            bound = f" and at least {LEAST[name]}" if name in LEAST else ""
            raise SettingsError(f"{option(name)} must be finite{bound}, got {value}")


def _check_per_block(settings: Settings) -> None:
    """Raise for a list of numbers, one per block, that is empty or holds one out of range."""
    for name in ("temperature", "block_factors"):
        value = getattr(settings, name)
        if value is not None and not (value and all(0 < each < math.inf for each in value)):
            shown = " ".join(map(str, value)) or "nothing"
            raise SettingsError(f"{option(name)} must be positive and finite, got {shown}")


def _check_seeds(settings: Settings) -> None:
    if not 0 <= settings.seed < SEEDS:
        raise SettingsError(f"--seed must be in [0, 2^63), got {settings.seed}")
    if settings.seeds > SEEDS - settings.seed:
        raise SettingsError(f"--seeds must be at most {SEEDS - settings.seed} from --seed on, got {settings.seeds}")


def _check_layers(settings: Settings) -> None:
    """Raise for widths and poolings that no network can have."""
    if settings.width is not None and settings.widths is not None:
        raise SettingsError("--width and --widths cannot both be given: each sets all widths")
    if settings.widths == ():
        raise SettingsError("--widths must name at least one layer")
    for name in ("widths", "pool_after"):
        for value in getattr(settings, name) or ():
            if value < 1:
                raise SettingsError(f"{option(name)} must be at least 1, got {value}")
    for name, value in (("width", settings.width or 1), ("widths", max(settings.widths or (1,)))):
        if value > WIDEST:
            raise SettingsError(f"{option(name)} must be at most {WIDEST}, got {value}")
    poolings = settings.pool_after or ()
    if len(set(poolings)) < len(poolings):
        raise SettingsError(f"--pool-after must name each layer once, got {' '.join(map(str, poolings))}")


def check_out(out: Path) -> None:
    """Raise unless the folder exists or can be made; permissions do not tell, for root has them even in /proc."""
    existing = out.absolute()
    try:
        existing = next(place for place in (out, *out.absolute().parents) if place.exists())
        if not existing.is_dir():
            raise SettingsError(f"--out {out} cannot be made: {existing} is not a writable folder, but a file")
        with TemporaryFile(dir=existing):  # never has a name, where the system allows that
            pass
    except (OSError, StopIteration) as error:
        reason = getattr(error, "strerror", None) or error
        raise SettingsError(f"--out {out} cannot be made: {existing} is not a writable folder ({reason})") from error


def _check_data_dir(settings: Settings) -> None:
    if settings.data_dir is None:
        if settings.dataset == "folder":
            raise SettingsError(f"--dataset folder needs --data-dir, a folder that holds {IN_FOLDER} (PNG, JPEG ...)")
        return
    held = IN_FOLDER if settings.dataset == "folder" else f"the data of --dataset {settings.dataset}"
    try:
        folder = settings.data_dir.expanduser()
        if is_archive(folder) and folder.is_file():
            return
        if not folder.is_dir():
            fault = "is not a folder" if folder.exists() else "does not exist"
            raise SettingsError(f"--data-dir {settings.data_dir} {fault}; it must be a folder that holds {held}")
        held_splits = splits_in(folder)
        missing = [split for split in SPLITS if split not in held_splits]
        if not held_splits and count_folders(folder) >= LEAST_CLASSES:
            missing = []  # class folders alone
    except (OSError, RuntimeError) as error:  # a name too long, or the home of nobody
        raise SettingsError(f"--data-dir {settings.data_dir} must be a folder that holds {held}: {error}") from error
    if settings.dataset == "folder" and missing:
        hint = f"; {rename_hint(held_splits[0])}" if held_splits else ""
        raise SettingsError(
            f"--data-dir {settings.data_dir} must be a folder that holds {held}: there is no folder {missing[0]}/{hint}"
        )


def _check_own_images(settings: Settings) -> None:
    """Raise for options about images of one's own."""
    sides = settings.image_size
    for name, given in (("image_size", sides is not None), ("on_bad_image", settings.on_bad_image != "stop")):
        if given and settings.dataset != "folder":
            raise SettingsError(
                f"{option(name)} cannot be used with --dataset {settings.dataset}, whose images are as published; "
                "it can with --dataset folder"
            )
    least, most = SIDES
    if sides is not None and not (len(sides) in (1, 2) and all(least <= side <= most for side in sides)):
        shown = " ".join(map(str, sides)) or "nothing"
        raise SettingsError(
            f"--image-size must be one or two numbers of pixels, each from {least} to {most}, got {shown}"
        )


def _check_own(name: str, part: str) -> None:
    """Raise for `FILE.py:NAME` whose file cannot be read as Python, or does not hold the name."""
    file = own_file(part)
    if file is None:
        return
    try:
        bound = bound_in(file)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SettingsError(f"{option(name)} {part}: {file} cannot be read as Python: {reason}") from error
    attribute = part.rpartition(":")[2]
    if bound is not None and attribute not in bound:
        held = ", ".join(each for each in bound if not each.startswith("_")) or "no names"
        raise SettingsError(f"{option(name)} {part}: {file} holds no {attribute}; it holds {held}")
    if bound is not None and not bound[attribute]:
        raise SettingsError(f"{option(name)} {part}: {attribute} must be a class or a function, got a plain value")
