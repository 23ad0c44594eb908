"""Which data sets presets mirror. Imports no torch."""

PHOTOGRAPHS = ("cifar10", "cifar100")
CLOTHES = ("fashion_mnist",)  # not digits and your own images, which mirroring may change


def flips_of(dataset: str, *, mirrored: tuple[str, ...] = PHOTOGRAPHS) -> str:
    """Return the augmentation that mirrors the images of a data set, or none where classes do not allow that.

    Args:
        dataset: name of the data set.
        mirrored: names of those that are mirrored.

    Example:
        >>> flips_of("cifar10"), flips_of("mnist")
        ('flips', 'none')
    """
    return "flips" if dataset in mirrored else "none"
