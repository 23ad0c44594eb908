"""A similarity term beside a rule, `mean (S - Y)^2`: features S should be as similar as the classes Y."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from convff.network import Block
from convff.outer import Outer, input_product
from convff.regions import region_means, spread_over_regions
from convff.rules.base import LocalUpdate, Seen
from convff.rules.wrapped import Wrapped


@dataclass(frozen=True, kw_only=True)
class Similar(Wrapped):
    """A rule's direction plus that of similarity matching on the block's pooled activity.

    With F_n the activity averaged over R x R regions, `f_n = (F_n - mean F_n) / |F_n - mean F_n|` and S = f f^T, the
    term descends the mean of `(S_nm - Y_nm)^2` over all pairs of images of the batch. Y is the same similarity of the
    one-hot classes: 1 for images of one class, -1/(K-1) for others. It needs no head, and no label in the image.

    Args:
        rule: the rule; its direction must be a mean over images, as for FF and local heads.
        weight: weight of the term relative to the rule's loss.
        num_classes: number of classes K.
        regions: R.

    Raises:
        ValueError: a negative weight, fewer than 2 classes, or a rule whose direction is a sum over images (HebbFF).

    Reference:
        Nokland & Eidnes 2019, "Training Neural Networks with Local Error Signals", the similarity matching loss. The
        closed form, which builds no graph, is ours.
    """

    rule: Any
    weight: float
    num_classes: int
    regions: int = 2

    def __post_init__(self) -> None:
        if self.weight < 0 or self.num_classes < 2:
            raise ValueError(
                f"a similarity term needs weight >= 0 and at least 2 classes, got {self.weight} and {self.num_classes}"
            )
        if self.rule.batch_reduction != "mean":
            raise ValueError(
                f"a similarity term needs a rule whose direction is a mean over images, got "
                f"{type(self.rule).__name__}: use rule ff"
            )

    @property
    def needs_whole_batch(self) -> bool:
        """True: it compares all images of the batch."""
        return True

    def init(self, block: Block) -> Any:
        """Return the rule's own state."""
        return self.rule.init(block)

    def direction(self, seen: Seen, state: Any) -> LocalUpdate:
        """Return the sum of the rule's direction and the term's, with the rule's metrics."""
        _refuse_passes(seen)
        update: LocalUpdate = self.rule.direction(seen, state)
        first, *others = update.terms
        if isinstance(first, Outer) and first.x is seen.x:  # the same input: one weight gradient serves both
            return update._replace(terms=(Outer(seen.x, first.post + self._post(seen)), *others))
        return update._replace(terms=(*update.terms, Outer(seen.x, self._post(seen))))

    def input_direction(self, seen: Seen) -> Tensor:
        """Return the direction for the normalised input."""
        of_rule: Tensor = self.rule.input_direction(seen)
        return of_rule + input_product(seen.x, self._post(seen), seen.block.layer)

    def loss(self, seen: Seen) -> Tensor:
        """Return the rule's loss plus the weighted term; its gradient is the direction."""
        _refuse_passes(seen)
        f, _ = _features(seen.a, self.regions)
        of_rule: Tensor = self.rule.loss(seen)
        return of_rule + self.weight * (f @ f.T - self._wanted(seen)).square().mean()

    def _wanted(self, seen: Seen) -> Tensor:
        """Return Y, `[B, B]`."""
        targets = seen.layout.targets
        alike = (targets[:, None] == targets).to(torch.promote_types(seen.a.dtype, torch.float32))
        return (alike * self.num_classes - 1) / (self.num_classes - 1)

    def _post(self, seen: Seen) -> Tensor:
        """Return the gradient of the weighted term by what enters the ReLU, in the shape and dtype of the activity."""
        _refuse_passes(seen)
        f, lengths = _features(seen.a, self.regions)
        with torch.autocast(seen.a.device.type, enabled=False):
            df = (4 * self.weight / len(f) ** 2) * (f @ f.T - self._wanted(seen)) @ f
        dc = (df - f * (df * f).sum(dim=1, keepdim=True)) / lengths
        dF = dc - dc.mean(dim=1, keepdim=True)
        regions = 1 if seen.a.ndim == 2 else self.regions
        by_region = dF.view(len(f), regions, regions, -1).to(seen.a.dtype)
        return seen.a.sign().mul_(spread_over_regions(by_region, seen.a))


def _features(a: Tensor, regions: int) -> tuple[Tensor, Tensor]:
    """Return f, `[B, D]`, and the lengths `[B, 1]` that it was divided by."""
    pooled = region_means(a, regions).flatten(1)
    centred = pooled - pooled.mean(dim=1, keepdim=True)
    lengths = torch.linalg.vector_norm(centred, dim=1, keepdim=True).clamp_min(1e-12)
    return centred / lengths, lengths


def _refuse_passes(seen: Seen) -> None:
    if seen.layout.passes != 1 or seen.layout.stream:
        raise ValueError("a similarity term compares images that carry no label: use --label-at output or blocks")
