"""Whether maps are sound: they add up to the scores, equal grad-cam's, and cost little time, no memory and no hooks."""

import gc
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytorch_grad_cam
import torch
from torch import Tensor, nn

from cam import GradientCAM, LinearCAM, SignedCAM
from experiments.maps.explained import BATCH, class_targets, maps_of, scores_of


def completeness(method: SignedCAM, images: Tensor) -> dict[str, float]:
    """Measure how far maps and bias are from the score, for every class, in float32 and float64.

    Errors are relative to the largest score of the image; in `float32_own`, to the score itself, which may be near 0.

    Returns:
        the largest error of each kind.
    """
    model = method.model
    errors: dict[str, float] = {}
    for dtype in (torch.float64, torch.float32):  # float32 last, to restore the original weights
        model.to(dtype)
        converted = images.to(dtype)
        scores = scores_of(model, converted)
        for k in range(scores.shape[1]):
            classes = torch.full((len(images),), k)
            for maps, rows in zip(maps_of(method, converted, classes), scores.split(BATCH), strict=True):
                bias = torch.zeros(1, dtype=dtype) if maps.bias is None else maps.bias
                for total in (maps.shares().sum(dim=1) + bias, maps.summed().sum(dim=(1, 2)) + bias):
                    error = (total - rows[:, k]).abs()
                    name = str(dtype).removeprefix("torch.")
                    relative = _largest(error, rows.abs().amax(dim=1))
                    own = _largest(error, rows[:, k].abs())
                    errors[name] = max(errors.get(name, 0.0), relative)
                    errors[f"{name}_own"] = max(errors.get(f"{name}_own", 0.0), own)
    return errors


def _largest(error: Tensor, scale: Tensor) -> float:
    """Return the largest relative error; an error of 0 is 0 even if the scale is 0, as for a silent group's score."""
    return torch.where(error == 0, 0, error / scale).max().item()


class _HiResCAM(GradientCAM, pytorch_grad_cam.HiResCAM):  # type: ignore[misc]
    """Grad-cam's HiResCAM with its signed maps."""


def hirescam_difference(method: LinearCAM, images: Tensor, classes: Tensor) -> float:
    """Return the largest difference from grad-cam's HiResCAM, relative to the largest value of each layer's map."""
    theirs = _HiResCAM(method.model, method.target_layers)
    worst = 0.0
    for ours, other in zip(maps_of(method, images, classes), maps_of(theirs, images, classes), strict=True):
        for a, b in zip(ours.layers, other.layers, strict=True):
            worst = max(worst, ((a - b).abs().max() / b.abs().max()).item())
    return worst


def seconds_beside_forward(method: SignedCAM, images: Tensor, *, repeats: int = 7) -> dict[str, float]:
    """Return the seconds of a forward pass of a batch, and of its maps on top: medians, measured in turn."""
    classes = torch.zeros(len(images), dtype=torch.int64)

    def timed(work: Callable[[], object]) -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    def forward() -> object:
        with torch.no_grad():
            return method.model(images)

    method.maps(images, class_targets(classes)).summed()  # the first call sets things up
    pairs = [
        (timed(forward), timed(lambda: method.maps(images, class_targets(classes)).summed())) for _ in range(repeats)
    ]
    forwards, totals = zip(*pairs, strict=True)
    alone = float(np.median(forwards))
    return {"forward": alone, "maps_beside": float(np.median(totals)) - alone, "images": float(len(images))}


def growth_mib(method: SignedCAM, images: Tensor, *, calls: int = 200) -> float | None:
    """Return how much the process's memory grows over some calls, in MiB; None if the system does not tell."""
    classes = class_targets(torch.zeros(len(images), dtype=torch.int64))
    for _ in range(20):  # allocators and threads settle
        method.maps(images, classes)
    before = _resident_mib()
    for _ in range(calls):
        method.maps(images, classes)
    after = _resident_mib()
    return None if before is None or after is None else after - before


def _resident_mib() -> float | None:
    gc.collect()
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return None
    return pages * 4096 / 2**20


def hooks_left(model: nn.Module) -> int:
    """Count the forward hooks on a model.

    Example:
        >>> hooks_left(nn.Linear(1, 1))
        0
    """
    return sum(len(module._forward_hooks) for module in model.modules())
