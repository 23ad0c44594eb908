"""The first block for all labels of an image at once, if labels are additive.

A convolution is linear: `W * (base + summand) = W * base + W * summand`. So it runs once per image and once per label
instead of once per pair. Each pair then costs one addition.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from convff.labelling import AdditiveLabels, Labels
from convff.network import FEW_CHANNELS, Block, Entered, LayerLocalNet, fast_layout
from convff.norms import LengthNorm

# Normalises bases `[B, C, H, W]`; also returns the scale `[B, K]` that remains to be applied per pair, if any.
NormOfBases = Callable[[Tensor], tuple[Tensor, Tensor | None]]
# Maps summands `[K, C, H, W]` to normalised summands and the function that normalises the bases.
NormOfSum = Callable[[nn.Module, Tensor], tuple[Tensor, NormOfBases]]


def _batch_norm_of_sum(norm: nn.Module, summands: Tensor) -> tuple[Tensor, NormOfBases]:
    """Split `(base + summand - mean) / deviation`, with running statistics: the mean is subtracted from the base."""
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_var is not None
    mean, variance, eps = norm.running_mean, norm.running_var, norm.eps
    scale = torch.rsqrt(variance + eps)[:, None, None]
    return summands * scale, lambda bases: (F.batch_norm(bases, mean, variance, eps=eps), None)


def _length_norm_of_sum(norm: nn.Module, summands: Tensor) -> tuple[Tensor, NormOfBases]:
    """Split `(base + summand) / rms`, by `|base + summand|^2 = |base|^2 + 2 base . summand + |summand|^2`."""
    s = summands.flatten(1).float()
    squares_of_summands = s.square().sum(1)

    def of_bases(bases: Tensor) -> tuple[Tensor, Tensor]:
        b = bases.flatten(1).float()
        with torch.autocast(b.device.type, enabled=False):
            squares = b.square().sum(1)[:, None] + 2 * b @ s.T + squares_of_summands
        return bases, torch.rsqrt(squares / b.shape[1] + 1e-8)

    return summands, of_bases


# Norms that can be split over a sum. With any other, the first block runs pass by pass.
NORMS_OF_SUMS: dict[type[nn.Module], NormOfSum] = {
    nn.BatchNorm2d: _batch_norm_of_sum,
    LengthNorm: _length_norm_of_sum,
}


class SharedFirstBlock:
    """The first block of a network in evaluation mode, shared by the passes of an image.

    Args:
        net: the network; its weights must not change while this object is used.
        labels: additive labels; their summands must not change either.
        norm_of_sum: how the first block's norm treats a sum.
        images: float `[B, C, H, W]`; only their shape, device and dtype matter.
    """

    def __init__(self, net: LayerLocalNet, labels: AdditiveLabels, norm_of_sum: NormOfSum, images: Tensor) -> None:
        self.net = net
        self.labels = labels
        self.first: Block = next(iter(net))
        summands = labels.summands(images)  # (K, C', H, W)
        self.repeated = summands[:, -net.label_channels :] if net.label_channels else None
        summands, self.norm_of_bases = norm_of_sum(self.first.norm, summands)
        self.label_response = _pixels_first(_linear_part(self.first.layer, fast_layout(summands)))  # (K, H, W, O)

    @classmethod
    def of(cls, net: LayerLocalNet, labels: Labels, images: Tensor, wanted: bool | None) -> "SharedFirstBlock | None":
        """Return the shared form; None if it is not wanted, labels are not additive, or the norm cannot be split.

        If `wanted` is None it is used for more than a few input channels: a convolution of 3 channels costs no more
        than the addition that replaces it, one of 103 (a color image and 100 label planes) several times as much.
        """
        first: Block = next(iter(net))
        if not (first.layer.weight.shape[1] > FEW_CHANNELS if wanted is None else wanted):
            return None
        norm_of_sum = NORMS_OF_SUMS.get(type(first.norm))
        if norm_of_sum is None or not isinstance(labels, AdditiveLabels) or not isinstance(first.layer, nn.Conv2d):
            return None
        if first.activation is not None:
            return None
        return cls(net, labels, norm_of_sum, images)

    def entered(self, images: Tensor, candidates: Tensor) -> Entered:
        """Return the input of a route whose first visit is `activity`: the images alone, and the labels to append."""
        label = None if self.repeated is None else self.repeated[candidates.flatten()]
        return Entered(images, label)

    def activity(self, images: Tensor, candidates: Tensor) -> Tensor:
        """Return the first block's activity `[B*M, ...]` for images `[B, C, H, W]` and the labels `[B, M]` to try."""
        bases, scale = self.norm_of_bases(self.labels.bases(images))
        z = self._responses(bases, candidates)  # (B, M, H, W, O)
        if scale is not None:
            z *= scale.gather(1, candidates).to(z.dtype)[:, :, None, None, None]
        if self.first.layer.bias is not None:
            z += self.first.layer.bias.to(z.dtype)
        return rearrange(torch.relu_(z), "b m h w o -> (b m) o h w")  # a view, so channels last in memory

    def _responses(self, bases: Tensor, candidates: Tensor) -> Tensor:
        """Return `W * (base + summand)`, `[B, M, H, W, O]`."""
        of_bases = _pixels_first(_linear_part(self.first.layer, fast_layout(bases)))[:, None]  # (B, 1, H, W, O)
        if candidates.stride(0) == 0:  # the same labels for all images: no copy per image is needed
            return of_bases + self.label_response[candidates[0]]
        return self.label_response[candidates].add_(of_bases)


def _linear_part(layer: nn.Module, x: Tensor) -> Tensor:
    """Return `W * x` without the bias."""
    assert isinstance(layer, nn.Conv2d)
    return F.conv2d(x, layer.weight, None, layer.stride, layer.padding, layer.dilation, layer.groups)


def _pixels_first(x: Tensor) -> Tensor:
    """Return `[N, C, H, W]` as a contiguous `[N, H, W, C]`."""
    return rearrange(x, "n c h w -> n h w c").contiguous()
