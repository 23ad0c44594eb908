"""Figures of maps: the image in gray, orange where it speaks for the class and blue where it speaks against it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from cam import HELPS, HURTS, GoodnessDifference, LinearCAM, kinds, overlay
from experiments.config.own import short
from experiments.maps.explained import Explained, class_targets, scores_of
from experiments.tools import style
from experiments.tools.words import rule_in_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SCALE_PERCENTILE = 99.5


@dataclass(frozen=True, eq=False)
class Panel:
    """One map to draw.

    Args:
        signed: the map `[H, W]`.
        value: its sum, written beneath; None for a map whose sum means nothing.
    """

    signed: Tensor
    value: float | None

    def note(self) -> str:
        """Return the text beneath the map.

        Example:
            >>> Panel(torch.tensor([[0.5, 1.0]]), 1.5).note()
            '+1.50'
        """
        (kind,) = kinds(self.signed[None])
        if kind == "constant":
            return "constant"
        return "" if self.value is None else f"{self.value:+#.3g}"


def layers_figure(image: Tensor, classes: Sequence[int], views: Sequence[Explained], path: Path, title: str) -> None:
    """Draw one image: a row per run, a column per layer, and their sum (for backpropagation its CAM).

    All maps of a row share one scale, so that a layer that adds little looks pale.

    Args:
        image: `[C, H, W]` in [0, 1].
        classes: the class to explain, for each run.
        views: the runs.
        path: where to write.
        title: what the image is.
    """
    columns = 2 + max(len(view.layer_names) for view in views)
    width = min(style.PAGE, 0.6 + 1.15 * columns)
    side = (width - 0.6) / columns
    with style.new_figure(path, width=width, height=0.95 + len(views) * (side + 0.3), pictures=True) as figure:
        grid = figure.subplots(len(views), columns, squeeze=False)
        for row, (view, chosen) in enumerate(zip(views, classes, strict=True)):
            _layers_row(grid[row], image, chosen, view, headed=row == 0)
        figure.suptitle(title, fontsize=8)
        legend(figure, list(grid.flat), "one scale per row; beneath each map, its sum")


def _layers_row(axes: Sequence["Axes"], image: Tensor, chosen: int, view: Explained, *, headed: bool) -> None:
    targets = class_targets(torch.tensor([chosen]))
    maps = view.by_layer.maps(image[None], targets)
    summed = view.method.maps(image[None], targets).summed()[0]
    exact = isinstance(view.by_layer, LinearCAM)
    panels = [
        Panel(signed, share.item() if exact else None)
        for signed, share in zip(maps.on_image()[0], maps.shares()[0], strict=True)
    ]
    panels.append(Panel(summed, summed.sum().item()))
    titles = [*view.layer_names, "sum" if exact else "CAM"]
    scale = largest([panel.signed for panel in panels])
    show_image(axes[0], image)
    if headed:
        axes[0].set_title("input")
    axes[0].set_ylabel(_row_name(view))
    names = view.trained.parts.train.class_names
    axes[0].set_xlabel(f"explains “{names[chosen]}”\nsays “{names[_predicted(view, image)]}”", fontsize=6)
    empty = len(axes) - 1 - len(panels)  # the last column is the sum in every row
    places = [*axes[1 : len(panels)], axes[len(panels) + empty]]
    for place, panel, name in zip(places, panels, titles, strict=True):
        draw_panel(place, image, panel, scale)
        if headed or not exact:
            place.set_title(name if exact or name == "CAM" else f"Grad-CAM,\n{name}", fontsize=8 if exact else 6.5)
    for place in axes[len(panels) : len(panels) + empty]:
        place.set_visible(False)


def sums_figure(
    images: Tensor, classes: Sequence[Sequence[int]], views: Sequence[Explained], path: Path, title: str
) -> None:
    """Draw several images side by side: the input, and beneath it each run's map (figure 4 of Scodellaro et al. 2025).

    Args:
        images: `[N, C, H, W]` in [0, 1].
        classes: for each run, the class to explain in each image.
        views: the runs.
        path: where to write.
        title: what the images are.
    """
    columns = len(images)
    width, height = _size(columns, 1 + len(views))
    with style.new_figure(path, width=width, height=height, pictures=True) as figure:
        grid = figure.subplots(1 + len(views), columns, squeeze=False)
        names = views[0].trained.parts.train.class_names
        for column, image in enumerate(images):
            show_image(grid[0, column], image)
            grid[0, column].set_title(names[classes[0][column]])
        grid[0, 0].set_ylabel("input")
        for row, (view, chosen) in enumerate(zip(views, classes, strict=True), start=1):
            summed = view.method.maps(images, class_targets(torch.tensor(chosen))).summed()
            for column, image in enumerate(images):
                panel = Panel(summed[column], summed[column].sum().item())
                draw_panel(
                    grid[row, column], image, panel, largest([panel.signed]), says=_says(view, image, chosen[column])
                )
            grid[row, 0].set_ylabel(_row_name(view))
        figure.suptitle(title, fontsize=8)
        legend(figure, list(grid.flat), "one scale per map; beneath it, its sum")


def goodness_figure(images: Tensor, classes: Sequence[int], views: Sequence[Explained], path: Path, title: str) -> None:
    """Draw by how much the right class exceeds the closest wrong one, in the scores that judge the rule.

    Args:
        images: `[N, C, H, W]` in [0, 1].
        classes: the right class of each image.
        views: runs with maps of these scores.
        path: where to write.
        title: what the images are.
    """
    width, height = _size(len(images), 1 + len(views))
    with style.new_figure(path, width=width, height=height, pictures=True) as figure:
        grid = figure.subplots(1 + len(views), len(images), squeeze=False)
        names = views[0].trained.parts.train.class_names
        for column, image in enumerate(images):
            show_image(grid[0, column], image)
            grid[0, column].set_title(names[classes[column]])
        grid[0, 0].set_ylabel("input")
        for row, view in enumerate(views, start=1):
            assert view.goodness is not None
            others = scores_of(view.goodness.model, images).scatter(1, torch.tensor(classes)[:, None], -torch.inf)
            rivals = others.argmax(dim=1).tolist()
            targets = [GoodnessDifference(right, rival) for right, rival in zip(classes, rivals, strict=True)]
            summed = view.goodness.maps(images, targets).summed()
            for column, image in enumerate(images):
                panel = Panel(summed[column], summed[column].sum().item())
                says = f"over “{names[rivals[column]]}”"
                draw_panel(grid[row, column], image, panel, largest([panel.signed]), says=says)
            grid[row, 0].set_ylabel(_row_name(view))
        figure.suptitle(title, fontsize=8)
        legend(
            figure,
            list(grid.flat),
            "one scale per map; beneath it, the difference of the two",
            ends=("speaks for\nthe rival", "speaks for\nthe right class"),
        )


def _size(columns: int, rows: int) -> tuple[float, float]:
    """Return width and height: a column of a paper for few images, the page for many."""
    width = style.COLUMN if columns <= 4 else style.PAGE
    side = (width - 0.5) / columns
    return width, 0.9 + rows * (side + 0.26)


def _row_name(view: Explained) -> str:
    settings = view.trained.run.settings
    rule = rule_in_words(settings.rule, settings.variant + settings.stabilise)
    return rule if settings.label_name == "none" else f"{short(settings.label_name)}\n{rule}"


def _predicted(view: Explained, image: Tensor) -> int:
    return int(scores_of(view.model, image[None]).argmax())


def _says(view: Explained, image: Tensor, chosen: int) -> str:
    """Return what the network says if that is not the explained class, else nothing."""
    predicted = _predicted(view, image)
    return "" if predicted == chosen else f"says “{view.trained.parts.train.class_names[predicted]}”"


def largest(maps: Sequence[Tensor]) -> float:
    """Return the size of the largest values of maps, but for a few outliers: the end of their colour scale."""
    return max(float(np.percentile(signed.abs().numpy(), SCALE_PERCENTILE)) for signed in maps)


def show_image(axes: "Axes", image: Tensor) -> None:
    """Show an image `[C, H, W]` in [0, 1], gray if it has one channel."""
    style.bare(axes)
    if len(image) == 1:
        axes.imshow(image[0].numpy(), cmap="gray", vmin=0, vmax=1)
    else:
        axes.imshow(image.permute(1, 2, 0).numpy())


def draw_panel(axes: "Axes", image: Tensor, panel: Panel, scale: float, *, says: str = "") -> None:
    """Draw a map over its image `[C, H, W]`, with its sum and perhaps a remark beneath; `scale` ends its colours."""
    style.bare(axes)
    flat = panel.note() == "constant"
    axes.imshow(overlay(image.numpy(), panel.signed.numpy(), 0.0 if flat else scale))
    axes.set_xlabel("\n".join(part for part in (panel.note(), says) if part), fontsize=6, labelpad=2)


def legend(
    figure: "Figure",
    axes: list["Axes"],
    note: str,
    *,
    ends: tuple[str, str] = ("speaks\nagainst it", "speaks\nfor it"),
) -> None:
    """Draw what the colours mean beneath all axes, with a note and the names of both ends."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    colours = LinearSegmentedColormap.from_list("signed", [HURTS, (0.75, 0.75, 0.75), HELPS])
    bar = figure.colorbar(
        ScalarMappable(Normalize(-1, 1), colours), ax=axes, location="bottom", fraction=0.03, aspect=45, pad=0.02
    )
    bar.outline.set_visible(False)
    bar.set_ticks([-0.98, 0, 0.98], labels=[ends[0], "0", ends[1]])
    left, _, right = bar.ax.get_xticklabels()
    left.set_horizontalalignment("left")
    right.set_horizontalalignment("right")
    bar.ax.tick_params(length=0)
    bar.set_label(note, fontsize=6.5)
