"""A linear classifier on each block: the strictly local baseline for the goodness rules."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convff.activations import refuse_other_activations
from convff.contrasts import Unlabelled
from convff.gates import Softmax
from convff.network import Block, LayerLocalNet
from convff.outer import Outer, input_product
from convff.places.classes import by_class, refuse_labelled_passes, right_first
from convff.regions import region_means, spread_over_regions
from convff.rules.base import LocalUpdate, Seen
from convff.rules.gated import gate_metrics

GATE = Softmax(scale=1.0)  # its loss is the cross-entropy, its gate the target minus the softmax


class RegionalHead(nn.Module):
    """A linear map from a block's activity, averaged over R x R regions, to K class scores; it starts at zero.

    Args:
        num_classes: number of classes K.
        channels: number of channels (or units) O of the block.
        regions: R; where it does not divide a map, regions overlap. Dense layers have one region.

    Example:
        >>> RegionalHead(3, 8, 2).weight.shape
        torch.Size([3, 2, 2, 8])
    """

    def __init__(self, num_classes: int, channels: int, regions: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(num_classes, regions, regions, channels))
        self.bias = nn.Parameter(torch.zeros(num_classes))


@dataclass(frozen=True, kw_only=True)
class LocalHead:
    """Cross-entropy of a linear head per block, whose gradient ends at the block's input.

    With head weights M, `p = pool(a)` the activity averaged over R x R regions, `c_nk = 1[k = y_n] - softmax_k(M p_n)`
    and m = 1[z > 0], the steps ascend along

        dW -> 1/B sum_n (m_n unpool(sum_k c_nk M_k)) (x) x_n        dM_k -> 1/B sum_n c_nk p_n

    where unpool spreads a region's value over its positions, divided by their number. Unlike in
    Forward-Forward, no class is an input, and there is no goodness. It shows what strict locality alone costs.

    Args:
        num_classes: number of classes K.
        regions: R.

    Raises:
        ValueError: fewer than 2 classes, or no region.

    Reference:
        Nokland & Eidnes 2019, "Training Neural Networks with Local Error Signals", the prediction loss. Without regions
        it is Mono-Forward (Gong et al. 2025).
    """

    evaluations: ClassVar[tuple[str, ...]] = ("local_heads", "linear")
    batch_reduction: ClassVar[str] = "mean"
    contrast: ClassVar[Callable[..., Unlabelled]] = Unlabelled

    num_classes: int
    regions: int = 4

    def __post_init__(self) -> None:
        if self.num_classes < 2 or self.regions < 1:
            raise ValueError(
                f"local heads need at least 2 classes and 1 region, got {self.num_classes} and {self.regions}"
            )

    def check(self, net: LayerLocalNet, num_classes: int) -> None:
        """Raise unless the heads are for `num_classes`.

        Raises:
            ValueError: they are for another number of classes, or a block has another activation than ReLU.
        """
        refuse_other_activations(net, type(self).__name__)
        if num_classes != self.num_classes:
            raise ValueError(f"the local heads are for {self.num_classes} classes, got {num_classes}")

    def init(self, block: Block) -> None:
        """Return None: there is no state, as the head is a module beside the block."""

    def beside(self, block: Block, generator: torch.Generator) -> RegionalHead:
        """Make the head of a block."""
        regions = self.regions if isinstance(block.layer, nn.Conv2d) else 1
        return RegionalHead(self.num_classes, len(block.layer.weight), regions)

    def scores(self, seen: Seen) -> Tensor:
        """Return the head's scores `[N, K]`."""
        return _scores(_head(seen), _pooled(seen))

    def loss(self, seen: Seen) -> Tensor:
        """Return the mean cross-entropy, whose gradient is the direction."""
        return F.cross_entropy(self.scores(seen), seen.layout.targets)

    def direction(self, seen: Seen, state: None) -> LocalUpdate:
        """Return the gradient of the mean cross-entropy by the layer and the head."""
        head, pooled = _head(seen), _pooled(seen)
        gates, metrics = _gates(seen, _scores(head, pooled))
        post = _post(seen, head, gates)
        c = gates / len(gates)
        of_head = {
            "beside.weight": -torch.einsum("nk,nrqo->krqo", c, pooled).to(head.weight.dtype),
            "beside.bias": -c.sum(dim=0).to(head.bias.dtype),
        }
        return LocalUpdate((Outer(seen.x, post), of_head), state, metrics)

    def input_direction(self, seen: Seen) -> Tensor:
        """Return the gradient of the mean cross-entropy by the normalised input."""
        head = _head(seen)
        gates, _ = _gates(seen, _scores(head, _pooled(seen)))
        return input_product(seen.x, _post(seen, head, gates), seen.block.layer)


def _head(seen: Seen) -> RegionalHead:
    assert isinstance(seen.beside, RegionalHead)
    return seen.beside


def _scores(head: RegionalHead, pooled: Tensor) -> Tensor:
    """Return `M p + b` in the head's dtype, whatever the activity's: in bfloat16 the best classes often tie."""
    with torch.autocast(pooled.device.type, enabled=False):
        return F.linear(pooled.to(head.weight.dtype).flatten(1), head.weight.flatten(1), head.bias)


def _gates(seen: Seen, scores: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Return `c_nk`, `[B, K]`, and the metrics of the step."""
    refuse_labelled_passes(seen.layout, "at a head of each block")
    ordered = right_first(scores.float() if scores.dtype != torch.float64 else scores, seen.layout.targets)
    gates = GATE(ordered, 1.0)
    metrics = gate_metrics(GATE, ordered, gates, 1.0, passes=len(ordered))
    silent = (seen.a.flatten(1) == 0).all(dim=1).float().mean()
    return by_class(gates, seen.layout.targets), metrics | {"silent": silent}


def _post(seen: Seen, head: RegionalHead, gates: Tensor) -> Tensor:
    """Return the gradient by what enters the ReLU, for gates `c_nk`, in the shape and dtype of the activity."""
    wanted = torch.einsum("nk,krqo->nrqo", -gates / len(gates), head.weight.to(gates.dtype)).to(seen.a.dtype)
    return seen.a.sign().mul_(spread_over_regions(wanted, seen.a))


def _pooled(seen: Seen) -> Tensor:
    """Return the activity averaged over regions, `[N, R, R, O]`, in float32 or better."""
    return region_means(seen.a, _head(seen).weight.shape[1])
