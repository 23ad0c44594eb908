"""A network whose channels come in groups, one per class, as the CAM library wants it: images in, class scores out."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from cam.models import Labels, Net
from cam.modes import evaluating


def mean_group_contribution(a: Tensor, groups: int) -> Tensor:
    """Give what each unit adds to the goodness of its own group, as a mean of squares over the group.

    Args:
        a: activity `[N, C, ...]`, with at least one sample.
        groups: number of groups K, equal parts of the channels in their order.

    Returns:
        `a^2 / m`, in the shape of `a`; m is the number of units of a group. At least 0.

    Raises:
        IndexError: there is no sample.

    Example:
        >>> mean_group_contribution(torch.tensor([[3.0, 1.0, 1.0, 0.0]]), groups=2)
        tensor([[4.5000, 0.5000, 0.5000, 0.0000]])

    Reference:
        Papachristodoulou et al. 2024, "Convolutional Channel-wise Competitive Learning for the Forward-Forward
        Algorithm" (CwComp), section 3.
    """
    return a.square() / (a[0].numel() // groups)


class GroupModel(nn.Module):
    """Goodness of every class's own group of channels: the scores of inference by groups.

    No image carries a label, so one pass per image gives the scores of all classes. Group k of K is channels `k C/K` to
    `(k + 1) C/K - 1` of the C channels of a block.

    Args:
        net: the network.
        labels: says how many classes there are, and makes the input that carries no label.
        first: index of the first block that counts.
        contribution: gives what each unit of an activity `[N, ...]` adds to the goodness of its own group, in the shape
            of the activity. Left out: the mean of squares over a group; `sum_contribution` for their sum.

    Attributes:
        layers: the blocks that count: the target layers of `GroupCAM`.
        num_classes: number of classes K.
        contribution: as given, or the mean.

    Raises:
        ValueError: `first` leaves no block; when called, a block that counts has channels that K does not divide.

    Example:
        >>> from convff import cnn3
        >>> from labels import NoLabels
        >>> model = GroupModel(cnn3((1, 8, 8), width=6, kernel=3), NoLabels(3))
        >>> model(torch.rand(5, 1, 8, 8)).shape, len(model.layers)
        (torch.Size([5, 3]), 2)
    """

    def __init__(
        self,
        net: Net,
        labels: Labels,
        *,
        first: int = 1,
        contribution: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__()
        blocks = list(net)
        if not 0 <= first < len(blocks):
            raise ValueError(f"at least one of {len(blocks)} blocks must count, but the first is to be block {first}")
        self.net = net
        self.labels = labels
        self.first = first
        self.num_classes = labels.num_classes
        self.contribution = contribution or partial(mean_group_contribution, groups=self.num_classes)
        self.layers: list[nn.Module] = blocks[first:]

    def forward(self, images: Tensor) -> Tensor:
        """Scores `[B, K]` of images `[B, C, H, W]`, summed over the blocks that count; batch norm does not adapt."""
        with evaluating(self):
            neutral = self.labels.neutral(images).contiguous(memory_format=torch.channels_last)
            counted = self.net(neutral)[self.first :]
            by_block = [self._goodness(a, number) for number, a in enumerate(counted, start=self.first + 1)]
        return torch.stack(by_block).sum(dim=0)

    def _goodness(self, a: Tensor, number: int) -> Tensor:
        """Return the goodness of each group `[B, K]` of the activity of a block, whose number counts from 1."""
        if a.shape[1] % self.num_classes:  # only an activity tells how many channels a block has
            raise ValueError(
                f"block {number} has {a.shape[1]} channels, which do not make {self.num_classes} equal groups, one per "
                "class"
            )
        goodness: Tensor = self.contribution(a).unflatten(1, (self.num_classes, -1)).flatten(2).sum(dim=2)
        return goodness
