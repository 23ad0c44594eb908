"""Inputs for the checks of rules: two-block networks, noise with labels, and what the first block's rule sees."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from convff.contrasts import Contrast, Layout
from convff.data import Batch
from convff.labelling import Labels
from convff.models import cnn6, mlp
from convff.network import Block, LayerLocalNet
from convff.randomness import keyed_generator
from convff.rules import Seen, contrast_of
from convff.rules.base import see
from convff.schedule import usual_optimizer
from convff.training.trees import decode, encode

SHAPE = (2, 6, 6)
IMAGES = 6
KINDS = ("dense", "convolutional")


class Planes:
    """Labels for the checks: a constant plane per class, added to the first channel of the image.

    Args:
        num_classes: number of classes K.
    """

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes

    def __call__(self, images: Tensor, classes: Tensor) -> Tensor:
        """Return labelled images `[B, P, C, H, W]` for classes `[B, P]`."""
        labelled = images[:, None].repeat(1, classes.shape[1], 1, 1, 1)
        labelled[:, :, 0] += classes[:, :, None, None] / self.num_classes
        return labelled

    def neutral(self, images: Tensor) -> Tensor:
        """Return the images themselves."""
        return images

    def label_images(self, images: Tensor) -> Tensor:
        """Return an image of stripes for each class `[K, C, H, W]`: normalised constant planes would all be equal."""
        columns = torch.arange(images.shape[-1], device=images.device, dtype=images.dtype)
        stripes = [torch.cos(columns * (k + 1)).expand(images.shape[1:]) for k in range(self.num_classes)]
        return torch.stack(stripes)


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """A rule on the first block of a network, before its first step.

    Args:
        rule: the rule.
        kind: of the blocks, one of `KINDS`.
        num_classes: number of classes K.
        contrast: makes the contrast of a training, from labels; None for the rule's own.
    """

    rule: Any
    kind: str
    num_classes: int
    contrast: Callable[[Labels], Contrast] | None = None

    @property
    def labels(self) -> Planes:
        """The labels of the checks."""
        return Planes(self.num_classes)

    def broken(self, message: str) -> AssertionError:
        """Return an error that says what is broken, and where."""
        return AssertionError(f"{type(self.rule).__name__} on a {self.kind} block: {message}")

    def require(self, holds: object, message: str) -> None:
        """Raise the error unless `holds` is true; unlike `assert`, also under `python -O`."""
        if not holds:
            raise self.broken(message)

    @property
    def optimizer(self) -> str:
        """The optimiser of the checks: Adam, or the first of those that the rule says it needs."""
        return usual_optimizer(self.rule)

    def net(self, above: int = 0) -> LayerLocalNet:
        """Make two blocks of 2 K units or channels, in float64, always with the same weights.

        Args:
            above: key of the weights of the second block.
        """
        widths = (2 * self.num_classes, 2 * self.num_classes)
        with torch.random.fork_rng(devices=[]):  # new layers draw from global randomness
            dense = self.kind == "dense"
            net = mlp(SHAPE, widths=widths) if dense else cnn6(SHAPE, widths=widths, kernel=3, pool_after=(1,))
        for index, block in enumerate(net.double()):
            for name, parameter in block.layer.named_parameters():
                draws = keyed_generator(above if index else 0, name, index)
                noise = torch.randn(parameter.shape, generator=draws, dtype=torch.float64)
                parameter.data.copy_(noise / block.layer.weight[0].numel() ** 0.5)
        return net

    def first_block(self) -> Block:
        """Make the first block of the network."""
        return next(iter(self.net()))

    def batch(self, turn: int = 0) -> Batch:
        """Make a batch of noise, different for every turn."""
        images = torch.rand(IMAGES, *SHAPE, generator=keyed_generator(turn, "images"), dtype=torch.float64)
        return Batch(images, torch.arange(IMAGES) % self.num_classes)

    def input(self, turn: int = 0) -> tuple[Tensor, Layout]:
        """Return the raw input of the first block in a step, and its layout."""
        inputs, layout = contrast_of(self.rule, self.labels)(self.batch(turn), keyed_generator(turn, "draws"))
        return inputs, layout

    @torch.no_grad()
    def seen(self, block: Block, turn: int = 0) -> Seen:
        """Return what the rule sees of the first block in a step."""
        h, layout = self.input(turn)
        return see(block, self.rule, block.normalised(h, layout.stream), layout, self.beside(block))

    def beside(self, block: Block) -> nn.Module | None:
        """Make the module that learns beside a block; None if there is none.

        Noise is added to its weights, always the same: a head that starts at zero would hide errors.
        """
        if not hasattr(self.rule, "beside"):
            return None
        module: nn.Module | None = self.rule.beside(block, keyed_generator(0, "beside"))
        if module is None:
            return None
        for name, parameter in module.to(block.layer.weight).named_parameters():
            noise = torch.randn(parameter.shape, generator=keyed_generator(0, name), dtype=torch.float64)
            parameter.data.add_(noise.to(parameter) / 4)
        return module

    def parameters(self, seen: Seen) -> dict[str, Tensor]:
        """Return all parameters that a rule gives a direction for, by name."""
        of_beside = {} if seen.beside is None else dict(seen.beside.named_parameters())
        of_layer: dict[str, Tensor] = dict(seen.block.layer.named_parameters())
        return of_layer | {f"beside.{name}": parameter for name, parameter in of_beside.items()}


def reloaded(value: Any) -> Any:
    """Return a value after saving and loading, as the state of a training is."""
    tensors: dict[str, Tensor] = {}
    written = json.dumps(encode(value, tensors, "state"))
    return decode(json.loads(written), tensors, value)


def difference(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> str:
    """Return which tensors differ in any bit, and by how much; an empty string if none does.

    Example:
        >>> difference({"weight": torch.zeros(2)}, {"weight": torch.tensor([0.0, 0.5])})
        'weight by up to 0.5'
    """
    pairs = {name: (value, other[name]) for name, value in one.items() if not torch.equal(value, other[name])}
    largest = {name: (a.double() - b.double()).abs().max().item() for name, (a, b) in pairs.items()}
    return ", ".join(f"{name} by up to {size:.3g}" for name, size in largest.items())


def relative_error(got: Tensor, expected: Tensor) -> float:
    """Return the length of the difference relative to the length of the expected tensor.

    Example:
        >>> relative_error(torch.tensor([3.0, 0.0]), torch.tensor([0.0, 4.0]))
        1.25
        >>> relative_error(torch.zeros(2), torch.zeros(2)), relative_error(torch.ones(2), torch.zeros(2))
        (0.0, inf)
    """
    length = (got.double() - expected.double()).norm()
    return (length / expected.double().norm()).item() if length else 0.0
