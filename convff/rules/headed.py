"""What rules share that train a head at the end of the network by its gradient."""

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convff.activations import refuse_infinite_slopes
from convff.data import Batch
from convff.heads import Head, average_head, head_on_grid
from convff.labelling import Labels, TrainableLabels
from convff.network import LayerLocalNet
from convff.rules.base import Setup


@dataclass(frozen=True, kw_only=True)
class Headed:
    """The head of a rule that is not local, and what such a rule refuses.

    Args:
        grid: the head sees the last map averaged to `grid x grid` regions; None for a linear head on its average,
            which starts at zero.
        hidden: units of a hidden layer of the head; 0 for none.
        head_norm: whether the head normalises the channels first.
        dropout: share of the inputs of the head's last layer that are dropped in training.

    Raises:
        ValueError: an option of the head without a grid.
    """

    evaluations: ClassVar[tuple[str, ...]] = ("head", "linear")

    grid: int | None = None
    hidden: int = 0
    head_norm: bool = False
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.grid is None and (self.hidden or self.head_norm or self.dropout):
            raise ValueError("hidden, head_norm and dropout are options of a head with a grid, which is None")

    def refuse(self, setup: Setup) -> None:
        """Raise for what only local rules can do.

        Raises:
            ValueError: several processes, trainable labels, a contrast, `compiled`, a stagger or factors of blocks, or
                an activation whose slope is infinite somewhere.
        """
        name = type(self).__name__
        schedule = setup.schedule
        for option, given in (
            ("contrast", setup.contrast is not None),
            ("compiled", setup.compiled),
            ("stagger", schedule.stagger > 0),
            ("block_factors", bool(schedule.block_factors)),
        ):
            if given:
                raise ValueError(f"{name} is not a local rule: {option} would be ignored")
        if setup.processes.size > 1:
            raise ValueError(f"{name} is not a local rule: it runs in one process")
        if isinstance(setup.labels, TrainableLabels):
            raise ValueError(f"{name} is not a local rule: labels do not learn by it")
        refuse_infinite_slopes(setup.net)

    def new_head(self, setup: Setup) -> nn.Module:
        """Make the head of a network."""
        if self.grid is None:
            return average_head(setup.net, setup.labels.num_classes)
        return head_on_grid(
            setup.net,
            setup.labels.num_classes,
            grid=self.grid,
            hidden=self.hidden,
            norm=self.head_norm,
            dropout=self.dropout,
            seed=setup.seed,
        )


def head_scores(
    net: LayerLocalNet, head: nn.Module, labels: Labels, images: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """Return class scores `[B, K]` of a head on the last block's activity, for images `[B, C, H, W]`.

    Args:
        net: the network.
        head: a `Head`, or a linear layer, which sees the average of the map.
        labels: gives the neutral input.
        images: float `[B, C, H, W]`.
        generator: draws what the head drops in training; None drops nothing.

    Example:
        >>> from convff import cnn3
        >>> from labels import NoLabels
        >>> net, head = cnn3((1, 8, 8), width=4, kernel=3), nn.Linear(4, 3)
        >>> head_scores(net, head, NoLabels(3), torch.rand(2, 1, 8, 8)).shape
        torch.Size([2, 3])
    """
    inputs = labels.neutral(images).contiguous(memory_format=torch.channels_last)
    activity = net(inputs, detach=False)[-1]
    # In float32 whatever the network's precision: in bfloat16 the best scores may tie.
    with torch.autocast(images.device.type, enabled=False):
        if isinstance(head, Head):
            return head(activity, generator)  # type: ignore[no-any-return]
        features = activity.flatten(2).mean(dim=2) if activity.ndim == 4 else activity
        scores: Tensor = head(features.to(next(head.parameters()).dtype))
    return scores


def differentiate(
    net: LayerLocalNet,
    head: nn.Module,
    labels: Labels,
    batch: Batch,
    generator: torch.Generator,
    optimizers: list[torch.optim.Optimizer],
) -> dict[str, Tensor]:
    """Give every parameter the gradient of the cross-entropy; return the loss and the accuracy, `[1]` each."""
    scores = head_scores(net, head, labels, batch.inputs, generator)
    loss = F.cross_entropy(scores.float(), batch.targets)
    for optimizer in optimizers:
        optimizer.zero_grad(set_to_none=True)
    loss.backward()
    accuracy = (scores.argmax(dim=1) == batch.targets).float().mean()
    return {"loss": loss.detach()[None], "train_accuracy": accuracy[None]}
