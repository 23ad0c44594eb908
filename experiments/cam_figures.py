"""What networks look at: class activation maps of finished runs, and how far they can be trusted.

Example: `python experiments/cam_figures.py runs/* --images 4 --out figures/cam`. For each data set it writes, as PNG
and PDF:

- `layers-DATASET-I`: an image, one row per run, one column per layer, and their sum;
- `sums-DATASET`: several images, one row per run (figures 4 and 5 of Scodellaro et al. 2025);
- `goodness-DATASET`: where the right label (or group of channels) has more goodness than the closest wrong one;

and `cam.json`: whether the maps add up to the scores, grad-cam's ROAD and confidence metrics beside those of random
maps, agreement between layers and between runs, with 95 % bootstrap intervals. With `--image PATH` your own image is
explained.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tyro

from experiments.config.settings import SettingsError
from experiments.run import folder
from experiments.tools.command import exit_on


@dataclass(frozen=True, kw_only=True)
class Options:
    """Draw and judge class activation maps of finished runs."""

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Run folders."""

    images: int = 4
    """Number of test images to draw: the first of each class, whether or not the networks classify them correctly."""

    classes: tuple[str, ...] = ()
    """Names of the classes to draw images of. Default: all. With --image: the one class to explain."""

    image: Path | None = None
    """Your own image instead of test images, its middle part resized to the network's input. Nothing is judged then."""

    judged: int = 128
    """Number of test images that judge the maps, from the first on; 0 judges nothing."""

    out: Path = Path("figures/cam")
    """Folder to write to."""


def check(options: Options) -> Options:
    """Raise for invalid options.

    Raises:
        SettingsError: there is no run, or a number is out of its range.

    Example:
        >>> check(Options(runs=(Path("runs/a"),))).images
        4
    """
    if not options.runs:
        raise SettingsError("name at least one run folder: python experiments/cam_figures.py RUN [RUN ...] --out DIR")
    if options.images < 1 or options.judged < 0 or options.judged == 1:
        raise SettingsError(
            f"--images must be at least 1 and --judged 0 or at least 2, got {options.images} and {options.judged}"
        )
    if options.image is not None and len(options.classes) > 1:
        raise SettingsError(f"with --image, --classes must name one class to explain, got {len(options.classes)}")
    return options


def main(options: Options) -> dict[str, Any]:
    """Draw, judge and write; return the content of `cam.json`, which is written if anything was judged."""
    check(options)
    runs = [folder.read(path) for path in options.runs]

    from experiments.maps import figures  # after the checks: it imports torch and grad-cam
    from experiments.maps.explained import explained
    from experiments.tools import machine

    views = [explained(trained) for trained in folder.read_all_with_networks(runs)]
    asked = asdict(options) | {"runs": [view.trained.run.name for view in views], "out": None}
    content: dict[str, Any] = {"options": {k: str(v) if isinstance(v, Path) else v for k, v in asked.items()}}
    content |= {"versions": machine.package_versions(), "git_commit": machine.git_commit(), "runs": {}, "agreement": {}}
    options.out.mkdir(parents=True, exist_ok=True)
    for dataset in dict.fromkeys(view.trained.parts.judged.name for view in views):
        same = [view for view in views if view.trained.parts.judged.name == dataset]
        if options.image is not None:
            figures.draw_own_image(same, options.image, next(iter(options.classes), None), options.out)
            continue
        figures.draw_test_images(same, options.images, options.classes, options.out)
        if options.judged:
            figures.measure_runs(same, options.judged, content)
    if content["runs"]:
        folder.write_json(options.out / "cam.json", content)
        print(options.out / "cam.json")
    return content


if __name__ == "__main__":
    arguments = tyro.cli(Options, description=__doc__)
    with exit_on(FileNotFoundError, SettingsError, ValueError):
        main(arguments)
