"""Contrasts, and sources of wrong labels, one per file: what goes through the network in a step.

A new one is a file and a row of its table.
"""

from collections.abc import Callable

from convff.contrasts.base import Contrast, Layout, Passes, Remembering, Scores, memory_of, wants_scores
from convff.contrasts.beside import LabelsBeside
from convff.contrasts.confusion_negatives import ConfusionNegatives
from convff.contrasts.hybrid import HybridContrast
from convff.contrasts.labelled import LabelContrast
from convff.contrasts.negatives import RandomNegatives
from convff.contrasts.neutral_negatives import NeutralNegatives
from convff.contrasts.stream import LabelImages, LabelStream
from convff.contrasts.superclass_negatives import SuperclassNegatives
from convff.contrasts.unlabelled import Unlabelled
from convff.labelling import Negatives

CONTRASTS: dict[str, Callable[..., Contrast]] = {
    "labelled": LabelContrast,
    "unlabelled": Unlabelled,
    "stream": LabelStream,
    "beside": LabelsBeside,
    "hybrid": HybridContrast,
}
NEGATIVES: dict[str, Callable[..., Negatives]] = {
    "all": RandomNegatives,
    "superclass": SuperclassNegatives,
    "confusion": ConfusionNegatives,
    "neutral": NeutralNegatives,
}

__all__ = [
    "CONTRASTS",
    "NEGATIVES",
    "ConfusionNegatives",
    "Contrast",
    "HybridContrast",
    "LabelContrast",
    "LabelImages",
    "LabelStream",
    "LabelsBeside",
    "Layout",
    "NeutralNegatives",
    "Passes",
    "RandomNegatives",
    "Remembering",
    "Scores",
    "SuperclassNegatives",
    "Unlabelled",
    "memory_of",
    "wants_scores",
]
