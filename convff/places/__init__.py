"""Where the label meets the activity, one place per file. A new place is a file and a row of the table."""

from collections.abc import Callable

from convff.places.base import Place
from convff.places.blocks import AtBlocks, LabelTerms
from convff.places.image import AtImage
from convff.places.output import AtOutput, fitting_width

PLACES: dict[str, Callable[..., Place]] = {"image": AtImage, "blocks": AtBlocks, "output": AtOutput}

__all__ = ["PLACES", "AtBlocks", "AtImage", "AtOutput", "LabelTerms", "Place", "fitting_width"]
