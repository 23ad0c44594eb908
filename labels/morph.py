"""Morphology labels, `z = (1 - K) image + K T_k(image)`: each class is a fixed chain of transformations of the image.

Scodellaro et al. 2025, "Spatially-extended labeling".
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from labels.base import check_intensity, check_labelled
from labels.fields import class_count, finite, listed
from labels.operators import LINES, OPERATORS, check_step

# One step of a chain: an operator's name and its arguments, e.g. ("shift", 2, 0).
Step = tuple[Any, ...]
Chain = tuple[Step, ...]

# Displacements (dx, dy) that stay within a 7 x 7 filter, no two of them opposite. Two pixels come first: one is hard to
# tell from blur, three need a larger filter.
DISPLACEMENTS = (
    *((2, 0), (0, 2), (2, 2), (2, -2)),
    *((1, 0), (0, 1), (1, 1), (1, -1)),
    *((3, 0), (0, 3), (3, 3), (3, -3)),
    *((2, 1), (1, 2), (2, -1), (1, -2)),
    *((3, 1), (1, 3), (3, -1), (1, -3)),
    *((3, 2), (2, 3), (3, -2), (2, -3)),
)
# What is displaced: the image and its negative; then its edges and their negative; then its bright details.
COPIES: tuple[tuple[Chain, ...], ...] = (
    ((), (("invert",),)),
    ((("gradient", 3),), (("gradient", 3), ("invert",))),
    ((("top_hat", 5),),),
)


def morph_set_1(num_classes: int) -> tuple[Chain, ...]:
    """Return label set "1": displaced copies of the image and its negative; beyond 48 classes, of edges and details.

    The paper's list of transformations is not public: this set is our reconstruction. An echo of the image makes two
    points a fixed distance apart alike (or, for the negative, unlike), which a filter can see wherever it lies. Of the
    sets that we tried on CIFAR-10, networks learned most from this one.

    Args:
        num_classes: number of chains, at most 120.

    Returns:
        One chain per class. A larger set begins with the chains of a smaller one.

    Raises:
        ValueError: more than 120 classes.

    Example:
        >>> morph_set_1(3)
        ((('shift', 2, 0),), (('invert',), ('shift', 2, 0)), (('shift', 0, 2),))

    Reference:
        Scodellaro et al. 2025, "Spatially-extended labeling"; the set is our reconstruction.
    """
    chains = tuple(
        (*copy, ("shift", *displacement)) for copies in COPIES for displacement in DISPLACEMENTS for copy in copies
    )
    if num_classes > len(chains):
        raise ValueError(
            f"num_classes must be at most {len(chains)} for set 1, got {num_classes}; pass `chains` of your own"
        )
    return chains[:num_classes]


# A candidate begins with nothing, an operator that keeps the picture, or one that keeps only its details.
PICTURES = ("erode", "dilate", "open", "close")
DETAILS = ("gradient", "top_hat", "black_hat")
SHAPES = ("square", "cross", *LINES)
SIZES = (3, 5)
# Details are faint: without a gain, their labels would all just fade the image, and be one label in effect.
GAINS = (2.0, 4.0, 8.0)


def random_chains(n: int, seed: int) -> tuple[Chain, ...]:
    """Draw N different chains at random: an operator or none, its negative or not, and a displacement.

    The order is fixed (operator, negative, displacement), because another order would give the same effect under
    another name: a dilation of the negative is the negative of an erosion, and a displacement commutes with all
    operators except at the borders. Every candidate is displaced, within a 7 x 7 filter: of the labels that we tried,
    networks learned most from displaced copies.

    Args:
        n: number of chains.
        seed: seed of the draw.

    Raises:
        ValueError: `n` below 1, or above the number of different chains.

    Example:
        >>> random_chains(1, 0)
        ((('gradient', 5, 'square'), ('gain', 8.0), ('invert',), ('shift', 3, 2)),)
    """
    shapes = [(size, shape) for size in SIZES for shape in SHAPES]
    pictures: list[Chain] = [(), *(((name, *shape),) for name in PICTURES for shape in shapes)]
    details: list[Chain] = [((name, *shape), ("gain", gain)) for name in DETAILS for shape in shapes for gain in GAINS]
    chains = [
        (*beginning, *tone, ("shift", *displacement))
        for beginning in pictures + details
        for tone in ((), (("invert",),))
        for displacement in DISPLACEMENTS
    ]
    if not 1 <= n <= len(chains):
        raise ValueError(f"n must be in [1, {len(chains)}], the number of different chains, got {n}")
    order = torch.randperm(len(chains), generator=torch.Generator().manual_seed(seed))
    return tuple(chains[i] for i in order[:n].tolist())


def run_chains(chains: tuple[Chain, ...], images: Tensor) -> Iterator[Tensor]:
    """Yield `T(images)` for each chain in turn; common beginnings are computed once.

    Example:
        >>> next(run_chains(((("invert",), ("invert",)),), torch.ones(1, 1, 2, 2))).min()
        tensor(1.)
    """
    done: dict[Chain, Tensor] = {(): images}
    for chain in chains:
        for length in range(1, len(chain)):
            if chain[:length] not in done:
                done[chain[:length]] = apply_step(chain[length - 1], done[chain[: length - 1]])
        yield apply_step(chain[-1], done[chain[:-1]]) if chain else images


def apply_step(step: Step, images: Tensor) -> Tensor:
    """Apply one operator with its arguments to images `[B, C, H, W]`.

    Example:
        >>> apply_step(("contrast", 0.5), torch.ones(1, 1, 1, 1)).item()
        0.75
    """
    name, *arguments = step
    return OPERATORS[name](images, *arguments)


class MorphLabels:
    """Mixes a transformed copy of the image into it: `z = (1 - K) image + K T_k(image)`, T_k the chain of class k.

    Args:
        num_classes: number of classes.
        intensity: the paper's K, the label's share of the total intensity, in [0, 1].
        chains: one per class, further ones are ignored; `morph_set_1` if omitted.

    Raises:
        ValueError: fewer chains than classes, an unknown operator, or K outside [0, 1].

    Example:
        >>> labels = MorphLabels(10)
        >>> labels(torch.rand(2, 3, 32, 32), torch.tensor([[3, 7], [1, 0]])).shape
        torch.Size([2, 2, 3, 32, 32])

    Reference:
        Scodellaro et al. 2025, "Spatially-extended labeling". Its list of transformations is not public: operators,
        chains and the mixing are our reconstruction.
    """

    def __init__(self, num_classes: int, *, intensity: float = 0.3, chains: tuple[Chain, ...] | None = None) -> None:
        self.chains = morph_set_1(num_classes) if chains is None else tuple(chains[:num_classes])
        if len(self.chains) < num_classes:
            raise ValueError(f"{num_classes} classes need one chain each, got {len(self.chains)} chains")
        for chain in self.chains:
            for step in chain:
                check_step(step)
        self.num_classes = num_classes
        self.intensity = check_intensity(intensity)

    def transform(self, images: Tensor, label: int) -> Tensor:
        """Return `T_label(images)` for images `[B, C, H, W]`, without mixing."""
        for step in self.chains[label]:
            images = apply_step(step, images)
        return images

    def of_class(self, images: Tensor, label: int) -> Tensor:
        """Return images `[B, C, H, W]` with one label, `z = (1 - K) image + K T_label(image)`.

        Example:
            >>> labels, images = MorphLabels(3), torch.rand(2, 1, 8, 8)
            >>> torch.equal(labels.of_class(images, 2), labels(images, torch.tensor([2, 2])))
            True
        """
        return torch.lerp(images, self.transform(images, label), self.intensity)

    def __call__(self, images: Tensor, classes: Tensor) -> Tensor:
        """See `labels.base.LabelGenerator`."""
        check_labelled(images, classes, self.num_classes)
        columns = classes.reshape(len(images), -1)  # (B, P)
        labelled = torch.empty(
            (columns.numel(), *images.shape[1:]),
            dtype=images.dtype,
            device=images.device,
        )
        flat = columns.flatten()
        # One chain at a time, for all images of the batch with its label.
        order = flat.argsort(stable=True)
        ends = torch.bincount(flat, minlength=self.num_classes).cumsum(0).tolist()
        start = 0
        for label, end in enumerate(ends):
            if end > start:
                places = order[start:end]
                chosen = images[places // columns.shape[1]]
                labelled[places] = self.of_class(chosen, label)
            start = end
        return labelled.view(*classes.shape, *images.shape[1:])

    def neutral(self, images: Tensor) -> Tensor:
        """Return the images unchanged. The choice is ours."""
        return images

    def patterns(self, image: Tensor) -> Tensor:
        """Return the transformed copies `[K, C, H, W]` of an image `[C, H, W]`."""
        return torch.cat([self.transform(image[None], label) for label in range(self.num_classes)])

    def channels(self, image_channels: int) -> int:
        """Return the number of channels of the image."""
        return image_channels

    def spec(self) -> dict[str, Any]:
        """Return JSON-ready arguments."""
        return {
            "family": "morph",
            "num_classes": self.num_classes,
            "intensity": self.intensity,
            "chains": [[list(step) for step in chain] for chain in self.chains],
        }

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> "MorphLabels":
        """Build a generator from its `spec()`."""
        chains = tuple(
            tuple(tuple(listed(spec, "chains", step)) for step in listed(spec, "chains", chain))
            for chain in listed(spec, "chains")
        )
        return cls(class_count(spec), intensity=finite(spec, "intensity"), chains=chains)

    @staticmethod
    def candidates(n: int, seed: int) -> tuple[Chain, ...]:
        """Draw N random chains to choose from, no two with the same effect; see `random_chains`.

        Example:
            >>> MorphLabels(20, chains=MorphLabels.candidates(20, 0)).num_classes
            20
        """
        return random_chains(n, seed)
