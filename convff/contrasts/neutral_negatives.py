"""Wrong labels that the network's own softmax takes for the right one, in a pass of the image without a label."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from convff.contrasts.weighted import check_count


def draw_by_scores(scores: Tensor, classes: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Draw different wrong classes for each image, one after another, in proportion to `exp(score)`.

    Wrong class j arrives after `E_j / exp(score_j)`, where E_j is exponential with mean 1; the first to arrive has the
    probabilities of a softmax over the wrong classes, and so on among the rest (the Gumbel top-k trick). Logarithms of
    the times are compared, so no score is too small. The right class takes no part: it is never drawn.

    Args:
        scores: logarithms of weights, up to a constant per image, `[B, K]`.
        classes: right classes, int64 `[B]`.
        count: wrong classes per image.
        generator: the source of the draw, on the CPU; one number per image and wrong class, in the order right class
            plus 1, plus 2, ... modulo K.

    Returns:
        int64 `[B, count]`, on the device of `classes`.

    Example:
        >>> scores = torch.tensor([[0.0, 0.0, 99.0], [0.0, 99.0, 0.0]])
        >>> draw_by_scores(scores, torch.tensor([1, 1]), 1, torch.Generator().manual_seed(0)).flatten()
        tensor([2, 2])
    """
    total = scores.shape[1]
    wrong = (classes[:, None] + torch.arange(1, total, device=classes.device)) % total  # (B, K - 1)
    drawn = torch.rand(wrong.shape, generator=generator)
    waiting = (-torch.log1p(-drawn)).clamp_min(torch.finfo(drawn.dtype).tiny).to(scores.device)
    arrival = waiting.to(scores.dtype).log() - scores.gather(1, wrong)
    return wrong.gather(1, arrival.topk(count, dim=1, largest=False).indices)


@dataclass(frozen=True)
class NeutralNegatives:
    """Hard negatives: wrong label j in proportion to the probability that a readout gives it, `exp(z_j / t)`.

    z are the scores of the image without a label (its neutral pass), by the readout that is trained beside the blocks,
    from before the batch's update. Only data are chosen by it: no weight of a block sees them.

    Args:
        count: wrong labels per image, all different.
        temperature: t; 1 in the paper. The larger, the more alike are the probabilities.

    Raises:
        ValueError: a number is out of range, or when called, there are fewer wrong classes or no scores.

    Example:
        >>> negatives = NeutralNegatives()
        >>> scores = torch.tensor([[9.0, 99.0, 0.0]])  # right class 1, taken for class 0 rather than 2
        >>> negatives(torch.tensor([1]), 3, torch.Generator().manual_seed(0), scores)
        tensor([[0]])

    Reference:
        Hinton 2022, section 3.3: "hard negative labels" from a forward pass with a neutral label.
    """

    wants_scores: ClassVar[bool] = True

    count: int = 1
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"an image needs at least 1 wrong label, got {self.count}")
        if not 0 < self.temperature < float("inf"):
            raise ValueError(f"temperature must be positive and finite, got {self.temperature}")

    def __call__(
        self, classes: Tensor, num_classes: int, generator: torch.Generator, scores: Tensor | None = None
    ) -> Tensor:
        """Return wrong classes, int64 `[B, count]`, on the device of `classes`, for class scores `[B, K]`."""
        check_count(self.count, num_classes)
        if scores is None:
            raise ValueError("wrong labels from the neutral pass need the scores of a readout beside the blocks")
        precise = scores.to(torch.promote_types(scores.dtype, torch.float32))
        return draw_by_scores(precise / self.temperature, classes, self.count, generator)
