"""The orthogonalised step, `W <- W - lr |W| O / |O|`: no two units of a layer move alike."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from convff.optimizers.common import with_momentum

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # Jordan et al. 2024: fast for small singular values, and rough at 1
MOST_SQUARE = 3  # more would let eigenvalues that rounding made negative grow, by 12 times in each iteration


def orthogonalise(matrix: Tensor, iterations: int = 5) -> Tensor:
    """Bring all singular values of a matrix near 1, `U S V^T -> U V^T`, by Newton-Schulz iterations.

    `X <- a X + (b A + c A^2) X` with `A = X X^T`, from `X = M / |M|`: a polynomial that takes every singular value
    towards 1 and leaves the singular vectors. After 5 iterations a value that was at least a hundredth of the largest
    lies in about [0.7, 1.2]; smaller ones lag behind, and 0 stays 0.

    Args:
        matrix: `[O, I]`, or several `[L, O, I]`, each on its own; zeros stay zeros.
        iterations: number of iterations.

    Returns:
        the same shape and dtype.

    Example:
        >>> orthogonalise(torch.tensor([[3.0, 0.0], [0.0, 0.1]]), iterations=10).abs().round().tolist()
        [[1.0, 0.0], [0.0, 1.0]]

    Reference:
        Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks".
    """
    wide = matrix.shape[-2] <= matrix.shape[-1]
    x = matrix if wide else matrix.mT
    x = x / torch.linalg.matrix_norm(x, keepdim=True).clamp_min(torch.finfo(x.dtype).tiny)
    for done in range(0, iterations, MOST_SQUARE):
        x = _iterate(x, min(MOST_SQUARE, iterations - done))
    return x if wide else x.mT


def _iterate(x: Tensor, iterations: int) -> Tensor:
    """Return `P_n ... P_1 X` with `P = a I + b A + c A^2`, where each step takes `A` to `P A P`.

    All products but the first and the last are of `[O, O]` matrices, which is more than twice as fast where weights are
    much longer than wide. `P` is kept as `a I + R`: in bfloat16 `R` would lose digits beside `a`.
    """
    a, b, c = NEWTON_SCHULZ
    add_product = torch.addmm if x.ndim == 2 else torch.baddbmm
    square = x @ x.mT
    product = add_product(square, square, square, beta=b, alpha=c)  # P_1 = a I + product
    rest, factor = product, a
    for _ in range(iterations - 1):
        half = add_product(square, rest, square, beta=a)
        square = add_product(half, half, rest, beta=a)
        rest = add_product(square, square, square, beta=b, alpha=c)
        product = add_product(rest, rest, product, beta=factor).add_(product, alpha=a)
        factor *= a
    return add_product(x, product, x, beta=factor)


class OrthogonalStep(torch.optim.Optimizer):
    """A step along the orthogonalised momentum, by a share of the weights' length; that length is then restored.

    `W <- W - lr |W| O / |O|` with `O = orthogonalise(grad + momentum m)`, then `W <- W |W_0| / |W|`. A weight is a
    matrix `[O, I k k]` with one row for each unit. Without orthogonalisation, all units of a layer follow the few
    strongest directions of its input's covariance; with it, units learn different things: lateral decorrelation. Fixed
    lengths keep goodness, which grows with their square, from saturating the gates. Biases (and other parameters with
    one dimension) take a step of `lr` times the weights' root mean square per entry.

    `torch.optim.Muon` is not used: it exists only since torch 2.9, takes only matrices, and neither scales its step to
    the weights nor fixes their length.

    Args:
        params: the parameters of one block.
        lr: length of a step as a share of the weights' length, e.g. 0.01.
        momentum: in [0, 1); Nesterov's.
        iterations: number of Newton-Schulz iterations. Muon uses 5; here 3 are as good per minute (docs/steps.md).
        hold: restore the initial length of each weight after the step.
        locations: number of matrices in a weight, one below the other; those of a layer with local fields, whose
            windows differ. All of them are turned, each on its own, and move by the same share.

    Example:
        >>> weight = torch.nn.Parameter(torch.eye(2))
        >>> weight.grad = torch.tensor([[0.0, 5.0], [0.1, 0.0]])  # one unit is pulled 50 times as hard as the other
        >>> OrthogonalStep([weight], lr=0.1, iterations=10).step()
        >>> [round(unit[other].item(), 1) for unit, other in zip(weight, (1, 0))]
        [-0.1, -0.1]

    Reference:
        Jordan et al. 2024, "Muon"; the share of the weights' length is from LARS (You et al. 2017).
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 0.01,
        momentum: float = 0.9,
        *,
        iterations: int = 3,
        hold: bool = True,
        locations: int = 1,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "iterations": iterations, "hold": hold, "locations": locations}
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the optimiser, also from a state without `locations`."""
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("locations", 1)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take one step along the parameters' `.grad`."""
        for group in self.param_groups:
            moving = [p for p in group["params"] if p.grad is not None]
            weights = [p for p in moving if p.ndim > 1]
            rms = torch.cat([p.flatten() for p in (weights or moving)]).square().mean().sqrt() if moving else None
            for p in moving:
                state = self.state[p]
                kept = with_momentum(state, p.grad, group["momentum"])
                ahead = p.grad + group["momentum"] * kept if group["momentum"] else kept
                if p.ndim > 1:
                    self._step_weight(p, ahead, state, group)
                else:
                    p.sub_(_unit(ahead) * (group["lr"] * rms * p.numel() ** 0.5))

    @staticmethod
    def _step_weight(p: Tensor, ahead: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        length = torch.linalg.vector_norm(p)
        if "length" not in state:
            state["length"] = length.clone()
        matrices = ahead.reshape(len(p), -1)
        if group["locations"] > 1:
            matrices = matrices.unflatten(0, (group["locations"], -1))
        turned = orthogonalise(matrices, group["iterations"]).reshape(ahead.shape)
        p.sub_(_unit(turned) * (group["lr"] * length))
        if group["hold"]:
            p.mul_(state["length"] / torch.linalg.vector_norm(p).clamp_min(torch.finfo(p.dtype).tiny))


def _unit(direction: Tensor) -> Tensor:
    """Return a direction of length 1; zeros stay zeros."""
    unit: Tensor = direction / torch.linalg.vector_norm(direction).clamp_min(torch.finfo(direction.dtype).tiny)
    return unit
