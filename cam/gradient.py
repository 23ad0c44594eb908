"""What gradient methods need beside their formula: gradients per target layer, and an error if there are none."""

from collections.abc import Sequence

import torch
from torch import Tensor

from cam.base import SignedCAM, positions
from cam.functional import Target, total


class DetachedLayerError(RuntimeError):
    """No gradient of the score reaches a target layer."""


class GradientCAM(SignedCAM):
    """Mixin that gives a gradient method of grad-cam signed maps and clear errors; put it before that method.

    Gradients are taken with respect to the target layers' activity only: no parameter's `grad` changes.

    Raises:
        DetachedLayerError: when called, if no gradient of the score reaches a target layer.

    Example:
        >>> from pytorch_grad_cam import LayerCAM
        >>> class SignedLayerCAM(GradientCAM, LayerCAM):
        ...     pass
        >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
        >>> SignedLayerCAM(net, [net[0]]).maps(torch.rand(2, 1, 8, 8)).summed().shape
        torch.Size([2, 8, 8])
    """

    needs_graph = True

    def layer_maps(
        self, activations: Sequence[Tensor], outputs: Tensor, targets: Sequence[Target]
    ) -> tuple[list[Tensor], None]:
        """See `SignedCAM`; the maps come from grad-cam's own `get_cam_image`."""
        maps = []
        for layer, a, gradient in zip(
            self.target_layers, activations, self._gradients(activations, outputs, targets), strict=True
        ):
            positions(a, layer)
            image = self.get_cam_image(
                None, layer, targets, a.detach().cpu().numpy(), gradient.detach().cpu().numpy(), False
            )
            maps.append(torch.as_tensor(image, dtype=a.dtype, device=a.device))
        return maps, None

    def _gradients(self, activations: Sequence[Tensor], outputs: Tensor, targets: Sequence[Target]) -> list[Tensor]:
        found: Sequence[Tensor | None] = [None] * len(activations)
        with torch.enable_grad():
            explained = total(outputs, targets)
            if explained.requires_grad:
                found = torch.autograd.grad(explained, activations, allow_unused=True)
        gradients = [gradient for gradient in found if gradient is not None]
        if len(gradients) < len(found):
            place = next(index for index, gradient in enumerate(found) if gradient is None)
            raise DetachedLayerError(
                f"no gradient of the score reaches target layer {place} ({type(self.target_layers[place]).__name__}): "
                "its activity is detached from the layers above, as in every network whose layers learn on "
                f"their own, so {type(self).__name__} cannot map it. Use cam.LinearCAM, which needs no gradient, on "
                "the layers that the readout reads, or cam.GoodnessCAM on the layers whose goodness counts"
            )
        return gradients
