"""Name the classes of images by a trained network, without any data set.

Example: `convff predict RUN photos/*.jpg --top 3 --format csv --out predictions.csv`. Pictures of any size are turned
upright, cut to their middle part and resized; what is transparent shows white.
"""

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro

from experiments.commands.shared import DeviceName, PrecisionName, opened
from experiments.tools.command import check_file, exit_on

if TYPE_CHECKING:
    from torch import Tensor

    from convff import Classifier

AT_ONCE = 256  # files


@dataclass(frozen=True, kw_only=True)
class Options:
    """Name the classes of images by a trained network."""

    run: tyro.conf.Positional[Path]
    """A run folder, a checkpoint, a pretrained network (mnist-fourier, cifar10-output), or hf://user/name."""

    files: tyro.conf.Positional[tuple[Path, ...]]
    """Image files; a folder stands for all images in it."""

    top: int = 3
    """Number of classes per image, best first."""

    by: str | None = None
    """Whose scores: goodness (the rule's own), readout, or a name such as linear. Default: those that judged it."""

    format: Literal["table", "csv", "json"] = "table"
    """How to write the predictions."""

    out: Path | None = None
    """File to write to, instead of the terminal."""

    on_bad_image: Literal["stop", "skip"] = "stop"
    """What to do about a file that is no image: stop with exit code 2, or name it and go on."""

    device: DeviceName = "auto"
    """cpu, cuda, ...; auto takes CUDA if it can."""

    precision: PrecisionName = "float32"
    """float32 predicts the same on every machine; auto is the fastest one."""


def main(options: Options) -> int:
    """Predict and write; return 0, or 1 if no image could be read."""
    from convff import write_atomically
    from experiments.commands import writing
    from experiments.run.predictions import best_first

    with exit_on(OSError, ValueError):
        if options.top < 1:
            raise ValueError(f"--top must be at least 1, got {options.top}")
        check_file("--out", options.out)
        model = opened(options.run, options.device, options.precision)
        rows: list[writing.Predicted] = []
        for names, images in batches(model, found(options.files), skip=options.on_bad_image == "skip"):
            scores, classes = best_first(model.scores(images, by=options.by), options.top)
            for name, best, values in zip(names, classes.tolist(), scores.tolist(), strict=True):
                tried = [value for value in values if value > -math.inf]  # a readout may name the candidates
                rows.append(writing.Predicted(name, [model.class_names[k] for k in best[: len(tried)]], tried))
        text = writing.FORMATS[options.format](rows)
        if options.out is not None:  # a name that is not UTF-8 is written as the bytes that it is
            write_atomically(options.out, text.encode(errors="surrogateescape"))
    print(text if options.out is None else f"{len(rows)} images: {options.out}\n", end="")
    return 0 if rows else 1


def found(files: Sequence[Path]) -> list[Path]:
    """Return the image files among files and folders, those of a folder sorted.

    Raises:
        ValueError: there is none.

    Example:
        >>> found([Path("a.png"), Path("b.jpg")])
        [PosixPath('a.png'), PosixPath('b.jpg')]
    """
    from convff import SUFFIXES

    paths: list[Path] = []
    for file in files:
        if file.is_dir():
            inside = (path for path in file.rglob("*") if path.suffix.lower() in SUFFIXES)
            paths += sorted(path for path in inside if not _hidden(path.relative_to(file)))
        else:
            paths.append(file)
    if not paths:
        raise ValueError("there is no image to predict")
    return paths


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def batches(model: "Classifier", files: Sequence[Path], *, skip: bool) -> "Iterator[tuple[list[str], Tensor]]":
    """Yield the names of files and their images, uint8 `[N, C, H, W]`, some at a time.

    Args:
        model: the network.
        files: the files.
        skip: name a file that cannot be read on stderr, and go on.

    Raises:
        PictureError: a file cannot be read, and `skip` is false.
    """
    import torch

    from convff import PictureError, read_picture

    names: list[str] = []
    images: list[Tensor] = []
    for number, file in enumerate(files, start=1):
        try:
            images.append(read_picture(file, model.image_shape))
            names.append(str(file))
        except PictureError as error:
            if not skip:
                raise
            print(f"skipped: {error}", file=sys.stderr)
        if images and (len(images) == AT_ONCE or number == len(files)):
            yield names, torch.stack(images)
            names, images = [], []
