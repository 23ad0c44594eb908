"""A network from a plain `nn.Sequential`: its layers become blocks that learn on their own."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

from torch import nn

from convff.batch_norms import BatchNorm, fold_, without_parameters
from convff.network import Block, LayerLocalNet
from convff.norms import FlatNorm, LengthNorm

LAYERS = (nn.Conv2d, nn.Linear)
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
LARGEST = (nn.MaxPool2d, nn.AdaptiveMaxPool2d)  # ReLU may as well come behind them
POOLS = (*LARGEST, nn.AvgPool2d, nn.AdaptiveAvgPool2d)
NOTHING = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d)  # dropout only with a share of 0
NORMS = ("length", "batch", "none")


def from_sequential(chain: nn.Sequential, *, norm: str = "length", drop_head: bool = False) -> LayerLocalNet:
    """Return a network of blocks with the layers of a chain; the chain itself is not changed.

    Each convolution or dense layer becomes a block with the ReLU behind it and the pooling behind that. Weights are
    copied as they are. What stands in front of a layer, such as batch norm or `nn.Flatten`, becomes the block's norm.

    Batch norm between a layer and its ReLU is folded into the weights, as it is in evaluation mode: a block has its
    norm in front of the layer. So with `norm="none"` the blocks compute what the chain computes in evaluation mode.
    With another norm they do not: each layer then sees a normalised input, so that it cannot read the goodness of the
    layer below.

    Args:
        chain: `Conv2d`, `Linear`, `ReLU`, `BatchNorm1d` and `2d`, `MaxPool2d`, `AvgPool2d` and their adaptive forms,
            `Flatten`, `Identity`, `Dropout` with a share of 0, and chains of these.
        norm: of the input of a layer that has no batch norm in front: "length" divides each sample by its root mean
            square, "batch" is batch norm without parameters, "none" is none. Without, goodness leaks from block to
            block, so use it for comparisons alone.
        drop_head: drop the last layer, which has no ReLU, and all modules behind it: blocks need no head.

    Raises:
        TypeError: `chain` is no `nn.Sequential`, or it has a module of another type; the message names it.
        ValueError: modules in an order that blocks cannot have, batch norm that has learned a scale or a shift and is
            not folded, a head without `drop_head` or the other way round, an unknown norm, or no layer.

    Example:
        >>> import torch
        >>> chain = nn.Sequential(
        ...     nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2),
        ...     nn.Flatten(), nn.Linear(96, 20), nn.ReLU(), nn.Linear(20, 10),
        ... )
        >>> net = from_sequential(chain, drop_head=True)
        >>> [tuple(a.shape) for a in net(torch.rand(2, 1, 8, 8))]
        [(2, 6, 8, 8), (2, 20)]
        >>> torch.equal(net.blocks[1].layer.weight, chain[5].weight)
        True
        >>> from_sequential(nn.Sequential(nn.Conv2d(1, 6, 3), nn.Tanh(), nn.Conv2d(6, 6, 3), nn.ReLU()))
        Traceback (most recent call last):
        ...
        TypeError: module 1 (Tanh) must be a layer, norm, ReLU, pooling or nn.Flatten of torch: see `Block` for others
    """
    if not isinstance(chain, nn.Sequential):
        raise TypeError(f"chain must be nn.Sequential, got {type(chain).__name__}")
    if norm not in NORMS:
        raise ValueError(f"norm must be one of {', '.join(NORMS)}, got {norm!r}")
    modules = list(_modules(chain))
    reader = _Reader(norm)
    for name, module in _without_head(modules, drop_head):
        reader.read(f"module {name} ({type(module).__name__})", module)
    return LayerLocalNet(reader.blocks()).train(chain.training)


def _modules(chain: nn.Sequential, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Yield every module with its name in the state dict; those of chains in the chain one by one."""
    for name, module in chain.named_modules(remove_duplicate=False):
        if not name or "." in name:  # the chain itself, or a part of one of its modules
            continue
        if type(module) is nn.Sequential:
            yield from _modules(module, f"{prefix}{name}.")
        else:
            yield prefix + name, module


def _without_head(modules: list[tuple[str, nn.Module]], drop_head: bool) -> list[tuple[str, nn.Module]]:
    """Return the modules of the blocks: without the last layer if it has no ReLU, and all behind it."""
    layers = [place for place, (_, module) in enumerate(modules) if type(module) in LAYERS]
    if not layers:
        raise ValueError("the chain has no Conv2d or Linear, so there is nothing to learn")
    if len({id(modules[place][1]) for place in layers}) < len(layers):
        raise ValueError("a layer stands in the chain twice, but the blocks of a chain share no weights")
    name, last = modules[layers[-1]]
    is_head = not any(type(module) is nn.ReLU for _, module in modules[layers[-1] :])
    if is_head and not drop_head:
        raise ValueError(
            f"module {name} ({type(last).__name__}) has no ReLU: a head is trained by backpropagation, which blocks do "
            "without; for the network below it, whose goodness or readout names the classes, pass drop_head=True"
        )
    if drop_head and not is_head:
        raise ValueError(f"drop_head: module {name} ({type(last).__name__}) has a ReLU, so there is no head to drop")
    return modules[: layers[-1]] if is_head else modules


class _Reader:
    """Groups modules into blocks, one after another.

    Args:
        norm: of layers without a norm of their own in front; a name in `NORMS`.
    """

    def __init__(self, norm: str) -> None:
        self._norm = norm
        self._made: list[Block] = []
        self._own: nn.Module | None = None  # norm in front of the next layer
        self._flat = False  # whether maps have been flattened since the last layer
        self._layer: nn.Conv2d | nn.Linear | None = None
        self._input: nn.Module = nn.Identity()  # norm of that layer
        self._active = False  # whether its ReLU has been read
        self._pools: list[nn.Module] = []
        self._named = ""

    def blocks(self) -> list[Block]:
        """Return the blocks of all that was read."""
        self._close()
        return self._made

    def read(self, named: str, module: nn.Module) -> None:
        """Take the next module; raise for one that no block can have."""
        kind = type(module)
        if kind in NOTHING:
            self._refuse_if(bool(getattr(module, "p", 0)), named, "draws from global randomness: take it out")
            return
        self._refuse_if(self._own is not None and kind not in LAYERS, named, "stands between batch norm and its layer")
        for kinds, take in self._takers():
            if kind in kinds:
                take(named, module)
                return
        raise TypeError(f"{named} must be a layer, norm, ReLU, pooling or nn.Flatten of torch: see `Block` for others")

    def _takers(self) -> list[tuple[tuple[type[nn.Module], ...], Callable[[str, Any], None]]]:
        return [
            (LAYERS, self._take_layer),
            (BATCH_NORMS, self._take_batch_norm),
            (POOLS, self._take_pool),
            ((nn.ReLU,), self._take_relu),
            ((nn.Flatten,), self._take_flatten),
        ]

    def _take_layer(self, named: str, layer: nn.Conv2d | nn.Linear) -> None:
        follows = self._layer
        self._close()
        convolves = isinstance(layer, nn.Conv2d)
        flat = self._flat or isinstance(follows, nn.Linear)
        self._refuse_if(convolves and flat, named, "needs maps, but what it gets is flat")
        behind_maps = isinstance(follows, nn.Conv2d) and not self._flat
        self._refuse_if(not convolves and behind_maps, named, "needs nn.Flatten in front, for it stands behind maps")
        other = nn.BatchNorm1d if convolves else nn.BatchNorm2d
        self._refuse_if(isinstance(self._own, other), named, f"cannot have {other.__name__} in front")
        own = self._own if self._own is not None else self._usual(layer)
        self._input = own if convolves or isinstance(follows, nn.Linear) else FlatNorm(own)
        self._layer, self._named = _copied(layer), named
        self._own, self._flat, self._active, self._pools = None, False, False, []

    def _take_batch_norm(self, named: str, norm: BatchNorm) -> None:
        if self._layer is None or self._active:
            try:
                self._own = without_parameters(norm)
            except ValueError as error:
                raise ValueError(f"{named} {error}") from error
            return
        fits = isinstance(norm, nn.BatchNorm2d) == isinstance(self._layer, nn.Conv2d)
        self._refuse_if(not fits, named, f"does not fit the output of {self._named}")
        self._refuse_if(bool(self._pools), named, "stands between pooling and ReLU: put it behind the layer")
        self._refuse_if(norm.running_mean is None, named, "keeps no running statistics, so it cannot be folded")
        fold_(self._layer, norm)

    def _take_pool(self, named: str, pool: nn.Module) -> None:
        self._refuse_if(not isinstance(self._layer, nn.Conv2d) or self._flat, named, "must stand behind a convolution")
        self._refuse_if(getattr(pool, "return_indices", False), named, "returns indices, which no block takes")
        early = not self._active and not isinstance(pool, LARGEST)
        self._refuse_if(early, named, "averages before the ReLU: put it behind, as blocks have it")
        self._pools.append(deepcopy(pool))

    def _take_relu(self, named: str, _relu: nn.ReLU) -> None:
        self._refuse_if(self._layer is None, named, "has no layer in front")
        self._active = True  # a second one changes nothing

    def _take_flatten(self, named: str, flatten: nn.Flatten) -> None:
        whole = (flatten.start_dim, flatten.end_dim) == (1, -1)
        self._refuse_if(not whole, named, "must flatten all dimensions but the first")
        self._flat = True

    def _usual(self, layer: nn.Conv2d | nn.Linear) -> nn.Module:
        """Return the norm of a layer that has none of its own."""
        if self._norm != "batch":
            return LengthNorm() if self._norm == "length" else nn.Identity()
        like: dict[str, Any] = {"device": layer.weight.device, "dtype": layer.weight.dtype}
        if isinstance(layer, nn.Conv2d):
            return nn.BatchNorm2d(layer.in_channels, affine=False, **like)
        return nn.BatchNorm1d(layer.in_features, affine=False, **like)

    def _close(self) -> None:
        """Make a block of the layer that was read last."""
        if self._layer is None:
            return
        self._refuse_if(not self._active, self._named, "has no ReLU: a block is a layer with a ReLU behind it")
        pool = None if not self._pools else self._pools[0] if len(self._pools) == 1 else nn.Sequential(*self._pools)
        self._made.append(Block(self._input, self._layer, pool))
        self._layer = None

    @staticmethod
    def _refuse_if(wrong: bool, named: str, why: str) -> None:
        if wrong:
            raise ValueError(f"{named} {why}")


def _copied(layer: nn.Conv2d | nn.Linear) -> nn.Conv2d | nn.Linear:
    """Return a copy of a layer; a convolution's padding by name becomes the number of pixels that it is."""
    copy = deepcopy(layer)
    if isinstance(copy, nn.Conv2d) and isinstance(copy.padding, str):
        reach = [d * (k - 1) for d, k in zip(copy.dilation, copy.kernel_size, strict=True)]
        if copy.padding == "valid":
            copy.padding = (0, 0)
        elif not any(each % 2 for each in reach):
            copy.padding = (reach[0] // 2, reach[1] // 2)
    return copy
