"""The gradient of the cross-entropy in closed form."""

import torch
from torch import Tensor


def softmax_error(log_probabilities: Tensor, targets: Tensor) -> Tensor:
    """Return the gradient of the cross-entropy by the logits, summed over predictions: `q - onehot(target)`.

    Args:
        log_probabilities: `[B, K]`.
        targets: the right classes, int64 `[B]`.

    Example:
        >>> softmax_error(torch.tensor([[0.25, 0.75]]).log(), torch.tensor([1]))
        tensor([[ 0.2500, -0.2500]])
    """
    error = log_probabilities.exp()
    error[torch.arange(len(targets), device=targets.device), targets] -= 1
    return error
