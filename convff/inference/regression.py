"""Multinomial logistic regression, and the choice of its penalty."""

import torch
import torch.nn.functional as F
from torch import Tensor

CHOOSING = 2_000_000  # scores per fit of the choice at most: 20,000 images of 100 classes, 200,000 of ten
PENALTIES = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3)  # from the largest: each fit starts from the one before


def logistic_regression(
    features: Tensor, classes: Tensor, start: Tensor, penalty: float, iterations: int = 40, bias: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Minimise the mean cross-entropy plus `penalty / 2 |W|^2` by L-BFGS.

    Args:
        features: `[N, D]`.
        classes: int64 `[N]`.
        start: weights to start from, `[K, D]`.
        penalty: of the weights, at least 0.
        iterations: maximum number of iterations.
        bias: biases to start from, `[K]`; zeros if omitted.

    Returns:
        weights `[K, D]` and biases `[K]`.

    Example:
        >>> x, y = torch.tensor([[-1.0], [1.0]]), torch.tensor([0, 1])
        >>> weight, bias = logistic_regression(x, y, torch.zeros(2, 1), penalty=0.1)
        >>> (x @ weight.T + bias).argmax(dim=1)
        tensor([0, 1])
    """
    weight = start.clone().requires_grad_()
    bias = (start.new_zeros(len(start)) if bias is None else bias.clone()).requires_grad_()
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=iterations, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        scores = torch.addmm(bias, features, weight.T)
        loss = F.cross_entropy(scores, classes) + penalty / 2 * weight.square().sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(closure)
    return weight.detach(), bias.detach()


def best_penalty(features: Tensor, classes: Tensor, num_classes: int, iterations: int = 40) -> float:
    """Return the penalty whose fit to the first nine tenths of the rows is right most often on the last tenth.

    Penalties are tried from the largest on, until one is worse than the one before: the smaller ones take most time.
    With many classes only the first rows are looked at, `CHOOSING / num_classes` of them.

    Args:
        features: `[N, D]`, in an order that mixes the classes.
        classes: int64 `[N]`.
        num_classes: number of classes K.
        iterations: maximum number of iterations of each fit.

    Returns:
        one of `PENALTIES`; of equally good ones the largest, and the last if there are fewer than 10 rows.

    Example:
        >>> x = torch.arange(20.0).sub(9.5)[torch.randperm(20, generator=torch.Generator().manual_seed(0)), None]
        >>> best_penalty(x, (x[:, 0] > 0).long(), num_classes=2)
        0.1
    """
    looked_at = max(1, CHOOSING // num_classes)
    features, classes = features[:looked_at], classes[:looked_at]
    held_out = len(features) // 10
    if not held_out:
        return PENALTIES[-1]
    weight, bias = features.new_zeros(num_classes, features.shape[1]), None
    right: list[int] = []
    for penalty in PENALTIES:
        weight, bias = logistic_regression(features[:-held_out], classes[:-held_out], weight, penalty, iterations, bias)
        predicted = (features[-held_out:] @ weight.T + bias).argmax(dim=1)
        right.append(int((predicted == classes[-held_out:]).sum()))
        if len(right) > 1 and right[-1] < right[-2]:
            break
    return PENALTIES[right.index(max(right))]
