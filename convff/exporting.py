"""A trained network as one module or one graph: images in, class scores out, for other programs."""

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from convff.evaluations import EVALUATIONS
from convff.reasons import reason
from convff.ways import chosen

if TYPE_CHECKING:
    from convff.classifier import Classifier

LEAST_TORCH = "2.8"
"""The oldest PyTorch whose graphs are known to hold any number of images, and to be read again from a file."""


class Scores(nn.Module):
    """Class scores `[N, K]`, float32, of float images `[N, C, H, W]` in [0, 1]: a classifier's, in tensor operations.

    Args:
        model: the classifier, whose network and device are used.
        evaluation: whose scores; a name in `model.ways`.

    Attributes:
        evaluation: as given.
        class_names: the names of the columns.
        image_shape: C, H and W.
    """

    def __init__(self, model: "Classifier", evaluation: str) -> None:
        super().__init__()
        self.net = model.net
        self.beside = nn.ModuleDict(model.modules)
        self.run = replace(model.run, precision="float32")
        self.evaluation = evaluation
        self.class_names, self.image_shape = model.class_names, model.image_shape
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """Return the scores; a class that a readout did not name as a candidate has minus infinity."""
        found = EVALUATIONS[self.evaluation]
        score = found.traced or found.scores
        assert score is not None
        return score(self.net, self.run, images).float()

    def graph(self) -> torch.export.ExportedProgram:
        """Return the graph of the scores for any number of images.

        Raises:
            ValueError: a part computes what no graph can hold; the message names the parts and what PyTorch found.
        """
        like = next(self.parameters())
        images = torch.zeros(3, *self.image_shape, device=like.device)
        batch = torch.export.Dim("batch", min=1)
        try:
            with torch.no_grad():
                return torch.export.export(self, (images,), dynamic_shapes=({0: batch},), strict=False)
        except Exception as error:  # PyTorch raises many kinds, most of them its own
            run = self.run
            parts = ", ".join(type(part).__name__ for part in (self.net, run.labels, run.rule))
            older = "" if can_export() else f"PyTorch {LEAST_TORCH} or later may: this is {torch.__version__}; "
            raise ValueError(
                f"{self.evaluation} of {parts} cannot be exported as a graph ({older}{reason(error)})"
            ) from error


def can_export() -> bool:
    """Return whether this PyTorch is `LEAST_TORCH` or later.

    Example:
        >>> can_export() == (torch.torch_version.TorchVersion(torch.__version__) >= "2.8")
        True
    """
    return torch.torch_version.TorchVersion(torch.__version__) >= LEAST_TORCH


def require_export() -> None:
    """Raise unless graphs of this PyTorch can be written to a file and read again.

    Raises:
        ValueError: it is older than `LEAST_TORCH`; the message names both.
    """
    if not can_export():
        raise ValueError(f"export needs PyTorch {LEAST_TORCH} or later: this is {torch.__version__}")


def exported(model: "Classifier", *, by: str | None = None) -> Scores:
    """Return the scores of a classifier as a module that PyTorch can trace, for `torch.export` or ONNX.

    Args:
        model: the classifier.
        by: whose scores; see `Classifier.predict`. Scores of labels in the image try all labels within the module.

    Raises:
        ValueError: no such scores.

    Example:
        >>> from convff import AtOutput, Classifier, ForwardForward, cnn3
        >>> from labels import NoLabels
        >>> rule, net = ForwardForward(label_at=AtOutput(2)), cnn3((1, 8, 8), width=4, kernel=3)
        >>> model = Classifier(net, NoLabels(2), rule, class_names=("cat", "dog"), image_shape=(1, 8, 8))
        >>> images = torch.rand(3, 1, 8, 8)
        >>> torch.allclose(exported(model)(images), model.scores(images))
        True
        >>> exported(model).graph().module()(images[:1]).shape
        torch.Size([1, 2])
    """
    return Scores(model, chosen(model.ways, by))
