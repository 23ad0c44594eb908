"""The figure of masks and hybrids of a run without labels. Imports no matplotlib before something is drawn."""

from pathlib import Path

from torch import Tensor

from convff import HybridContrast, as_floats, keyed_generator
from experiments.run.finished import Finished
from experiments.tools import style

SHOWN = 10  # columns


def draw_of_run(run: Finished) -> None:
    """Draw what a run without labels learnt from."""
    contrast = getattr(run.step, "contrast", None)
    if isinstance(contrast, HybridContrast):
        images = as_floats(run.parts.train.images[:SHOWN].cpu())
        path, title = run.figures / "hybrids.png", run.parts.train.name
        draw_hybrids(contrast, images, path, seed=run.parts.settings.seed, title=title)


def draw_hybrids(contrast: HybridContrast, images: Tensor, path: Path, *, seed: int, title: str) -> None:
    """Draw images, masks, other images and hybrids, one below the other, as a step of the run would make them.

    Args:
        contrast: makes the hybrids.
        images: float `[B, C, H, W]` in [0, 1], with 1 or 3 channels; at least 2.
        seed: of the run.
        path: the PNG to write, with a PDF beside it; its folder is made.
        title: what the data are called.
    """
    made = contrast.mix(images, keyed_generator(seed, "figure of hybrids"))
    rows = {
        "image": images,
        f"mask,\n{contrast.blurs} blurs": made.masks.float(),
        "another image": made.others,
        "hybrid": made.images,
    }
    with style.new_figure(path, width=style.PAGE, height=3.4, pictures=True) as figure:
        figure.suptitle(title, fontsize=8)
        panels = figure.subplots(len(rows), len(images), squeeze=False)
        for axes_of_row, (name, pictures) in zip(panels, rows.items(), strict=True):
            for axes, picture in zip(axes_of_row, pictures, strict=True):
                style.bare(axes)
                pixels = picture[0] if len(picture) == 1 else picture.permute(1, 2, 0)
                axes.imshow(pixels.numpy(), cmap="gray", vmin=0, vmax=1)
            axes_of_row[0].set_ylabel(name, rotation=0, ha="right", va="center")
