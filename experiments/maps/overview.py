"""One row per run: an image as the network gets it, what each block answers, and what the network looks at."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from cam import GoodnessDifference, SignedCAM, overlay
from convff import as_floats
from experiments.config.settings import SettingsError
from experiments.maps.drawing import largest, show_image
from experiments.maps.explained import Explained, class_targets, scores_of
from experiments.maps.scores import score_maps
from experiments.tools import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTHS = (1.0, 1.0, 1.0, 1.9, 1.0)  # of the columns
TITLES = ("image", "with its label", "with a wrong one", "goodness per block and class", "what it looks at")


@dataclass(frozen=True, eq=False)
class Shown:
    """What a row shows of a run.

    Args:
        image: `[C, H, W]` in [0, 1].
        right: its class.
        rival: the wrong class with the largest score.
        labelled: the image with the right and with the rival's label, `[2, C, H, W]`; None if no image carries one.
        by_block: goodness of each class in each block, `[blocks, K]`.
        signed: where the right class has more goodness than the rival, `[H, W]`.
        class_names: the names of the classes.
    """

    image: Tensor
    right: int
    rival: int
    labelled: Tensor | None
    by_block: Tensor
    signed: Tensor
    class_names: Sequence[str]


def shown(view: Explained, index: int) -> Shown:
    """Collect what a row shows of a run.

    Args:
        view: the run.
        index: which of the test images.

    Raises:
        SettingsError: there is no such image, or the rule has no maps of its scores (backpropagation).
    """
    trained, data = view.trained, view.trained.parts.judged
    if view.goodness is None:
        raise SettingsError(f"{trained.run.folder}: its rule has no goodness to show, block by block")
    if not 0 <= index < len(data):
        raise SettingsError(f"--images must be in [0, {len(data)}), got {index}")
    image, right = as_floats(data.images[index : index + 1]), int(data.classes[index])
    rival = int(scores_of(view.goodness.model, image)[0].index_fill(0, torch.tensor(right), -torch.inf).argmax())
    every_block = score_maps(trained, 0)
    assert every_block is not None
    labelled = None
    if trained.run.settings.label_at == "image":
        both = trained.parts.labels(image, torch.tensor([[right, rival]]))[0]
        labelled = both[:, : image.shape[1]]  # without planes beside the image
    return Shown(
        image=image[0],
        right=right,
        rival=rival,
        labelled=labelled,
        by_block=goodness_by_block(every_block, image, data.num_classes),
        signed=view.goodness.maps(image, [GoodnessDifference(right, rival)]).summed()[0],
        class_names=data.class_names,
    )


def goodness_by_block(method: SignedCAM, image: Tensor, num_classes: int) -> Tensor:
    """Return the goodness of each class in each mapped block, `[blocks, K]`: the sums of their maps.

    Args:
        method: maps of the scores that the rule is judged by, of every block.
        image: `[1, C, H, W]` in [0, 1].
        num_classes: number of classes K.
    """
    every_class = class_targets(torch.arange(num_classes))
    return method.maps(image.expand(num_classes, -1, -1, -1), every_class).shares().T


def overview_figure(rows: Sequence[Shown], path: Path) -> None:
    """Draw one row per run; written as PNG and PDF.

    Args:
        rows: what to show of each run.
        path: where to write.
    """
    with style.new_figure(path, width=style.PAGE, height=0.45 + 1.5 * len(rows), pictures=True) as figure:
        grid = figure.subplots(len(rows), len(WIDTHS), squeeze=False, width_ratios=WIDTHS)
        for axes, row in zip(grid, rows, strict=True):
            _draw_row(axes, row)
        for axes, title in zip(grid[0], TITLES, strict=True):
            axes.set_title(title)


def _draw_row(axes: Sequence["Axes"], row: Shown) -> None:
    right, rival = (row.class_names[k] for k in (row.right, row.rival))
    show_image(axes[0], row.image)
    axes[0].set_xlabel(f"“{right}”", fontsize=7)
    if row.labelled is None:
        for place in axes[1:3]:
            style.bare(place)
        axes[1].text(0.5, 0.5, "no label:\none pass serves\nall classes", ha="center", va="center", fontsize=7)
        axes[1].set(xlim=(0, 1), ylim=(0, 1), box_aspect=1)
    else:
        for place, picture, name in zip(axes[1:3], row.labelled, (right, rival), strict=True):
            show_image(place, picture.clamp(0, 1))
            place.set_xlabel(f"label “{name}”", fontsize=7)
    _draw_goodness(axes[3], row)
    style.bare(axes[4])
    axes[4].imshow(overlay(row.image.numpy(), row.signed.numpy(), largest([row.signed])))
    axes[4].set_xlabel(f"orange: for “{right}”\nblue: for “{rival}”", fontsize=7)


def _draw_goodness(axes: "Axes", row: Shown) -> None:
    """Draw the goodness of each class in each block, from the lowest (white) to the highest of the block."""
    low, high = row.by_block.amin(dim=1, keepdim=True), row.by_block.amax(dim=1, keepdim=True)
    axes.imshow(((row.by_block - low) / (high - low).clamp_min(1e-12)).numpy(), cmap="Greys", aspect="auto")
    for block, best in enumerate(row.by_block.argmax(dim=1).tolist()):
        axes.plot(best, block, "o", color=style.COLOURS[2 if best == row.right else 1], markersize=4)
    style.bare(axes)
    axes.set_yticks(range(len(row.by_block)), [f"block {block + 1}" for block in range(len(row.by_block))])
    axes.set_xticks(range(len(row.class_names)), row.class_names, rotation=60, ha="right", rotation_mode="anchor")
    axes.tick_params(length=0, labelsize=6.5)
    axes.get_xticklabels()[row.right].set_fontweight("bold")
