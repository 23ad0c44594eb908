"""Dense layers with top-down connections: the network of Hinton 2022, section 3.4."""

from itertools import pairwise
from math import prod

from torch import nn

from convff.network import Block
from convff.recurrent.network import BelowAlone, RecurrentNet


def recurrent_mlp(
    image_shape: tuple[int, int, int], *, classes: int = 10, widths: tuple[int, ...] = (2000, 2000)
) -> RecurrentNet:
    """Build dense layers between the pixels and a unit per class, with weights up and weights down.

    The paper has two or three layers of 2000 units.

    Args:
        image_shape: channels, height and width of the input.
        classes: number of classes, each a unit above the last layer.
        widths: units of each hidden layer, the lowest first.

    Raises:
        ValueError: there is no layer, or a number is less than 1.

    Example:
        >>> recurrent_mlp((1, 28, 28), widths=(500, 400)).widths
        [500, 400]

    Reference:
        Hinton 2022, "The Forward-Forward Algorithm", section 3.4.
    """
    if min(classes, len(widths), *widths) < 1:
        raise ValueError(f"a recurrent network needs layers, units and classes, got {widths} and {classes} classes")
    sizes = (prod(image_shape), *widths, classes)
    blocks = (
        Block(BelowAlone(above), nn.Linear(below + above, units))
        for (below, units), (_, above) in zip(pairwise(sizes), pairwise(sizes[1:]), strict=False)
    )
    return RecurrentNet(blocks)
