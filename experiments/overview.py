"""One picture of finished runs: an image as the network gets it, what each block answers, what the network looks at.

Example: `python experiments/overview.py RUN [RUN ...] --images 0 7 --out figures/overview.png`. One row per run. The
map shows where the right class has more goodness (orange) than the wrong class that comes closest (blue).
"""

from dataclasses import dataclass
from pathlib import Path

import tyro

from experiments.config.settings import SettingsError
from experiments.run import folder
from experiments.tools.command import exit_on


@dataclass(frozen=True, kw_only=True)
class Options:
    """Draw one row per finished run."""

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Run folders, of rules that are judged by goodness."""

    images: tuple[int, ...] = ()
    """Which test image to show of each run, counted from 0. Default: the first one of each."""

    out: Path = Path("figures/overview.png")
    """Where to write the PNG; a PDF is written beside it."""


def main(options: Options) -> Path:
    """Draw the picture.

    Returns:
        the path of the PNG.

    Raises:
        SettingsError: no run, or another number of images than runs.
        FileNotFoundError: a folder holds no finished run.
    """
    if not options.runs:
        raise SettingsError("name at least one run folder: python experiments/overview.py RUN [RUN ...]")
    indices = options.images or (0,) * len(options.runs)
    if len(indices) != len(options.runs):
        raise SettingsError(f"--images must name one image per run: {len(options.runs)}, got {len(indices)}")
    runs = [folder.read(path) for path in options.runs]

    from experiments.maps.explained import explained  # imports torch
    from experiments.maps.overview import overview_figure, shown

    views = [explained(trained) for trained in folder.read_all_with_networks(runs)]
    overview_figure([shown(view, index) for view, index in zip(views, indices, strict=True)], options.out)
    return options.out.with_suffix(".png")


if __name__ == "__main__":
    asked = tyro.cli(Options, description=__doc__)
    with exit_on(FileNotFoundError, SettingsError, ValueError):
        print(main(asked))
