"""Black boxes between the layers: fixed, noisy, or without a derivative (Hinton 2022, section 6)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from convff import BlackBox, LayerLocalNet, keyed_generator
from experiments.extras.base import (
    Images,
    Result,
    Training,
    by_goodness,
    by_readout,
    learn,
    new_net,
    over_seeds,
    plain_rule,
)
from experiments.extras.showing import dots


class Rotated(nn.Module):
    """A random rotation of the activity, then a function of each number: a box that keeps all information or loses it.

    Args:
        size: number of values.
        seed: which rotation.
        then: the function.
        noise: standard deviation of noise that is added at every pass, relative to the values'.

    Example:
        >>> box = Rotated(3, seed=0, then=torch.sign)
        >>> box(torch.ones(2, 3)).abs().sum()
        tensor(6.)
    """

    rotation: Tensor

    def __init__(self, size: int, seed: int, then: Callable[[Tensor], Tensor], noise: float = 0.0) -> None:
        super().__init__()
        drawn = torch.randn(size, size, generator=keyed_generator(seed, "rotation"))
        self.register_buffer("rotation", torch.linalg.qr(drawn).Q)
        self.then, self.noise, self.draws = then, noise, keyed_generator(seed, "noise of the box")

    def forward(self, h: Tensor) -> Tensor:
        """Return what the box puts out, `[N, size]`."""
        turned = h @ self.rotation
        turned = turned / turned.square().mean(dim=1, keepdim=True).sqrt().clamp_min(1e-8)
        if self.noise:
            turned = turned + self.noise * torch.randn(turned.shape, generator=self.draws).to(turned)
        return self.then(turned)


BOXES: dict[str, dict[str, object] | None] = {
    "no box": None,
    "tanh": {"then": torch.tanh},
    "noisy tanh": {"then": torch.tanh, "noise": 0.3},
    "sign": {"then": torch.sign},
}
"""A rotation and what follows it; the derivative of the last is zero everywhere."""


@dataclass(frozen=True, kw_only=True)
class Boxes:
    """The experiment's numbers.

    Args:
        training: see `Training`.
        boxes: names in `BOXES`.
    """

    training: Training = field(default_factory=Training)
    boxes: tuple[str, ...] = tuple(BOXES)


def boxed(net: LayerLocalNet, name: str, seed: int) -> LayerLocalNet:
    """Put a box of its own before every block but the first; return the same network."""
    options = BOXES[name]
    for block in list(net)[1:] if options is not None else []:
        size = block.layer.in_features
        assert isinstance(size, int)
        block.norm = BlackBox(block.norm, Rotated(size, 1000 * seed + block.index, **options))  # type: ignore[arg-type]
    return net


def run(settings: Boxes, images: Images) -> Result:
    """Train a network with each kind of box between its layers."""
    training, rule, rows = settings.training, plain_rule(), []
    for name in settings.boxes:

        def measure(seed: int, name: str = name) -> dict[str, float]:
            net = learn(boxed(new_net(training, images, seed), name, seed), rule, training, images, seed)
            return {"goodness %": by_goodness(net, rule, images.judged), "readout %": by_readout(net, images)}

        rows.append({"box": name, **over_seeds(measure, training.seeds)})
    return {"rows": rows}


def draw(result: Result, path: Path) -> None:
    """Draw the accuracies."""
    dots(result["rows"], "box", ("goodness %", "readout %"), path, title="a rotation and ... between layers")
