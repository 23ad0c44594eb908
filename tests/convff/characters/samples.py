"""A small text and network, and the losses of one update written plainly from the paper, in float64 with a graph."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from convff.characters import CharacterNet
from convff.randomness import keyed_generator

CHARACTERS, WINDOW, WIDTHS = 5, 3, (7, 6, 8)


def drawn_strings(strings: int = 6, length: int = 9, seed: int = 0) -> Tensor:
    return torch.randint(CHARACTERS, (strings, length), generator=keyed_generator(seed, "toy text"))


def filled_net(seed: int = 0) -> CharacterNet:
    """A network in float64 with biases, and a softmax that is not at its start."""
    net = CharacterNet(characters=CHARACTERS, window=WINDOW, widths=WIDTHS).double()
    with torch.no_grad():
        for number, parameter in enumerate(net.parameters()):
            drawn = torch.randn(parameter.shape, generator=keyed_generator(seed, "toy", number), dtype=torch.float64)
            parameter.copy_(drawn / 2)
    return net


def layers_by_hand(net: CharacterNet, window: Sequence[int]) -> tuple[list[Tensor], list[Tensor]]:
    """The goodness and the normalised activity of each layer on one window, nothing flowing between layers."""
    onehot = F.one_hot(torch.tensor(window), CHARACTERS).double().flatten()
    x = onehot / onehot.square().mean().sqrt()
    goodness, read = [], []
    for index, layer in enumerate(net.layers):
        weight = layer.weight.T if index == 0 else layer.weight
        a = torch.relu(weight @ x + layer.bias)
        goodness.append(a.square().sum())
        x = (a / (a.square().mean() + 1e-8).sqrt()).detach()
        read.append(x)
    return goodness, read


def logits_by_hand(net: CharacterNet, window: Sequence[int]) -> Tensor:
    read = torch.cat([h - h.mean() for h in layers_by_hand(net, window)[1]])
    return net.softmax.weight @ read + net.softmax.bias


def ends(string: Sequence[int], at: int) -> list[int]:
    """The window that ends at a place."""
    return list(string[at - WINDOW + 1 : at + 1])


def _softplus(x: Tensor) -> Tensor:
    """`log(1 + exp(x))` to the last digit: torch's own is `x` above 20."""
    return torch.logaddexp(torch.zeros_like(x), x)


def loss_by_hand(
    net: CharacterNet, text: Tensor, negatives: Sequence[Sequence[int]], *, softmax: bool = True
) -> Tensor:
    """Mean losses of hidden layers and softmax: text may be empty, and negatives too."""
    strings = text.tolist()
    length = drawn_strings().shape[1]
    count = len(drawn_strings()) * (length - WINDOW)
    total = torch.zeros((), dtype=torch.float64)
    for string in strings:
        for at in range(WINDOW, length):
            if softmax:
                log_probabilities = logits_by_hand(net, ends(string, at - 1)).log_softmax(dim=0)
                total = total - log_probabilities[string[at]] / count
            for units, goodness in zip(WIDTHS, layers_by_hand(net, ends(string, at))[0], strict=True):
                total = total + _softplus(units - goodness) / count
    for window in negatives:
        for units, goodness in zip(WIDTHS, layers_by_hand(net, window)[0], strict=True):
            total = total + _softplus(goodness - units) / count
    return total


def draw_by_hand(logits: Tensor, uniform: float) -> int:
    probabilities = logits.softmax(dim=0).tolist()
    reached = 0.0
    for character, probability in enumerate(probabilities):
        reached += probability
        if uniform < reached:
            return character
    return len(probabilities) - 1
