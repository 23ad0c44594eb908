"""Labels as images of their own, beside the images: what a label stream sends through the network."""

from typing import Any

from torch import Tensor

from labels.base import LabelGenerator, check_labelled


class StreamLabels:
    """An image for each label, made of another family's patterns; the images themselves carry nothing.

    It is no row of `LABELS`: it puts nothing into an image, and serves a network that sees both side by side.

    Args:
        family: labels that add a pattern to an image of as many channels, e.g. `FourierLabels`.

    Raises:
        ValueError: labels that are made of the image, that add channels to it, or that learn.

    Example:
        >>> import torch
        >>> from labels import FourierLabels
        >>> labels, images = StreamLabels(FourierLabels(5, (8, 8))), torch.rand(2, 3, 8, 8)
        >>> labels.label_images(images).shape, torch.equal(labels.neutral(images), images)
        (torch.Size([5, 3, 8, 8]), True)

    Reference:
        Kohan, Rietman & Siegelmann 2022, "Signal Propagation"; waves as the label images are ours.
    """

    def __init__(self, family: LabelGenerator) -> None:
        if not hasattr(family, "summands") or hasattr(family, "grads") or family.channels(3) != 3:
            raise ValueError(
                f"a stream of labels needs a fixed image for each label, which {type(family).__name__} does not have: "
                "take labels that add a pattern to all channels, e.g. Fourier labels"
            )
        self.family = family
        self.num_classes = family.num_classes

    def __call__(self, images: Tensor, classes: Tensor) -> Tensor:
        """Return the label images of the classes alone, whatever the images: see `labels.base.LabelGenerator`."""
        check_labelled(images, classes, self.num_classes)
        return self.label_images(images)[classes]

    def label_images(self, images: Tensor) -> Tensor:
        """Return the image of every label, `[K, C, H, W]`; of the images only shape, dtype and device matter."""
        label_images: Tensor = self.family.summands(images)
        return label_images

    def neutral(self, images: Tensor) -> Tensor:
        """Return the images themselves."""
        return images

    def patterns(self, image: Tensor) -> Tensor:
        """Return those of the family."""
        return self.family.patterns(image)

    def channels(self, image_channels: int) -> int:
        """Return the number of channels of the image."""
        return image_channels

    def spec(self) -> dict[str, Any]:
        """Return JSON-ready arguments; `labels.labels_from_spec` builds the generator again."""
        return {"family": "stream", "num_classes": self.num_classes, "of": self.family.spec()}
