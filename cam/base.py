"""The base class of all maps: the interface of grad-cam, and signed maps beside the scaled ones."""

import warnings
from abc import abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pytorch_grad_cam.base_cam import BaseCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from cam.functional import Target
from cam.maps import CONSTANT, FINE, Maps, kinds
from cam.modes import evaluating
from cam.recorder import Recorder


class NoEvidenceWarning(UserWarning):
    """A map shows nothing: it is constant, or no position speaks for the target."""


def refuse_strangers(layers: Sequence[nn.Module], known: Sequence[nn.Module]) -> None:
    """Raise ValueError for target layers that do not count for the scores of a model.

    Args:
        layers: the target layers.
        known: the layers that count, `model.layers`.

    Raises:
        ValueError: a layer that is not in `known`.

    Example:
        >>> relu, other = nn.ReLU(), nn.Sigmoid()
        >>> refuse_strangers([relu], [relu])
        >>> refuse_strangers([relu, other], [relu])
        Traceback (most recent call last):
        ValueError: target layer 1 (Sigmoid) must be one of the 1 layers of model.layers
    """
    for place, layer in enumerate(layers):
        if not any(layer is one for one in known):
            raise ValueError(
                f"target layer {place} ({type(layer).__name__}) must be one of the {len(known)} layers of model.layers"
            )


class SignedCAM(BaseCAM):  # type: ignore[misc]
    """Base class of methods that compute signed maps per layer and sum them before any scaling.

    A call returns what grad-cam's own classes return: the positive part of the map, scaled to [0, 1] per image. `maps`
    returns signed maps. The model is left unchanged: no hooks, no gradients, and its modes restored.

    Args:
        model: from images `[B, C, H, W]` to scores `[B, K]`.
        target_layers: the modules whose activity is explained.
        reshape_transform: must be None; present only because grad-cam's classes have it.

    Raises:
        ValueError: no target layer, a repeated one, a model without parameters, or a `reshape_transform`.
    """

    needs_graph = False
    activations_and_grads: Any

    def __init__(self, model: nn.Module, target_layers: Sequence[nn.Module], reshape_transform: None = None) -> None:
        if reshape_transform is not None:
            raise ValueError("reshape_transform is not supported: the activity must be [B, C, h, w]")
        if not target_layers or len({id(layer) for layer in target_layers}) < len(target_layers):
            raise ValueError(
                f"target_layers must name at least one layer and none twice, got {len(target_layers)} layers"
            )
        if next(model.parameters(), None) is None:
            raise ValueError(f"{type(model).__name__} has no parameters, so its device is unknown")
        with evaluating(model):  # grad-cam would leave the model in evaluation mode
            super().__init__(model, list(target_layers))
        self.activations_and_grads.release()
        self.activations_and_grads = Recorder(model, self.target_layers, needs_graph=self.needs_graph)
        self.uses_gradients = False  # or FinerCAM would call backward, which writes into the parameters' gradients

    @abstractmethod
    def layer_maps(
        self, activations: Sequence[Tensor], outputs: Tensor, targets: Sequence[Target]
    ) -> tuple[list[Tensor], Tensor | None]:
        """Compute the signed maps of each target layer.

        Args:
            activations: the activity of each target layer.
            outputs: the model's scores `[B, K]`.
            targets: what to explain, one per image.

        Returns:
            Signed maps `[B, h, w]` of each layer, and the bias `[B]` or None (see `Maps`).
        """

    def __call__(
        self,
        input_tensor: Tensor,
        targets: Sequence[Target] | None = None,
        aug_smooth: bool = False,
        eigen_smooth: bool = False,
    ) -> npt.NDArray[np.float32]:
        """Return maps `[B, H, W]` in [0, 1]: the positive part of the sum over the layers.

        Args:
            input_tensor: images `[B, C, H, W]`.
            targets: what to explain, one per image; each image's highest score if omitted.
            aug_smooth: average over flipped and dimmed copies of the image.
            eigen_smooth: must be False; it would keep neither signs nor sums.

        Raises:
            ValueError: `eigen_smooth`, not one target per image, or maps that are not finite.

        Warns:
            NoEvidenceWarning: some maps are constant or have no positive part, and become zeros.
        """
        maps: npt.NDArray[np.float32] = super().__call__(input_tensor, targets, aug_smooth, eigen_smooth)
        return maps

    def forward(
        self, input_tensor: Tensor, targets: Sequence[Target] | None = None, eigen_smooth: bool = False
    ) -> npt.NDArray[np.float32]:
        """Run one pass of `__call__`, without augmented copies."""
        targets = self._record(input_tensor, targets)
        return self.aggregate_multi_layers(self.compute_cam_per_layer(input_tensor, targets, eigen_smooth))

    def maps(self, input_tensor: Tensor, targets: Sequence[Target] | None = None) -> Maps:
        """Return signed maps of images `[B, C, H, W]`; see `__call__` for the targets."""
        targets = self._record(input_tensor, targets)
        return self._maps(input_tensor, targets)

    def compute_cam_per_layer(
        self, input_tensor: Tensor, targets: Sequence[Target], eigen_smooth: bool = False
    ) -> list[npt.NDArray[Any]]:
        """Return signed maps `[B, 1, H, W]` of each layer at the size of the image; `FinerCAM` calls this."""
        if eigen_smooth:
            raise ValueError("eigen_smooth must be False: it keeps neither the signs nor the sums of these maps")
        maps = self._maps(input_tensor, targets).on_image()
        return [layer[:, None].cpu().numpy() for layer in maps.unbind(dim=1)]

    def aggregate_multi_layers(self, cam_per_target_layer: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.float32]:
        """Sum over the layers, take the positive part, then scale: in this order, each layer keeps its share."""
        summed = np.concatenate(list(cam_per_target_layer), axis=1).sum(axis=1)
        if not np.isfinite(summed).all():
            raise ValueError("maps contain NaN or inf; check the images and the weights")
        found = kinds(torch.from_numpy(summed))
        summed[[kind == CONSTANT for kind in found]] = 0  # or its rounding errors would be scaled to [0, 1]
        empty = [kind for kind in found if kind != FINE]
        if empty:
            warnings.warn(
                f"{len(empty)} of {len(found)} maps show nothing ({', '.join(sorted(set(empty)))}) and become "
                "zeros; look at the signed maps instead",
                NoEvidenceWarning,
                stacklevel=2,
            )
        return _scaled(np.maximum(summed, 0))

    def _record(self, input_tensor: Tensor, targets: Sequence[Target] | None) -> Sequence[Target]:
        outputs = self.activations_and_grads(input_tensor)
        self.outputs = outputs.detach()
        if targets is None:
            return [ClassifierOutputTarget(category) for category in self.outputs.argmax(dim=1).tolist()]
        return targets

    def _maps(self, input_tensor: Tensor, targets: Sequence[Target]) -> Maps:
        """Return the maps of what the recorder holds, and release it."""
        recorder: Recorder = self.activations_and_grads
        outputs = recorder.outputs
        assert outputs is not None
        if len(targets) != len(outputs):
            raise ValueError(f"there must be one target for each of {len(outputs)} images, got {len(targets)}")
        try:
            layers, bias = self.layer_maps(recorder.activations, outputs, targets)
            scores = torch.stack([target(row).sum() for target, row in zip(targets, outputs.detach(), strict=True)])
        finally:
            recorder.release()
        height, width = input_tensor.shape[-2:]
        return Maps(tuple(layers), scores, bias, (height, width))

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        """Release what was recorded; unlike grad-cam's `__exit__`, suppress no exception."""
        self.activations_and_grads.release()

    def __del__(self) -> None:
        if hasattr(self, "activations_and_grads"):  # not if the constructor raised
            self.activations_and_grads.release()


def _scaled(maps: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Scale each map to [0, 1]; grad-cam adds 1e-7 to the range, which is large for the goodness of one position."""
    lowest, highest = maps.min(axis=(1, 2), keepdims=True), maps.max(axis=(1, 2), keepdims=True)
    width = np.where(highest > lowest, highest - lowest, 1)
    scaled: npt.NDArray[np.float32] = ((maps - lowest) / width).astype(np.float32)
    return scaled


def positions(activity: Tensor, layer: nn.Module) -> tuple[int, int]:
    """Return height and width of an activity `[B, C, h, w]`.

    Raises:
        ValueError: a layer without positions.

    Example:
        >>> positions(torch.rand(2, 3, 4, 5), nn.ReLU())
        (4, 5)
    """
    if activity.ndim != 4:
        raise ValueError(
            f"target layer {type(layer).__name__} has activity {list(activity.shape)}, which has no positions: "
            "only convolutional layers can be mapped"
        )
    return activity.shape[2], activity.shape[3]
