"""Write a trained network as one graph, images in and class scores out, for other programs: ONNX or torch.export.

Example: `convff export RUN --to onnx --out net.onnx`. The file is opened again and compared with the run; one that
differs is removed. Any number of images; labels in the image are all tried within the graph.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro

from experiments.commands.shared import opened
from experiments.tools.command import exit_on

if TYPE_CHECKING:
    from torch import Tensor

    from convff import Classifier

LARGEST = 1e-4  # difference, relative to the largest score
COMPARED = (1, 5)  # images at once
TIMED = 10  # times


@dataclass(frozen=True, kw_only=True)
class Options:
    """Write a trained network as one graph for other programs, and compare it with the run."""

    run: tyro.conf.Positional[Path]
    """A run folder, a checkpoint, a pretrained network (mnist-fourier, cifar10-output), or hf://user/name."""

    to: Literal["onnx", "torch"] = "onnx"
    """onnx needs the extra: pip install "convff[export]"; torch is a file for torch.export.load."""

    by: str | None = None
    """Whose scores: goodness (the rule's own), readout, or a name such as linear. Default: those that judged it."""

    out: Path | None = None
    """The file. Default: the name of the run with .onnx or .pt2, in this folder."""


@dataclass(frozen=True)
class Compared:
    """A file's scores against those of the run.

    Args:
        difference: the largest one of all images and classes.
        scale: the largest score.
        seconds: per image, one at a time.
    """

    difference: float
    scale: float
    seconds: float


def main(options: Options) -> int:
    """Write and compare; print the path, the largest difference and the time per image."""
    with exit_on(FileNotFoundError, ValueError):
        from convff import exported
        from experiments.commands.formats import FORMATS

        kind = FORMATS[options.to]
        kind.check()
        model = opened(options.run, "cpu", "float32")
        scores = exported(model, by=options.by)
        path = options.out or Path(f"{options.run.resolve().stem}{kind.suffix}")
        if path.suffix != kind.suffix:
            raise ValueError(f"--out must end in {kind.suffix} for --to {options.to}, got {path}")
        notes = {
            "class_names": list(model.class_names),
            "image_shape": list(model.image_shape),
            "scores": scores.evaluation,
        }
        graph = scores.graph()
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.stem}-unfinished{kind.suffix}")
        try:
            kind.write(graph, notes, unfinished)
            score, kept = kind.read(unfinished)
            if kept != notes:
                raise ValueError(f"{path} would not keep its notes, {notes}: it was removed")
            found = compared(score, model, scores.evaluation)
            if not found.difference <= LARGEST * found.scale:
                raise ValueError(
                    f"{path} would differ from the run by {found.difference:.2g} at scores of up to "
                    f"{found.scale:.2g}, more than {LARGEST:g} of them: it was removed"
                )
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    channels, height, width = model.image_shape
    print(
        f"{path}: images [N, {channels}, {height}, {width}] to {len(model.class_names)} scores by {scores.evaluation}"
    )
    print(f"largest difference {found.difference:.2g} at scores of up to {found.scale:.2g}")
    print(f"{1e3 * found.seconds:.3g} ms per image")
    return 0


def compared(score: "Callable[[Tensor], Tensor]", model: "Classifier", evaluation: str) -> Compared:
    """Compare scores with those of a classifier, on images of noise.

    A class without a score, minus infinity, must have none on either side.

    Args:
        score: returns scores `[N, K]` of float images `[N, C, H, W]`.
        model: the classifier.
        evaluation: whose scores.
    """
    import torch

    from convff import keyed_generator

    difference, scale = 0.0, 0.0
    for count in COMPARED:
        images = torch.rand(count, *model.image_shape, generator=keyed_generator(0, "exported", count))
        ours, theirs = model.scores(images, by=evaluation), score(images)
        both = ours == theirs  # also of classes without a score
        apart = torch.where(both, 0.0, (ours - theirs).abs())
        difference = max(difference, float(apart.nan_to_num(nan=torch.inf).max()))
        scale = max(scale, float(ours[ours.isfinite()].abs().max()))
    one = torch.rand(1, *model.image_shape, generator=keyed_generator(0, "timed"))
    taken = []
    for _ in range(TIMED):
        start = time.perf_counter()
        score(one)
        taken.append(time.perf_counter() - start)
    return Compared(difference, scale, sorted(taken)[TIMED // 2])
