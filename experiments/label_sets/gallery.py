"""What `label_gallery.py` does: choose labels, judge them, draw them, and write `labels.json`."""

import json
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from convff import SUFFIXES, PictureError, read_picture
from experiments.label_sets import drawing as figures
from experiments.label_sets.choice import CHOOSABLE, choose, reported_correlations
from experiments.label_sets.settings import GallerySettings
from experiments.run.building import build, look_up
from experiments.tools.clock import label_seconds
from labels import (
    LABELS,
    LabelGenerator,
    blank,
    check_window,
    distinct_windows,
    label_correlations,
    off_diagonal,
    random_choice,
    textured_images,
    window_judge,
)

RANDOM_CHOICES = 20
# Images that judge the labels: the textures, unless a folder holds at least this many.
LEAST_IMAGES = 20
MOST_IMAGES = 2000
PAIR_IMAGES = 8  # of 784 windows of 5 x 5 each, for every pair


class GalleryError(ValueError):
    """A gallery that cannot be made; the message says why, and what is allowed."""


@dataclass(frozen=True, eq=False)
class LabelSet:
    """Labels, and what is known about the choice.

    Args:
        labels: the generator.
        select: how they were chosen.
        seconds: time of the choice, including drawing and correlating.
        after: correlations of the labels, `[K, K]`.
        before: correlations of the first random choice; None if there is nothing to choose from.
        random_max: median over random choices of the largest |correlation|; None likewise.
        any_phase: Fourier: the largest correlation at any phases.
    """

    labels: LabelGenerator
    select: str
    seconds: float
    after: Tensor
    before: Tensor | None = None
    random_max: float | None = None
    any_phase: float | None = None


def make_gallery(settings: GallerySettings) -> str:
    """Make everything; return a summary in words.

    Raises:
        GalleryError: settings do not fit together, an image cannot be read, or a folder cannot be made.
    """
    try:
        if settings.classes < 2:
            raise ValueError(f"--classes must be at least 2, got {settings.classes}")
        images, source = _images(settings)
        check_window(images, settings.kernel)
        chosen = _label_set(settings)
        report = _report(settings, chosen, images, source)
        settings.out.mkdir(parents=True, exist_ok=True)
    except (ValueError, OSError) as error:
        raise GalleryError(str(error)) from error
    (settings.out / "labels.json").write_text(json.dumps(report, indent=1) + "\n")
    _draw(settings, chosen, images)
    return summary(report, settings.out)


def _images(settings: GallerySettings) -> tuple[Tensor, str]:
    """Return the images to label, RGB `[M, 3, S, S]`, and where they are from."""
    if settings.image is None:
        return textured_images(64, settings.size).expand(-1, 3, -1, -1).contiguous(), "drawn textures"
    paths = [settings.image]
    if settings.image.is_dir():
        found = sorted(path for path in settings.image.rglob("*") if path.suffix.lower() in SUFFIXES)
        order = torch.randperm(len(found), generator=torch.Generator().manual_seed(settings.seed))
        paths = [found[i] for i in order[:MOST_IMAGES].tolist()]
        if not paths:
            raise ValueError(f"--image {settings.image} holds no image; known are {', '.join(sorted(SUFFIXES))}")
    shape = (3, settings.size, settings.size)
    try:
        images = torch.stack([read_picture(path, shape) for path in paths]) / 255
    except PictureError as error:
        raise ValueError(f"--image {error}") from error
    return images, f"{len(paths)} images of {settings.image}"


def _label_set(settings: GallerySettings) -> LabelSet:
    family, size = settings.labels, (settings.size, settings.size)
    select = settings.select or ("optimised" if family in CHOOSABLE else "none")
    if family not in CHOOSABLE:
        if select != "none":
            raise ValueError(f"--select {select}: --labels {family} has no candidates ({', '.join(CHOOSABLE)} have)")
        offered = {"num_classes": settings.classes, "image_size": size}
        labels: LabelGenerator = build(f"labels {family}", look_up("labels", family, LABELS), {}, offered)
        return LabelSet(labels, select, 0.0, label_correlations(labels, size))
    choice = choose(
        family,
        "random" if select == "none" else select,
        num_classes=settings.classes,
        image_size=size,
        kernel_size=settings.kernel,
        seed=settings.seed,
        count=settings.candidates,
    )
    everything = reported_correlations(family, choice, size)
    chances = [random_choice(len(everything), settings.classes, settings.seed + i) for i in range(RANDOM_CHOICES)]
    labels = choice.labels
    seconds = choice.seconds
    if select == "none":
        start = time.perf_counter()
        labels = CHOOSABLE[family].build(CHOOSABLE[family].set_1(settings.classes, size), size, 0.3)
        seconds = time.perf_counter() - start
    any_phase = None
    if hasattr(labels, "waves"):
        any_phase = off_diagonal(CHOOSABLE[family].criterion(labels.waves, size)).max().item()
    return LabelSet(
        labels,
        select,
        seconds,
        after=label_correlations(labels, size),
        before=everything[list(chances[0])][:, list(chances[0])],
        random_max=statistics.median(off_diagonal(everything, chance).max().item() for chance in chances),
        any_phase=any_phase,
    )


def _report(settings: GallerySettings, chosen: LabelSet, images: Tensor, source: str) -> dict[str, Any]:
    """Return the content of labels.json."""
    judges = images
    if len(images) < LEAST_IMAGES:
        judges = textured_images(64, settings.size).expand(-1, images.shape[1], -1, -1).contiguous()
        source = "drawn textures"
    correlations = off_diagonal(chosen.after)
    batch = judges[torch.arange(512) % len(judges)]
    seconds = label_seconds(chosen.labels, batch, repeats=2)
    pairs = distinct_windows(chosen.labels, judges[:PAIR_IMAGES], settings.kernel)
    on_images, on_blank = (
        asdict(window_judge(chosen.labels, seen, settings.kernel, seed=settings.seed))
        for seen in (judges, blank(judges))
    )
    return {
        "labels": settings.labels,
        "classes": settings.classes,
        "select": chosen.select,
        "candidates": settings.candidates if chosen.before is not None else None,
        "kernel": settings.kernel,
        "size": settings.size,
        "seed": settings.seed,
        "max_abs_correlation": correlations.max().item(),
        "mean_abs_correlation": correlations.mean().item(),
        "random_max_abs_correlation": chosen.random_max,
        "max_abs_correlation_any_phase": chosen.any_phase,
        "seconds": chosen.seconds,
        "readability": {
            "images": source,
            "distinct_windows": asdict(pairs),
            "one_window": {"on_images": on_images, "on_blank": on_blank},
            "label_passes_per_second": 2 * len(batch) / seconds,
        },
        "spec": chosen.labels.spec(),
    }


def summary(report: dict[str, Any], folder: Path) -> str:
    """Return the figures in a few lines."""
    pairs, judges = (report["readability"][name] for name in ("distinct_windows", "one_window"))
    kernel = f"{report['kernel']} x {report['kernel']}"
    by_chance = report["random_max_abs_correlation"]
    lines = [
        f"{report['classes']} {report['labels']} labels, select {report['select']}, {report['seconds']:.1f} s",
        f"  largest |correlation| {report['max_abs_correlation']:.3f}, mean {report['mean_abs_correlation']:.3f}"
        + (f"; largest if random {by_chance:.3f} (median of {RANDOM_CHOICES})" if by_chance is not None else ""),
        f"  pairs that differ in less than 95 % of {kernel} windows: {len(pairs['unreadable'])}; worst pair "
        f"{tuple(pairs['worst_pair'])}: {100 * pairs['worst_share']:.1f} %",
    ]
    for name, words in (("energy", "pixels and products"), ("linear", "pixels alone")):
        lines.append(
            f"  class from one window ({words}): {100 * judges['on_images'][name]:.1f} % on images, "
            f"{100 * judges['on_blank'][name]:.1f} % on blank ones (chance {100 * judges['on_blank']['chance']:.1f} %)"
        )
    lines.append(f"  {report['readability']['label_passes_per_second']:,.0f} label passes per second; see {folder}")
    return "\n".join(lines)


def _draw(settings: GallerySettings, chosen: LabelSet, images: Tensor) -> None:
    image, classes = images[0], torch.arange(settings.classes)
    name = f"{settings.classes} {settings.labels} labels"
    alone = label_pictures(chosen.labels, image)
    beside = chosen.labels.channels(image.shape[0]) - image.shape[0]  # channels that are the label alone
    how = "each plane a tile" if beside > 1 else _chosen_words(chosen.select)
    figures.grid(alone, settings.out / "labels.png", title=f"{name} ({how})")
    if not beside:
        labelled = chosen.labels(image.expand(settings.classes, -1, -1, -1), classes)
        figures.grid(labelled, settings.out / "labels_on_image.png", title=f"{name}, each on the same image")
    figures.right_and_wrong(
        chosen.labels, images[:3], alone_of=label_pictures, path=settings.out / "right_and_wrong.png", title=name
    )
    figures.correlations(chosen.before, chosen.after, settings.out / "correlation.png", title=name)


def _chosen_words(select: str) -> str:
    return {"none": "the fixed set"}.get(select, f"{select} choice")


def label_pictures(labels: LabelGenerator, image: Tensor) -> Tensor:
    """Return every label alone, as an image: `[K, 1 or C, H, W]`; several label channels are tiles of it."""
    patterns = labels.patterns(image)
    extra = patterns[:, image.shape[0] :]
    if not extra.shape[1]:
        return patterns
    if extra.shape[1] == 1:
        return extra
    side = 1
    while side * side < extra.shape[1]:
        side += 1
    values = F.pad(extra.mean(dim=(2, 3)), (0, side * side - extra.shape[1]))
    tiles = values.view(len(values), 1, side, side)
    return F.interpolate(tiles, size=(image.shape[1], image.shape[2]), mode="nearest")
