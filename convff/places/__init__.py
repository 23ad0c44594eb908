"""Where the label meets the activity, one place per file. A new place is a file and a row of the table."""

from collections.abc import Callable

from convff.places.base import Place
from convff.places.beside import AtBeside, LabelFilters
from convff.places.blocks import AtBlocks, LabelTerms
from convff.places.gains import AtGains, Gains
from convff.places.groups import InGroups
from convff.places.image import AtImage
from convff.places.merged import Merged, for_superclasses
from convff.places.nowhere import AtNowhere
from convff.places.output import AtOutput, fitting_width
from convff.places.stream import AtStream

PLACES: dict[str, Callable[..., Place]] = {
    "image": AtImage,
    "blocks": AtBlocks,
    "output": AtOutput,
    "stream": AtStream,
    "gains": AtGains,
    "beside": AtBeside,
    "nowhere": AtNowhere,
}

__all__ = [
    "PLACES",
    "AtBeside",
    "AtBlocks",
    "AtGains",
    "AtImage",
    "AtNowhere",
    "AtOutput",
    "AtStream",
    "Gains",
    "InGroups",
    "LabelFilters",
    "LabelTerms",
    "Merged",
    "Place",
    "fitting_width",
    "for_superclasses",
]
