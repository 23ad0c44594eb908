"""What is left of a network's speed where it is used: `Classifier` on tensors, and `convff predict` on files."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import torch

from convff import Classifier, as_floats, pretrained
from experiments.benchmarks.bench import Bench, Row

NAME = "cifar10-output"
MANY, FEW = 1000, 8  # images


def measure(bench: Bench) -> list[Row]:
    """Measure the time per image in float32, in a process that runs already: the bare network, tensors, files."""
    from PIL import Image

    model = pretrained(NAME, device=bench.device)
    images = bench.images(FEW if bench.small else MANY, model.image_shape).images
    with tempfile.TemporaryDirectory() as name:
        files = [Path(name) / f"{number}.png" for number in range(len(images))]
        for file, image in zip(files, images.cpu().permute(0, 2, 3, 1).numpy(), strict=True):
            Image.fromarray(image).save(file)
        medians = bench.medians(_actions(model, images, files))
    bare = medians["bare network"]
    return [
        {"input": name, "ms per image": 1e3 * seconds / len(images), "of the bare network's speed": bare / seconds}
        for name, seconds in medians.items()
    ]


def _actions(model: Classifier, images: torch.Tensor, files: list[Path]) -> dict[str, Callable[[], object]]:
    from experiments.commands.predict import batches

    @torch.no_grad()
    def bare() -> None:
        for part in images.split(256):
            model.net(as_floats(part))

    def of_files() -> None:
        for _, read in batches(model, files, skip=False):
            model.scores(read)

    return {"bare network": bare, "tensors": lambda: model.scores(images), "PNG files": of_files}
