"""What every label family keeps to, and what each is by its formula."""

import itertools
import json
import math

import numpy as np
import pytest
import torch
from scipy import ndimage
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
from labels import operators as op

SIZE = (20, 24)
FAMILIES = {
    "onehot": OneHotLabels,
    "fourier": lambda k: FourierLabels(k, SIZE),
    "morph": MorphLabels,
    "channel": lambda k: ChannelLabels(k, SIZE),
    "layerwise": lambda k: LayerwiseLabels(k, SIZE),
    "channel-fourier": lambda k: ChannelLabels(k, SIZE, planes="fourier"),
    "echo": EchoLabels,
    "learned": lambda k: LearnedLabels(k, SIZE),
    "learned-noise": lambda k: LearnedLabels(k, SIZE, start="noise"),
}
FILLING = [name for name in FAMILIES if name != "onehot"]  # the families that are there at every position


def images(count: int = 6, channels: int = 3, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(count, channels, *SIZE, generator=torch.Generator().manual_seed(0)).to(dtype)


def textured_image() -> Tensor:
    """Smooth noise with edges: something to see in every window, as in a photograph."""
    noise = np.random.default_rng(0).normal(size=(3, 32, 32))
    smooth = ndimage.gaussian_filter(noise, (0, 1, 1))
    smooth = smooth + 0.5 * np.sign(ndimage.gaussian_filter(noise, (0, 3, 3)))
    return torch.from_numpy((smooth - smooth.min()) / np.ptp(smooth)).float()


def test_the_table_holds_the_families() -> None:
    assert set(LABELS) == {name.split("-")[0] for name in FAMILIES}


@pytest.mark.parametrize("family", FAMILIES)
class TestContract:
    """What every label family keeps to."""

    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
    def test_shape_and_dtype(self, family: str, channels: int, dtype: torch.dtype) -> None:
        labels, batch = FAMILIES[family](10), images(6, channels, dtype)
        one = labels(batch, torch.arange(6))
        several = labels(batch, torch.arange(12).view(6, 2) % 10)
        width = labels.channels(channels)
        assert one.shape == (6, width, *SIZE)
        assert several.shape == (6, 2, width, *SIZE)
        assert labels.neutral(batch).shape == (6, width, *SIZE)
        assert labels.patterns(batch[0]).shape == (10, width, *SIZE)
        for result in (one, several, labels.neutral(batch), labels.patterns(batch[0])):
            assert result.dtype == dtype
            assert result.min() >= 0
            assert result.max() <= 1

    def test_several_labels_are_each_label_alone(self, family: str) -> None:
        labels, batch = FAMILIES[family](10), images()
        classes = torch.randint(10, (6, 4), generator=torch.Generator().manual_seed(1))
        together = labels(batch, classes)
        for p in range(4):
            torch.testing.assert_close(together[:, p], labels(batch, classes[:, p]), rtol=0, atol=1e-6)

    def test_an_image_is_labelled_the_same_in_any_company(self, family: str) -> None:
        labels, batch = FAMILIES[family](10), images()
        alone = torch.cat([labels(batch[i : i + 1], torch.tensor([i])) for i in range(6)])
        torch.testing.assert_close(labels(batch, torch.arange(6)), alone, rtol=0, atol=1e-6)

    def test_input_is_never_changed(self, family: str) -> None:
        labels, batch = FAMILIES[family](10), images()
        before, classes = batch.clone(), torch.arange(6)
        labels(batch, classes).add_(1)
        labels(batch, classes[:, None]).add_(1)
        labels.patterns(batch[0])
        labels.neutral(batch)
        assert torch.equal(batch, before)
        assert torch.equal(classes, torch.arange(6))

    def test_deterministic_and_rebuilt_from_json(self, family: str) -> None:
        labels, batch = FAMILIES[family](10), images()
        again = labels_from_spec(json.loads(json.dumps(labels.spec())))
        assert type(again) is type(labels)
        assert torch.equal(labels(batch, torch.arange(6)), again(batch, torch.arange(6)))
        assert torch.equal(labels.neutral(batch), again.neutral(batch))

    def test_what_was_asked_before_does_not_matter(self, family: str) -> None:
        used, fresh, batch = FAMILIES[family](10), FAMILIES[family](10), images()
        used(batch.bfloat16(), torch.arange(6))
        assert torch.equal(used(batch, torch.arange(6)), fresh(batch, torch.arange(6)))

    def test_any_two_labels_differ(self, family: str) -> None:
        labels = FAMILIES[family](10)
        labelled = labels(images(1).expand(10, -1, -1, -1), torch.arange(10))
        for a, b in itertools.combinations(range(10), 2):
            assert not torch.equal(labelled[a], labelled[b])

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
    with pytest.raises(ValueError, match=r"\(20, 24\), not \(8, 8\)"):
        FAMILIES[family](10)(torch.rand(2, 3, 8, 8), torch.arange(2))


@pytest.mark.parametrize("intensity", [-0.1, 1.1, math.nan])
def test_refuses_an_intensity_outside_the_unit_interval(intensity: float) -> None:
    with pytest.raises(ValueError, match=r"K must lie in \[0, 1\]"):
        FourierLabels(10, SIZE, intensity=intensity)
    with pytest.raises(ValueError, match=r"K must lie in \[0, 1\]"):
        MorphLabels(10, intensity=intensity)
    with pytest.raises(ValueError, match=r"K must lie in \[0, 1\]"):
        EchoLabels(10, intensity=intensity)


def test_refuses_fewer_candidates_than_classes() -> None:
    with pytest.raises(ValueError, match="3 classes need as many waves, but only 2"):
        FourierLabels(3, SIZE, waves=(Wave(1, 0.0), Wave(2, 0.0)))
    with pytest.raises(ValueError, match="3 classes need as many chains, but only 1"):
        MorphLabels(3, chains=((("invert",),),))
    with pytest.raises(ValueError, match="unknown operator 'melt'"):
        MorphLabels(1, chains=((("melt",),),))
    with pytest.raises(ValueError, match=r"'shift' does not take the arguments \(1,\)"):
        MorphLabels(1, chains=((("shift", 1),),))
    with pytest.raises(ValueError, match="chains for 120 classes, not for 121"):
        MorphLabels(121)
    with pytest.raises(ValueError, match="there are 48 echoes, one a class, not 49"):
        EchoLabels(49)
    with pytest.raises(ValueError, match="'noise' or 'waves', not 'stripes'"):
        LearnedLabels(3, SIZE, start="stripes")
    with pytest.raises(ValueError, match="'onehot' or 'fourier', not 'stripes'"):
        ChannelLabels(3, SIZE, planes="stripes")
    with pytest.raises(ValueError, match="10 classes need as many pixels, but the image has 4"):
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


def test_fourier_set_1_equals_its_formula() -> None:
    height, width = 28, 32
    labels = FourierLabels(10, (height, width), intensity=1.0)
    waves = labels(torch.zeros(10, 1, height, width, dtype=torch.float64), torch.arange(10))[:, 0]
    direction = {0: (1, 0), 45: (1, 1), 90: (0, 1), 135: (-1, 1)}
    for k, (frequency, angle) in enumerate([(f, a) for f in (1, 2, 3) for a in (0, 45, 90, 135)][:10]):
        along_x, along_y = direction[angle]
        for row, column in itertools.product(range(height), range(width)):
            phase = 2 * math.pi * frequency * (along_x * column / width + along_y * row / height)
            assert waves[k, row, column].item() == pytest.approx(0.5 + 0.5 * math.sin(phase), abs=1e-6)


def test_fourier_set_1_is_orthogonal() -> None:
    waves = FourierLabels(12, (32, 32)).patterns(torch.zeros(1, 32, 32)).flatten(1) - 0.5
    correlations = torch.corrcoef(waves) - torch.eye(12)
    assert correlations.abs().max() < 1e-5


@pytest.mark.parametrize("family", ["fourier", "morph"])
def test_intensity_is_the_share_of_the_label(family: str) -> None:
    batch = images(10)
    make = {"fourier": lambda k: FourierLabels(10, SIZE, intensity=k), "morph": lambda k: MorphLabels(10, intensity=k)}
    nothing, half, all_of_it = (make[family](k)(batch, torch.arange(10)) for k in (0.0, 0.5, 1.0))
    torch.testing.assert_close(nothing, batch, rtol=0, atol=1e-7)
    torch.testing.assert_close(half, (batch + all_of_it) / 2, rtol=0, atol=1e-6)
    first = make[family](1.0).patterns(batch[0])[:1]
    torch.testing.assert_close(all_of_it[:1], first, rtol=0, atol=1e-6)


def test_a_wave_finer_than_the_pixels_is_refused() -> None:
    with pytest.raises(ValueError, match="4 cycles need an image more than 8 pixels wide, not 8"):
        FourierLabels(1, (8, 8), waves=(Wave(4, 0.0),))


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


def test_channel_labels_leave_the_image_alone() -> None:
    batch = images()
    labelled = ChannelLabels(10, SIZE)(batch, torch.arange(6))
    assert torch.equal(labelled[:, :3], batch)
    planes = labelled[:, 3:]
    assert torch.equal(planes.argmax(dim=1), torch.arange(6)[:, None, None].expand(6, *SIZE))
    assert torch.equal(planes.sum(dim=1), torch.ones(6, *SIZE))


def test_echoes_are_the_image_and_its_displaced_copy() -> None:
    batch = images(48, 1, torch.float64)
    labelled = EchoLabels(48, intensity=0.4)(batch, torch.arange(48))
    displaced = [chain[0][1:] for chain in EchoLabels(48).chains]
    assert len(set(displaced)) == 48
    for image, result, (dx, dy) in zip(batch[:, 0].numpy(), labelled[:, 0].numpy(), displaced, strict=True):
        copy = ndimage.shift(image, (dy, dx), order=0, mode="nearest")
        np.testing.assert_allclose(result, 0.6 * image + 0.4 * copy, rtol=0, atol=1e-12)


def test_opposite_echoes_look_alike_and_come_last() -> None:
    """At K = 0.5 the echo by d is that by -d, displaced by d: the first half of the echoes has no such pair."""
    displaced = [chain[0][1:] for chain in EchoLabels(48).chains]
    assert all((-dx, -dy) not in displaced[:24] for dx, dy in displaced[:24])
    batch = images(1).expand(48, -1, -1, -1)
    labelled = EchoLabels(48, intensity=0.5)(batch, torch.arange(48))
    for k, (dx, dy) in enumerate(displaced[:24]):
        assert displaced[k + 24] == (-dx, -dy)
        again = op.shift(labelled[k + 24 : k + 25], dx, dy)[0]
        torch.testing.assert_close(again[:, 3:-3, 3:-3], labelled[k, :, 3:-3, 3:-3], rtol=0, atol=1e-6)


def test_learned_maps_are_a_channel_and_their_seed_is_their_key() -> None:
    batch, labels = images(), LearnedLabels(10, SIZE)
    labelled = labels(batch, torch.arange(6))
    assert torch.equal(labelled[:, :3], batch)
    assert torch.equal(labelled[:, 3:], labels.maps[:6])
    assert not labelled.requires_grad
    torch.manual_seed(1)
    first, again, other = (LearnedLabels(10, SIZE, seed, start="noise").maps for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(labels.maps, ChannelLabels(10, SIZE, planes="fourier").patterns(batch[0])[:, 3:])
    torch.testing.assert_close(labels.neutral(batch)[:, 3:], labels.maps.mean(dim=0).expand(6, -1, -1, -1))


def test_learned_maps_come_back_from_json_to_the_bit() -> None:
    labels = LearnedLabels(10, SIZE)
    assert "maps" not in labels.spec()  # start and seed are enough
    with torch.no_grad():
        labels.maps.mul_(torch.randn(labels.maps.shape, generator=torch.Generator().manual_seed(3)) * 1e3)
    spec = json.loads(json.dumps(labels.spec()))
    assert torch.equal(LearnedLabels.from_spec(spec).maps, labels.maps)
    with pytest.raises(ValueError, match=r"maps are \[9, 1, 20, 24\], but should be \[10, 1, 20, 24\]"):
        LearnedLabels.from_spec(spec | {"maps": spec["maps"][:9]})


def test_a_map_learns_from_the_passes_that_carry_it() -> None:
    labels = LearnedLabels(5, SIZE)
    inputs = torch.randn(4, 2, 4, *SIZE, generator=torch.Generator().manual_seed(0))
    classes = torch.tensor([[0, 1], [1, 3], [0, 3], [3, 0]])
    (grad,) = labels.grads(classes, inputs)
    for k in range(5):
        mine = sum((inputs[b, p, 3] for b in range(4) for p in range(2) if classes[b, p] == k), torch.zeros(SIZE))
        torch.testing.assert_close(grad[k, 0], mine)
    assert not grad[[2, 4]].any()


FOOTPRINTS = [("square", 3), ("square", 5), ("cross", 3), ("cross", 5), *((line, 5) for line in op.LINES)]
PAIRS = {
    "erode": lambda x, f: ndimage.grey_erosion(x, footprint=f, mode="constant", cval=1e4),
    "dilate": lambda x, f: ndimage.grey_dilation(x, footprint=f, mode="constant", cval=-1e4),
}
PAIRS |= {
    "open": lambda x, f: PAIRS["dilate"](PAIRS["erode"](x, f), f),
    "close": lambda x, f: PAIRS["erode"](PAIRS["dilate"](x, f), f),
    "gradient": lambda x, f: PAIRS["dilate"](x, f) - PAIRS["erode"](x, f),
    "top_hat": lambda x, f: x - PAIRS["open"](x, f),
    "black_hat": lambda x, f: PAIRS["close"](x, f) - x,
}


def structuring_element(shape: str, size: int) -> np.ndarray:
    """A flat structuring element `[size, size]`, drawn pixel by pixel."""
    middle = size // 2
    inside = {
        "square": lambda y, x: True,
        "row": lambda y, x: y == middle,
        "column": lambda y, x: x == middle,
        "cross": lambda y, x: middle in (x, y),
        "diagonal": lambda y, x: x == y,
        "antidiagonal": lambda y, x: x + y == size - 1,
    }[shape]
    return np.array([[inside(y, x) for x in range(size)] for y in range(size)])


@pytest.mark.parametrize(("shape", "size"), FOOTPRINTS)
@pytest.mark.parametrize("name", PAIRS)
def test_morphology_equals_scipy(name: str, shape: str, size: int) -> None:
    batch = images(2, 1, torch.float64)
    footprint = structuring_element(shape, size)
    got = op.OPERATORS[name](batch, size, shape)
    for image, result in zip(batch[:, 0].numpy(), got[:, 0].numpy(), strict=True):
        assert np.abs(PAIRS[name](image, footprint) - result).max() == 0.0


@pytest.mark.parametrize(("dx", "dy"), [(2, 0), (0, -3), (-1, 2), (0, 0)])
def test_shift_equals_scipy(dx: int, dy: int) -> None:
    image = images(1, 1, torch.float64)
    expected = ndimage.shift(image[0, 0].numpy(), (dy, dx), order=0, mode="nearest")
    assert np.array_equal(op.shift(image, dx, dy)[0, 0].numpy(), expected)


def test_operators_refuse_what_they_cannot_do() -> None:
    with pytest.raises(ValueError, match="odd and at least 3"):
        op.erode(images(), 4)
    with pytest.raises(ValueError, match="unknown structuring element 'star'"):
        op.erode(images(), 3, "star")
    with pytest.raises(ValueError, match="too large"):
        op.shift(images(), 24, 0)


def test_opening_and_closing_are_idempotent_and_ordered() -> None:
    batch = images()
    opened, closed = op.opening(batch, 3), op.closing(batch, 3)
    assert torch.equal(op.opening(opened, 3), opened)
    assert torch.equal(op.closing(closed, 3), closed)
    assert (opened <= batch).all()
    assert (closed >= batch).all()
