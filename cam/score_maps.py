"""Maps of the scores that judge a network, for every kind of score.

To add a kind, write a function and give it a row in `SCORE_MAPS`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn

from cam.base import SignedCAM
from cam.block_cam import BlockCAM, BlockModel
from cam.gain_cam import GainCAM, GainModel
from cam.goodness_cam import GoodnessCAM, GoodnessModel
from cam.group_cam import GroupCAM, GroupModel
from cam.linear_cam import LinearCAM
from cam.local_head_cam import LocalHeadCAM, LocalHeadModel
from cam.models import HeadModel, Labels, Net
from cam.modes import evaluating
from cam.pixels import PixelCAM
from cam.pooling_cam import PoolingCAM
from cam.settled_model import SettledModel
from cam.share_cam import ShareCAM
from cam.stream_cam import StreamCAM, StreamModel

Contribution = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Judged:
    """A trained network, and what its scores are made with.

    Args:
        net: the network.
        labels: the label generator that it was trained with.
        rule: the rule that it learnt by; maps ask it what a unit contributes, and where the label is.
        modules: what was trained beside the network, by name.
        image_shape: channels, height and width of an image, without label.
    """

    net: Net
    labels: Labels
    rule: Any
    modules: Mapping[str, nn.Module]
    image_shape: tuple[int, int, int]


MakeMaps = Callable[[Judged, int], SignedCAM | None]


def of_goodness(make: Callable[[Judged, int, Contribution], SignedCAM | None]) -> MakeMaps:
    """Return a maker of maps that gets what a unit adds to the goodness from the rule.

    Args:
        make: makes the maps from a network, its first block that counts, and what a unit contributes.

    Returns:
        a function of the network and the first block. It returns None if the rule, one of the user's own, does not tell
        what a unit contributes.
    """

    def maps(judged: Judged, first: int) -> SignedCAM | None:
        contribution: Contribution | None = getattr(judged.rule, "contribution", None)
        return None if contribution is None else make(judged, first, contribution)

    return maps


def goodness_maps(judged: Judged, first: int, contribution: Contribution) -> GoodnessCAM:
    """Return the maps of the goodness of labels that are in the image.

    Args:
        judged: the network.
        first: index of the first block that counts.
        contribution: returns what each unit of an activity adds to the goodness.
    """
    model = GoodnessModel(judged.net, judged.labels, first=first, contribution=contribution)
    return GoodnessCAM(model, model.layers)


def group_maps(judged: Judged, first: int, contribution: Contribution) -> GroupCAM:
    """Return the maps of the goodness of each class's own group of channels; see `goodness_maps`."""
    model = GroupModel(judged.net, judged.labels, first=first, contribution=contribution)
    return GroupCAM(model, model.layers)


def block_maps(judged: Judged, first: int, contribution: Contribution) -> BlockCAM | None:
    """Return the maps of the goodness of labels that every block tries on its own input; None for the exact form.

    See `goodness_maps`.
    """
    if getattr(judged.rule.label_at, "exact", False):
        return None  # what a label adds is then not a sum over the activity of the trunk
    terms = [cast(Any, module).centred() for module in _beside(judged)]
    model = BlockModel(judged.net, judged.labels, terms, first=first, contribution=contribution)
    return BlockCAM(model, model.layers)


def beside_maps(judged: Judged, first: int, contribution: Contribution) -> BlockCAM | None:
    """Return the maps of the goodness of labels whose images are beside every block's input; see `goodness_maps`."""
    place, net = judged.rule.label_at, cast(nn.Module, judged.net)
    if not hasattr(judged.labels, "label_images"):
        return None  # a rule of the user's own, with label images from elsewhere
    blank = torch.zeros(1, *judged.image_shape, device=next(net.parameters()).device)
    images = judged.labels.label_images(blank)
    with torch.no_grad(), evaluating(net):
        terms = [
            cast(Any, module).maps(place.planes(images, a.shape[2:]))
            for module, a in zip(_beside(judged), judged.net(blank), strict=True)
        ]
    model = BlockModel(judged.net, judged.labels, terms, first=first, contribution=contribution)
    return BlockCAM(model, model.layers)


def gain_maps(judged: Judged, first: int, contribution: Contribution) -> GainCAM:
    """Return the maps of the goodness of channels with a gain per class; see `goodness_maps`."""
    gains = [cast(Any, module).gains for module in _beside(judged)]
    model = GainModel(judged.net, judged.labels, gains, contribution=contribution, first=first)
    return GainCAM(model, model.layers)


def stream_maps(judged: Judged, first: int, contribution: Contribution) -> StreamCAM | None:
    """Return the maps of the agreement with the image of each label; None if labels have none. See `goodness_maps`."""
    if not hasattr(judged.labels, "label_images"):
        return None  # a rule of the user's own, with a stream from elsewhere
    net: Any = judged.net
    labels: Any = judged.labels
    model = StreamModel(net, labels, judged.image_shape, first=first, contribution=contribution)
    return StreamCAM(model, model.layers)


def settled_maps(judged: Judged, first: int) -> SignedCAM | None:
    """Return the maps of the goodness of a network that settles; of the pixels if its units have no places.

    Args:
        judged: the network.
        first: index of the first layer that counts.
    """
    rule, net = judged.rule, cast(Any, judged.net)
    if not hasattr(rule, "counted_states"):
        return None  # a rule of the user's own
    iterations = rule.counted[1] + 1 - rule.counted[0]

    def contribution(a: Tensor) -> Tensor:
        units: Tensor = rule.reduced.contribution(a, a[0].numel() // iterations)
        return units

    model = SettledModel(
        net,
        partial(rule.counted_states, net),
        num_classes=judged.labels.num_classes,
        iterations=iterations,
        first=first,
        contribution=contribution,
    )
    return PixelCAM(model, [model.pixels]) if net.order is None else ShareCAM(model, model.layers)


def local_head_maps(judged: Judged, first: int) -> LocalHeadCAM | None:
    """Return the maps of the summed scores of the linear heads on all blocks; None for heads of another kind.

    Args:
        judged: the network.
        first: index of the first block that counts.
    """
    beside = judged.modules.get("beside")
    if not isinstance(beside, nn.ModuleList) or not all(map(_is_regional, beside)):
        return None  # a rule of the user's own, whose scores may not be sums over the activity
    model = LocalHeadModel(judged.net, judged.labels, beside, first=first)
    return LocalHeadCAM(model, model.layers)


SCORE_MAPS: dict[str, MakeMaps] = {
    "goodness": of_goodness(goodness_maps),
    "groups": of_goodness(group_maps),
    "blocks": of_goodness(block_maps),
    "beside": of_goodness(beside_maps),
    "gains": of_goodness(gain_maps),
    "stream": of_goodness(stream_maps),
    "settled": settled_maps,
    "local_heads": local_head_maps,
}
"""Keyed by the evaluation whose scores they explain."""


def score_maps(evaluation: str, judged: Judged, first: int) -> SignedCAM | None:
    """Return the maps of the scores of an evaluation; None if it has no such maps.

    Args:
        evaluation: its name, as in `convff.EVALUATIONS`.
        judged: the network.
        first: index of the first block that counts.

    Example:
        >>> from convff import AtOutput, ForwardForward, cnn3
        >>> from labels import NoLabels
        >>> rule = ForwardForward(label_at=AtOutput(3))
        >>> judged = Judged(cnn3((1, 8, 8), width=6, kernel=3), NoLabels(3), rule, {}, (1, 8, 8))
        >>> type(score_maps("groups", judged, 1)).__name__
        'GroupCAM'
    """
    make = SCORE_MAPS.get(evaluation)
    return None if make is None else make(judged, first)


def head_maps(judged: Judged) -> LinearCAM:
    """Return the maps of the scores of the network's head, module `head`; one that is no `nn.Linear` reads a grid.

    Raises:
        ValueError: the scores are no linear function of the activity.
    """
    head: Any = judged.modules["head"]
    if not isinstance(head, nn.Linear) and not getattr(head, "is_linear", False):
        raise ValueError("its head has a hidden layer or a norm, so its scores are no sums over positions")
    linear, grid = (head, 1) if isinstance(head, nn.Linear) else (head.linear, head.grid)
    model = HeadModel(judged.net, linear, judged.labels, grid).eval()
    return PoolingCAM(model, model.layers) if grid == 1 else LinearCAM(model, model.layers)


def _beside(judged: Judged) -> nn.ModuleList:
    beside = judged.modules["beside"]
    assert isinstance(beside, nn.ModuleList)
    return beside


def _is_regional(head: nn.Module) -> bool:
    """Return whether a head has a weight per class, region and channel, and a bias per class."""
    weight, bias = getattr(head, "weight", None), getattr(head, "bias", None)
    return isinstance(weight, Tensor) and isinstance(bias, Tensor) and weight.ndim == 4 and bias.ndim == 1
