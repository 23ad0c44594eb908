"""The contract of label generators, as a function to call on your own."""

import itertools
import json
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from convff.labelling import AdditiveLabels, Labels, PlaneLabels, TrainableLabels
from convff.randomness import keyed_generator

IMAGES, PASSES = 6, 3
ROUNDING = 1e-6  # absolute, of pixels in float32
WANTED = ("num_classes", "neutral", "patterns", "channels", "spec")


def check_labels(labels: Labels, *, image_shape: tuple[int, int, int] = (3, 8, 8)) -> None:
    """Check that a label generator fulfils the contract of `labels.base.LabelGenerator`.

    Shapes and dtypes fit, an image gets the same label in any batch, any two labels differ, images stay unchanged,
    classes and images that do not fit are refused, equal calls give equal results, and JSON can hold all that is needed
    to build the generator again. The parts of additive and of trainable labels, and constant planes, are checked too.

    Args:
        labels: the generator, an instance.
        image_shape: channels, height and width of the images that it is for.

    Raises:
        AssertionError: the generator breaks the contract; the message says how.
        TypeError: it is not a label generator; the message names what is missing.

    Example:
        >>> from labels import FourierLabels, NoLabels
        >>> check_labels(FourierLabels(4, (8, 8)))
        >>> check_labels(NoLabels(4))
        Traceback (most recent call last):
        ...
        AssertionError: NoLabels: classes 0 and 1 get the same label
    """
    missing = [name for name in WANTED if not hasattr(labels, name)] + ["__call__"] * (not callable(labels))
    if missing:
        raise TypeError(f"{type(labels).__name__} is not a label generator: it has no {', no '.join(missing)}")
    for check in CHECKS:
        check(labels, noise(IMAGES, image_shape))


def noise(count: int, shape: tuple[int, ...]) -> Tensor:
    """Return noise in [0, 1], float32."""
    return torch.rand(count, *shape, generator=keyed_generator(0, "images"))


def _require(labels: object, holds: object, message: str) -> None:
    """Raise an AssertionError unless `holds` is true; unlike `assert`, also under `python -O`."""
    if not holds:
        raise AssertionError(f"{type(labels).__name__}: {message}")


def _require_close(labels: object, got: Tensor, wanted: Tensor, message: str) -> None:
    error = (got - wanted).abs().max().item()
    _require(labels, error <= ROUNDING, f"{message}: pixels differ by up to {error:.3g}")


def _classes(labels: Any, passes: int | None = None) -> Tensor:
    """Return classes `[B]` or `[B, P]`, all in turn."""
    shape = (IMAGES,) if passes is None else (IMAGES, passes)
    return torch.arange(IMAGES * (passes or 1)).remainder(labels.num_classes).view(shape)


def _has_shapes_and_dtypes(labels: Any, images: Tensor) -> None:
    size = tuple(images.shape[2:])
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        batch, width = images.to(dtype), labels.channels(images.shape[1])
        results: dict[str, tuple[Tensor, tuple[int, ...]]] = {
            "for classes [B]": (labels(batch, _classes(labels)), (IMAGES,)),
            "for classes [B, P]": (labels(batch, _classes(labels, PASSES)), (IMAGES, PASSES)),
            "of `neutral`": (labels.neutral(batch), (IMAGES,)),
            "of `patterns`": (labels.patterns(batch[0]), (labels.num_classes,)),
        }
        for name, (result, count) in results.items():
            got, wanted = (
                f"{kind} {list(s)}" for kind, s in ((result.dtype, result.shape), (dtype, (*count, width, *size)))
            )
            _require(labels, got == wanted, f"the result {name} is {got}, but must be {wanted}")


def _labels_each_image_alone(labels: Any, images: Tensor) -> None:
    """Several labels per image equal each label alone, and an image is labelled the same in any batch."""
    classes = _classes(labels, PASSES)
    together = labels(images, classes)
    for one in range(PASSES):
        alone = labels(images, classes[:, one])
        _require_close(labels, together[:, one], alone, "several labels of an image differ from each label alone")
    apart = torch.cat([labels(images[n : n + 1], classes[n : n + 1]) for n in range(IMAGES)])
    _require_close(labels, together, apart, "an image is labelled differently in another batch")


def _leaves_its_input_alone(labels: Any, images: Tensor) -> None:
    before = images.clone()
    for passes in (None, PASSES):
        classes = _classes(labels, passes)
        labelled = labels(images, classes)
        shared = labelled.untyped_storage().data_ptr() == images.untyped_storage().data_ptr()
        _require(labels, not shared, "labelled images must not share memory with the images")
        _require(labels, torch.equal(classes, _classes(labels, passes)), "it must not write to its classes")
    labels.neutral(images)
    labels.patterns(images[0])
    changed = int((images != before).sum())
    _require(labels, not changed, f"it must not write to its images: {changed} pixels changed")


def _gives_the_same_twice(labels: Any, images: Tensor) -> None:
    """Also if the caller has written to the first result."""
    first, neutral = labels(images, _classes(labels)), labels.neutral(images)
    kept = first.clone()
    first.add_(1)
    for name, got, wanted in (
        ("labelled image", labels(images, _classes(labels)), kept),
        ("neutral image", labels.neutral(images), neutral),
    ):
        error = (got - wanted).abs().max().item()
        _require(
            labels, torch.equal(got, wanted), f"the same call gives another {name}, which differs by up to {error:.3g}"
        )


def _tells_classes_apart(labels: Any, images: Tensor) -> None:
    count = labels.num_classes
    labelled = labels(images[:1].expand(count, -1, -1, -1), torch.arange(count))
    for one, other in itertools.combinations(range(count), 2):
        same = torch.equal(labelled[one], labelled[other])
        _require(labels, not same, f"classes {one} and {other} get the same label")


def _refuses_what_does_not_fit(labels: Any, images: Tensor) -> None:
    good, count = _classes(labels), labels.num_classes
    too_large, negative = (torch.cat([good[:-1], torch.tensor([bad])]) for bad in (count, -1))
    cases: dict[str, tuple[Tensor, Tensor]] = {
        f"class {count}, where the last is {count - 1}": (images, too_large),
        "class -1": (images, negative),
        f"{IMAGES - 1} classes for {IMAGES} images": (images, good[:-1]),
        "classes that are float": (images, good.float()),
        "classes [B, 1, 1]": (images, good[:, None, None]),
        "images that are uint8": (images.mul(255).byte(), good),
        "an image [C, H, W]": (images[0], good[:1].expand(images.shape[1])),
    }
    for name, (bad_images, bad_classes) in cases.items():
        try:
            labels(bad_images, bad_classes)
        except ValueError:
            continue
        except Exception as error:
            message = f"{type(labels).__name__}: {name} must raise ValueError, got {type(error).__name__}: {error}"
            raise AssertionError(message) from error
        _require(labels, False, f"{name} must raise ValueError, but is accepted")


def _is_built_again_from_json(labels: Any, images: Tensor) -> None:
    _require(labels, hasattr(type(labels), "from_spec"), "the class needs `from_spec`, to build it again from `spec()`")
    try:
        spec = json.loads(json.dumps(labels.spec()))
    except (TypeError, ValueError) as error:
        raise AssertionError(f"{type(labels).__name__}: JSON cannot hold what `spec()` gives: {error}") from error
    again, classes = type(labels).from_spec(spec), _classes(labels)
    _require(labels, type(again) is type(labels), f"`from_spec` builds a {type(again).__name__}")
    for name, got, wanted in (
        ("labels", again(images, classes), labels(images, classes)),
        ("neutral label", again.neutral(images), labels.neutral(images)),
    ):
        same = got.shape == wanted.shape and torch.equal(got, wanted)
        _require(labels, same, f"built again by `from_spec(spec())`, it has different {name}")


def _adds_up(labels: Any, images: Tensor) -> None:
    """Base plus summand is the labelled image, if labels are additive."""
    if isinstance(labels, AdditiveLabels):
        every = torch.arange(labels.num_classes).expand(IMAGES, -1)
        summed = labels.bases(images)[:, None] + labels.summands(images)[None]
        _require_close(labels, summed, labels(images, every), "`bases` plus `summands` is not the labelled image")


def _has_grads_of_its_parameters(labels: Any, images: Tensor) -> None:
    """There is a finite direction for each parameter, if labels are trainable."""
    if isinstance(labels, TrainableLabels):
        classes = _classes(labels, PASSES)
        grads = labels.grads(classes, torch.ones_like(labels(images, classes)))
        got, wanted = ([list(tensor.shape) for tensor in found] for found in (grads, labels.parameters()))
        _require(labels, got == wanted, f"`grads` has the shapes {got}, but the parameters are {wanted}")
        finite = all(bool(grad.isfinite().all()) for grad in grads)
        _require(labels, finite, "`grads` has values that are not finite")


def _planes_are_those_it_lays_out(labels: Any, images: Tensor) -> None:
    """Images with constant planes beside them are the labelled images, if labels name the values of such planes."""
    if isinstance(labels, PlaneLabels):
        classes = _classes(labels, PASSES)
        values = labels.constant_planes(images, classes)
        if values is not None:
            beside = images[:, None].expand(-1, PASSES, -1, -1, -1)
            planes = values[..., None, None].expand(-1, -1, -1, *images.shape[2:])
            same = torch.cat([beside, planes], dim=2)
            labelled, differ = labels(images, classes), "image and `constant_planes` are not the labelled image"
            _require(
                labels, same.shape == labelled.shape, f"{differ}: {same.shape[2]} channels, not {labelled.shape[2]}"
            )
            _require_close(labels, same, labelled, differ)


CHECKS: tuple[Callable[[Any, Tensor], None], ...] = (
    _has_shapes_and_dtypes,
    _leaves_its_input_alone,
    _gives_the_same_twice,
    _labels_each_image_alone,
    _tells_classes_apart,
    _refuses_what_does_not_fit,
    _is_built_again_from_json,
    _adds_up,
    _planes_are_those_it_lays_out,
    _has_grads_of_its_parameters,
)
