"""What `ForwardForwardClassifier` trains: data, labels, rule, network and schedule, made from plain values."""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from typing import Any

import torch
from torch import Tensor

from convff.data import Batch
from convff.estimator_values import Shape, one_of, positive, whole
from convff.evaluations import EVALUATIONS
from convff.gates import GATES, Gate
from convff.labelling import Labels
from convff.models import MODELS
from convff.network import LayerLocalNet
from convff.places import PLACES, Place
from convff.randomness import keyed_generator
from convff.rules import RULES

LARGE_SIDE = 20  # pixels, from which on the first convolution of cnn3 takes steps of 2


@dataclass(frozen=True, eq=False)
class ScaledImages:
    """Images of floats with their classes: `convff.Data` whose pixels are not rounded to 8 bits.

    Args:
        images: float32 `[N, C, H, W]` in [0, 1].
        classes: int64 `[N]`.
        num_classes: number of classes K.
        name: of the data in messages.

    Example:
        >>> data = ScaledImages(torch.rand(4, 1, 8, 8), torch.tensor([0, 1, 0, 1]), 2)
        >>> data.batch(torch.tensor([3])).targets
        tensor([1])
    """

    images: Tensor
    classes: Tensor
    num_classes: int
    name: str = "X"

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, indices: Tensor) -> Batch:
        """Return the images and classes at the indices, on the device of the data."""
        indices = indices.to(self.images.device)
        images = self.images[indices].contiguous(memory_format=torch.channels_last)
        return Batch(images, self.classes[indices])


def new_place(label_at: str | None, labels: str, num_classes: int) -> Place:
    """Return the place of the label; by default the image if `labels` names a family, else the output.

    Raises:
        ValueError: no such place, or one that gives classes no score; the message says which do.

    Example:
        >>> new_place(None, "fourier", 3), new_place(None, "none", 3)
        (AtImage(), AtOutput(num_classes=3, regions=1))
    """
    scored = [name for name, place in PLACES.items() if _scores_classes(place)]
    name = ("output" if labels == "none" else "image") if label_at is None else one_of("label_at", label_at, scored)
    make = PLACES[name]
    return make(num_classes=num_classes) if "num_classes" in signature(make).parameters else make()


def _scores_classes(place: Any) -> bool:
    evaluation = EVALUATIONS[place.evaluation]
    return evaluation.scores is not None and not evaluation.needs


def new_labels(labels: str, place: Place, num_classes: int, shape: Shape) -> Any:
    """Return the label generator: in the image, as images of their own, or none if no image carries a label.

    Args:
        labels: a family of `labels.LABELS`, or "none".
        place: the place of the label, which says what it needs.
        num_classes: number of classes.
        shape: channels, height and width of an image.

    Raises:
        ValueError: an unknown family; one that does not fit the images; or a family without a place that shows it, or
            the other way round.

    Example:
        >>> from convff.places import AtImage
        >>> new_labels("fourier", AtImage(), 3, (1, 8, 8)).num_classes
        3
    """
    from convff.labels import LABELS, NoLabels, StreamLabels  # noqa: PLC0415 (convff knows labels only when asked)

    one_of("labels", labels, [*LABELS, "none"])
    needs = signature(place.contrast).parameters
    shown = "labels" in needs or "stream" in needs
    if shown != (labels != "none"):
        wanted = f"one of {', '.join(LABELS)}" if shown else "none"
        why = "shows labels" if shown else "shows no labels"
        raise ValueError(
            f"labels must be {wanted} with {type(place).__name__}, which {why}, got {labels!r}: see label_at"
        )
    if labels == "none":
        return NoLabels(num_classes)
    make, takes = LABELS[labels], signature(LABELS[labels]).parameters
    try:
        family = make(num_classes, *((shape[1:],) if "image_size" in takes else ()))
        family(torch.zeros(1, *shape), torch.zeros(1, 1, dtype=torch.int64))  # tries them on an image
        return StreamLabels(family) if "stream" in needs else family
    except ValueError as error:
        raise ValueError(f"labels={labels!r} do not fit images of {list(shape)}: {error}") from error


def new_gate(place: Place, scale: float | None = None) -> Gate:
    """Return the gate: right against wrong pass for labels in the image, else a softmax over all classes.

    By default it is steeper where labels are a small part of the goodness.

    Raises:
        ValueError: a scale that is not positive.

    Example:
        >>> from convff.places import AtOutput
        >>> new_gate(AtOutput(3))
        Softmax(scale=8.0)
    """
    needs = signature(place.contrast).parameters
    pair = "labels" in needs
    usual = 30.0 if pair else 100.0 if "stream" in needs else 8.0
    return GATES["symmetric" if pair else "softmax"](scale=usual if scale is None else positive("scale", scale))


def new_rule(rule: str, place: Place, scale: float | None = None) -> Any:
    """Return a rule with its gate and its place of the label.

    Raises:
        ValueError: an unknown rule, or one without a choice of the place.

    Example:
        >>> from convff.places import AtOutput
        >>> type(new_rule("hebbff", AtOutput(3))).__name__
        'HebbianForwardForward'
    """
    placed = [name for name, make in RULES.items() if {"label_at", "gate"} <= signature(make).parameters.keys()]
    return RULES[one_of("rule", rule, placed)](gate=new_gate(place, scale), label_at=place)


def _mlp_options(shape: Shape) -> dict[str, Any]:
    return {"widths": (200, 200)}


def _cnn3_options(shape: Shape) -> dict[str, Any]:
    return {
        "width": 40,
        "kernel": 3 if min(shape[1:]) < LARGE_SIDE else 5,
        "stride": 1 + (min(shape[1:]) >= LARGE_SIDE),
    }


def _cnn6_options(shape: Shape) -> dict[str, Any]:
    return {"widths": (40, 60, 60, 120, 120, 120), "pool_after": (1, 2, 4)}


OPTIONS: dict[str, Callable[[Shape], dict[str, Any]]] = {
    "mlp": _mlp_options,
    "cnn3": _cnn3_options,
    "cnn6": _cnn6_options,
}
FOR_VECTORS = ("mlp",)  # the others have filters, for which neighbours are alike


def model_options(model: str, widths: Any, shape: Shape, rule: Any, labels: Labels) -> dict[str, Any]:
    """Return the options of a network, with widths that fit the place of the label.

    Args:
        model: a name in `OPTIONS`.
        widths: units of each layer, or one number for all layers; None for the usual ones.
        shape: channels, height and width of an image.
        rule: the rule, which says what widths fit.
        labels: the label generator, which may repeat its channels for every block.

    Raises:
        ValueError: an unknown network, or widths that it cannot have.

    Example:
        >>> from convff.places import AtOutput
        >>> from labels import NoLabels
        >>> model_options("mlp", (50, 20), (1, 8, 8), new_rule("ff", AtOutput(3)), NoLabels(3))
        {'widths': (51, 21)}
    """
    options = OPTIONS[one_of("model", model, OPTIONS)](shape)
    usual = options.get("widths", (options.get("width"),) * 3)
    if widths is None:
        asked = usual
    elif isinstance(widths, tuple | list) and widths:
        asked = tuple(whole("widths", width, least=1) for width in widths)
    else:
        asked = (whole("widths", widths, least=1),) * len(usual)
    fitting = tuple(rule.fitting(width, block) for block, width in enumerate(asked))
    if "widths" in options:
        options["widths"] = fitting
    elif len(set(fitting)) > 1:
        raise ValueError(f"widths must be equal for {model}, whose layers have one width, got {widths!r}")
    else:
        options |= {"width": fitting[0], "depth": len(fitting)} if widths is not None else {"width": fitting[0]}
    repeated = getattr(labels, "repeated_channels", 0)
    return options | ({"label_channels": repeated} if repeated else {})


def new_net(model: str, shape: Shape, options: dict[str, Any], seed: int) -> LayerLocalNet:
    """Return a network whose weights are those of PyTorch in distribution, but drawn by a key.

    Each weight and bias is uniform within `1 / sqrt(inputs of a unit)`. So they depend on the seed alone, also where
    several threads build networks, and global randomness stays as it was.

    Example:
        >>> one, other = (next(iter(new_net("mlp", (1, 8, 8), {"widths": (4,)}, seed=3))).layer for _ in range(2))
        >>> torch.equal(one.weight, other.weight)
        True
    """
    with torch.random.fork_rng(devices=[]):
        net = MODELS[model](shape, **options)
    with torch.no_grad():
        for block in net:
            bound, generator = block.layer.weight[0].numel() ** -0.5, keyed_generator(seed, "weights", block.index)
            for parameter in (block.layer.weight, block.layer.bias):
                if parameter is not None:
                    parameter.uniform_(-bound, bound, generator=generator)
    return net
