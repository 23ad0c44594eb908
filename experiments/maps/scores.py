"""Maps of the scores that judge the rule of a run; `cam.SCORE_MAPS` has a row for every kind of score."""

from collections.abc import Iterable

from cam import GroupCAM, Judged, LocalHeadCAM, SignedCAM
from cam import score_maps as maps_of_scores
from experiments.run.folder import RunWithNetwork


def judged_network(trained: RunWithNetwork) -> Judged:
    """Return a run's network as its maps see it."""
    parts = trained.parts
    return Judged(trained.net, parts.labels, parts.rule, trained.modules, parts.train.shape)


def score_maps(trained: RunWithNetwork, first: int) -> SignedCAM | None:
    """Return the maps of the scores that judge a run's rule; None if the rule has no such maps.

    Args:
        trained: the run.
        first: index of the first block that counts.
    """
    return maps_of_scores(trained.parts.rule.evaluations[0], judged_network(trained), first)


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
