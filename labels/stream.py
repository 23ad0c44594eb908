"""Labels as separate images, which a label stream sends through the network beside the images."""

from typing import Any

from torch import Tensor

from labels.base import LabelGenerator, check_labelled


class StreamLabels:
    """One image per label, made of another family's patterns; the images themselves carry no label.

    Not in `LABELS`: it writes nothing into images, and is for networks that see images and label images side by side.

    Args:
        family: labels that add a pattern to all of an image's channels, e.g. `FourierLabels`.

    Raises:
        ValueError: labels that depend on the image, that add channels to it, or that learn.

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
                f"a label stream needs a fixed image per label, which {type(family).__name__} does not have: "
                "use labels that add a pattern to all channels, e.g. Fourier labels"
            )
        self.family = family
        self.num_classes = family.num_classes

    def __call__(self, images: Tensor, classes: Tensor) -> Tensor:
        """Return the label images of the classes, whatever the images; see `labels.base.LabelGenerator`."""
        check_labelled(images, classes, self.num_classes)
        return self.label_images(images)[classes]

    def label_images(self, images: Tensor) -> Tensor:
        """Return the image of every label, `[K, C, H, W]`; only shape, dtype and device of the images matter."""
        label_images: Tensor = self.family.summands(images)
        return label_images

    def neutral(self, images: Tensor) -> Tensor:
        """Return the images unchanged."""
        return images

    def patterns(self, image: Tensor) -> Tensor:
        """Return the patterns of the family."""
        return self.family.patterns(image)

    def channels(self, image_channels: int) -> int:
        """Return the number of channels of the image."""
        return image_channels

    def spec(self) -> dict[str, Any]:
        """Return JSON-ready arguments; `labels.labels_from_spec` builds the generator again."""
        return {"family": "stream", "num_classes": self.num_classes, "of": self.family.spec()}
