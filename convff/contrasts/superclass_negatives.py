"""Wrong labels from the superclass of the right one: of many classes, a random wrong one is nearly always easy."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from convff.contrasts.weighted import check_classes, check_count, draw_wrong, uniform_wrong
from convff.data import check_superclasses


def superclass_probabilities(superclasses: tuple[int, ...], share: float) -> Tensor:
    """Return the probability of each wrong class: `share / m` more within the superclass, `(1 - share) / (K - 1)` each.

    m is the number of wrong classes in the superclass of the right one. Where there is none, all wrong classes are
    equally likely.

    Args:
        superclasses: superclass of each of K classes.
        share: how often the wrong class is drawn from the superclass alone, in [0, 1].

    Returns:
        float64 `[K, K]`, of wrong class j for right class y at `[y, j]`; 0 on the diagonal.

    Example:
        >>> superclass_probabilities((0, 0, 1, 1), share=0.5)[0]
        tensor([0.0000, 0.6667, 0.1667, 0.1667], dtype=torch.float64)
    """
    of = torch.tensor(superclasses)
    siblings = (of[:, None] == of).double().fill_diagonal_(0)
    uniform, number = uniform_wrong(len(of)), siblings.sum(dim=1, keepdim=True)
    return torch.where(number > 0, share * siblings / number.clamp_min(1) + (1 - share) * uniform, uniform)


@dataclass(frozen=True, kw_only=True)
class SuperclassNegatives:
    """A wrong class of the same superclass with probability `share`, else any wrong class with equal probability.

    Several wrong classes of an image are different: each is drawn so from those that are left.

    Args:
        superclasses: superclass of each class, indices 0 to S - 1.
        count: wrong labels per image.
        share: in [0, 1].

    Raises:
        ValueError: a number out of range, or fewer than `count` wrong classes can be drawn.

    Example:
        >>> negatives = SuperclassNegatives(superclasses=(0, 0, 1, 1), share=1.0)
        >>> negatives(torch.tensor([0, 1, 2, 3]), 4, torch.Generator()).flatten()
        tensor([1, 0, 3, 2])

    Reference:
        The superclasses of CIFAR-100 are published with it (Krizhevsky 2009). Drawing wrong labels from them is ours.
    """

    superclasses: tuple[int, ...]
    count: int = 1
    share: float = 0.5
    _probabilities: Tensor = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_superclasses(self.superclasses, len(self.superclasses))
        check_count(self.count, len(self.superclasses))
        if not 0 <= self.share <= 1:
            raise ValueError(f"share must be in [0, 1], got {self.share}")
        probabilities = superclass_probabilities(self.superclasses, self.share)
        fewest = int((probabilities > 0).sum(dim=1).min())
        if self.count > fewest:
            raise ValueError(
                f"{self.count} wrong labels per image, but a superclass has {fewest} wrong classes: use share < 1"
            )
        object.__setattr__(self, "_probabilities", probabilities.float())

    def __call__(self, classes: Tensor, num_classes: int, generator: torch.Generator) -> Tensor:
        """Return wrong classes, int64 `[B, count]`, on the device of `classes`.

        Raises:
            ValueError: there are superclasses for another number of classes.
        """
        check_classes(num_classes, len(self.superclasses))
        return draw_wrong(self._probabilities, classes, self.count, generator)
