"""A network on a few images while it settles under every label: what the figures of a run show of it."""

from dataclasses import dataclass
from math import isqrt
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cam import GoodnessDifference, Judged, score_maps
from convff import RecurrentForwardForward, RecurrentNet, evaluating, settled_states
from labels import NoLabels


@dataclass(frozen=True, eq=False)
class Settling:
    """A few images while the network settles under every label.

    Args:
        images: float `[B, C, H, W]`.
        right: the right labels, B of them.
        rivals: the wrong label with the highest score, for each image.
        lead: goodness of every label after every iteration, less the mean over labels, `[B, T + 1, K]`.
        pictures: states of every layer as pictures, `[B, K, T + 1, h, w]` or `[..., 3]` in [0, 1].
        looks_at: what speaks for the right label rather than its rival, `[B, H, W]`, signed.
        counted: first and last iteration that count.
        names: of the classes.
    """

    images: Tensor
    right: list[int]
    rivals: list[int]
    lead: Tensor
    pictures: list[Tensor]
    looks_at: Tensor
    counted: tuple[int, int]
    names: tuple[str, ...]

    @property
    def iterations(self) -> int:
        """Number of iterations T."""
        return self.lead.shape[1] - 1

    def state(self, layer: int, image: int, iteration: int) -> Tensor:
        """Return a layer's state under the right label, a picture in [0, 1]."""
        return self.pictures[layer][image, self.right[image], iteration]

    def change(self, layer: int, image: int, iteration: int) -> Tensor:
        """Return a layer's state under the right label less that under the rival, `[h, w]`, the mean over colours."""
        change = self.state(layer, image, iteration) - self.pictures[layer][image, self.rivals[image], iteration]
        return change if change.ndim == 2 else change.mean(dim=2)

    def name(self, label: int) -> str:
        """Return a class in quotation marks."""
        return f"“{self.names[label]}”"


def settle(
    net: RecurrentNet, rule: RecurrentForwardForward, images: Tensor, right: list[int], names: tuple[str, ...]
) -> Settling:
    """Let a network settle on images under every label.

    Args:
        net: the network.
        rule: says how it settles and what goodness is.
        images: float `[B, C, H, W]` on the network's device, with 1 or 3 channels.
        right: the right labels, B of them.
        names: of the classes.
    """
    count, classes = len(images), net.classes
    every = torch.arange(classes, device=images.device).expand(count, -1)
    how: dict[str, Any] = {"damping": rule.damping, "updates": rule.updates}
    with torch.no_grad(), evaluating(net):
        states = settled_states(net, images, every, iterations=rule.iterations, **how)
        of_layers = [rule.goodness(s.flatten(0, 1)).view(count, classes, -1) for s in states]
    goodness = torch.stack(of_layers).sum(dim=0).transpose(1, 2)  # (B, T + 1, K)
    first, last = rule.counted
    scores = goodness[:, first : last + 1].mean(dim=1)
    wrong = scores.clone()
    wrong[torch.arange(count), right] = -torch.inf
    rivals: list[int] = wrong.argmax(dim=1).tolist()
    lead = goodness - goodness.mean(dim=2, keepdim=True)
    pictures = [_pictures(net, s).unflatten(0, (count, classes)).cpu() for s in states]
    looks_at = _looks_at(net, rule, images, right, rivals)
    return Settling(images.cpu(), right, rivals, lead.cpu(), pictures, looks_at, rule.counted, names)


def _pictures(net: RecurrentNet, states: Tensor) -> Tensor:
    """Return states `[N, T + 1, n]` as pictures in [0, 1], with units in their places or else in a rectangle."""
    values = states.float().flatten()
    white: Tensor = values.kthvalue(max(1, round(0.99 * len(values)))).values.clamp(
        min=1e-12
    )  # of outliers, 1 % are cut off
    bright: Tensor = (states / white).clamp(max=1)
    if net.order is not None and net.order.shape[2] in (1, 3):
        maps = net.as_maps(bright).movedim(-3, -1)
        pictures: Tensor = maps[..., 0] if maps.shape[-1] == 1 else maps
        return pictures
    height = next(h for h in range(isqrt(states.shape[2]), 0, -1) if states.shape[2] % h == 0)
    if height * height * 4 < states.shape[2]:  # no rectangle comes close to a square: fill one up
        height = isqrt(states.shape[2] - 1) + 1
        bright = F.pad(bright, (0, height * height - states.shape[2]))
    return bright.view(*bright.shape[:2], height, -1)


def _looks_at(
    net: RecurrentNet, rule: RecurrentForwardForward, images: Tensor, right: list[int], rivals: list[int]
) -> Tensor:
    """Return signed maps `[B, H, W]` of the lead over the rival, in the counted iterations."""
    _, channels, height, width = images.shape
    method = score_maps("settled", Judged(net, NoLabels(net.classes), rule, {}, (channels, height, width)), first=0)
    assert method is not None
    targets = [GoodnessDifference(one, other) for one, other in zip(right, rivals, strict=True)]
    maps: Tensor = method.maps(images, targets).summed()
    return maps.cpu()
