"""Metrics of maps: whether they point at what matters, and whether layers and networks agree on it."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import pytorch_grad_cam
import torch
from pytorch_grad_cam.metrics.cam_mult_image import CamMultImageConfidenceChange
from pytorch_grad_cam.metrics.road import ROADCombined
from pytorch_grad_cam.utils.model_targets import ClassifierOutputSoftmaxTarget
from scipy.stats import rankdata
from torch import Tensor, nn

from cam import LinearCAM, NoEvidenceWarning, kinds
from experiments.maps.explained import BATCH, Explained, class_targets, maps_of, scores_of, summed_maps
from experiments.maps.soundness import completeness, growth_mib, hirescam_difference, hooks_left, seconds_beside_forward

Values = npt.NDArray[np.float64]
RESAMPLINGS = 10_000


def interval(values: Values, *, seed: int = 0) -> dict[str, float]:
    """Return the mean with its 95 % bootstrap interval (percentiles of the means of resampled images).

    Example:
        >>> interval(np.ones(8))
        {'mean': 1.0, 'low': 1.0, 'high': 1.0}
    """
    generator = np.random.default_rng(seed)
    means = values[generator.integers(len(values), size=(RESAMPLINGS, len(values)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return {"mean": float(values.mean()), "low": float(low), "high": float(high)}


@contextmanager
def fixed_draws(seed: int) -> Iterator[None]:
    """Let grad-cam's RandomCAM and ROAD draw from a seed; restore the global random state at the end.

    Example:
        >>> with fixed_draws(0):
        ...     first = torch.rand(1)
        >>> with fixed_draws(0):
        ...     print(torch.equal(first, torch.rand(1)))
        True
    """
    state = np.random.get_state()  # noqa: NPY002 (grad-cam's RandomCAM knows no other)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        try:
            yield
        finally:
            np.random.set_state(state)  # noqa: NPY002


def road(view: Explained, images: Tensor, classes: Tensor, *, seed: int = 0) -> dict[str, Any]:
    """Measure grad-cam's ROADCombined and confidence change of a run's maps, beside those of grad-cam's RandomCAM.

    ROAD fills in the most, or the least, relevant 10, 20, ... 90 % of an image from their surroundings, and compares
    the softmax of the class: (least first - most first) / 2, higher is better. Confidence change multiplies the image
    by the map. Maps are what grad-cam's call returns: the positive part, scaled. `minus_random` is image by image.

    Args:
        view: the run.
        images: float `[N, C, H, W]`.
        classes: the classes to explain, `[N]`.
        seed: seed of the random maps and of ROAD's noise.

    Returns:
        `images`, the number of judged images, and each method's metrics; no metrics if all methods have maps that are
        not constant for fewer than two images.
    """
    layers = view.judged.target_layers
    random = pytorch_grad_cam.RandomCAM(view.model, layers)
    ours = [method for method in (view.judged, view.centred) if method is not None]
    methods = {type(method).__name__: method for method in ours} | {"RandomCAM": random}
    targets = class_targets(classes)
    scaled: dict[str, npt.NDArray[np.float32]] = {}
    for name, method in methods.items():
        with fixed_draws(seed), warnings.catch_warnings():
            warnings.simplefilter("ignore", NoEvidenceWarning)  # counted in `flags`
            scaled[name] = np.concatenate(
                [method(images[i : i + BATCH], targets[i : i + BATCH]) for i in _starts(images)]
            )
    random.activations_and_grads.release()  # grad-cam's own leaves hooks, and gradients in the parameters
    view.model.zero_grad(set_to_none=True)
    # A constant map ranks nothing and its ROAD is arbitrary, so its image is excluded for all methods.
    useful = np.flatnonzero(np.all([np.ptp(maps, axis=(1, 2)) > 0 for maps in scaled.values()], axis=0))
    if len(useful) < 2:
        return {"images": len(useful)}
    confidence = [ClassifierOutputSoftmaxTarget(targets[i].category) for i in useful]
    measured = {
        name: _disturbed(view.model, images[torch.from_numpy(useful)], maps[useful], confidence, seed)
        for name, maps in scaled.items()
    }
    theirs = measured["RandomCAM"]
    summary: dict[str, Any] = {"images": len(useful)} | {
        name: {metric: interval(values) for metric, values in found.items()} for name, found in measured.items()
    }
    for method in ours:
        found = measured[type(method).__name__]
        summary[type(method).__name__]["minus_random"] = {
            metric: interval(values - theirs[metric]) for metric, values in found.items()
        }
    return summary


def _disturbed(
    model: nn.Module,
    images: Tensor,
    maps: npt.NDArray[np.float32],
    confidence: list[ClassifierOutputSoftmaxTarget],
    seed: int,
) -> dict[str, Values]:
    """Return grad-cam's metrics of maps, image by image."""
    with fixed_draws(seed), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        change: Values = CamMultImageConfidenceChange()(images, maps, confidence, model).astype(np.float64)
        combined: Values = ROADCombined()(images, maps, confidence, model).astype(np.float64)
    return {
        "road_combined": combined,
        "confidence_change": change,
        "drop_in_confidence": np.maximum(-change, 0),  # as grad-cam's DropInConfidence
        "increase_in_confidence": (change > 0).astype(np.float64),  # and IncreaseInConfidence
    }


def _starts(images: Tensor) -> range:
    return range(0, len(images), BATCH)


def rank_correlation(first: Tensor, second: Tensor) -> Values:
    """Return Spearman's rank correlation of two maps `[N, H, W]`, image by image; 0 if a map is constant.

    Example:
        >>> a = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
        >>> rank_correlation(a, a**3), rank_correlation(a, -a)
        (array([1.]), array([-1.]))
    """
    ranks = [rankdata(maps.flatten(1).cpu().numpy(), axis=1) for maps in (first, second)]
    centred = [rank - rank.mean(axis=1, keepdims=True) for rank in ranks]
    lengths = [np.sqrt((rank**2).sum(axis=1)) for rank in centred]
    product: Values = (centred[0] * centred[1]).sum(axis=1)
    length: Values = lengths[0] * lengths[1]
    return np.divide(product, np.where(length > 0, length, 1))


def agreement_of_layers(view: Explained, images: Tensor, classes: Tensor) -> dict[str, dict[str, float]]:
    """Return the rank correlation of the signed maps of every two layers, at the size of the image."""
    stacked = torch.cat([maps.on_image() for maps in maps_of(view.by_layer, images, classes)])
    names = view.layer_names
    return {
        f"{names[i]} and {names[j]}": interval(rank_correlation(stacked[:, i], stacked[:, j]))
        for i in range(len(names))
        for j in range(i + 1, len(names))
    }


def flags(summed: Tensor) -> dict[str, int]:
    """Count the maps that are fine, constant, or all negative.

    Example:
        >>> flags(torch.tensor([[[1.0, -1.0]], [[2.0, 2.0]], [[-1.0, -2.0]]]))
        {'fine': 1, 'constant': 1, 'all negative': 1}
    """
    found = kinds(summed)
    return {kind: found.count(kind) for kind in ("fine", "constant", "all negative")}


def share_of_layers(view: Explained, images: Tensor, classes: Tensor) -> dict[str, float] | None:
    """Return the mean size of each layer's map, as a share of all; None for gradient methods, which have no sum."""
    if not isinstance(view.by_layer, LinearCAM):
        return None
    sizes = torch.cat(
        [
            torch.stack([m.abs().sum(dim=(1, 2)) for m in maps.layers], 1)
            for maps in maps_of(view.by_layer, images, classes)
        ]
    )
    shares = (sizes / sizes.sum(dim=1, keepdim=True)).mean(dim=0)
    return dict(zip(view.layer_names, shares.tolist(), strict=True))


def measure_maps(view: Explained, images: Tensor, classes: Sequence[int] | Tensor) -> dict[str, Any]:
    """Return all figures of a run's maps, for `cam.json`.

    Args:
        view: the run.
        images: float `[N, C, H, W]`, test images.
        classes: their right classes `[N]`, for the accuracy; the metrics judge the class that the network predicts.
    """
    right = torch.as_tensor(classes)
    predicted = scores_of(view.model, images).argmax(dim=1)
    few = images[:BATCH]
    report: dict[str, Any] = {
        "method": type(view.judged).__name__,
        "images": len(images),
        "right": (predicted == right).double().mean().item(),
        "completeness": completeness(view.method, few),
        "hirescam_difference": hirescam_difference(view.method, few, predicted[:BATCH]),
        "metrics": road(view, images, predicted),
        "flags": flags(summed_maps(view.judged, images, predicted)),
        "share_of_layers": share_of_layers(view, images, predicted),
        "agreement_of_layers": agreement_of_layers(view, images, predicted),
        "seconds": seconds_beside_forward(view.judged, few),
        "memory_growth_mib_in_200_calls": growth_mib(view.judged, images[:8]),
    }
    if view.centred is not None:
        report["centred_completeness"] = completeness(view.centred, few)
    if view.goodness is not None:
        report["goodness_completeness"] = completeness(
            view.goodness, images[: max(2, 160 // view.trained.parts.labels.num_classes)]
        )
    report["hooks_left"] = hooks_left(view.model)
    return report
