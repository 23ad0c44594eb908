"""Dense layers with length normalisation, as in Hinton's and the HebbFF paper."""

from math import prod, sqrt

import torch
from torch import Tensor, nn

from convff.functional import length_normalise
from convff.models.unit_length import UnitLength
from convff.network import Block, LayerLocalNet
from convff.norms import ActivityNorm, LengthNorm


class FlatLengthNorm(LengthNorm):
    """Length normalisation of flattened images: `[N, C, H, W]` -> `[N, C*H*W]`."""

    def forward(self, x: Tensor) -> Tensor:
        """Flatten and normalise."""
        return super().forward(x.flatten(1))


class LabelBesideLengthNorm(nn.Module):
    """Length normalisation of the activity alone, beside a label of constant length.

    `[N, n + K]` -> `[N, n + K]`: the first n numbers are divided by their root mean square, which gives them the length
    sqrt(n); the last K are multiplied by `label_scale * sqrt(n)`, which makes a one-hot label `label_scale` times as
    long as the activity. So one number sets the strength of the label in every layer, whatever the width, and the
    goodness of the layer below cannot be inferred from the label's share of the length.

    Args:
        label_channels: K, the number of last values that are the label.
        label_scale: ratio of the length of a one-hot label to that of the activity.

    Example:
        >>> LabelBesideLengthNorm(2, 0.5)(torch.tensor([[3.0, 3.0, 3.0, 3.0, 0.0, 1.0]]))
        tensor([[1., 1., 1., 1., 0., 1.]])

    Reference:
        HebbFF (Krutsylo), section 3: "we concatenate a scaled one-hot label vector to the activations at every layer".
        How long it is, and whether it is normalised with the activity, is not stated: this is our reconstruction.
    """

    def __init__(self, label_channels: int, label_scale: float) -> None:
        super().__init__()
        self.label_channels = label_channels
        self.label_scale = label_scale

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `[N, n + K]`."""
        activity, label = x[:, : -self.label_channels], x[:, -self.label_channels :]
        return torch.cat([length_normalise(activity), label * (self.label_scale * sqrt(activity.shape[1]))], dim=1)

    def extra_repr(self) -> str:
        """Return the settings, for `repr`."""
        return f"label_channels={self.label_channels}, label_scale={self.label_scale}"


def mlp(
    image_shape: tuple[int, int, int],
    *,
    widths: tuple[int, ...] = (1000, 1000, 1000),
    label_channels: int = 0,
    label_scale: float | None = None,
    norm: str = "rms",
    standardise: tuple[float, float] | None = None,
) -> LayerLocalNet:
    """Build dense layers with length normalisation.

    Hinton 2022 has 4 x 2000 units, the public base code 3 x 1000, HebbFF 2048-1024-512-256-10 and 2000-2000-10; public
    greedy code has two layers of 500 or 512.

    Args:
        image_shape: channels, height and width of the input (with its label channels, if the labels add any).
        widths: units of each layer.
        label_channels: number of the input's channels that are a label for every block, as one number each; see
            `LayerLocalNet`.
        label_scale: ratio of the length of that label to that of the activity, see `LabelBesideLengthNorm`; if omitted,
            the label is normalised together with the activity.
        norm: what the input of each layer is divided by: its root mean square ("rms"), its length ("unit"), or
            its mean ("activity", for goodness of the activity instead of its squares).
        standardise: with "unit", mean and standard deviation of pixels, by which images are standardised first.

    Raises:
        ValueError: a scale without label channels, or one that is not positive; an unknown norm; a scale with
            another norm than "rms", or pixels to standardise with another than "unit".

    Example:
        >>> len(mlp((1, 28, 28)))
        3
        >>> [block.layer.in_features for block in mlp((11, 28, 28), widths=(50, 50), label_channels=10)]
        [794, 60]
    """
    if label_scale is not None and not (label_channels and label_scale > 0):
        raise ValueError(
            f"label_scale must be positive and needs label channels, got {label_scale} and {label_channels}"
        )
    if norm not in ("rms", "unit", "activity"):
        raise ValueError(f"norm must be rms, unit or activity, got {norm!r}")
    if norm != "rms" and label_scale is not None:
        raise ValueError(f"label_scale must be None with norm {norm}, got {label_scale}")
    if norm != "unit" and standardise is not None:
        raise ValueError(f"standardise must be None unless norm is unit, got {standardise}")
    channels, *size = image_shape
    units = (prod((channels - label_channels, *size)), *widths)

    def norm_of(layer: int) -> nn.Module:
        if norm == "unit":
            mean, deviation = (0.0, 1.0) if standardise is None or layer else standardise
            return UnitLength(mean=mean, deviation=deviation)
        if norm == "activity":
            return ActivityNorm()
        return FlatLengthNorm() if label_scale is None else LabelBesideLengthNorm(label_channels, label_scale)

    blocks = (
        Block(norm_of(layer), nn.Linear(inputs + label_channels, outputs))
        for layer, (inputs, outputs) in enumerate(zip(units, widths, strict=False))
    )
    return LayerLocalNet(blocks, label_channels=label_channels)
