"""A run's network as the maps see it: which model, which scores, which layers."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from cam import (
    CentredCAM,
    GradCAM,
    HeadModel,
    LinearCAM,
    Maps,
    ReadoutModel,
    SignedCAM,
    head_maps,
    usual_activity,
)
from convff import as_floats
from experiments.config.settings import SettingsError
from experiments.maps.scores import judged_network, score_maps
from experiments.run.folder import RunWithNetwork

BATCH = 64
USUAL_IMAGES = 1000


@dataclass(frozen=True, eq=False)
class Explained:
    """A run's network as the maps see it.

    Args:
        trained: the run.
        model: images to scores: of the readout, or of the head that backpropagation trained.
        method: makes the maps that are judged: `LinearCAM` of the readout, or of a head on a grid; `PoolingCAM` of a
            head on the average activity.
        judged: what the metrics judge: the same, or `GradCAM` of the head's network.
        by_layer: makes the maps layer by layer.
        goodness: makes the maps of the scores that judge the rule; None if there are none.
        centred: makes the maps relative to the mean activity of training images; None for backpropagation.
    """

    trained: RunWithNetwork
    model: ReadoutModel | HeadModel
    method: LinearCAM
    judged: SignedCAM
    by_layer: SignedCAM
    goodness: SignedCAM | None
    centred: CentredCAM | None

    @property
    def layer_names(self) -> list[str]:
        """Names of the mapped blocks, counted from 1."""
        blocks = list(self.trained.net)
        return [f"block {blocks.index(layer) + 1}" for layer in self.by_layer.target_layers]


def explained(trained: RunWithNetwork) -> Explained:
    """Return the models and methods of a run.

    Raises:
        SettingsError: the run has neither readout nor head, or its layers are dense and have no positions.
    """
    if not all(isinstance(block.layer, nn.Conv2d) for block in trained.net):
        raise SettingsError(f"{trained.run.folder}: dense layers have no positions, so there is nothing to map")
    evaluator = trained.parts.evaluator()
    first = evaluator.run.first_of(trained.net)
    if "head" in trained.modules:
        try:
            pooled = head_maps(judged_network(trained))
        except ValueError as error:
            raise SettingsError(f"{trained.run.folder}: {error}") from error
        head: HeadModel = pooled.model
        by_layer = GradCAM(head, head.blocks[first:])
        return Explained(trained, head, pooled, GradCAM(head, head.layers), by_layer, None, None)
    if trained.readout is None:
        raise SettingsError(f"{trained.run.folder} has no readout (--inference goodness), so there is no score to map")
    if trained.readout.normalised:
        raise SettingsError(f"{trained.run.folder}: its readout normalises activity, so its scores are no sums over it")
    model = ReadoutModel(trained.readout).eval()
    linear = LinearCAM(model, model.layers)
    usual = usual_activity(model, as_floats(trained.parts.train.images[:USUAL_IMAGES]))
    centred = CentredCAM(model, model.layers, usual=usual)
    of_scores = score_maps(trained, evaluator.run.first_scored_of(trained.net))
    return Explained(trained, model, linear, linear, linear, of_scores, centred)


def class_targets(classes: Tensor) -> list[ClassifierOutputTarget]:
    """Return the targets of images, the score of a class each; classes `[B]`.

    Example:
        >>> [target.category for target in class_targets(torch.tensor([3, 1]))]
        [3, 1]
    """
    return [ClassifierOutputTarget(category) for category in classes.tolist()]


def maps_of(method: SignedCAM, images: Tensor, classes: Tensor) -> Iterator[Maps]:
    """Yield signed maps, batch by batch."""
    for batch, chosen in zip(images.split(BATCH), classes.split(BATCH), strict=True):
        yield method.maps(batch, class_targets(chosen))


def summed_maps(method: SignedCAM, images: Tensor, classes: Tensor) -> Tensor:
    """Return signed maps, summed over the layers, `[N, H, W]`."""
    return torch.cat([maps.summed() for maps in maps_of(method, images, classes)])


@torch.no_grad()
def scores_of(model: nn.Module, images: Tensor) -> Tensor:
    """Return scores `[N, K]`, computed in batches.

    Example:
        >>> scores_of(nn.Flatten(), torch.ones(2, 1, 1, 3)).shape
        torch.Size([2, 3])
    """
    return torch.cat([model(batch) for batch in images.split(BATCH)])
