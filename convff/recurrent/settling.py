"""How a recurrent network settles: `z_l = W_l h_(l-1) + V_l h_(l+1) + b_l`, `s_l <- (1 - d) s_l + d relu(z_l)`.

Legend: B images; P labels tried per image; N = B * P; L hidden layers; K classes; s a layer's state; h its state
divided by its root mean square; d the damping. The image and the label do not change, so their share of z is computed
once.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from convff.functional import length_normalise
from convff.recurrent.network import RecurrentNet

Updates = Literal["synchronous", "alternating"]


class Moved(NamedTuple):
    """A layer after one iteration, and what moved it.

    Args:
        state: the new state `[N, n]`.
        open: where the new input is above zero, bool `[N, n]`.
        below: what was read of the normalised old state of the layer below, see `Part.read`; None for the first layer,
            which sees the image.
        above: likewise of the layer above; None for the last layer, which sees the label.
    """

    state: Tensor
    open: Tensor
    below: Tensor | None
    above: Tensor | None


def with_bias(z: Tensor, net: RecurrentNet, index: int) -> Tensor:
    """Return the input of a layer with its bias, if it has one."""
    bias: Tensor | None = net.blocks[index].layer.bias  # type: ignore[union-attr, assignment]
    return z if bias is None else z + bias.to(z.dtype)


def bottom_up(net: RecurrentNet, of_image: Tensor, weights: Sequence[Tensor]) -> list[Tensor]:
    """Return the states of all layers after a single pass from the bottom up, `[B, n]` each.

    Args:
        net: the network.
        of_image: what the image adds to the input of the first layer, `[B, n]`.
        weights: of each layer, for the layer below it; see `Part.weights`.
    """
    states = [torch.relu(with_bias(of_image, net, 0))]
    for index in range(1, len(net)):
        below = net.below(index)
        current = below.current(below.read(length_normalise(states[-1])), weights[index])
        states.append(torch.relu(with_bias(current, net, index)))
    return states


class Settling:
    """A recurrent network that settles under an image and a label; each iteration moves every layer once.

    States start from a single pass from the bottom up, which knows no label.

    Args:
        net: the network.
        images: float `[B, C, H, W]`.
        labels: int64 `[B, P]`, the labels to try for each image.
        damping: d, the share of the new activity in a state, in (0, 1].
        updates: "synchronous", from the states before the iteration, or "alternating": the even layers, counted from 1,
            then the odd ones from the new states of the even ones.

    Raises:
        ValueError: a damping or a kind of updates that does not exist.

    Example:
        >>> from convff.models import recurrent_mlp
        >>> net = recurrent_mlp((1, 8, 8), classes=3, widths=(6, 5))
        >>> settling = Settling(net, torch.rand(2, 1, 8, 8), torch.tensor([[0, 1], [2, 0]]))
        >>> [tuple(layer.state.shape) for layer in settling.iterate()]
        [(4, 6), (4, 5)]
    """

    def __init__(
        self,
        net: RecurrentNet,
        images: Tensor,
        labels: Tensor,
        *,
        damping: float = 0.7,
        updates: Updates = "synchronous",
    ) -> None:
        if not 0 < damping <= 1:
            raise ValueError(f"damping must be in (0, 1], got {damping}")
        if updates not in ("synchronous", "alternating"):
            raise ValueError(f"updates must be synchronous or alternating, got {updates!r}")
        self.net, self.damping, passes = net, damping, labels.shape[1]
        codes = length_normalise(torch.eye(net.classes, dtype=images.dtype, device=images.device))  # (K, K)
        self.pixels, self.codes = net.below(0).read(net.pixels(images)), net.above(len(net) - 1).read(codes)
        self.labels = labels.flatten()  # (N)
        every = range(len(net))
        self.groups = [[*every]] if updates == "synchronous" else [[*every[1::2]], [*every[::2]]]
        self._up, self._down = ([part(index).weights() for index in every] for part in (net.below, net.above))
        of_image = net.below(0).current(self.pixels, self._up[0])
        self._of_image = of_image.repeat_interleave(passes, dim=0)
        self._of_label = net.above(len(net) - 1).current(self.codes, self._down[-1])[self.labels]
        self.states = [state.repeat_interleave(passes, dim=0) for state in bottom_up(net, of_image, self._up)]

    def iterate(self) -> list[Moved]:
        """Move every layer once; return the layers, the lowest first."""
        moved: dict[int, Moved] = {}
        for group in self.groups:
            known: dict[int, Tensor] = {}
            for index in group:
                moved[index] = self._move(index, known)
            for index in group:
                self.states[index] = moved[index].state
        return [moved[index] for index in range(len(self.states))]

    def _move(self, index: int, known: dict[int, Tensor]) -> Moved:
        """Return what a layer becomes; `known` holds the normalised states of this moment."""
        last = len(self.states) - 1
        below = None if index == 0 else self.net.below(index).read(self._normalised(index - 1, known))
        above = None if index == last else self.net.above(index).read(self._normalised(index + 1, known))
        up = self._of_image if below is None else self.net.below(index).current(below, self._up[index])
        down = self._of_label if above is None else self.net.above(index).current(above, self._down[index])
        z = with_bias(up + down, self.net, index)
        state = torch.lerp(self.states[index], torch.relu(z), self.damping)
        return Moved(state, z > 0, below, above)

    def _normalised(self, index: int, known: dict[int, Tensor]) -> Tensor:
        if index not in known:
            known[index] = length_normalise(self.states[index])
        return known[index]
