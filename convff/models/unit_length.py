"""Length one instead of mean square one, as in public greedy Forward-Forward code."""

import torch
from torch import Tensor, nn


def unit_length(x: Tensor, eps: float = 1e-4) -> Tensor:
    """Return `x / (|x| + eps)`, row by row; no mean is subtracted.

    Args:
        x: `[N, n]`.
        eps: keeps a row of zeros a row of zeros.

    Returns:
        `[N, n]` of the dtype of `x`, each row with length 1 up to eps, or 0.

    Example:
        >>> unit_length(torch.tensor([[3.0, 4.0], [0.0, 0.0]]), eps=0.0001).round(decimals=3)
        tensor([[0.6000, 0.8000],
                [0.0000, 0.0000]])

    Reference:
        The public code `mohammadpz/pytorch_forward_forward`, `Layer.forward`, after Hinton 2022, section 2.1.
    """
    accumulator = torch.float64 if x.dtype == torch.float64 else torch.float32
    length: Tensor = torch.linalg.vector_norm(x, dim=1, keepdim=True, dtype=accumulator)
    normalised: Tensor = x / (length + eps)
    return normalised.to(x.dtype)


class UnitLength(nn.Module):
    """Flattens its input and gives it length one: `[N, ...]` -> `[N, n]`; see `unit_length`.

    Args:
        eps: see `unit_length`.
        mean: subtracted from every value first.
        deviation: divides every value after that; with the mean of a data set's pixels it standardises images.

    Raises:
        ValueError: `eps` or `deviation` is not positive.

    Example:
        >>> UnitLength(mean=1.0, deviation=0.5)(torch.tensor([[[[1.0, 2.0]]]])).round(decimals=3)
        tensor([[0., 1.]])
    """

    def __init__(self, eps: float = 1e-4, *, mean: float = 0.0, deviation: float = 1.0) -> None:
        super().__init__()
        if not (eps > 0 and deviation > 0):
            raise ValueError(f"eps and deviation must be positive, got {eps} and {deviation}")
        self.eps = eps
        self.mean = mean
        self.deviation = deviation

    def forward(self, x: Tensor) -> Tensor:
        """Standardise, flatten and normalise."""
        x = x.flatten(1)
        if (self.mean, self.deviation) != (0.0, 1.0):
            x = (x - self.mean) / self.deviation
        return unit_length(x, self.eps)

    def extra_repr(self) -> str:
        """Return the settings, for `repr`."""
        return f"eps={self.eps}, mean={self.mean}, deviation={self.deviation}"
