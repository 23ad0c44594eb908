"""Global-guided Hebbian learning: the size of a step is Hebbian, its sign that of the loss's gradient."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from convff.competition import by_largest, competing, oja_direction, soft_winners
from convff.data import Batch
from convff.local_linear import Layer
from convff.recurrent.network import refuse_settling
from convff.rules.base import Setup
from convff.rules.headed import Headed, differentiate
from convff.rules.softhebb import check_temperature, temperatures_of

Signal = Literal["both", "sign", "local", "gradient"]
SIGNALS = ("both", "sign", "local", "gradient")
SAMPLE = 2**16  # entries of a direction that its median is taken of


@dataclass(frozen=True, kw_only=True)
class GlobalHebbian(Headed):
    """Oja's rule with soft competition sets the size of each step, the loss its sign.

    A Hebbian size, a backpropagated sign: not a local rule. With x the normalised input of a layer and `u = W * x`, at
    each position l of each image n,

        y = softmax_k(t u)
        H_k = sum_nl y_k (x - u_k w_k)
        w <- w - lr (|H| / max |H| sign(dLoss/dw) + decay w)

    where the maximum runs over all entries of the layer. `decay` is `Schedule.weight_decay`. All other parameters (the
    head, scales and biases) take their plain gradient, at `Schedule.rest_factor` of the rate and without decay. Plain
    steps ("sgd") are meant: under Adam, which divides by the usual size of a step, only the sign would be left.

    Args:
        temperature: the inverse temperature t of every layer, or one for each, from the first to the last.
        signal: "both" as above; the paper's ablations "sign" (`|H| / max |H|` is 1) and "gradient" (plain gradient
            descent); or "local" (plus H / max |H|, whatever the loss; the head still learns by its gradient).
        grid: see `Headed`, as for the other options of the head.

    Raises:
        ValueError: a temperature that is not positive, an unknown signal, or an option of the head without a grid.

    Example:
        >>> GlobalHebbian(temperature=(1.0, 0.65, 0.25), grid=4, dropout=0.5).signal
        'both'

    Reference:
        arXiv 2601.21367 (ICASSP 2026), equations 3 to 6. That the decay term has u and not y, and the division by the
        maximum, are those of the authors' public code. The closed form by one convolution call is ours.
    """

    trains_rest: ClassVar[bool] = True
    steps: ClassVar[tuple[str, ...]] = ("sgd",)
    why_steps: ClassVar[str] = "steps relative to their usual size lose the Hebbian size, and only the sign is left"

    temperature: float | tuple[float, ...] = 1.0
    signal: Signal = "both"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_temperature(self.temperature)
        if self.signal not in SIGNALS:
            raise ValueError(f"signal must be one of {', '.join(SIGNALS)}, got {self.signal!r}")

    def start(self, setup: Setup) -> "GlobalHebbianStep":
        """Make the step on a network.

        Raises:
            ValueError: see `Headed.refuse`; temperatures for another number of layers; or weights in float16, whose
                small gradients would be 0.
        """
        self.refuse(setup)
        refuse_settling(setup.net)
        if any(parameter.dtype == torch.float16 for parameter in setup.net.parameters()):
            raise ValueError("the sign of a gradient needs weights in float32, bfloat16 or float64, got float16")
        return GlobalHebbianStep(self, setup, self.new_head(setup))


class GlobalHebbianStep:
    """One step: the gradient of the loss for its sign, and in the same forward pass the Hebbian size of every layer.

    Args:
        rule: the rule.
        setup: the network, and what else a step needs.
        head: the head.
    """

    def __init__(self, rule: GlobalHebbian, setup: Setup, head: nn.Module) -> None:
        self.net, self.head, self.labels = setup.net, head, setup.labels
        self.signal = rule.signal
        self.modules: dict[str, nn.Module] = {"head": head}
        self.layers: list[Layer] = [block.layer for block in setup.net]
        self.temperatures = temperatures_of(rule.temperature, len(self.layers))
        weights: list[nn.Parameter] = [layer.weight for layer in self.layers]  # type: ignore[misc]
        known = {id(weight) for weight in weights}
        rest = [p for p in (*setup.net.parameters(), *head.parameters()) if id(p) not in known]
        self.optimizers = [setup.schedule.make_optimizer(weights), setup.schedule.make_rest_optimizer(rest)]

    @torch.enable_grad()
    def __call__(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """Take the step; see `convff.rules.base.Step`."""
        if self.signal in ("sign", "gradient"):
            metrics = self._differentiate(batch, generator)
            if self.signal == "sign":
                for layer in self.layers:
                    _gradient(layer).sign_()
        else:
            with hebbian_directions(self.layers, self.temperatures) as found:
                metrics = self._differentiate(batch, generator)
            metrics |= self._guide([found[index] for index in range(len(self.layers))])
        for optimizer in self.optimizers:
            optimizer.step()
        return metrics

    def _differentiate(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        return differentiate(self.net, self.head, self.labels, batch, generator, self.optimizers)

    @torch.no_grad()
    def _guide(self, found: "list[Local]") -> dict[str, Tensor]:
        """Replace the gradient of every weight by its guided step; return the metrics of the layers."""
        by_layer = []
        for layer, (direction, winner) in zip(self.layers, found, strict=True):
            size, slow = by_largest(direction)
            if self.signal == "both":
                _gradient(layer).sign_().mul_(size.abs_())
            else:
                _gradient(layer).copy_(size).neg_()
            by_layer.append(_sizes(size) | {"slow": slow, "winner": winner})
        return {name: torch.stack([metrics[name] for metrics in by_layer]) for name in by_layer[0]}


Hook = Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]
Local = tuple[Tensor, Tensor]
"""Of a layer: its Hebbian direction in the shape of its weight, and the mean probability of the winners, 0-d."""


@contextmanager
def hebbian_directions(layers: list[Layer], temperatures: tuple[float, ...]) -> Iterator[dict[int, Local]]:
    """Compute the Hebbian direction of layers in the forward passes within a `with` block.

    Each is computed as soon as its layer has run, so no activity is kept for it; over several runs of a layer, it is
    their sum. The layers may be in any module.

    Args:
        layers: the layers.
        temperatures: the inverse temperature of each.

    Yields:
        the directions by the number of the layer, complete when the passes are over.

    Example:
        >>> layer = nn.Conv2d(2, 3, 3)
        >>> with hebbian_directions([layer], (1.0,)) as found:
        ...     _ = layer(torch.rand(1, 2, 4, 4))
        >>> found[0][0].shape, len(layer._forward_hooks)
        (torch.Size([3, 2, 3, 3]), 0)
    """
    found: dict[int, Local] = {}

    def hook(index: int) -> "Hook":
        @torch.no_grad()
        def look(layer: nn.Module, inputs: tuple[Tensor, ...], z: Tensor) -> None:
            assert isinstance(layer, Layer)
            u = competing(layer, z.detach())
            y = soft_winners(u, temperatures[index])
            direction = oja_direction(inputs[0].detach(), u, y, layer)
            winner = y.amax(dim=1).mean()
            before = found.get(index)
            found[index] = (direction, winner) if before is None else (before[0].add_(direction), before[1])

        return look

    handles = [layer.register_forward_hook(hook(index)) for index, layer in enumerate(layers)]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _gradient(layer: Layer) -> Tensor:
    """Return the gradient of a layer's weight; zeros if nothing depends on it."""
    if layer.weight.grad is None:
        layer.weight.grad = torch.zeros_like(layer.weight)
    return layer.weight.grad


def _sizes(size: Tensor) -> dict[str, Tensor]:
    """Return median and mean of the absolute entries of a direction, of a sample of its channels if it is large."""
    sample = size[:: max(1, size.numel() // SAMPLE)].abs().flatten()
    return {"size_median": sample.median(), "size_mean": sample.mean()}
