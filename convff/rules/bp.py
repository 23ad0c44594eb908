"""Backpropagation through the same network: not a local rule, but the baseline for them."""

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import skip_init

from convff.activations import refuse_infinite_slopes
from convff.data import Batch
from convff.labelling import Labels, TrainableLabels
from convff.network import LayerLocalNet
from convff.rules.base import Setup
from convff.schedule import Schedule


@dataclass(frozen=True, kw_only=True)
class Backpropagation:
    """Cross-entropy of a softmax head on the last block's average activity, back through all blocks.

    The blocks are the same as for local rules, with gradients between them; the input carries the neutral label. Global
    average pooling and a linear head are the baseline of Scodellaro et al. 2025.
    """

    evaluations: ClassVar[tuple[str, ...]] = ("head", "linear")

    def start(self, setup: Setup) -> "BackpropStep":
        """Make the step of backpropagation on a network.

        Raises:
            ValueError: several processes, trainable labels, a contrast, `compiled`, or an activation whose slope is
                infinite somewhere.
        """
        for name, given in (("contrast", setup.contrast is not None), ("compiled", setup.compiled)):
            if given:
                raise ValueError(f"Backpropagation is not a local rule: {name} would be ignored")
        if setup.processes.size > 1:
            raise ValueError("Backpropagation is not a local rule: it runs in one process")
        if isinstance(setup.labels, TrainableLabels):
            raise ValueError("Backpropagation is not a local rule: labels do not learn by it")
        refuse_infinite_slopes(setup.net)
        return BackpropStep(setup.net, setup.labels, setup.schedule)


def head_scores(net: LayerLocalNet, head: nn.Module, labels: Labels, images: Tensor) -> Tensor:
    """Return class scores `[B, K]` of the head on the last block's average activity, for images `[B, C, H, W]`.

    Example:
        >>> from convff import cnn3
        >>> from labels import NoLabels
        >>> net, head = cnn3((1, 8, 8), width=4, kernel=3), nn.Linear(4, 3)
        >>> head_scores(net, head, NoLabels(3), torch.rand(2, 1, 8, 8)).shape
        torch.Size([2, 3])
    """
    inputs = labels.neutral(images).contiguous(memory_format=torch.channels_last)
    activity = net(inputs, detach=False)[-1]
    features = activity.flatten(2).mean(dim=2) if activity.ndim == 4 else activity
    # In float32 whatever the network's precision: in bfloat16 the best scores may tie.
    with torch.autocast(images.device.type, enabled=False):
        scores: Tensor = head(features.to(next(head.parameters()).dtype))
    return scores


class BackpropStep:
    """One step of backpropagation through all blocks and the head."""

    def __init__(self, net: LayerLocalNet, labels: Labels, schedule: Schedule) -> None:
        self.net = net
        self.labels = labels
        last = list(net)[-1].layer
        width = last.out_channels if isinstance(last, nn.Conv2d) else last.out_features
        # Skip the usual initialisation, which draws from global randomness.
        self.head: nn.Linear = skip_init(nn.Linear, width, labels.num_classes, device=last.weight.device)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.modules: dict[str, nn.Module] = {"head": self.head}
        if schedule.optimizer in ("adam", "sgd"):
            self.optimizers = [schedule.make_optimizer([*net.parameters(), *self.head.parameters()])]
        else:  # steps relative to the weights' length: per layer, and never for a head that starts at zero
            self.optimizers = [schedule.make_optimizer(block.layer.parameters()) for block in net]
            self.optimizers.append(schedule.make_optimizer_beside(self.head.parameters()))

    @torch.enable_grad()
    def __call__(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """Take the step; see `convff.rules.base.Step`."""
        scores = head_scores(self.net, self.head, self.labels, batch.inputs)
        loss = F.cross_entropy(scores.float(), batch.targets)
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for optimizer in self.optimizers:
            optimizer.step()
        accuracy = (scores.argmax(dim=1) == batch.targets).float().mean()
        return {"loss": loss.detach()[None], "train_accuracy": accuracy[None]}
