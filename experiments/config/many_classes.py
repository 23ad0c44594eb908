"""Settings that matter with many classes: fields of `Overrides`. Imports no torch."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from experiments.config.names import names_in

if TYPE_CHECKING:
    NegativesName: TypeAlias = str
else:  # the command line offers the keys of the table
    NegativesName = Literal[names_in("convff/contrasts/__init__.py", "NEGATIVES")]


@dataclass(frozen=True, kw_only=True)
class ManyClasses:
    """Numbers and names of a recipe that the command line may replace; None keeps the preset's value."""

    candidates: int | None = None
    """Goodness inference tries only the readout's n best labels per image; 0 tries every label."""

    coarse_blocks: int | None = None
    """The first n blocks learn the superclass of an image instead of its class (cifar100 has 20 superclasses). They do
    not count in inference by goodness. Not with --label-at image."""

    label_planes: int | None = None
    """--labels channel: n planes with a fixed code word per class, random bits or (with at least as many planes as
    classes) orthogonal, drawn by --seed. Default: a plane per class, one-hot."""

    negatives_from: NegativesName | None = None
    """Where wrong labels are from. all: every wrong class is equally likely; superclass: half of them have the right
    one's superclass (cifar100 has 20); confusion: the likelier, the more goodness they had instead of the right one
    in earlier steps, and a quarter at random; neutral: the likelier, the more probable a readout beside the blocks
    finds them for the image without a label. Default: all."""
