"""A trained network ready for use: class names of images, scores and maps, without any training data."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from convff.checkpoint import OWN, Checkpoint, save_checkpoint
from convff.data import as_floats
from convff.evaluations import EVALUATIONS
from convff.judged import context_for, no_images, notes_for, tensors_of, with_usual
from convff.labelling import Labels
from convff.machine.precision import fastest_precision
from convff.network import LayerLocalNet
from convff.pictures import image_batch
from convff.ways import chosen, ways_of

if TYPE_CHECKING:
    from convff.cam import Maps


class Classifier:
    """A trained network with its class names, and everything else that its predictions need.

    `load` makes one from a run or a file; the constructor makes one from a network that you have trained.

    Args:
        net: the network.
        labels: the label generator that it was trained with.
        rule: the rule that it was trained by.
        class_names: a name for each class.
        image_shape: channels, height and width of an image, without label.
        modules: what was trained or fitted beside the network: the trainer's `step.modules`, and a fitted
            `LinearReadout` as "readout".
        evaluations: names of `convff.EVALUATIONS` that judge the network, the usual one first; by default the rule's.
        usual: the usual activity of the blocks that the readout reads, for its maps; empty if unknown.
        model: the network's name in `convff.MODELS`; None for a network of your own, which `load` must be given.
        options: the model's options.
        device: where to compute.
        precision: "float32", "bfloat16", or "auto" for the fastest one of the device.
        numbers: `first_block`, `first_scored` and `candidates` of `convff.Context`.

    Raises:
        ValueError: not one name for each class.

    Example:
        >>> from convff import AtOutput, ForwardForward, cnn3
        >>> from labels import NoLabels
        >>> rule, net = ForwardForward(label_at=AtOutput(2)), cnn3((1, 8, 8), width=4, kernel=3)
        >>> model = Classifier(net, NoLabels(2), rule, class_names=("cat", "dog"), image_shape=(1, 8, 8))
        >>> names, scores = model.predict(torch.rand(3, 1, 8, 8)), model.scores(torch.rand(3, 1, 8, 8))
        >>> len(names), scores.shape, model.ways
        (3, torch.Size([3, 2]), ('groups',))
    """

    def __init__(
        self,
        net: LayerLocalNet,
        labels: Labels,
        rule: Any,
        *,
        class_names: Sequence[str],
        image_shape: tuple[int, int, int],
        modules: Mapping[str, nn.Module] | None = None,
        evaluations: Sequence[str] | None = None,
        usual: Sequence[Tensor] = (),
        model: str | None = None,
        options: Mapping[str, Any] | None = None,
        device: torch.device | str = "cpu",
        precision: str = "float32",
        **numbers: Any,
    ) -> None:
        if len(class_names) != labels.num_classes:
            raise ValueError(f"there must be a name for each of {labels.num_classes} classes, got {len(class_names)}")
        self.device = torch.device(device)
        self.net = net.to(self.device).to(memory_format=torch.channels_last).eval()
        self.class_names = tuple(class_names)
        self.image_shape = image_shape
        self.modules = {name: module.to(self.device).eval() for name, module in (modules or {}).items()}
        self.usual = [activity.to(self.device) for activity in usual]
        self.model, self.options = model, dict(options or {})
        self._own = tuple(rule.evaluations if evaluations is None else evaluations)
        precision = fastest_precision(self.device) if precision == "auto" else precision
        data = no_images(image_shape, self.class_names).to(self.device)
        run = context_for(self.net, labels, rule, data, self.modules, precision=precision, **numbers)
        self.run = run if "readout" in self.modules else replace(run, candidates=0)

    @property
    def ways(self) -> tuple[str, ...]:
        """The names that `by` takes, the usual one first: keys of `convff.EVALUATIONS`."""
        return ways_of(self._own, self.run.rule, self.modules)

    def predict(self, images: Any, *, by: str | None = None) -> list[str]:
        """Return the name of the class with the highest score for each image.

        Args:
            images: uint8, or float in [0, 1]: a tensor or array `[N, C, H, W]`, or `[N, H, W]` with one channel. Or
                files or Pillow images, one or several, also from an iterator such as `Path.glob`: they are turned
                upright, cut to their middle part and resized, and what is transparent shows white.
            by: whose scores: one of `ways`; or "goodness" for the rule's own, or "readout" for a readout's. By default
                the scores that judged the network.

        Raises:
            PictureError: a file cannot be read.
            TypeError: images of another type.
            ValueError: images of another shape or range, or no such scores.
        """
        return [self.class_names[k] for k in self.scores(images, by=by).argmax(dim=1).tolist()]

    @torch.no_grad()
    def scores(self, images: Any, *, by: str | None = None) -> Tensor:
        """Return the scores `[N, K]` of images, on the CPU: goodness, or a readout's. None of them is a probability.

        Where a readout names the candidates that are tried, the others have minus infinity. For arguments and errors
        see `predict`.
        """
        score = EVALUATIONS[chosen(self.ways, by)].scores
        assert score is not None
        batch = image_batch(images, self.image_shape)
        found = [score(self.net, self.run, part).float().cpu() for part in self._parts(batch)]
        return torch.cat(found) if found else torch.zeros(0, len(self.class_names))

    def _parts(self, batch: Tensor) -> Iterator[Tensor]:
        """Yield images as floats on the device, a few hundred at a time."""
        size = max(1, min(256, 2**18 // (self.image_shape[1] * self.image_shape[2])))
        for part in batch.split(size) if len(batch) else ():
            here = part.to(self.device)
            yield as_floats(here) if here.dtype == torch.uint8 else here.contiguous(memory_format=torch.channels_last)

    def maps(self, images: Any, of: Any = None, *, against: Any = None, by: str | None = None) -> "Maps":
        """Return where in the images the score of a class comes from: signed maps that sum to the score.

        Args:
            images: as in `predict`; few, because all are kept at once.
            of: the class to explain: a name or an index, one for all images or one for each (a list, an array or a
                tensor); by default the class with the highest score.
            against: a class to compare it with: the maps then sum to the difference of the two scores.
            by: as in `predict`.

        Raises:
            PictureError, TypeError, ValueError: see `predict`; no images; an unknown class; or scores that are no sums
                over positions.
        """
        from convff.explaining import maps_for, method_of  # noqa: PLC0415 (grad-cam is slow to import)

        by, batch = chosen(self.ways, by), image_batch(images, self.image_shape)
        if not len(batch):
            raise ValueError("there must be at least one image to map, got none")
        method = method_of(by, self.net, self.run, self.usual)
        explained = self._classes(of, len(batch))
        if explained is None:
            explained = self.scores(batch, by=by).argmax(dim=1).tolist()
        floats = torch.cat(list(self._parts(batch)))
        return maps_for(method, floats, explained, self._classes(against, len(batch)))

    def _classes(self, named: Any, count: int) -> list[int] | None:
        """Return the index of a class for each image; None for None."""
        if named is None:
            return None
        named = _plain(named)
        each = [named] * count if isinstance(named, str | int) else [_plain(name) for name in named]
        if len(each) != count:
            raise ValueError(f"there must be one class, or one for each of {count} images, got {len(each)}")
        known = {name: index for index, name in enumerate(self.class_names)} | {
            index: index for index in range(len(self.class_names))
        }
        if unknown := [name for name in each if name not in known]:
            raise ValueError(f"the classes are {', '.join(self.class_names)}; got {unknown[0]!r}")
        return [known[name] for name in each]

    def save(self, path: Path | str) -> None:
        """Write everything to one file that `load` reads, atomically; no code is stored, and none is run by loading.

        Raises:
            NoSpaceError: there is no room.
            AttributeError: labels of your own without `spec`.
        """
        save_checkpoint(Path(path), self.checkpoint())

    def checkpoint(self) -> Checkpoint:
        """Return what `save` writes."""
        notes = {
            "labels": self.run.labels.spec(),  # type: ignore[attr-defined]
            "image_shape": list(self.image_shape),
            "class_names": list(self.class_names),
            "classifier": notes_for(self.run, self._own, self.modules),
        }
        channels, height, width = self.image_shape
        shape = (self.run.labels.channels(channels), height, width)  # type: ignore[attr-defined]
        extra = tensors_of(self.modules) | with_usual(self.usual)
        name = self.model or f"{OWN}{type(self.net).__name__}"
        return Checkpoint(name, shape, self.options, self.net, extra, notes)


def _plain(named: Any) -> Any:
    """Return an array, a tensor, or a number of NumPy as lists and numbers of Python; all else as it is."""
    return named.tolist() if hasattr(named, "tolist") else named
