"""Maps of the scores that judge a local rule, for every place of the label.

To add a kind, write a function and give it a row in `SCORE_MAPS`.
"""

from collections.abc import Callable, Iterable
from typing import cast

import torch
from torch import Tensor, nn

from cam import (
    BlockCAM,
    BlockModel,
    GainCAM,
    GainModel,
    GoodnessCAM,
    GoodnessModel,
    GroupCAM,
    GroupModel,
    LocalHeadCAM,
    LocalHeadModel,
    SignedCAM,
    StreamCAM,
    StreamModel,
)
from convff import Gains, LabelFilters, LabelTerms, evaluating
from experiments.run.folder import RunWithNetwork
from labels import StreamLabels

MakeMaps = Callable[[RunWithNetwork, int], SignedCAM | None]
Contribution = Callable[[Tensor], Tensor]


def of_goodness(make: Callable[[RunWithNetwork, int, Contribution], SignedCAM | None]) -> MakeMaps:
    """Return a maker of maps that gets what a unit adds to the goodness from the run's rule.

    Args:
        make: makes the maps from a run, its first block that counts, and what a unit contributes.

    Returns:
        a function of the run and the first block. It returns None if the rule, one of the user's own, does not tell
        what a unit contributes.
    """

    def maps(trained: RunWithNetwork, first: int) -> SignedCAM | None:
        contribution: Contribution | None = getattr(trained.parts.rule, "contribution", None)
        return None if contribution is None else make(trained, first, contribution)

    return maps


def goodness_maps(trained: RunWithNetwork, first: int, contribution: Contribution) -> GoodnessCAM:
    """Return the maps of the goodness of labels that are in the image.

    Args:
        trained: the run.
        first: index of the first block that counts.
        contribution: returns what each unit of an activity adds to the goodness.
    """
    model = GoodnessModel(trained.net, trained.parts.labels, first=first, contribution=contribution)
    return GoodnessCAM(model, model.layers)


def group_maps(trained: RunWithNetwork, first: int, contribution: Contribution) -> GroupCAM:
    """Return the maps of the goodness of each class's own group of channels; see `goodness_maps`."""
    model = GroupModel(trained.net, trained.parts.labels, first=first, contribution=contribution)
    return GroupCAM(model, model.layers)


def block_maps(trained: RunWithNetwork, first: int, contribution: Contribution) -> BlockCAM | None:
    """Return the maps of the goodness of labels that every block tries on its own input; None for the exact form.

    See `goodness_maps`.
    """
    if getattr(trained.parts.rule.label_at, "exact", False):
        return None  # what a label adds is then not a sum over the activity of the trunk
    beside = trained.modules["beside"]
    assert isinstance(beside, nn.ModuleList)
    terms = [cast(LabelTerms, module).centred() for module in beside]
    model = BlockModel(trained.net, trained.parts.labels, terms, first=first, contribution=contribution)
    return BlockCAM(model, model.layers)


def beside_maps(trained: RunWithNetwork, first: int, contribution: Contribution) -> BlockCAM | None:
    """Return the maps of the goodness of labels whose images are beside every block's input; see `goodness_maps`."""
    parts, place, beside = trained.parts, trained.parts.rule.label_at, trained.modules["beside"]
    if not isinstance(parts.labels, StreamLabels):
        return None  # a rule of the user's own, with label images from elsewhere
    assert isinstance(beside, nn.ModuleList)
    blank = torch.zeros(1, *parts.train.shape, device=parts.device)
    images = parts.labels.label_images(blank)
    with torch.no_grad(), evaluating(trained.net):
        terms = [
            cast(LabelFilters, module).maps(place.planes(images, a.shape[2:]))
            for module, a in zip(beside, trained.net(blank), strict=True)
        ]
    model = BlockModel(trained.net, parts.labels, terms, first=first, contribution=contribution)
    return BlockCAM(model, model.layers)


def gain_maps(trained: RunWithNetwork, first: int, contribution: Contribution) -> GainCAM:
    """Return the maps of the goodness of channels with a gain per class; see `goodness_maps`."""
    beside = trained.modules["beside"]
    assert isinstance(beside, nn.ModuleList)
    gains = [cast(Gains, module).gains for module in beside]
    model = GainModel(trained.net, trained.parts.labels, gains, contribution=contribution, first=first)
    return GainCAM(model, model.layers)


def stream_maps(trained: RunWithNetwork, first: int, contribution: Contribution) -> StreamCAM | None:
    """Return the maps of the agreement with the image of each label; None if labels have none. See `goodness_maps`."""
    labels = trained.parts.labels
    if not isinstance(labels, StreamLabels):
        return None  # a rule of the user's own, with a stream from elsewhere
    model = StreamModel(trained.net, labels, trained.parts.train.shape, first=first, contribution=contribution)
    return StreamCAM(model, model.layers)


def local_head_maps(trained: RunWithNetwork, first: int) -> LocalHeadCAM | None:
    """Return the maps of the summed scores of the linear heads on all blocks; None for heads of another kind.

    Args:
        trained: the run.
        first: index of the first block that counts.
    """
    beside = trained.modules.get("beside")
    if not isinstance(beside, nn.ModuleList) or not all(map(_is_regional, beside)):
        return None  # a rule of the user's own, whose scores may not be sums over the activity
    model = LocalHeadModel(trained.net, trained.parts.labels, beside, first=first)
    return LocalHeadCAM(model, model.layers)


def _is_regional(head: nn.Module) -> bool:
    """Return whether a head has a weight per class, region and channel, and a bias per class."""
    weight, bias = getattr(head, "weight", None), getattr(head, "bias", None)
    return isinstance(weight, Tensor) and isinstance(bias, Tensor) and weight.ndim == 4 and bias.ndim == 1


SCORE_MAPS: dict[str, MakeMaps] = {
    "goodness": of_goodness(goodness_maps),
    "groups": of_goodness(group_maps),
    "blocks": of_goodness(block_maps),
    "beside": of_goodness(beside_maps),
    "gains": of_goodness(gain_maps),
    "stream": of_goodness(stream_maps),
    "local_heads": local_head_maps,
}
"""Keyed by the first evaluation of a rule, the one that judges it."""


def score_maps(trained: RunWithNetwork, first: int) -> SignedCAM | None:
    """Return the maps of the scores that judge a run's rule; None if the rule has no such maps."""
    make = SCORE_MAPS.get(trained.parts.rule.evaluations[0])
    return None if make is None else make(trained, first)


def compared_in_words(methods: Iterable[SignedCAM | None]) -> str:
    """Return in words what the maps of several runs compare.

    Returns:
        "goodness of the right label" or "goodness of the right group", or "score of the right class" for linear heads;
        for maps of several kinds, words that hold for all.
    """
    pairs = {_compared(method) for method in methods if method is not None}
    quantities, things = ({pair[i] for pair in pairs} for i in (0, 1))
    quantity = quantities.pop() if len(quantities) == 1 else "score"
    return f"{quantity} of the right {things.pop() if len(things) == 1 else 'class'}"


def _compared(method: SignedCAM) -> tuple[str, str]:
    """Return which number a kind of maps explains, and what it belongs to."""
    if isinstance(method, LocalHeadCAM):
        return "score", "class"
    return "goodness", "group" if isinstance(method, GroupCAM) else "label"
