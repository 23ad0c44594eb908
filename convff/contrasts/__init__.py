"""Contrasts, one per file: what goes through the network in a step. A new contrast is a file and a row of the table."""

from collections.abc import Callable

from convff.contrasts.base import Contrast, Layout, Passes, Scores
from convff.contrasts.beside import LabelsBeside
from convff.contrasts.labelled import LabelContrast
from convff.contrasts.negatives import RandomNegatives
from convff.contrasts.stream import LabelImages, LabelStream
from convff.contrasts.unlabelled import Unlabelled

CONTRASTS: dict[str, Callable[..., Contrast]] = {
    "labelled": LabelContrast,
    "unlabelled": Unlabelled,
    "stream": LabelStream,
    "beside": LabelsBeside,
}

__all__ = [
    "CONTRASTS",
    "Contrast",
    "LabelContrast",
    "LabelImages",
    "LabelStream",
    "LabelsBeside",
    "Layout",
    "Passes",
    "RandomNegatives",
    "Scores",
    "Unlabelled",
]
