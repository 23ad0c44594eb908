"""The maps of the scores by which a local rule is judged, for every place of the label.

A new kind is a function and a row of the table.
"""

from collections.abc import Callable, Iterable
from typing import cast

from torch import nn

from cam import BlockCAM, BlockModel, GoodnessCAM, GoodnessModel, GroupCAM, GroupModel, SignedCAM
from convff import LabelTerms
from experiments.run.folder import RunWithNetwork


def goodness_maps(trained: RunWithNetwork, first: int) -> GoodnessCAM:
    """Give the maps of the goodness of labels that are in the image.

    Args:
        trained: the run.
        first: index of the first block that counts.
    """
    parts = trained.parts
    model = GoodnessModel(trained.net, parts.labels, first=first, contribution=parts.rule.contribution)
    return GoodnessCAM(model, model.layers)


def group_maps(trained: RunWithNetwork, first: int) -> GroupCAM:
    """Give the maps of the goodness of each class's own group of channels.

    Args:
        trained: the run.
        first: index of the first block that counts.
    """
    parts = trained.parts
    model = GroupModel(trained.net, parts.labels, first=first, contribution=parts.rule.contribution)
    return GroupCAM(model, model.layers)


def block_maps(trained: RunWithNetwork, first: int) -> BlockCAM | None:
    """Give the maps of the goodness of labels that every block tries on its own input; None for the exact form.

    Args:
        trained: the run.
        first: index of the first block that counts.
    """
    if getattr(trained.parts.rule.label_at, "exact", False):
        return None  # what a label adds is then no sum over the activity of the trunk
    beside = trained.modules["beside"]
    assert isinstance(beside, nn.ModuleList)
    terms = [cast(LabelTerms, module).centred() for module in beside]
    model = BlockModel(trained.net, trained.parts.labels, terms, first=first)
    return BlockCAM(model, model.layers)


SCORE_MAPS: dict[str, Callable[[RunWithNetwork, int], SignedCAM | None]] = {
    "goodness": goodness_maps,
    "groups": group_maps,
    "blocks": block_maps,
}
"""By the name of the evaluation that a rule is known by, the first that it names."""


def score_maps(trained: RunWithNetwork, first: int) -> SignedCAM | None:
    """Give the maps of the scores that a run's rule is judged by; None where the rule has no such maps."""
    rule = trained.parts.rule
    make = SCORE_MAPS.get(rule.evaluations[0])
    if make is None or not hasattr(rule, "contribution"):  # a rule of one's own need not say what a unit contributes
        return None
    return make(trained, first)


def compared_in_words(methods: Iterable[SignedCAM | None]) -> str:
    """Name what maps of goodness compare: "label" or "group", and "class" where there are maps of both kinds."""
    found = {"group" if isinstance(method, GroupCAM) else "label" for method in methods if method is not None}
    return found.pop() if len(found) == 1 else "class"
