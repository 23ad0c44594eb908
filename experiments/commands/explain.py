"""Draw what speaks for a class in an image, in orange, and what against it, in blue, block by block and in all.

Example: `convff explain RUN photo.jpg --out photo-explained.png`.
"""

from dataclasses import dataclass
from pathlib import Path

import tyro

from experiments.commands.shared import DeviceName, opened
from experiments.tools.command import exit_on


@dataclass(frozen=True, kw_only=True)
class Options:
    """Draw what speaks for a class in an image, and what against it."""

    run: tyro.conf.Positional[Path]
    """A run folder, a checkpoint, a pretrained network (mnist-fourier, cifar10-output), or hf://user/name."""

    image: tyro.conf.Positional[Path]
    """An image file."""

    of: str | None = None
    """The class to explain. Default: the one with the highest score."""

    against: str | None = None
    """The class to compare it with. Default: the one with the next highest score."""

    alone: bool = False
    """Explain the score of the class by itself, compared with no other."""

    by: str | None = None
    """Whose scores: goodness (the rule's own), readout, or a name such as linear. Default: those that judged it."""

    out: Path | None = None
    """The figure, as PNG and PDF. Default: IMAGE-explained.png in this folder."""

    device: DeviceName = "auto"
    """cpu, cuda, ...; auto takes CUDA if it can."""


def main(options: Options) -> int:
    """Draw the maps; print the scores and the path."""
    with exit_on(FileNotFoundError, ValueError):
        if options.alone and options.against is not None:
            raise ValueError("--alone compares with no other class, so --against would be ignored")
        from experiments.maps.one_image import draw_explained

        model = opened(options.run, options.device, "float32")
        path = options.out or Path(f"{options.image.stem}-explained.png")
        for written in (path.with_suffix(".png"), path.with_suffix(".pdf")):
            if written.exists() and options.image.exists() and written.samefile(options.image):
                raise ValueError(f"--out {path} would overwrite the image {options.image}: the figure is PNG and PDF")
        words = draw_explained(
            model, options.image, path, of=options.of, against=options.against, alone=options.alone, by=options.by
        )
    print(words)
    print(path.with_suffix(".png"))
    return 0
