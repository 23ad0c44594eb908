"""Label generators: they encode a class in an image, most of them everywhere in it. Usable on their own."""

from typing import Any

from labels.base import LabelGenerator
from labels.channel import ChannelLabels
from labels.correlation import chain_correlations, label_correlations, textured_images, wave_correlations
from labels.echo import EchoLabels
from labels.fields import field
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
        TypeError: the spec is no dict, or a field has another type.
        ValueError: an unknown family, a missing field, or a field out of its range; the message names both.

    Example:
        >>> labels_from_spec(FourierLabels(3, (8, 8)).spec()).num_classes
        3
    """
    if not isinstance(spec, dict):
        raise TypeError(f"the spec of labels must be a dict, got {spec!r:.80}")
    family, known = spec.get("family"), LABELS | {"none": NoLabels}
    if not isinstance(family, str) or family not in (*known, "stream"):
        raise ValueError(f"unknown label family {family!r:.80}; known families: {', '.join([*known, 'stream'])}")
    try:
        generator: LabelGenerator = _stream(spec) if family == "stream" else known[family].from_spec(spec)
    except ValueError as error:
        if "labels of family" in str(error):
            raise
        raise ValueError(f"labels of family {family!r}: {error}") from error
    return generator


def _stream(spec: dict[str, Any]) -> StreamLabels:
    of = field(spec, "of")
    if not isinstance(of, dict) or of.get("family") == "stream":  # a stream of streams of ... has no end
        raise ValueError(f"of must be the spec of other labels, got {of!r:.80}")
    return StreamLabels(labels_from_spec(of))


__convff__ = True  # tells that this is the package that belongs to convff, and nobody else's of this name

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
