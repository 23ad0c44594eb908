"""Hinton's softmax: on the normalised activity of the blocks, trained beside them by smoothed steps."""

from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from convff.data import ImageData
from convff.functional import length_normalise
from convff.inference.readout import LinearReadout
from convff.labelling import Labels
from convff.network import LayerLocalNet
from convff.optimizers import SmoothedStep


class SoftmaxReadout(LinearReadout):
    """Class scores `sum_l S_l^T h_l` of the normalised activity h_l of all blocks from `first` on, without a bias.

    Each block's activity is divided by its root mean square before it is read. The weights start at zero and learn from
    the cross-entropy by `S <- S - lr (m + c S)`, where m is the smoothed gradient; see `SmoothedStep`. Rates are those
    of Hinton's code, and fall with those of the blocks. Step and scores are of the network before the blocks' step.

    Args:
        net: the network to read; see `LinearReadout`.
        labels: gives the neutral input.
        image_shape: channels, height and width of an image, without label.
        first: index of the first block that is read; 1 excludes the first block, as in the paper.
        grid: maps are normalised, then averaged to `grid x grid` regions; None reads every position.
        lr: learning rate.
        momentum: how slowly the gradient is smoothed, in [0, 1).
        weight_decay: c, at least 0.

    Raises:
        ValueError: `first` leaves no block, or a number is out of its range.

    Example:
        >>> from convff import mlp
        >>> from labels import OneHotLabels
        >>> readout = SoftmaxReadout(mlp((1, 8, 8), widths=(6, 5, 4)), OneHotLabels(3), (1, 8, 8))
        >>> readout(torch.rand(5, 1, 8, 8)).shape, readout.features(torch.rand(5, 1, 8, 8)).shape
        (torch.Size([5, 3]), torch.Size([5, 9]))

    Reference:
        Hinton 2022, section 3.3: a softmax on "the hidden activities of all but the first hidden layer". Normalised
        activity, no bias and the rates are those of his own Matlab code, `ffnew.m`.
    """

    evaluation: ClassVar[str] = "softmax_joint"
    reads_first: ClassVar[bool] = True

    def __init__(
        self,
        net: LayerLocalNet,
        labels: Labels,
        image_shape: tuple[int, int, int],
        *,
        first: int = 1,
        grid: int | None = 4,
        lr: float = 0.1,
        momentum: float = 0.9,
        weight_decay: float = 0.003,
    ) -> None:
        super().__init__(net, labels, image_shape, first=first, grid=grid, lr=lr)
        parameter = next(net.parameters())
        dtype = torch.promote_types(parameter.dtype, torch.float32)
        self.linear = self._new_linear(self.linear.in_features, parameter.device, bias=False, dtype=dtype)
        self._momentum, self._weight_decay = momentum, weight_decay

    @cached_property
    def _optimizer(self) -> torch.optim.Optimizer:
        return SmoothedStep(
            self.linear.parameters(), lr=self._lr, momentum=self._momentum, weight_decay=self._weight_decay
        )

    def set_gain(self, gain: float) -> None:
        """Set the rate of `step` to a fraction of the first one, in [0, 1]."""
        for group in self._optimizer.param_groups:
            group["lr"] = gain * self._lr

    def fit(
        self, data: ImageData, *, precision: str = "float32", l2: float | None = 1e-3, iterations: int = 40
    ) -> None:
        """Raise TypeError: it learns beside the blocks alone; a `LinearReadout` is fitted at the end."""
        raise TypeError("a SoftmaxReadout learns beside the blocks: fit a LinearReadout")

    def _read(self, a: Tensor) -> Tensor:
        """Return the normalised activity of a block, `[B, D]`, in float32 or better."""
        a = a.to(torch.promote_types(a.dtype, torch.float32))
        return self._regions(length_normalise(a)).flatten(1)
