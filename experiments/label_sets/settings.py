"""Options of `experiments/label_gallery.py`. Imports no torch, so that `--help` is quick."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from experiments.config.choices import LabelName


@dataclass(frozen=True, kw_only=True)
class GallerySettings:
    """Make, choose, look at and judge a label set."""

    labels: LabelName
    """The label family."""

    classes: int
    """Number of labels."""

    out: Path
    """Folder for the pictures and labels.json; made if missing."""

    candidates: int = 2000
    """Fourier and morph: number of candidates to choose from."""

    select: Literal["optimised", "random", "none"] | None = None
    """optimised: minimise the largest correlation of any two; random: choose at random; none: the fixed set. Default:
    optimised if the family has candidates."""

    image: Path | None = None
    """An image to put the labels on, or a folder of images; 20 or more also judge the labels. Default: drawn
    textures."""

    kernel: int = 5
    """Side of the filters that read the labels, in pixels; odd."""

    size: int = 32
    """Side of the images, in pixels."""

    seed: int = 0
    """Seed of every random draw."""
