"""Label generators: they encode a class in an image, most of them everywhere in it. Usable on their own."""

from typing import Any

from labels.base import LabelGenerator
from labels.channel import ChannelLabels
from labels.correlation import chain_correlations, label_correlations, textured_images, wave_correlations
from labels.echo import EchoLabels
from labels.fourier import FourierLabels
from labels.layerwise import LayerwiseLabels
from labels.learned import LearnedLabels
from labels.morph import MorphLabels, morph_set_1
from labels.none import NoLabels
from labels.onehot import OneHotLabels
from labels.readability import blank, check_window, distinct_windows, window_judge
from labels.select import off_diagonal, random_choice, select
from labels.stream import StreamLabels
from labels.waves import Wave, fourier_set_1

LABELS: dict[str, Any] = {
    "onehot": OneHotLabels,
    "fourier": FourierLabels,
    "morph": MorphLabels,
    "channel": ChannelLabels,
    "layerwise": LayerwiseLabels,
    "echo": EchoLabels,
    "learned": LearnedLabels,
}


def labels_from_spec(spec: dict[str, Any]) -> LabelGenerator:
    """Build a label generator of any family from its `spec()`.

    Raises:
        ValueError: an unknown family.

    Example:
        >>> labels_from_spec(FourierLabels(3, (8, 8)).spec()).num_classes
        3
    """
    if spec.get("family") == "stream":
        return StreamLabels(labels_from_spec(spec["of"]))
    known = LABELS | {"none": NoLabels}
    if spec.get("family") not in known:
        raise ValueError(f"unknown label family {spec.get('family')!r}; known families: {', '.join(known)}")
    generator: LabelGenerator = known[spec["family"]].from_spec(spec)
    return generator


__all__ = [
    "LABELS",
    "ChannelLabels",
    "EchoLabels",
    "FourierLabels",
    "LabelGenerator",
    "LayerwiseLabels",
    "LearnedLabels",
    "MorphLabels",
    "NoLabels",
    "OneHotLabels",
    "StreamLabels",
    "Wave",
    "blank",
    "chain_correlations",
    "check_window",
    "distinct_windows",
    "fourier_set_1",
    "label_correlations",
    "labels_from_spec",
    "morph_set_1",
    "off_diagonal",
    "random_choice",
    "select",
    "textured_images",
    "wave_correlations",
    "window_judge",
]
