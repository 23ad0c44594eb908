"""What a gallery of labels is asked to be. Imports no torch, so that `--help` is quick."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from experiments.config.settings import LabelName


@dataclass(frozen=True, kw_only=True)
class GallerySettings:
    """Make, choose, look at and judge a label set."""

    labels: LabelName
    """The label family."""

    classes: int
    """How many labels."""

    out: Path
    """The folder for the pictures and labels.json; made if it is not there."""

    candidates: int = 2000
    """Fourier and morph: how many candidates are drawn, to choose from."""

    select: Literal["optimised", "random", "none"] | None = None
    """optimised: the largest correlation of any two is smallest; random: by chance; none: the fixed set. Left out:
    optimised where the family has candidates."""

    image: Path | None = None
    """An image to put the labels on, or a folder of images: 20 or more then judge the labels too. Left out: drawn
    textures."""

    kernel: int = 5
    """Side of the filters that shall read the labels, in pixels; odd."""

    size: int = 32
    """Side of the images, in pixels."""

    seed: int = 0
    """The key of every random draw."""
