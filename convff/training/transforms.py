"""Transforms of torchvision as augmentation: random, but by the key of the step alone."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from convff.training.augment import Augmentation

SEEDS = 2**62


def from_torchvision(transform: Callable[[Tensor], Any], *, per_image: bool = True) -> Augmentation:
    """Return an augmentation that applies a transform of torchvision, also a `Compose`.

    Transforms draw from PyTorch's global generator. It is seeded with the key of each step and restored, so that the
    same step always has the same images, and nothing else notices. Other global generators, such as Python's `random`,
    are not seeded.

    Args:
        transform: from float images in [0, 1] to float images of the same shape, `[C, H, W]`, or `[B, C, H, W]` if not
            `per_image`.
        per_image: each image has draws of its own. If not, the transform is called once with the whole batch, which
            is faster; most transforms then do the same to all of its images.

    Raises:
        ValueError: when it is used: the transform changes the shape or type of images. Then put `v2.ToDtype` or a
            resizing one elsewhere.

    Example:
        >>> from torchvision.transforms import v2
        >>> augment = from_torchvision(v2.Compose([v2.RandomHorizontalFlip(), v2.RandomCrop(8, padding=1)]))
        >>> images = torch.rand(4, 3, 8, 8)
        >>> first, again = (augment(images, torch.Generator().manual_seed(0)) for _ in range(2))
        >>> first.shape, torch.equal(first, again)
        (torch.Size([4, 3, 8, 8]), True)
    """

    def augmented(images: Tensor, generator: torch.Generator) -> Tensor:
        seed = int(torch.randint(SEEDS, (), generator=generator))
        with torch.random.fork_rng(devices=[images.device] if images.device.type == "cuda" else []):
            _seed(images.device, seed)
            changed = torch.stack([transform(image) for image in images]) if per_image else transform(images)
        if not isinstance(changed, Tensor) or (changed.shape, changed.dtype) != (images.shape, images.dtype):
            raise ValueError(
                f"the transform must keep shape and type of images, {list(images.shape)} {images.dtype}, got "
                f"{list(getattr(changed, 'shape', []))} {getattr(changed, 'dtype', type(changed).__name__)}"
            )
        return changed.contiguous(memory_format=torch.channels_last)

    return augmented


def _seed(device: torch.device, seed: int) -> None:
    """Seed the global generators of the CPU and of one device, and no other."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        index = torch.cuda.current_device() if device.index is None else device.index
        torch.cuda.default_generators[index].manual_seed(seed)
