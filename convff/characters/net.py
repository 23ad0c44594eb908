"""The network that predicts the next character: hidden layers on a window, and a softmax on all of them."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from convff.characters.layers import WindowLinear
from convff.functional import sum_goodness
from convff.outer import Outer
from convff.randomness import keyed_generator

Hidden = WindowLinear | nn.Linear


class SeenLayer(NamedTuple):
    """What a layer saw and did.

    Args:
        x: its input: windows `[B, k]` for the first layer, else normalised activity `[B, inputs]`.
        a: activity `[B, N]`.
        h: activity divided by its root mean square, which is what the next layer sees.
        g: goodness, the sum of squares `[B]`.
    """

    x: Tensor
    a: Tensor
    h: Tensor
    g: Tensor


def normalised(a: Tensor, g: Tensor, eps: float = 1e-8) -> Tensor:
    """Return `a / sqrt(g / N + eps)`: `convff.functional.length_normalise` where the goodness is known.

    Args:
        a: activity `[B, N]`.
        g: its sum of squares `[B]`.
        eps: see `length_normalise`.

    Example:
        >>> normalised(torch.tensor([[3.0, 4.0]]), torch.tensor([25.0])).square().mean()
        tensor(1.)
    """
    return a * torch.rsqrt(g / a.shape[1] + eps).to(a.dtype)[:, None]


def centred(rows: Tensor) -> Tensor:
    """Return rows less their mean.

    Example:
        >>> centred(torch.tensor([[1.0, 3.0]]))
        tensor([[-1.,  1.]])
    """
    return rows - rows.mean(dim=1, keepdim=True)


class CharacterNet(nn.Module):
    """Dense layers of ReLUs on a window of one-hot characters, and a softmax on the normalised activity of all of them.

    `a_l = relu(W_l h_(l-1) + b_l)`, `h_l = a_l / rms(a_l)`, `logits = b + sum_l S_l (h_l - mean(h_l))`. Hidden weights
    are drawn from N(0, 1 / inputs), by the seed alone, and biases are 0. The softmax begins at 0, so it predicts all
    characters alike.

    Args:
        characters: A, the size of the alphabet.
        window: k, the characters that are seen.
        widths: units of each hidden layer.
        seed: key of the hidden weights.

    Raises:
        ValueError: a number is less than 1, or there is no hidden layer.

    Example:
        >>> net = CharacterNet(characters=4, window=3, widths=(6, 5))
        >>> net(torch.tensor([[0, 1, 2]])).tolist()
        [[0.0, 0.0, 0.0, 0.0]]

    Reference:
        Hinton 2022, section 4.1 and figure 4: three layers of 2000, "the activities of the hidden units in these layers
        as inputs to a softmax". Normalised activity less its mean, and a bias of the softmax, are our reconstruction.
    """

    def __init__(
        self,
        *,
        characters: int = 30,
        window: int = 10,
        widths: Sequence[int] = (2000, 2000, 2000),
        seed: int = 0,
    ) -> None:
        super().__init__()
        if min((characters, window, *widths)) < 1 or not widths:
            raise ValueError(f"all sizes must be at least 1, got {characters}, {window} and widths {tuple(widths)}")
        self.characters, self.window, self.widths = characters, window, tuple(widths)
        first = WindowLinear(window, characters, self.widths[0])
        pairs = zip(self.widths[:-1], self.widths[1:], strict=True)
        self.layers = nn.ModuleList([first, *(nn.utils.skip_init(nn.Linear, *pair) for pair in pairs)])
        self.softmax = nn.utils.skip_init(nn.Linear, sum(self.widths), characters)
        with torch.no_grad():
            for index, layer in enumerate(self.layers):
                assert isinstance(layer, Hidden)
                layer.weight.normal_(
                    0, layer.in_features**-0.5, generator=keyed_generator(seed, "character weights", index)
                )
                layer.bias.zero_()
            for parameter in self.softmax.parameters():
                parameter.zero_()

    def see(self, windows: Tensor) -> list[SeenLayer]:
        """Return what each hidden layer sees and does on windows `[B, k]`."""
        seen: list[SeenLayer] = []
        x = windows
        for layer in self.layers:
            z = layer(x)
            a = torch.relu(z) if torch.is_grad_enabled() else torch.relu_(z)
            g = sum_goodness(a)
            seen.append(SeenLayer(x, a, normalised(a, g), g))
            x = seen[-1].h
        return seen

    def read(self, seen: Sequence[SeenLayer]) -> list[Tensor]:
        """Return what the softmax reads of each hidden layer, h `[B, N]`, in the precision of its weights."""
        return [layer.h.to(self.softmax.weight.dtype) for layer in seen]

    def logits(self, read: Sequence[Tensor]) -> Tensor:
        """Return the logits of the next character `[B, A]`, in the precision of the softmax's weights.

        The mean of h over the units of a layer is nearly the same for all windows, so the bias can stand for it. With
        it, a logit would follow it more than all else, and rates would have to be small. It drops out of a product
        with centred weights: `S (h - mean(h)) = (S - mean(S)) h`.

        Args:
            read: of each hidden layer; see `read`.
        """
        weight: Tensor = self.softmax.weight
        logits: Tensor = self.softmax.bias
        with torch.autocast(weight.device.type, enabled=False):
            for h, part in zip(read, weight.split(self.widths, dim=1), strict=True):
                logits = torch.addmm(logits, h, centred(part).T)
        return logits

    def softmax_direction(self, read: Sequence[Tensor], error: Tensor) -> dict[str, Tensor]:
        """Return the sum over windows of the outer product of an error and `h - mean(h)`, by parameter name.

        Args:
            read: of each hidden layer; see `read`.
            error: of the logits `[B, A]`.
        """
        with torch.autocast(error.device.type, enabled=False):
            parts = [centred(error.T @ h) for h in read]
        return {"weight": torch.cat(parts, dim=1), "bias": error.sum(dim=0)}

    def forward(self, windows: Tensor) -> Tensor:
        """Return the logits `[B, A]` of the character after each window `[B, k]`."""
        return self.logits(self.read(self.see(windows)))

    def hidden_direction(self, index: int, x: Tensor, post: Tensor) -> dict[str, Tensor]:
        """Return the outer product of a hidden layer, by parameter name."""
        layer = self.layers[index]
        if isinstance(layer, WindowLinear):
            return layer.direction(x, post)
        assert isinstance(layer, nn.Linear)
        return Outer(x, post).dense(layer)
