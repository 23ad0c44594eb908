"""A network whose layers learn on their own: blocks, and the route from one to the next."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convff.local_linear import Layer
from convff.norms import normalised_stream


class Block(nn.Module):
    """One locally trained layer: `a = activation(layer(norm(x)))`, pooled on its way to the next block.

    Goodness and the readout see the activity before the pooling; the next block sees it after.
    The normalisation has no learned parameters: with them the closed form of the direction would not be the gradient.

    Args:
        norm: normalises the block's input. A norm with statistics of images (batch norm, whitening) needs a method
            `of_stream` for label images, unless it is PyTorch's batch norm.
        layer: the weights that learn.
        pool: shrinks the activity for the next block; identity if omitted.
        activation: what follows the layer; ReLU if omitted. Rules whose closed form is for ReLU refuse any other.

    Raises:
        TypeError: `layer` is none of `nn.Linear`, `nn.Conv2d` and `LocalLinear`.
        ValueError: `norm` has parameters, or the padding of `layer` is given by name or is not of zeros.

    Example:
        >>> from convff import LengthNorm
        >>> block = Block(LengthNorm(), nn.Conv2d(1, 4, 3, padding=1), nn.MaxPool2d(2))
        >>> block(torch.rand(2, 1, 8, 8)).shape
        torch.Size([2, 4, 8, 8])
    """

    index: int = 0  # its place in a network

    def __init__(
        self,
        norm: nn.Module,
        layer: Layer,
        pool: nn.Module | None = None,
        activation: nn.Module | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(layer, Layer):
            raise TypeError(f"a block's layer must be nn.Linear, nn.Conv2d or LocalLinear, got {type(layer).__name__}")
        if any(True for _ in norm.parameters()):
            raise ValueError(f"a block's norm must have no learned parameters, got {norm}: use affine=False")
        if isinstance(layer, nn.Conv2d) and layer.padding_mode != "zeros":
            raise ValueError(f"a block's convolution must have padding_mode='zeros', got {layer.padding_mode!r}")
        if isinstance(layer, nn.Conv2d) and isinstance(layer.padding, str):
            raise ValueError(f"a block's convolution must have a number as padding, got {layer.padding!r}")
        self.norm = norm
        self.layer = layer
        self.pool = pool if pool is not None else nn.Identity()
        self.activation = activation

    def normalised(self, x: Tensor, stream: int = 0) -> Tensor:
        """Return the layer's input for the raw input `[N, ...]`; images become channels last in memory.

        Args:
            x: raw input; batch norm takes its statistics over all rows but the stream's.
            stream: number of rows at the end that are label images, with statistics of their own.
        """
        x = (
            self.norm(x)
            if not stream
            else torch.cat([self.norm(x[:-stream]), normalised_stream(self.norm, x[-stream:])])
        )
        return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x

    def activity(self, x: Tensor) -> Tensor:
        """Return `activation(layer(x))` for an input `[N, ...]` that is already normalised."""
        if self.activation is None and not torch.is_grad_enabled():
            return torch.relu_(self.layer(x))
        return self.activate(self.layer(x))

    def activate(self, z: Tensor) -> Tensor:
        """Return the activity for the output z of the layer, `[N, ...]`, which is left unchanged."""
        a: Tensor = torch.relu(z) if self.activation is None else self.activation(z)
        return a

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's activity for the raw input `[N, ...]`."""
        return self.activity(self.normalised(x))


Visit = Callable[[int, Block, Tensor], Tensor]
"""`(index, block, raw_input) -> activity`: called at each block of a route."""

FEW_CHANNELS = 4


def fast_layout(images: Tensor) -> Tensor:
    """Return images `[N, C, H, W]` in the memory layout on which a first convolution is fastest.

    Convolutions prefer channels last, but the statistics of few channels are faster one channel after another: batch
    norm of 3 channels on a CPU took 2.0 ms channels last and 0.3 ms otherwise.

    Example:
        >>> fast_layout(torch.zeros(1, 8, 4, 4)).is_contiguous(memory_format=torch.channels_last)
        True
    """
    few = images.shape[1] <= FEW_CHANNELS
    return images.contiguous(memory_format=torch.contiguous_format if few else torch.channels_last)


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode within a `with` block; then every module gets its own mode back.

    Example:
        >>> net = nn.Dropout()
        >>> with evaluating(net):
        ...     inside = net.training
        >>> inside, net.training
        (False, True)
    """
    before = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        yield
    finally:
        for module, training in before:
            module.training = training


class Entered(NamedTuple):
    """A network's input as its first block takes it.

    Args:
        x: raw input of the first block `[N, ...]`.
        label: label channels to append to the input of every later block; None if there are none.
    """

    x: Tensor
    label: Tensor | None


class LayerLocalNet(nn.Module):
    """A chain of blocks, with no gradient between them.

    A subclass with another wiring overrides `route`. One whose route visits a block more than once sets `repeats`: the
    block's directions are then summed over its visits, and it steps once, at the end of the route.

    Args:
        blocks: the blocks, input first.
        label_channels: number of the input's last channels that are the label, appended to the input of every further
            block too (HebbFF, section 3). With 0, only the first block sees the label.

    Raises:
        ValueError: there is no block, or a negative number of label channels.

    Example:
        >>> from convff.models import cnn3
        >>> activations = cnn3((1, 28, 28), width=8)(torch.rand(2, 1, 28, 28))
        >>> [tuple(a.shape) for a in activations]
        [(2, 8, 28, 28), (2, 8, 28, 28), (2, 8, 28, 28)]
    """

    repeats: ClassVar[bool] = False
    blocks: nn.ModuleList

    def __init__(self, blocks: Iterable[Block], *, label_channels: int = 0) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.label_channels = label_channels
        for index, block in enumerate(self):
            block.index = index
        if not len(self.blocks) or label_channels < 0:
            raise ValueError(f"a network needs at least one block and label_channels >= 0, got {label_channels}")

    def __len__(self) -> int:
        return len(self.blocks)

    def __iter__(self) -> Iterator[Block]:
        return iter(self.blocks)  # type: ignore[arg-type]

    def route(self, x: "Tensor | Entered", visit: Visit, stop: int | None = None) -> None:
        """Visit the blocks in the order of the network; the only place that knows how blocks are wired.

        Training, inference, readout and cost model each pass a visit of their own. A network with another wiring
        (skips, recurrence) overrides only this method. No activity is kept beyond what the visit keeps.

        Args:
            x: input `[N, ...]`, or what `enter` made of one.
            visit: `(index, block, raw_input) -> activity`, called for one block after another with the index of the
                block. The activity that it returns is pooled and passed on.
            stop: number of blocks to visit; all if omitted.

        Example:
            >>> from convff import cnn3
            >>> shapes = []
            >>> def visit(index, block, raw_input):
            ...     shapes.append((index, tuple(raw_input.shape)))
            ...     return block(raw_input)
            >>> cnn3((1, 8, 8), width=4, kernel=3).route(torch.rand(2, 1, 8, 8), visit, stop=2)
            >>> shapes
            [(0, (2, 1, 8, 8)), (1, (2, 4, 8, 8))]
        """
        h, label = self.enter(x)
        for index, block in enumerate(list(self)[:stop]):
            # One expression, so that the activity is freed as soon as it is pooled.
            h = self.beside(block.pool(visit(index, block, h)), label)

    def enter(self, x: "Tensor | Entered") -> "Entered":
        """Return the input in its fastest memory layout, and the label channels to append to later inputs.

        Dense layers take each label channel as one number: `[N, C + K, H, W]` becomes `[N, C*H*W + K]`.
        """
        if isinstance(x, Entered):
            return x
        convolves = isinstance(next(iter(self)).layer, nn.Conv2d)
        if convolves:
            x = fast_layout(x)
        if not self.label_channels:
            return Entered(x, None)
        label = x[:, -self.label_channels :]
        if convolves:
            return Entered(x, label)
        label = label.mean(dim=(2, 3))
        return Entered(torch.cat([x[:, : -self.label_channels].flatten(1), label], dim=1), label)

    def beside(self, h: Tensor, label: Tensor | None) -> Tensor:
        """Return the next block's input: the activity passed on by the block below, with label channels."""
        if label is None:
            return h
        if h.ndim == 4:
            label = F.adaptive_avg_pool2d(label, (h.shape[2], h.shape[3]))
        return torch.cat([h, label.to(h.dtype)], dim=1)

    def forward(self, x: Tensor, *, detach: bool = True) -> list[Tensor]:
        """Return the activity of every visit, in order, for `[N, ...]`.

        Args:
            x: input `[N, ...]`.
            detach: cut the graph between blocks (a block may still have a graph of its own).
        """
        activities: list[Tensor] = []

        def visit(index: int, block: Block, h: Tensor) -> Tensor:
            activities.append(block(h.detach() if detach else h))
            return activities[-1]

        self.route(x, visit)
        return activities
