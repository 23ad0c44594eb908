"""One step to any goodness: the layer's normalised output stays, so all layers can take theirs at once."""

import torch
from torch import Tensor


def step_to_goodness(goodness: Tensor, wanted: Tensor | float, length: Tensor | float = 1.0) -> Tensor:
    """Return the rate at which one Hebbian step gives a layer the wanted goodness: `(sqrt(S* / S) - 1) / |x|^2`.

    For one input x, a layer without biases and squared goodness, `W <- W + eps a x^T` multiplies the activity of every
    active unit by `1 + eps |x|^2`. So the sum of squares S (or their mean) becomes S* exactly, and the direction of the
    activity, which is all that the next layer sees, stays. Layers of any depth can therefore step at once.

    Args:
        goodness: S of each input, as the sum or the mean of squares, of any shape; positive.
        wanted: S*, at least 0; broadcasts against `goodness`.
        length: |x|, the length of the layer's normalised input: 1 in the paper, `sqrt(n)` for n inputs that are divided
            by their root mean square.

    Returns:
        eps, of the shape of `goodness`.

    Raises:
        ValueError: a number is out of its range: no rate gives a silent layer a goodness.

    Example:
        >>> step_to_goodness(torch.tensor([1.0, 16.0]), wanted=4.0, length=2.0)
        tensor([ 0.2500, -0.1250])

    Reference:
        Hinton 2022, section 6, equation 4; equation 3 is the step.
    """
    # In the dtype of the goodness: plain numbers would become float32.
    wanted, length = (
        torch.as_tensor(number, dtype=goodness.dtype, device=goodness.device) for number in (wanted, length)
    )
    if not bool((goodness > 0).all() and (wanted >= 0).all() and (length > 0).all()):
        raise ValueError(
            f"goodness and length must be positive and the wanted goodness at least 0, got {_least(goodness)}, "
            f"{_least(length)} and {_least(wanted)}"
        )
    return (torch.sqrt(wanted / goodness) - 1) / length.square()


def _least(values: Tensor) -> str:
    return f"{values.min().item():g}"
