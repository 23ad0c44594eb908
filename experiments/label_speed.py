"""What labelling costs: seconds a batch, label passes a second, and the share of a training step, per family.

Example: `python experiments/label_speed.py`. A batch is 512 RGB images of 32 x 32 pixels, each with two labels, as in a
training step with one wrong label; all classes are present.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import tyro

if TYPE_CHECKING:
    from torch import Tensor

    from labels import LabelGenerator


@dataclass(frozen=True, kw_only=True)
class SpeedSettings:
    """Measure what labelling costs."""

    classes: int = 100
    """How many; all of them are in the batch."""

    batch_size: int = 512
    """Images a step."""

    step: bool = True
    """Measure a training step of quick's cnn6 on the same batch too, and give the share."""


def label_seconds(labels: "LabelGenerator", images: "Tensor", passes: int = 2, repeats: int = 5) -> float:
    """Seconds to label a batch once, each image with `passes` labels; the least of several tries.

    Args:
        labels: the generator.
        images: float `[B, C, H, W]`.
        passes: labels an image; every class is there if there are as many passes as classes.
        repeats: tries, after one that is not counted.

    Example:
        >>> import torch
        >>> from labels import OneHotLabels
        >>> label_seconds(OneHotLabels(10), torch.rand(4, 1, 8, 8)) > 0
        True
    """
    import torch

    classes = (torch.arange(len(images) * passes) % labels.num_classes).view(len(images), passes)
    classes = classes[torch.randperm(len(images), generator=torch.Generator().manual_seed(0))].to(images.device)
    return least_seconds(lambda: labels(images, classes), repeats)


def step_seconds(labels: "LabelGenerator", images: "Tensor", repeats: int = 3) -> float:
    """Seconds of one training step of quick's cnn6 (Forward-Forward, one wrong label), labelling included."""
    import torch

    from convff import ForwardForward, ImageData, Schedule, Symmetric, Trainer, cnn6
    from convff.precision import fastest_precision
    from experiments.presets import recipe_for
    from experiments.settings import Settings

    recipe = recipe_for(Settings(dataset="cifar10"))
    classes = torch.arange(len(images)) % labels.num_classes
    names = tuple(str(k) for k in range(labels.num_classes))
    data = ImageData((images * 255).to(torch.uint8), classes, names, "speed")
    channels, height, width = data.shape
    net = cnn6((labels.channels(channels), height, width), **recipe.model_options)
    net = net.to(images.device).to(memory_format=torch.channels_last)
    rule = ForwardForward(gate=Symmetric(scale=recipe.scale))
    schedule = Schedule(epochs=1, batch_size=len(images))
    trainer = Trainer(net, labels, rule, schedule=schedule, precision=fastest_precision(images.device))
    return least_seconds(lambda: trainer.epoch(data, 0), repeats)


def least_seconds(work: Callable[[], object], repeats: int) -> float:
    """The least time of several tries, after one that is not counted; on a GPU, of work that has ended."""
    import torch

    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:])


def main(settings: SpeedSettings) -> None:
    """Print a table."""
    import torch

    from experiments.label_choice import choose
    from labels import LABELS, ChannelLabels, FourierLabels, LabelGenerator, MorphLabels, OneHotLabels

    size = (32, 32)
    images = torch.rand(settings.batch_size, 3, *size, generator=torch.Generator().manual_seed(0))
    makers: dict[str, Callable[[], LabelGenerator]] = {
        "onehot": lambda: OneHotLabels(settings.classes),
        "fourier": lambda: FourierLabels(settings.classes, size),
        "channel": lambda: ChannelLabels(settings.classes, size),
        "morph": lambda: MorphLabels(settings.classes),
    }
    for family in ("fourier", "morph"):
        makers[f"{family} (optimised)"] = lambda family=family: (
            choose(  # type: ignore[misc]
                family, "optimised", num_classes=settings.classes, image_size=size, kernel_size=3
            ).labels
        )
    assert {name.split()[0] for name in makers} == set(LABELS)
    print(f"{settings.classes} classes, batch {settings.batch_size}, {torch.get_num_threads()} threads")
    print("| labels | ms a batch | label passes/s | ms a step | share of the step |\n|---|---|---|---|---|")
    for name, make in makers.items():
        labels = make()
        seconds = label_seconds(labels, images)
        row = f"| {name} | {1000 * seconds:.1f} | {2 * settings.batch_size / seconds:,.0f} |"
        if settings.step:
            step = step_seconds(labels, images)
            row += f" {1000 * step:.0f} | {100 * seconds / step:.1f} % |"
        else:
            row += " - | - |"
        print(row)


if __name__ == "__main__":
    asked = tyro.cli(SpeedSettings, description=__doc__)
    try:
        main(asked)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
