"""A network whose layers learn on their own: blocks, and the walk from one to the next."""

from collections.abc import Iterable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convff.functional import length_normalise
from convff.labelling import fast_layout


class LengthNorm(nn.Module):
    """Module of `convff.functional.length_normalise`: each sample divided by its root mean square."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `[N, ...]`."""
        return length_normalise(x)


class Block(nn.Module):
    """One locally trained layer: `a = relu(layer(norm(x)))`, pooled on its way to the next block.

    Goodness and the readout see the activity before the pooling; the next block sees it after.
    The normalisation has no learned parameters: with them the closed form of the direction would not be the gradient.

    Args:
        norm: normalises the block's input.
        layer: the weights that learn.
        pool: shrinks the activity for the next block; identity if it is left out.

    Raises:
        TypeError: `layer` is neither `nn.Linear` nor `nn.Conv2d`.
        ValueError: `norm` has parameters, or `layer` pads by name or with anything but zeros.

    Example:
        >>> block = Block(LengthNorm(), nn.Conv2d(1, 4, 3, padding=1), nn.MaxPool2d(2))
        >>> block(torch.rand(2, 1, 8, 8)).shape
        torch.Size([2, 4, 8, 8])
    """

    def __init__(self, norm: nn.Module, layer: nn.Linear | nn.Conv2d, pool: nn.Module | None = None) -> None:
        super().__init__()
        if not isinstance(layer, nn.Linear | nn.Conv2d):
            raise TypeError(f"a block's layer must be nn.Linear or nn.Conv2d, not {type(layer).__name__}")
        if any(True for _ in norm.parameters()):
            raise ValueError(f"a block's norm must have no learned parameters, but {norm} has (use affine=False)")
        if isinstance(layer, nn.Conv2d) and layer.padding_mode != "zeros":
            raise ValueError(f"a block's convolution must have padding_mode='zeros', got {layer.padding_mode!r}")
        if isinstance(layer, nn.Conv2d) and isinstance(layer.padding, str):
            raise ValueError(f"a block's convolution must have a number as padding, got {layer.padding!r}")
        self.norm = norm
        self.layer = layer
        self.pool = pool if pool is not None else nn.Identity()

    def normalised(self, x: Tensor) -> Tensor:
        """The layer's input for the raw input `[N, ...]`; images channels last in memory, which convolutions want."""
        x = self.norm(x)
        return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x

    def activity(self, x: Tensor) -> Tensor:
        """`relu(layer(x))` for an input `[N, ...]` that is normalised already."""
        return torch.relu_(self.layer(x)) if not torch.is_grad_enabled() else torch.relu(self.layer(x))

    def forward(self, x: Tensor) -> Tensor:
        """The block's activity for the raw input `[N, ...]`."""
        return self.activity(self.normalised(x))


class LayerLocalNet(nn.Module):
    """Blocks in a row, with no gradient between them.

    Args:
        blocks: the blocks, input first.
        label_channels: how many of the input's last channels are the label, to be put beside the input of every further
            block too (HebbFF, section 3). 0 leaves the label to the first block alone.

    Raises:
        ValueError: there is no block, or a negative number of label channels.

    Example:
        >>> from convff.models import cnn3
        >>> activations = cnn3((1, 28, 28), width=8)(torch.rand(2, 1, 28, 28))
        >>> [tuple(a.shape) for a in activations]
        [(2, 8, 28, 28), (2, 8, 28, 28), (2, 8, 28, 28)]
    """

    blocks: nn.ModuleList

    def __init__(self, blocks: Iterable[Block], *, label_channels: int = 0) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.label_channels = label_channels
        if not len(self.blocks) or label_channels < 0:
            raise ValueError(f"a network needs at least one block, and no less than 0 label channels: {label_channels}")

    def __len__(self) -> int:
        return len(self.blocks)

    def __iter__(self) -> Iterator[Block]:
        return iter(self.blocks)  # type: ignore[arg-type]

    def walk(self, x: Tensor, *, detach: bool = True) -> Iterator[tuple[Block, Tensor]]:
        """Yield each block with its activity; nothing is kept for a caller that keeps nothing.

        Args:
            x: input `[N, ...]`.
            detach: cut the graph between blocks (a block may still have a graph of its own).
        """
        x, label = self.enter(x)
        for block in self:
            a = block(x.detach() if detach else x)
            yield block, a
            x = self.beside(block.pool(a), label)

    def enter(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """The first block's input as it is fastest on, and the label to put beside the inputs of the others, if any.

        Dense layers take each label channel as one number: `[N, C + K, H, W]` becomes `[N, C*H*W + K]`.
        """
        convolves = isinstance(next(iter(self)).layer, nn.Conv2d)
        if convolves:
            x = fast_layout(x)
        if not self.label_channels:
            return x, None
        label = x[:, -self.label_channels :]
        if convolves:
            return x, label
        label = label.mean(dim=(2, 3))
        return torch.cat([x[:, : -self.label_channels].flatten(1), label], dim=1), label

    def beside(self, h: Tensor, label: Tensor | None) -> Tensor:
        """The next block's input: what the block below hands on, and the label beside it."""
        if label is None:
            return h
        if h.ndim == 4:
            label = F.adaptive_avg_pool2d(label, (h.shape[2], h.shape[3]))
        return torch.cat([h, label.to(h.dtype)], dim=1)

    def forward(self, x: Tensor, *, detach: bool = True) -> list[Tensor]:
        """The activity of every block, input first, for `[N, ...]`."""
        return [a for _, a in self.walk(x, detach=detach)]
