"""Labels in a stream of their own: the agreement of images and label images, and where it comes from."""

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from cam.functional import mean_contribution
from cam.models import Labels, Net
from cam.modes import evaluating
from cam.share_cam import ShareCAM, ShareModel


class StreamBlock(Protocol):
    """A block that normalises label images with separate statistics."""

    def normalised(self, x: Tensor, stream: int = 0) -> Tensor:
        """Return the layer's input for the raw input `[N, ...]`, whose last `stream` rows are label images."""
        ...

    def activity(self, x: Tensor) -> Tensor:
        """Return the activity for an input `[N, ...]` that is already normalised."""
        ...


class StreamNet(Net, Protocol):
    """Blocks that can be visited one by one."""

    def route(self, x: Tensor, visit: Callable[[int, StreamBlock, Tensor], Tensor], stop: int | None = None) -> None:
        """Call `visit(index, block, raw_input)`, which returns the activity, for the first `stop` blocks in turn."""
        ...


class LabelImages(Labels, Protocol):
    """Labels that are separate images."""

    def label_images(self, images: Tensor) -> Tensor:
        """Return the image of every label `[K, C, H, W]`; only shape, dtype and device of the images matter."""
        ...


class StreamModel(ShareModel):
    """Agreement of an image's activity with the activity of each label's image: the scores of a label stream.

    With activity a of an image and t_k of label k's image, a block of n units adds `1/n <a, t_k>` to score k. At
    every call, label images go through the network with its current weights: nothing is cached. The score depends on an
    image only through `a`; there is no gradient through the label images.

    Args:
        net: the network.
        labels: makes the label images, e.g. `labels.StreamLabels`.
        image_shape: `(C, H, W)`.
        first: index of the first block that counts.
        contribution: returns what each unit of an activity adds to the goodness: `mean_contribution` as above, or
            `sum_contribution` without the 1/n.

    Attributes:
        layers: the blocks that count: the target layers of `StreamCAM`. Their activity is the images'.
        contribution: as given.

    Raises:
        ValueError: `first` outside [0, number of blocks).

    Example:
        >>> from convff import cnn3
        >>> from labels import FourierLabels, StreamLabels
        >>> labels = StreamLabels(FourierLabels(3, (8, 8)))
        >>> model = StreamModel(cnn3((1, 8, 8), width=4, kernel=3), labels, (1, 8, 8))
        >>> model(torch.rand(5, 1, 8, 8)).shape, len(model.layers)
        (torch.Size([5, 3]), 2)

    Reference:
        Kohan, Rietman & Siegelmann 2022, "Signal Propagation", for the two streams.
    """

    net: StreamNet
    labels: LabelImages

    def __init__(
        self,
        net: StreamNet,
        labels: LabelImages,
        image_shape: tuple[int, int, int],
        *,
        first: int = 1,
        contribution: Callable[[Tensor], Tensor] = mean_contribution,
    ) -> None:
        super().__init__(net, labels, first=first)
        self.image_shape = image_shape
        self.contribution = contribution

    def scores(self, counted: Sequence[Tensor]) -> Tensor:
        """See `ShareModel`."""
        by_block = [
            a.flatten(1) @ self._weighed(t).flatten(1).T
            for a, t in zip(counted, self.label_activities()[self.first :], strict=True)
        ]
        return torch.stack(by_block).sum(dim=0)

    def shares(self, layer: nn.Module, a: Tensor, mixing: Tensor) -> Tensor:
        """See `ShareModel`."""
        t = self._weighed(self.label_activities(stop=self.first + self.place(layer) + 1)[-1])
        return (a * torch.einsum("bk,k...->b...", mixing, t)).sum(dim=1)

    @torch.no_grad()
    def label_activities(self, stop: int | None = None) -> list[Tensor]:
        """Return the activity of the label images `[K, ...]` in the first `stop` blocks; in all if omitted."""
        like = next(self.parameters())
        labels = self.labels.label_images(like.new_zeros(1, *self.image_shape))
        # A block takes a stream only after an image. Which image it is makes no difference to the stream.
        rows = torch.cat([labels[:1], labels])
        found: list[Tensor] = []

        def visit(index: int, block: StreamBlock, h: Tensor) -> Tensor:
            a = block.activity(block.normalised(h, len(labels)))  # calls no hook: a recorder sees only images
            found.append(a[1:])
            return a

        with evaluating(self):
            self.net.route(rows, visit, stop)
        return found

    def _weighed(self, t: Tensor) -> Tensor:
        """Return activities of the label images times the weight of a unit: 1/n, or 1."""
        return t * self.contribution(torch.ones_like(t[:1]))


class StreamCAM(ShareCAM):
    """The share of each position in the agreement of an image with a label's image.

    The agreement is a sum over units, `1/n sum_cyx a_cyx t_kcyx`, so `M_kl[y, x] = 1/n sum_c a_lcyx t_klcyx` sums to
    it, and the maps of all blocks that count sum to the score of label k. As a and t_k are at least 0, the map of one
    label is never negative; the map of `GoodnessDifference(a, b)` is positive where the image agrees more with label a.

    Args:
        model: a `StreamModel`.
        target_layers: some or all of `model.layers`.
        reshape_transform: must be None; present only because grad-cam's classes have it.

    Raises:
        ValueError: see `ShareCAM`.

    Example:
        >>> from cam import GoodnessDifference
        >>> from convff import cnn3
        >>> from labels import FourierLabels, StreamLabels
        >>> labels = StreamLabels(FourierLabels(3, (8, 8)))
        >>> model = StreamModel(cnn3((1, 8, 8), width=4, kernel=3), labels, (1, 8, 8))
        >>> maps = StreamCAM(model, model.layers).maps(torch.rand(2, 1, 8, 8), [GoodnessDifference(0, 1)] * 2)
        >>> torch.allclose(maps.shares().sum(dim=1), maps.scores, atol=1e-5)
        True

    Reference:
        Our own, by the argument of LinearCAM: the activity of the label weights the activity of the image.
    """
