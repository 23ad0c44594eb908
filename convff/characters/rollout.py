"""Text that the network generates: one character after another, each drawn from its softmax."""

from collections.abc import Iterator

import torch
from torch import Tensor

from convff.characters.checks import check_characters, check_temperature
from convff.characters.net import CharacterNet, SeenLayer
from convff.randomness import keyed_generator
from convff.training.divergence import DivergedError


def draw_next(logits: Tensor, uniforms: Tensor, temperature: float = 1.0) -> Tensor:
    """Return a character per row, drawn from `softmax(logits / temperature)`.

    It is the first one at which the cumulated probability exceeds the row's uniform number, in float64: so a draw
    depends on its own row and number alone.

    Args:
        logits: `[B, A]`.
        uniforms: float64 `[B]` in [0, 1).
        temperature: positive; near 0 the most probable character is taken.

    Raises:
        ValueError: the temperature is not positive and finite.
        DivergedError: a logit is not finite.

    Example:
        >>> logits = torch.tensor([[0.0, 0.0], [0.0, 0.0]])
        >>> draw_next(logits, torch.tensor([0.4, 0.6], dtype=torch.float64)).tolist()
        [0, 1]
    """
    check_temperature(temperature)
    if not logits.isfinite().all():
        raise DivergedError("logits must be finite numbers to draw a character: training diverged; try a smaller lr")
    logits = logits.double()
    logits = logits - logits.amax(dim=1, keepdim=True)
    cumulated = torch.softmax(logits / temperature, dim=1).cumsum(dim=1)
    passed = cumulated <= uniforms[:, None] * cumulated[:, -1:]
    return passed.sum(dim=1).clamp_(max=logits.shape[1] - 1)


def rollout(
    net: CharacterNet, context: Tensor, uniforms: Tensor, temperature: float = 1.0
) -> Iterator[tuple[Tensor, list[SeenLayer]]]:
    """Yield each window of generated strings, the context first, with what the hidden layers do on it.

    Args:
        net: the network; it must not change meanwhile.
        context: the first characters `[S, k]`.
        uniforms: a number in [0, 1) for each character to generate, float64 `[S, n]`.
        temperature: see `draw_next`.

    Yields:
        n + 1 windows `[S, k]`; each but the first ends in a generated character.
    """
    window = context
    for number in range(uniforms.shape[1] + 1):
        seen = net.see(window)
        yield window, seen
        if number < uniforms.shape[1]:
            drawn = draw_next(net.logits(net.read(seen)), uniforms[:, number], temperature)
            window = torch.cat([window[:, 1:], drawn[:, None]], dim=1)


def uniforms_for(strings: int, length: int, seed: int, purpose: str, *key: int) -> Tensor:
    """Return the numbers in [0, 1) that draw characters, float64 `[strings, length]`; see `keyed_generator`.

    Example:
        >>> torch.equal(uniforms_for(2, 3, 0, "text", 5), uniforms_for(2, 3, 0, "text", 5))
        True
    """
    return torch.rand(strings, length, generator=keyed_generator(seed, purpose, *key), dtype=torch.float64)


@torch.no_grad()
def generate(net: CharacterNet, context: Tensor, length: int, *, seed: int = 0, temperature: float = 1.0) -> Tensor:
    """Return strings that go on from a context, `[S, k + length]`: the same seed gives the same text.

    Args:
        net: the network.
        context: the first characters `[S, k]`.
        length: number of characters to generate, at least 1.
        seed: key of the draws.
        temperature: positive; 1 draws from the softmax as it is, near 0 takes the most probable character.

    Raises:
        ValueError: the length, the temperature or a character is out of its range, or a context is not as long as a
            window.
        DivergedError: a logit is not finite.

    Example:
        >>> net = CharacterNet(characters=4, window=3, widths=(6, 5))
        >>> generate(net, torch.tensor([[0, 1, 2]]), 5, seed=3).shape
        torch.Size([1, 8])
    """
    check_characters(context, net.characters)
    if length < 1 or context.shape[1] != net.window:
        raise ValueError(
            f"length must be at least 1 and a context have {net.window} characters, got {length} and {context.shape[1]}"
        )
    uniforms = uniforms_for(len(context), length, seed, "generated text").to(context.device)
    last = [window[:, -1] for window, _ in rollout(net, context, uniforms, temperature)]
    return torch.cat([context, torch.stack(last[1:], dim=1)], dim=1)
