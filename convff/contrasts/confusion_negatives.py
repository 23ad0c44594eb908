"""Wrong labels that the network itself takes for the right one, by a running table of the passes already made.

Only data are selected by it: no weight update sees the table, so every update stays local to its block. The table
joins the goodness of all blocks, so the *draw* of a later step depends on all of them.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from convff.contrasts.base import Layout
from convff.contrasts.weighted import check_classes, check_count, draw_wrong, uniform_wrong

LARGEST = 20.0  # of an exponent: a single pass must not outweigh all others
LEAST = 1e-20  # a total weight this small no longer decays: the mean of a pair that is hardly drawn stays defined


def pass_odds(goodness: Tensor, scale: float) -> Tensor:
    """Return the odds of each wrong label against the right one, `exp(s (g_j - g_y))`, at most `exp(LARGEST)`.

    Relative to the right label of the same image, so that an image with much activity counts no more than others.

    Args:
        goodness: `[B, P]`, the right label first.
        scale: steepness s.

    Returns:
        `[B, P - 1]`.

    Example:
        >>> pass_odds(torch.tensor([[2.0, 2.0, 1.0]]), scale=1.0)
        tensor([[1.0000, 0.3679]])
    """
    return (scale * (goodness[:, 1:] - goodness[:, :1])).clamp_max(LARGEST).exp()


def confusion(odds: Tensor, passes: Tensor, uniform: float) -> Tensor:
    """Return the probability of each wrong label, `q(j | y) ~ mean odds of (y, j)`, mixed with equal probabilities.

    Args:
        odds: decayed sum of odds over the passes of right class y with wrong label j, `[K, K]`.
        passes: decayed number of these passes, positive, `[K, K]`.
        uniform: share of equal probabilities, in [0, 1].

    Returns:
        `[K, K]`; 0 on the diagonal.

    Example:
        >>> odds, passes = torch.tensor([[0.0, 3.0, 2.0]] * 3), torch.tensor([[1.0, 1.0, 2.0]] * 3)
        >>> confusion(odds, passes, uniform=0.0)[0]
        tensor([0.0000, 0.7500, 0.2500])
    """
    mean = (odds / passes).fill_diagonal_(0)
    equal = uniform_wrong(len(odds)).to(mean)
    return (1 - uniform) * mean / mean.sum(dim=1, keepdim=True) + uniform * equal


class Totals(NamedTuple):
    """What a step adds to the table of a `[K, K]` pair (right class, wrong label).

    Args:
        odds: sum of the odds over the passes of each pair.
        passes: their number.
    """

    odds: Tensor
    passes: Tensor


def step_totals(labels: Tensor, odds: Tensor, num_classes: int) -> Totals:
    """Return the sums of a step, as matrix products: sums in no fixed order would differ from run to run on a GPU.

    Args:
        labels: the label of each pass, int64 `[B, P]`, the right one first.
        odds: of the wrong labels `[B, P - 1]`.
        num_classes: number of classes K.

    Example:
        >>> step_totals(torch.tensor([[0, 1], [0, 1]]), torch.tensor([[1.0], [3.0]]), num_classes=2).odds
        tensor([[0., 4.],
                [0., 0.]])
    """
    right = F.one_hot(labels[:, 0], num_classes).to(odds.dtype).T  # (K, B)
    wrong = F.one_hot(labels[:, 1:], num_classes).to(odds.dtype)  # (B, P - 1, K)
    return Totals(right @ (wrong * odds[:, :, None]).sum(dim=1), right @ wrong.sum(dim=1))


class ConfusionNegatives:
    """Wrong label j of class y in proportion to the mean odds that its passes had, mixed with equal probabilities.

        q(j | y) = (1 - u) mean exp(s (g_j - g_y)) / sum_j' mean exp(s (g_j' - g_y)) + u / (K - 1)

    g is the mean over all blocks. Each step's passes weigh d times those of the next one. Before any pass all odds
    are 1, so labels that were never tried are tried soon.

    Args:
        num_classes: number of classes K.
        count: wrong labels per image, all different.
        scale: steepness s, as of the gate.
        uniform: share u of equal probabilities, in (0, 1]: without it, a label that looks easy is never tried again.
        decay: d, in [0, 1).

    Attributes:
        memory: the table: sums of `odds` and number of `passes`, `[K, K]` each, decayed.

    Raises:
        ValueError: a number out of range.

    Example:
        >>> negatives = ConfusionNegatives(num_classes=3, uniform=0.01)
        >>> for _ in range(500):  # class 0 is taken for class 2, hardly ever for class 1
        ...     labels = torch.tensor([[0, 1], [0, 2]])
        ...     negatives.observe(Layout(labels[:, 0], labels, 2), torch.tensor([[1.0, 0.5, 1.0, 1.0]]))
        >>> negatives(torch.zeros(5, dtype=torch.int64), 3, torch.Generator().manual_seed(0)).flatten()
        tensor([2, 2, 2, 2, 2])

    Reference:
        Hinton 2022, section 3.3, chooses wrong labels by what the network predicts in a pass of its own. A table of
        passes that are made anyway is ours: it costs nothing.
    """

    def __init__(
        self, num_classes: int, count: int = 1, *, scale: float = 32.0, uniform: float = 0.25, decay: float = 0.99
    ) -> None:
        check_count(count, num_classes)
        if not 0 < uniform <= 1 or not 0 <= decay < 1 or not scale > 0:
            raise ValueError(
                f"uniform must be in (0, 1], decay in [0, 1) and scale positive, got {uniform}, {decay} and {scale}"
            )
        self.num_classes, self.count, self.scale, self.uniform, self.decay = num_classes, count, scale, uniform, decay
        self.memory = {name: torch.ones(num_classes, num_classes) for name in ("odds", "passes")}

    def __call__(self, classes: Tensor, num_classes: int, generator: torch.Generator) -> Tensor:
        """Return wrong classes, int64 `[B, count]`, on the device of `classes`.

        Raises:
            ValueError: the table is for another number of classes.
        """
        check_classes(num_classes, self.num_classes)
        probabilities = confusion(self.memory["odds"], self.memory["passes"], self.uniform)
        return draw_wrong(probabilities, classes, self.count, generator)

    def observe(self, layout: Layout, goodness: Tensor) -> None:
        """Learn from a step.

        Args:
            layout: of its passes, with a right and a wrong label for each image.
            goodness: of every pass in every block, `[blocks, N]`.
        """
        assert layout.labels is not None
        with torch.autocast(goodness.device.type, enabled=False):
            by_pass = layout.by_image(goodness.float().mean(dim=0))  # (B, P)
            new = step_totals(layout.labels, pass_odds(by_pass, self.scale), self.num_classes)
        keep = torch.where(self.memory["passes"].to(new.passes) > LEAST, self.decay, 1.0)
        for name, added in new._asdict().items():
            self.memory[name] = keep * self.memory[name].to(added) + added
