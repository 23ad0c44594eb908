"""What holds for every label family."""

import itertools
import json
import math

import pytest
import torch
from torch import Tensor

from labels import (
    LABELS,
    ChannelLabels,
    EchoLabels,
    FourierLabels,
    LayerwiseLabels,
    LearnedLabels,
    MorphLabels,
    OneHotLabels,
    Wave,
    labels_from_spec,
)
from tests.labels.helpers import FAMILIES, SIZE, images, textured_image

FILLING = [name for name in FAMILIES if name != "onehot"]  # the families that are there at every position


def test_the_table_holds_the_families() -> None:
    assert set(LABELS) == {name.split("-")[0] for name in FAMILIES}


@pytest.mark.parametrize("family", FAMILIES)
class TestContract:
    """What holds for every label family, beside the contract that `convff.testing.check_labels` checks."""

    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
    def test_labelled_images_stay_between_black_and_white(self, family: str, channels: int, dtype: torch.dtype) -> None:
        labels, batch = FAMILIES[family](10), images(6, channels, dtype)
        one, several = labels(batch, torch.arange(6)), labels(batch, torch.arange(12).view(6, 2) % 10)
        for result in (one, several, labels.neutral(batch), labels.patterns(batch[0])):
            assert result.min() >= 0
            assert result.max() <= 1

    def test_rebuilt_from_json_by_the_name_of_its_family(self, family: str) -> None:
        labels, batch = FAMILIES[family](10), images()
        again = labels_from_spec(json.loads(json.dumps(labels.spec())))
        assert type(again) is type(labels)
        assert torch.equal(labels(batch, torch.arange(6)), again(batch, torch.arange(6)))

    def test_what_was_asked_before_does_not_matter(self, family: str) -> None:
        used, fresh, batch = FAMILIES[family](10), FAMILIES[family](10), images()
        used(batch.bfloat16(), torch.arange(6))
        assert torch.equal(used(batch, torch.arange(6)), fresh(batch, torch.arange(6)))

    @pytest.mark.parametrize("num_classes", [2, 10])
    def test_channels_last_images(self, family: str, num_classes: int) -> None:
        labels, batch = FAMILIES[family](num_classes), images()
        classes = torch.arange(6) % num_classes
        reordered = batch.contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(labels(batch, classes), labels(reordered, classes), rtol=0, atol=1e-6)

    @pytest.mark.parametrize(
        ("classes", "message"),
        [
            (torch.tensor([0, 1, 2, 3, 4, 10]), "from 0 to 10"),
            (torch.tensor([0, 1, 2, 3, 4, -1]), "from -1 to 4"),
            (torch.arange(5), "for 6 images"),
            (torch.arange(6).float(), "int64"),
            (torch.zeros(6, 1, 1, dtype=torch.int64), "for 6 images"),
        ],
    )
    def test_refuses_classes_that_do_not_fit(self, family: str, classes: Tensor, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            FAMILIES[family](10)(images(), classes)

    def test_refuses_images_that_do_not_fit(self, family: str) -> None:
        labels = FAMILIES[family](10)
        with pytest.raises(ValueError, match="float"):
            labels(images().mul(255).byte(), torch.arange(6))
        with pytest.raises(ValueError, match=r"\[B, C, H, W\]"):
            labels(images()[0], torch.arange(3))


@pytest.mark.parametrize("family", ["fourier", "channel", "channel-fourier", "learned"])
def test_refuses_another_image_size(family: str) -> None:
    with pytest.raises(ValueError, match=r"\(20, 24\), got \(8, 8\)"):
        FAMILIES[family](10)(torch.rand(2, 3, 8, 8), torch.arange(2))


@pytest.mark.parametrize("intensity", [-0.1, 1.1, math.nan])
def test_refuses_an_intensity_outside_the_unit_interval(intensity: float) -> None:
    with pytest.raises(ValueError, match=r"K must be in \[0, 1\], got"):
        FourierLabels(10, SIZE, intensity=intensity)
    with pytest.raises(ValueError, match=r"K must be in \[0, 1\], got"):
        MorphLabels(10, intensity=intensity)
    with pytest.raises(ValueError, match=r"K must be in \[0, 1\], got"):
        EchoLabels(10, intensity=intensity)


def test_refuses_fewer_candidates_than_classes() -> None:
    with pytest.raises(ValueError, match="3 classes need one wave each, got 2"):
        FourierLabels(3, SIZE, waves=(Wave(1, 0.0), Wave(2, 0.0)))
    with pytest.raises(ValueError, match="3 classes need one chain each, got 1"):
        MorphLabels(3, chains=((("invert",),),))
    with pytest.raises(ValueError, match="unknown operator 'melt'"):
        MorphLabels(1, chains=((("melt",),),))
    with pytest.raises(ValueError, match=r"'shift' does not take the arguments \(1,\)"):
        MorphLabels(1, chains=((("shift", 1),),))
    with pytest.raises(ValueError, match="at most 120 for set 1, got 121"):
        MorphLabels(121)
    with pytest.raises(ValueError, match="at most 48, one echo per class, got 49"):
        EchoLabels(49)
    with pytest.raises(ValueError, match="'noise' or 'waves', got 'stripes'"):
        LearnedLabels(3, SIZE, start="stripes")
    with pytest.raises(ValueError, match="'onehot', 'fourier' or 'codes', got 'stripes'"):
        ChannelLabels(3, SIZE, planes="stripes")
    with pytest.raises(ValueError, match="10 classes need one pixel each, got images of 4"):
        OneHotLabels(10)(torch.rand(1, 1, 2, 2), torch.tensor([0]))
    with pytest.raises(ValueError, match="unknown label family"):
        labels_from_spec({"family": "morse"})


@pytest.mark.parametrize("family", [f for f in FILLING if "-" not in f])
def test_labels_differ_in_nearly_every_window(family: str) -> None:
    """A 5 x 5 filter can tell any two classes apart wherever it lies."""
    make = {
        "fourier": lambda: FourierLabels(10, (32, 32)),
        "morph": lambda: MorphLabels(10),
        "channel": lambda: ChannelLabels(10, (32, 32)),
        "layerwise": lambda: LayerwiseLabels(10, (32, 32)),
        "echo": lambda: EchoLabels(10),
        "learned": lambda: LearnedLabels(10, (32, 32)),
    }
    labels = make[family]()
    image = textured_image()
    labelled = labels(image.expand(10, -1, -1, -1), torch.arange(10))
    for a, b in itertools.combinations(range(10), 2):
        apart = (labelled[a] - labelled[b]).abs().amax(dim=0)
        windows = torch.nn.functional.max_pool2d(apart[None], 5, stride=1)
        assert (windows > 0.01).float().mean() >= 0.95, (a, b)


@pytest.mark.parametrize("family", ["fourier", "morph"])
def test_intensity_is_the_share_of_the_label(family: str) -> None:
    batch = images(10)
    make = {"fourier": lambda k: FourierLabels(10, SIZE, intensity=k), "morph": lambda k: MorphLabels(10, intensity=k)}
    nothing, half, all_of_it = (make[family](k)(batch, torch.arange(10)) for k in (0.0, 0.5, 1.0))
    torch.testing.assert_close(nothing, batch, rtol=0, atol=1e-7)
    torch.testing.assert_close(half, (batch + all_of_it) / 2, rtol=0, atol=1e-6)
    first = make[family](1.0).patterns(batch[0])[:1]
    torch.testing.assert_close(all_of_it[:1], first, rtol=0, atol=1e-6)


def test_a_hundred_classes_have_labels_of_their_own() -> None:
    image = textured_image().expand(100, -1, -1, -1)
    for labels in (FourierLabels(100, (32, 32)), MorphLabels(100), ChannelLabels(100, (32, 32), planes="fourier")):
        labelled = labels(image, torch.arange(100)).flatten(1)
        assert torch.cdist(labelled, labelled).add_(torch.eye(100) * 9).min() > 0.1
    with pytest.raises(ValueError, match="room for 24 waves of set 1, not for 25"):
        LearnedLabels(25, (8, 8))
    assert LearnedLabels(25, (8, 8), start="noise").num_classes == 25
    with pytest.raises(ValueError, match="room for 24 waves of set 1, not for 25"):
        FourierLabels(25, (8, 8))


def test_candidates_are_rebuilt_to_the_bit() -> None:
    waves = FourierLabels.candidates(60, 3, (24, 24), 5)
    labels = FourierLabels(60, (24, 24), waves=waves)
    again = labels_from_spec(json.loads(json.dumps(labels.spec())))
    assert isinstance(again, FourierLabels)
    assert again.waves == waves
    images, classes = torch.rand(60, 1, 24, 24), torch.arange(60)
    assert torch.equal(labels(images, classes), again(images, classes))

    chains = MorphLabels.candidates(60, 3)
    morph = MorphLabels(60, chains=chains)
    rebuilt = labels_from_spec(json.loads(json.dumps(morph.spec())))
    assert isinstance(rebuilt, MorphLabels)
    assert rebuilt.chains == chains
    assert torch.equal(morph(images, classes), rebuilt(images, classes))


@pytest.mark.parametrize("family", ["fourier", "morph"])
def test_the_draw_is_keyed_by_its_seed(family: str) -> None:
    draw = {"fourier": lambda n, seed: FourierLabels.candidates(n, seed, (32, 32), 5), "morph": MorphLabels.candidates}
    first, again, other = (draw[family](50, seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other
    assert draw[family](80, 0)[:50] == first  # more candidates are the same and some more
