"""CentredCAM: what the activity of an image adds to the score of the usual activity."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cam.functional import Target, regions, target_gradient
from cam.linear_cam import LinearCAM, LinearlyRead
from cam.recorder import Recorder


def usual_activity(model: nn.Module, images: Tensor, *, batch: int = 100) -> list[Tensor]:
    """Return the mean activity `[C, h, w]` of every layer that a readout reads, over images `[N, C, H, W]`.

    Args:
        model: as for `LinearCAM`.
        images: e.g. a thousand training images.
        batch: number of images per pass.
    """
    read: LinearlyRead = model  # type: ignore[assignment]
    recorder = Recorder(model, read.layers, needs_graph=False)
    sums: list[Tensor] = []
    for part in images.split(batch):
        recorder(part)
        sums = [
            a.sum(dim=0) + (sums[place] if sums else 0)  # batch by batch, so that memory does not grow
            for place, a in enumerate(recorder.activations)
        ]
    recorder.release()
    return [each / len(images) for each in sums]


class CentredCAM(LinearCAM):
    """Readout weight times activity, measured from the usual activity: `M_l[y, x] = sum_c W_klcyx (a - a_usual)_lcyx`.

    `LinearCAM` measures from zero activity, so its maps hold, beside what is special about an image, what every image
    adds at that position. A readout that was fitted to standardised features depends on the difference from the mean.
    Here the usual part goes into the bias, which is the score of the usual activity: the maps and the bias still sum
    to the score.

    Args:
        model: as for `LinearCAM`.
        target_layers: some or all of `model.layers`.
        reshape_transform: must be None; present only because grad-cam's classes have it.
        usual: the usual activity `[C, h, w]` of each of `model.layers`, from `usual_activity`.

    Raises:
        ValueError: not one usual activity for each of `model.layers`.

    Example:
        >>> from cam import ReadoutModel
        >>> from convff import LinearReadout, cnn3
        >>> from labels import FourierLabels
        >>> net, images = cnn3((1, 8, 8), width=4, kernel=3), torch.rand(9, 1, 8, 8)
        >>> model = ReadoutModel(LinearReadout(net, FourierLabels(3, (8, 8)), (1, 8, 8)))
        >>> _ = torch.nn.init.normal_(model.linear.weight)
        >>> maps = CentredCAM(model, model.layers, usual=usual_activity(model, images)).maps(images[:2])
        >>> torch.allclose(maps.shares().sum(dim=1) + maps.bias, maps.scores, atol=1e-5)
        True

    Reference:
        Our own; for a linear readout the same as DeepLIFT, Shrikumar et al. 2017, with the usual activity as reference.
    """

    def __init__(
        self,
        model: nn.Module,
        target_layers: Sequence[nn.Module],
        reshape_transform: None = None,
        *,
        usual: Sequence[Tensor],
    ) -> None:
        super().__init__(model, target_layers, reshape_transform)
        if len(usual) != len(self.read.layers):
            raise ValueError(
                f"there must be one usual activity for each of {len(self.read.layers)} layers that are read"
            )
        self.usual = list(usual)

    @torch.no_grad()
    def layer_maps(
        self, activations: Sequence[Tensor], outputs: Tensor, targets: Sequence[Target]
    ) -> tuple[list[Tensor], Tensor]:
        """See `SignedCAM`."""
        usual = [each.to(a) for each, a in zip(self.usual, activations, strict=True)]
        maps, _ = super().layer_maps([a - each for a, each in zip(activations, usual, strict=True)], outputs, targets)
        features = torch.cat([regions(each[None], self.read.grid).flatten() for each in usual])
        return maps, target_gradient(outputs, targets) @ self.read.linear(features)
