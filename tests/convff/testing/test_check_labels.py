"""Every label family keeps to the contract, and for each check there are labels that it refuses."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from convff import AdditiveLabels, TrainableLabels
from convff.testing import check_labels
from convff.testing import labels as checks
from labels import ChannelLabels, FourierLabels, LearnedLabels, NoLabels
from tests.labels.helpers import FAMILIES, SIZE

SMALL = (8, 8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("num_classes", [2, 10])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_keeps_to_the_contract(family: str, num_classes: int, channels: int) -> None:
    check_labels(FAMILIES[family](num_classes), image_shape=(channels, *SIZE))


def test_labels_that_add_and_labels_that_learn_are_among_them() -> None:
    """Else the test above would check less than it says."""
    made = {name: make(4) for name, make in FAMILIES.items()}
    assert sum(isinstance(labels, AdditiveLabels) for labels in made.values()) == 8
    assert [name for name, labels in made.items() if isinstance(labels, TrainableLabels)] == [
        "learned",
        "learned-noise",
    ]


def test_labels_that_have_learned_are_built_again_with_what_they_know() -> None:
    labels = LearnedLabels(4, SMALL)
    with torch.no_grad():
        labels.maps += torch.rand(labels.maps.shape, generator=torch.Generator().manual_seed(0))
    check_labels(labels)


def waves(**overridden: Any) -> FourierLabels:
    """Waves with some of their methods replaced."""
    return type("Broken", (FourierLabels,), overridden)(4, SMALL)


def channels(planes: Callable[..., Tensor]) -> ChannelLabels:
    """Label channels that name other values of their planes."""
    return type("Broken", (ChannelLabels,), {"constant_planes": planes})(4, SMALL)


def learned(**overridden: Any) -> LearnedLabels:
    return type("Broken", (LearnedLabels,), overridden)(4, SMALL)


def labelling(change: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> FourierLabels:
    """Waves whose images and classes are changed before they are labelled."""
    return waves(__call__=lambda self, images, classes: FourierLabels.__call__(self, *change(images, classes)))


def labelled(change: Callable[[Tensor, Tensor], Tensor]) -> FourierLabels:
    """Waves whose labelled images `[B, [P,] C, H, W]` are changed, as the images tell."""
    return waves(__call__=lambda self, images, classes: change(FourierLabels.__call__(self, images, classes), images))


def spec_without(name: str) -> Callable[..., dict[str, Any]]:
    return lambda self: {key: value for key, value in FourierLabels.spec(self).items() if key != name}


def from_spec_of(intensity: float) -> Any:
    return classmethod(lambda cls, spec: cls(4, SMALL, intensity=intensity))


class Bank(FourierLabels):
    """Gives everyone who asks the same tensor."""

    kept: Tensor | None = None

    def __call__(self, images: Tensor, classes: Tensor) -> Tensor:
        made = super().__call__(images, classes)
        if classes.ndim == 2 or images.dtype != torch.float32:
            return made
        self.kept = made if self.kept is None else self.kept
        return self.kept


def clamped(images: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    return images, classes.clamp(0, 3)


def refusing_otherwise(self: FourierLabels, images: Tensor, classes: Tensor) -> Tensor:
    try:
        return FourierLabels.__call__(self, images, classes)
    except ValueError as error:
        raise IndexError("no such class") from error


def by_position(self: FourierLabels, images: Tensor, classes: Tensor) -> Tensor:
    """The second label of an image is brighter than it is alone."""
    made = FourierLabels.__call__(self, images, classes)
    if classes.ndim == 2:
        made[:, 1] += 0.25
    return made


def by_company(made: Tensor, images: Tensor) -> Tensor:
    return made + images.mean()


DRAWS = torch.Generator()
REFUSED: dict[str, list[tuple[Any, str]]] = {
    "_has_shapes_and_dtypes": [
        (
            labelled(lambda made, images: made.float()),
            r"the result for classes \[B\] is torch.float32 \[6, 3, 8, 8\], but must be torch.float64 \[6, 3, 8, 8\]",
        ),
        (waves(channels=lambda self, channels: 4), r"\[6, 3, 8, 8\], but must be torch.float32 \[6, 4, 8, 8\]"),
        (waves(neutral=lambda self, images: images[:1]), r"the result of `neutral` is torch.float32 \[1, 3, 8, 8\]"),
        (waves(patterns=lambda self, image: image), r"the result of `patterns` is torch.float32 \[3, 8, 8\]"),
        (
            labelled(lambda made, images: made.flatten(0, -4)),
            r"for classes \[B, P\] is torch.float32 \[18, 3, 8, 8\], but must be torch.float32 \[6, 3, 3, 8, 8\]",
        ),
    ],
    "_leaves_its_input_alone": [
        (
            labelling(lambda images, classes: (images.mul_(0.5), classes)),
            "not write to its images: 1152 pixels changed",
        ),
        (labelling(lambda images, classes: (images, classes.fill_(1))), "not write to its classes"),
        (labelled(lambda made, images: images.copy_(made) if made.ndim == 4 else made), "share memory with the images"),
        (waves(neutral=lambda self, images: images.mul_(0.5)), "not write to its images: 1152 pixels"),
        (waves(patterns=lambda self, image: image.mul_(0.5).expand(4, -1, -1, -1)), "to its images: 192 pixels"),
    ],
    "_gives_the_same_twice": [
        (
            labelled(lambda made, images: made + torch.rand(1, generator=DRAWS).to(made)),
            "the same call gives another labelled image, which differs by up to 0",
        ),
        (Bank(4, SMALL), "the same call gives another labelled image, which differs by up to 1$"),
        (
            waves(neutral=lambda self, images: images + torch.rand(1, generator=DRAWS).to(images)),
            "the same call gives another neutral image",
        ),
    ],
    "_labels_each_image_alone": [
        (waves(__call__=by_position), "several labels .* differ from each label alone: pixels differ by up to 0.25$"),
        (labelled(by_company), "an image is labelled differently in another batch: pixels differ by up to 0"),
    ],
    "_tells_classes_apart": [
        (labelling(lambda images, classes: (images, classes - (classes == 2).long())), "classes 1 and 2 get the same"),
        (NoLabels(4), "classes 0 and 1 get the same label"),
    ],
    "_refuses_what_does_not_fit": [
        (labelling(clamped), "class 4, where the last is 3 must raise ValueError, but is accepted"),
        (
            labelling(lambda images, classes: (images, classes.abs())),
            "class -1 must raise ValueError, but is accepted",
        ),
        (
            labelling(lambda images, classes: (images[: len(classes)], classes)),
            "5 classes for 6 images must raise ValueError, but is accepted",
        ),
        (labelling(lambda images, classes: (images, classes.long())), "classes that are float must raise ValueError"),
        (
            labelling(lambda images, classes: (images, classes[:, 0] if classes.ndim == 3 else classes)),
            r"classes \[B, 1, 1\] must raise ValueError, but is accepted",
        ),
        (
            labelling(lambda images, classes: (images if images.is_floating_point() else images / 255, classes)),
            "images that are uint8 must raise ValueError, but is accepted",
        ),
        (
            labelling(lambda images, classes: (images if images.ndim == 4 else images[:, None], classes)),
            r"an image \[C, H, W\] must raise ValueError, but is accepted",
        ),
        (waves(__call__=refusing_otherwise), "must raise ValueError, got IndexError: no such class"),
    ],
    "_is_built_again_from_json": [
        (waves(spec=lambda self: {"waves": torch.zeros(3)}), "JSON cannot hold what `spec.*` gives: Object of type Te"),
        (waves(from_spec=from_spec_of(0.9)), "built again by `from_spec.*`, it has different labels"),
        (
            waves(from_spec=classmethod(lambda cls, spec: FourierLabels.from_spec(spec))),
            "`from_spec` builds a FourierLabels",
        ),
        (waves(spec=spec_without("intensity"), from_spec=from_spec_of(0.31)), "it has different labels"),
    ],
    "_adds_up": [
        (
            waves(bases=lambda self, images: FourierLabels.bases(self, images) + 0.5),
            "`bases` plus `summands` is not the labelled image: pixels differ by up to 0.5$",
        ),
    ],
    "_planes_are_those_it_lays_out": [
        (
            channels(lambda self, images, classes: 0.5 * ChannelLabels.constant_planes(self, images, classes)),
            "image and `constant_planes` are not the labelled image: pixels differ by up to 0.5$",
        ),
        (
            channels(lambda self, images, classes: torch.zeros(*classes.shape, 2)),
            "image and `constant_planes` are not the labelled image: 5 channels, not 7",
        ),
    ],
    "_has_grads_of_its_parameters": [
        (
            learned(grads=lambda self, classes, inputs: [inputs[:, 0, -1:]]),
            r"`grads` has the shapes \[\[6, 1, 8, 8\]\], but the parameters are \[\[4, 1, 8, 8\]\]",
        ),
        (learned(grads=lambda self, classes, inputs: [self.maps.detach() / 0]), "`grads` has values that are not fin"),
    ],
}


@pytest.mark.parametrize(
    ("check", "labels", "message"),
    [(check, labels, message) for check, broken in REFUSED.items() for labels, message in broken],
)
def test_broken_labels_are_refused_by_the_check_for_them(check: str, labels: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=f"^{type(labels).__name__}: .*{message}") as caught:
        check_labels(labels)
    assert check in [entry.name for entry in caught.traceback]


def test_each_check_refuses_something() -> None:
    assert set(REFUSED) == {check.__name__ for check in checks.CHECKS}


def test_labels_without_a_way_back_from_json_are_refused() -> None:
    class OfOneself:
        """As short as labels can be, and without `from_spec`."""

        num_classes = 4

        def __init__(self) -> None:
            self.waves = FourierLabels(4, SMALL)
            self.neutral, self.patterns = self.waves.neutral, self.waves.patterns
            self.channels, self.spec = self.waves.channels, self.waves.spec

        def __call__(self, images: Tensor, classes: Tensor) -> Tensor:
            return self.waves(images, classes)

    with pytest.raises(AssertionError, match="OfOneself: the class needs `from_spec`"):
        check_labels(OfOneself())


def test_what_is_no_label_generator_is_told_what_it_lacks() -> None:
    class Half:
        num_classes = 4

        def neutral(self, images: Tensor) -> Tensor:
            return images

    with pytest.raises(
        TypeError, match="Half is not a label generator: it has no patterns, no channels, no spec, no __c"
    ):
        check_labels(Half())
