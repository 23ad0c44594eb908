"""Maps on the pixels themselves, for networks whose layers have no positions."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cam.functional import Target, total
from cam.gradient import GradientCAM
from cam.modes import evaluating


class PixelCAM(GradientCAM):
    """Maps on the pixels: each pixel's value times the target's derivative by it; see `input_times_gradient`.

    The maps are no shares of the score: for a model that divides images by their length they sum to 0.

    Args:
        model: with derivatives throughout, and a module through which the images pass unchanged.
        target_layers: that module.
        reshape_transform: must be None; present only because grad-cam's classes have it.

    Raises:
        DetachedLayerError: when called, if the scores have no derivative by the pixels.

    Example:
        >>> model = nn.Sequential(nn.Identity(), nn.Flatten(), nn.Linear(4, 3, bias=False))
        >>> maps = PixelCAM(model, [model[0]]).maps(torch.rand(1, 1, 2, 2))
        >>> torch.allclose(maps.shares().sum(dim=1), maps.scores), maps.bias
        (True, None)

    Reference:
        Shrikumar et al. 2016; see `input_times_gradient`.
    """

    def layer_maps(
        self, activations: Sequence[Tensor], outputs: Tensor, targets: Sequence[Target]
    ) -> tuple[list[Tensor], None]:
        """See `SignedCAM`."""
        (pixels,), (gradient,) = activations, self._gradients(activations, outputs, targets)
        return [(pixels * gradient).sum(dim=1).detach()], None


def input_times_gradient(model: nn.Module, images: Tensor, targets: Sequence[Target]) -> Tensor:
    """Return what each pixel adds to a target, to first order: its value times the target's derivative by it.

    For a model that divides images by their length, a map sums to 0: brightness alone says nothing, and some pixels
    speak for the target at the expense of others. A pixel of value 0 has a share of 0, although its being dark may
    count.

    Args:
        model: from images `[B, C, H, W]` to scores `[B, K]`, with derivatives throughout.
        images: float `[B, C, H, W]`.
        targets: what to explain, one per image.

    Returns:
        `[B, H, W]`, summed over the channels. No parameter's `grad` changes.

    Raises:
        ValueError: not one target per image.

    Example:
        >>> from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
        >>> model, images = nn.Sequential(nn.Flatten(), nn.Linear(4, 3, bias=False)), torch.rand(1, 1, 2, 2)
        >>> maps = input_times_gradient(model, images, [ClassifierOutputTarget(1)])
        >>> torch.allclose(maps.sum(), model(images)[0, 1])
        True

    Reference:
        Shrikumar et al. 2016, "Not just a black box: learning important features through propagating activation
        differences", where it is the baseline.
    """
    if len(targets) != len(images):
        raise ValueError(f"there must be one target for each of {len(images)} images, got {len(targets)}")
    pixels = images.detach().requires_grad_()
    with torch.enable_grad(), evaluating(model):
        (gradient,) = torch.autograd.grad(total(model(pixels), targets), pixels)
    return (pixels * gradient).sum(dim=1).detach()
