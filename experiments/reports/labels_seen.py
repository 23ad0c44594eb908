"""Where the label of a run is, and what an image looks like under each label: what the network sees."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from experiments.config.settings import LABELS_APART, Settings
from experiments.reports.pictures import of_planes
from experiments.reports.surest import Tile

if TYPE_CHECKING:
    from labels import LabelGenerator

Pixels = npt.NDArray[np.uint8]
MOST = 10  # labels shown
PLACES = {
    "output": "The label is in no image: each layer has a group of channels for each class, and learns to make the "
    "group of the right class active.",
    "gains": "The label is in no image: each channel has a gain for each class.",
    "blocks": "The label is in no image: every block tries all labels on its own input, with weights of its own for "
    "each.",
    "beside": "The label is in no image: a wave for each class is appended to the input of every block.",
    "stream": "The label is an image of its own, which goes through the same blocks as the images.",
    "nowhere": "There is no label: the network learns without knowing the classes.",
    "none": "There is no label in an image: the rule needs none.",
    "neutral": "The rule sees images whose label says nothing, so that all rules have the same input.",
    "image": "The label is in the image: the network sees image and label together, and learns whether they match.",
}


@dataclass(frozen=True)
class LabelsSeen:
    """Where the label is, and how it looks.

    Args:
        words: where it is.
        shown: a picture for each of the first classes.
        note: what the pictures are, or why there are none.
    """

    words: str
    shown: tuple[Tile, ...]
    note: str


def labels_seen(
    settings: Settings,
    labels: "LabelGenerator | None",
    names: Sequence[str],
    images: Pixels,
    *,
    tried: bool,
) -> LabelsSeen:
    """Return where the label of a run is, and how it looks on an image.

    Args:
        settings: the settings of the run.
        labels: its label generator; None if it could not be built.
        names: of the classes.
        images: uint8 `[S, C, H, W]`; the first one is shown.
        tried: whether the run was judged by trying labels, rather than by a head on images without one.
    """
    place = settings.label_at if settings.label_name != "none" else "none"
    if place == "image" and not tried:
        place = "neutral"
    words = PLACES[place]
    if place not in ("image", *LABELS_APART):
        return LabelsSeen(words, (), "")
    if labels is None or not len(images):
        return LabelsSeen(
            words, (), "The pictures are left away: this run kept no image, or its labels cannot be built."
        )
    tiles, note = label_tiles(labels, names, images[0], apart=place in LABELS_APART)
    more = "" if len(names) <= MOST else f" The first {MOST} of {len(names)} classes."
    return LabelsSeen(words, tuple(tiles), note + more)


def label_tiles(
    labels: "LabelGenerator", names: Sequence[str], image: Pixels, *, apart: bool
) -> tuple[list[Tile], str]:
    """Return a picture for each of the first classes, and what the pictures are.

    Args:
        labels: the label generator.
        names: of the classes.
        image: uint8 `[C, H, W]`.
        apart: whether labels are images of their own. They are then shown by themselves, and so are labels beside the
            channels of the image.
    """
    import torch

    from experiments.label_sets.gallery import label_pictures

    pixels = torch.from_numpy(image.astype(np.float32) / 255)
    count, channels = min(MOST, labels.num_classes), len(pixels)
    if apart or labels.channels(channels) != channels:
        drawn = label_pictures(labels, pixels)[:count].clamp(0, 1)
        note = "Each label by itself, as the network sees it beside the image."
    else:
        drawn = labels(pixels.expand(count, -1, -1, -1), torch.arange(count))
        note = (
            "One image under each label. At inference the network tries all of them and takes the one that fits best."
        )
    tiles = [
        Tile(of_planes(picture.detach().numpy()), f"label of the class {name}", name)
        for picture, name in zip(drawn, names, strict=False)
    ]
    return tiles, note
