"""Measurements: medians of interleaved repeats, and peak memory."""

import statistics
import time
from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from labels import LabelGenerator

Action = Callable[[], object]
WARM_UP = 3


def interleaved_medians(actions: Mapping[str, Action], device: torch.device, *, repeats: int) -> dict[str, float]:
    """Return the median seconds of each action; every round measures all actions in turn.

    A temporary slowdown of the machine then affects all of them, so their ratios hold.

    Args:
        actions: functions to measure, by name.
        device: where they compute; a GPU is synchronised.
        repeats: measured rounds, after three rounds of warm-up.

    Example:
        >>> medians = interleaved_medians({"nothing": lambda: None}, torch.device("cpu"), repeats=3)
        >>> medians["nothing"] < 1e-3
        True
    """
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for turn in range(WARM_UP + repeats):
        for name, action in actions.items():
            taken = _seconds(action, device)
            if turn >= WARM_UP:
                seconds[name].append(taken)
    return {name: statistics.median(values) for name, values in seconds.items()}


def label_seconds(labels: LabelGenerator, images: Tensor, passes: int = 2, repeats: int = 5) -> float:
    """Return the median seconds of labelling a batch once, each image with `passes` labels.

    Args:
        labels: the generator.
        images: float `[B, C, H, W]`.
        passes: labels per image; every class occurs if the batch has at least as many labels as classes.
        repeats: measured rounds.

    Example:
        >>> from labels import OneHotLabels
        >>> label_seconds(OneHotLabels(10), torch.rand(4, 1, 8, 8)) > 0
        True
    """
    order = torch.randperm(len(images) * passes, generator=torch.Generator().manual_seed(0))
    classes = (order % labels.num_classes).view(len(images), passes).to(images.device)
    return interleaved_medians({"label": lambda: labels(images, classes)}, images.device, repeats=repeats)["label"]


def _seconds(action: Action, device: torch.device) -> float:
    _wait_for(device)
    start = time.perf_counter()
    action()
    _wait_for(device)
    return time.perf_counter() - start


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def peak_mib(action: Action, device: torch.device) -> float:
    """Return the peak memory that PyTorch allocated during an action, beyond what it held before, in MiB.

    On a CPU it is the running sum of the profiler's allocation events; on a GPU the allocator's own count.

    Example:
        >>> round(peak_mib(lambda: torch.zeros(2**18), torch.device("cpu")), 1)
        1.0
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        action()
        torch.cuda.synchronize(device)
        return (torch.cuda.max_memory_allocated(device) - before) / 2**20
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        result = action()
    del result
    kineto = profiler.profiler.kineto_results
    events = sorted((event for event in kineto.events() if event.name() == "[memory]"), key=lambda e: e.start_ns())
    held = peak = 0
    for event in events:
        held += event.nbytes()
        peak = max(peak, held)
    return peak / 2**20
