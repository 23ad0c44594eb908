"""The surest right and the surest wrong answers of a run, with maps of what speaks for each class."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from experiments.reports.pictures import of_map, of_planes
from experiments.run.predictions import Predictions

if TYPE_CHECKING:
    from torch import Tensor

    from convff import Classifier

PASSES = 128  # at once
NONE_KEPT = "The pictures are left away: this run did not keep the images that it is surest of."
NO_SCORES = "The evaluation that judged this run has no scores, so no answer is surer than another."


@dataclass(frozen=True)
class Tile:
    """A picture and what is beneath it.

    Args:
        uri: the picture as a data URI.
        alt: what it shows, for those who do not see it.
        caption: what is beneath it.
    """

    uri: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Answer:
    """An image that the run is sure of.

    Args:
        index: its index among the images that judged the run.
        right: its class.
        given: the answer.
        rival: the right class if the answer is wrong, else the class with the second highest score.
        margin: by how much the highest score exceeds the second one.
        tiles: the image, and the maps if there are any.
    """

    index: int
    right: str
    given: str
    rival: str
    margin: float
    tiles: tuple[Tile, ...]

    @property
    def correct(self) -> bool:
        """Whether the answer is right."""
        return self.given == self.right


def surest_answers(found: Predictions, model: "Classifier | None") -> tuple[list[Answer], str]:
    """Return the surest right answers, then the surest wrong ones; and in words why there are none, or no maps.

    Args:
        found: the answers of a run, with its pictures.
        model: the run's network, for the maps; None for no maps.
    """
    if found.scores.shape[1] < 2:
        return [], NO_SCORES
    if not len(found.kept):
        return [], NONE_KEPT
    given = [int(found.given[index]) for index in found.kept]
    right = [int(found.right[index]) for index in found.kept]
    second = [int(found.best[index, 1]) for index in found.kept]
    rivals = [other if one == true else true for one, true, other in zip(given, right, second, strict=True)]
    maps, reason = _maps(found, model, given, rivals)
    answers = []
    for place, index in enumerate(found.kept.tolist()):
        truth, answer, rival = (found.class_names[kind] for kind in (right[place], given[place], rivals[place]))
        image = Tile(of_planes(found.images[place]), f"image {index} of the class {truth}", "the image")
        tiles = (image, *(_map_tiles(maps, place, found.images[place], answer, rival) if maps else ()))
        answers.append(Answer(index, truth, answer, rival, float(found.margin[index]), tiles))
    return answers, reason


def _maps(
    found: Predictions, model: "Classifier | None", given: Sequence[int], rivals: Sequence[int]
) -> "tuple[list[Tensor], str]":
    """Return the maps `[S, H, W]` of the answer, of its rival and of the lead; or none, and why."""
    if model is None:
        return [], ""
    if found.by not in model.ways:
        return [], f"There are no maps: the network was loaded without the scores by {found.by}."
    import torch

    tries = len(found.class_names) if found.by == "goodness" else 1  # labels in the image take a pass each
    images, size = torch.from_numpy(found.images), max(1, PASSES // tries)
    try:
        one, other = (
            torch.cat(
                [
                    model.maps(images[at : at + size], classes[at : at + size], by=found.by).summed().cpu()
                    for at in range(0, len(images), size)
                ]
            )
            for classes in (given, rivals)
        )
    except (ValueError, RuntimeError) as error:
        return [], f"There are no maps: {error}."
    return [one, other, one - other], ""  # maps of a difference of scores are the difference of their maps


def _map_tiles(
    maps: "Sequence[Tensor]", place: int, image: npt.NDArray[np.uint8], given: str, rival: str
) -> list[Tile]:
    from experiments.maps.drawing import largest

    first, second, lead = (each[place] for each in maps)
    both = largest([first, second])
    shown = (
        (first, both, f"map: what speaks for {given} in the image, and what against it", f"for “{given}”"),
        (second, both, f"map: what speaks for {rival} in the image, and what against it", f"for “{rival}”"),
        (
            lead,
            largest([lead]),
            f"map: what speaks for {given} rather than {rival}",
            f"“{given}” rather than “{rival}”",
        ),
    )
    return [
        Tile(of_map(image, signed.numpy(), scale), alt, f"{caption}: {float(signed.sum()):+.3g}")
        for signed, scale, alt, caption in shown
    ]
