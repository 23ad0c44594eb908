"""Figures of a label set. No display is needed."""

import math
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from experiments.tools import style
from labels import LabelGenerator


def grid(pictures: Tensor, path: Path, *, title: str) -> None:
    """Draw all pictures `[K, C, H, W]`, each under the number of its class."""
    columns = min(len(pictures), 10) if len(pictures) <= 100 else math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    width = max(style.COLUMN, 0.72 * columns)
    with style.new_figure(path, width=width, height=0.9 * rows + 0.5, pictures=True) as figure:
        figure.suptitle(title)
        all_axes = figure.subplots(rows, columns, squeeze=False)
        for axes in all_axes.flat:
            style.bare(axes)
        for k, (axes, picture) in enumerate(zip(all_axes.flat, pictures, strict=False)):
            _show(axes, picture)
            axes.set_title(str(k), fontsize=7, pad=2)


def right_and_wrong(
    labels: LabelGenerator,
    images: Tensor,
    *,
    alone_of: Callable[[LabelGenerator, Tensor], Tensor],
    path: Path,
    title: str,
) -> None:
    """Draw images, labels alone, and both together, as in figure 1 of Scodellaro et al. 2025; right above, wrong below.

    The images' classes are made up: image n is taken to be of class n, and its wrong class is the next one.
    """
    with style.new_figure(path, width=3.6 * len(images), height=2.9, pictures=True) as figure:
        figure.suptitle(f"{title}: each image with its right label, and with a wrong one")
        axes = figure.subplots(2, 3 * len(images), squeeze=False)
        for n, image in enumerate(images):
            alone = alone_of(labels, image)
            right = n % labels.num_classes
            for row, (word, k) in enumerate((("right", right), ("wrong", (right + 1) % labels.num_classes))):
                labelled = labels(image[None], torch.tensor([k]))[0, : image.shape[0]]
                joined = "beside the image" if alone.shape[1] != image.shape[0] else "image with label"
                for place, (picture, name) in enumerate(
                    ((image, f"image of class {right}"), (alone[k], f"label {k} ({word})"), (labelled, joined))
                ):
                    panel = axes[row, 3 * n + place]
                    _show(panel, picture)
                    style.bare(panel)
                    panel.set_title(name, fontsize=7)


def correlations(before: Tensor | None, after: Tensor, path: Path, *, title: str) -> None:
    """Draw the |correlation| of every two labels: of a random choice of the candidates, and of these labels."""
    panels = [("a random choice of the candidates", before), ("these labels", after)]
    shown = [(name, matrix) for name, matrix in panels if matrix is not None]
    with style.new_figure(path, width=0.9 + 3.1 * len(shown), height=3.5) as figure:
        figure.suptitle(f"{title}: correlation of any two")
        panels_drawn = list(figure.subplots(1, len(shown), squeeze=False).flat)
        for axes, (name, matrix) in zip(panels_drawn, shown, strict=True):
            strength = matrix.abs().clone().fill_diagonal_(0)
            pairs = len(matrix) * (len(matrix) - 1)
            picture = axes.imshow(strength.numpy(), cmap="magma_r", vmin=0, vmax=1)
            largest, mean = strength.max().item(), strength.sum().item() / pairs
            axes.set_title(f"{name}\nlargest {largest:.3f}, mean {mean:.3f}")
            axes.set(xlabel="label", ylabel="label")
            axes.grid(False)
        figure.colorbar(picture, ax=panels_drawn, label="|correlation| (without the diagonal)", shrink=0.85)


def _show(axes: object, picture: Tensor) -> None:
    """Draw a picture `[C, H, W]` in [0, 1], gray if it has one channel."""
    pixels = picture[0] if picture.shape[0] == 1 else picture.permute(1, 2, 0)
    axes.imshow(pixels.numpy(), cmap="gray", vmin=0, vmax=1)  # type: ignore[attr-defined]
