"""What networks look at: class activation maps of finished runs, and how far they can be trusted.

Example: `python experiments/cam_figures.py runs/* --images 4 --out figures/cam`. For each data set it writes, as PNG
and PDF:

- `layers-DATASET-I`: an image, one row a run, one column a layer, and their sum;
- `sums-DATASET`: several images, one row a run (figures 4 and 5 of Scodellaro et al. 2025);
- `goodness-DATASET`: where the right label has more goodness than the wrong one that comes closest;

and `cam.json`: whether the maps add up to the scores, grad-cam's ROAD and confidence metrics beside those of random
maps, agreement between layers and between runs, with 95 % bootstrap intervals. With `--image PATH` your own image is
explained.
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from experiments.config.settings import SettingsError
from experiments.run.folder import load_runs, read_run

if TYPE_CHECKING:
    from torch import Tensor

    from convff import ImageData
    from experiments.maps.explained import Explained


@dataclass(frozen=True, kw_only=True)
class Options:
    """Draw and judge class activation maps of finished runs."""

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Run folders."""

    images: int = 4
    """How many test images to draw: the first of each class, whether or not the networks get them right."""

    classes: tuple[str, ...] = ()
    """Names of the classes to draw images of; all if left out. With --image: the one class to explain."""

    image: Path | None = None
    """Your own image instead of test images; it is resized to the network's. Nothing is judged then."""

    judged: int = 128
    """How many test images the maps are judged by, from the first on; 0 judges nothing."""

    out: Path = Path("figures/cam")
    """Where to write."""


def check(options: Options) -> Options:
    """Refuse options that cannot be followed.

    Raises:
        SettingsError: no run, or a number out of its range.
    """
    if not options.runs:
        raise SettingsError("name at least one run folder: python experiments/cam_figures.py RUN [RUN ...] --out DIR")
    if options.images < 1 or options.judged < 0 or options.judged == 1:
        raise SettingsError(
            f"--images must be at least 1 and --judged 0 or at least 2, not {options.images} and {options.judged}"
        )
    if options.image is not None and len(options.classes) > 1:
        raise SettingsError(f"with --image, --classes names the one class to explain, not {len(options.classes)}")
    return options


def choose_images(data: "ImageData", count: int, classes: Sequence[str]) -> list[int]:
    """Indices of the first images of each class, class by class in the order given, until there are `count`.

    Raises:
        SettingsError: a class that the data do not have, or too few images.

    Example:
        >>> import torch
        >>> from convff import ImageData
        >>> images, classes = torch.zeros(5, 1, 2, 2, dtype=torch.uint8), torch.tensor([1, 0, 1, 0, 0])
        >>> choose_images(ImageData(images, classes, ("cat", "dog"), "pets"), 3, ["dog", "cat"])
        [0, 1, 2]
    """
    wanted = [class_index(data, name) for name in classes] or list(range(data.num_classes))
    places = [(data.classes == index).nonzero().flatten().tolist() for index in wanted]
    rounds = [
        place[turn] for turn in range(max(len(place) for place in places)) for place in places if turn < len(place)
    ]
    if len(rounds) < count:
        raise SettingsError(f"--images {count} is more than the {len(rounds)} test images of these classes")
    return rounds[:count]


def class_index(data: "ImageData", name: str) -> int:
    """Index of a class by its name.

    Raises:
        SettingsError: there is no such class.
    """
    if name not in data.class_names:
        raise SettingsError(f"--classes {name}: {data.name} has the classes {', '.join(data.class_names)}")
    return data.class_names.index(name)


def own_image(path: Path, shape: tuple[int, int, int]) -> "Tensor":
    """An image file as the network takes it: `[C, H, W]` in [0, 1].

    Raises:
        SettingsError: the file cannot be read as an image.
    """
    import numpy as np
    import torch
    from PIL import Image, UnidentifiedImageError

    channels, height, width = shape
    try:
        with Image.open(path) as opened:
            resized = opened.convert("L" if channels == 1 else "RGB").resize((width, height), Image.Resampling.BICUBIC)
    except (OSError, UnidentifiedImageError) as error:
        raise SettingsError(f"--image {path} cannot be read as an image: {error}") from error
    pixels = torch.from_numpy(np.array(resized, dtype=np.float32) / 255)
    return pixels[None] if channels == 1 else pixels.permute(2, 0, 1).contiguous()


def main(options: Options) -> dict[str, Any]:
    """Draw, judge and write; returns the content of `cam.json`, which is written where something was judged."""
    check(options)
    runs = [read_run(folder) for folder in options.runs]

    from experiments.maps.explained import explained
    from experiments.run import (
        results as report,  # after what can be refused: it imports torch, and the next one grad-cam
    )

    views = [explained(trained) for trained in load_runs(runs)]
    asked = asdict(options) | {"runs": [view.trained.run.name for view in views], "out": None}
    content: dict[str, Any] = {"options": {k: str(v) if isinstance(v, Path) else v for k, v in asked.items()}}
    content |= {"versions": report.package_versions(), "git_commit": report.git_commit(), "runs": {}, "agreement": {}}
    options.out.mkdir(parents=True, exist_ok=True)
    for dataset in dict.fromkeys(view.trained.parts.judged.name for view in views):
        same = [view for view in views if view.trained.parts.judged.name == dataset]
        if options.image is not None:
            _draw_own(options, same)
            continue
        _draw_test(options, same)
        if options.judged:
            _judge(options, same, content)
    if content["runs"]:
        report.write_json(options.out / "cam.json", content)
        print(options.out / "cam.json")
    return content


def _draw_test(options: Options, views: list["Explained"]) -> None:
    from convff.data import as_floats
    from experiments.maps import drawing as cam_overlays

    data = views[0].trained.parts.judged
    chosen = choose_images(data, options.images, options.classes)
    images, classes = as_floats(data.images[chosen]), data.classes[chosen].tolist()
    key = views[0].trained.run.settings.dataset
    for index, image, right in zip(chosen, images, classes, strict=True):
        title = f"{data.name}, image {index}: “{data.class_names[right]}”"
        path = options.out / f"layers-{key}-{index}.png"
        cam_overlays.layers_figure(image, [right] * len(views), views, path, title)
        print(path)
    path = options.out / f"sums-{key}.png"
    cam_overlays.sums_figure(images, [classes] * len(views), views, path, f"{data.name}:\nmaps of the right class")
    print(path)
    local = [view for view in views if view.goodness is not None]
    if local:
        path = options.out / f"goodness-{key}.png"
        title = f"{data.name}:\ngoodness of the right label over the closest wrong one"
        cam_overlays.goodness_figure(images, classes, local, path, title)
        print(path)


def _draw_own(options: Options, views: list["Explained"]) -> None:
    import torch

    from cam import kinds
    from experiments.maps import drawing as cam_overlays
    from experiments.maps.explained import class_targets, scores_of

    assert options.image is not None
    parts = views[0].trained.parts
    image = own_image(options.image, parts.train.shape)
    if options.classes:
        classes = [class_index(parts.train, options.classes[0])] * len(views)
    else:
        classes = [int(scores_of(view.model, image[None]).argmax()) for view in views]
    key = views[0].trained.run.settings.dataset
    path = options.out / f"layers-{key}-{options.image.stem}.png"
    title = f"{options.image.name}, seen by networks trained on {parts.train.name}"
    cam_overlays.layers_figure(image, classes, views, path, title)
    for view, explained_class in zip(views, classes, strict=True):
        maps = view.method.maps(image[None], class_targets(torch.tensor([explained_class])))
        name = parts.train.class_names[explained_class]
        print(f"{view.trained.run.name}: score of {name} {maps.scores.item():.3f}, map {kinds(maps.summed())[0]}")
    print(path)


def _judge(options: Options, views: list["Explained"], content: dict[str, Any]) -> None:
    from convff.data import as_floats
    from experiments.maps import metrics as cam_judge
    from experiments.maps.explained import summed_maps

    data = views[0].trained.parts.judged.part(0, options.judged)
    images = as_floats(data.images)
    by_run = {}
    for view in views:
        run = view.trained.run
        about = {"dataset": data.name, "labels": run.settings.labels, "rule": run.settings.rule}
        judged = cam_judge.judge_maps(view, images, data.classes)
        content["runs"][run.name] = about | {"accuracy": run.results["accuracy"]} | judged
        by_run[run.name] = summed_maps(view.method, images, data.classes)
        print(summary(run.name, judged))
    names = list(by_run)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            agreement = cam_judge.interval(cam_judge.rank_correlation(by_run[first], by_run[second]))
            content["agreement"][f"{first} and {second}"] = agreement
            print(f"{first} and {second}: rank correlation {_with_interval(agreement)}")


def summary(name: str, judged: dict[str, Any]) -> str:
    """What matters most of a run's figures, in a few lines."""
    complete, metrics = judged["completeness"], judged["metrics"]
    lines = [
        f"{name}: completeness {complete['float32']:.1e} (float32) and {complete['float64']:.1e} (float64); "
        f"ROADCombined on {metrics['images']} images:"
    ]
    for method in (name for name in metrics if name != "images"):
        found = metrics[method]
        line = f"  {method} {_with_interval(found['road_combined'])}"
        if "minus_random" in found:
            line += f", minus RandomCAM {_with_interval(found['minus_random']['road_combined'])}"
        lines.append(line)
    return "\n".join(lines)


def _with_interval(found: dict[str, float]) -> str:
    return f"{found['mean']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"


if __name__ == "__main__":
    arguments = tyro.cli(Options, description=__doc__)
    try:
        main(arguments)
    except (FileNotFoundError, SettingsError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
