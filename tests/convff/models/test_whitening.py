"""Whitened patches: against loops over patches, and in a network that trains, stops and is loaded again."""

from copy import deepcopy
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from convff import (
    RULES,
    AtOutput,
    AtStream,
    Block,
    Checkpoint,
    ForwardForward,
    LayerLocalNet,
    Schedule,
    Softmax,
    Trainer,
    as_floats,
    autocast,
    block_goodness,
    block_scores,
    calibrate,
    cnn6,
    contrast_of,
    keyed_generator,
    load_checkpoint,
    save_checkpoint,
)
from convff.models.whitening import PatchWhitening
from labels import FourierLabels, LabelGenerator, LearnedLabels, NoLabels, StreamLabels
from tests.convff.models.test_label_channels import noise

SIZE = (8, 8)
FOURIER = FourierLabels(4, SIZE)
OPTIONS = {"widths": (4, 8, 8), "pool_after": (1,), "whiten": 3}


def images(count: int = 300, channels: int = 3) -> Tensor:
    """Smooth images whose colours go together, in [0, 1], with a little noise: far from white."""
    generator = keyed_generator(0, "smooth")
    fine = torch.rand(count, channels, 10, 10, generator=generator)
    smooth = F.avg_pool2d(fine, 3, stride=1)
    return 0.6 * smooth.mean(dim=1, keepdim=True) + 0.3 * smooth + 0.1 * torch.rand(smooth.shape, generator=generator)


def patches_within(x: Tensor, side: int) -> Tensor:
    """All patches `[n, C k k]`, one after another."""
    rows, columns = x.shape[2] - side + 1, x.shape[3] - side + 1
    found = [x[:, :, r : r + side, c : c + side].flatten(1) for r in range(rows) for c in range(columns)]
    return torch.cat(found).double()


def fitted(side: int = 3, channels: int = 3, eps: float = 5e-4) -> PatchWhitening:
    whitening = PatchWhitening(channels, side, eps).double()
    whitening.fit(images(channels=channels))
    return whitening


def inner(x: Tensor, side: int) -> Tensor:
    """Positions whose patch lies within the image, as rows `[n, C']`."""
    before, after = (side - 1) // 2, side // 2
    x = x[:, :, before : x.shape[2] - after, before : x.shape[3] - after]
    return x.permute(2, 3, 0, 1).flatten(0, 2)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [1, 2, 3])
def test_patches_are_white_where_they_were_not(side: int, channels: int) -> None:
    x = images(channels=channels).double()
    before = torch.cov(patches_within(x, side).T).reshape(channels * side**2, -1)
    white = fitted(side, channels, eps=1e-12)(x)
    assert white.shape == (300, channels * side**2, *SIZE)
    rows = inner(white, side)
    assert len(rows) == len(patches_within(x, side))
    size = channels * side**2
    covariance = torch.cov(rows.T, correction=0).reshape(size, size)
    torch.testing.assert_close(covariance, torch.eye(size, dtype=torch.float64), rtol=0, atol=1e-8)
    torch.testing.assert_close(rows.mean(dim=0), torch.zeros(size, dtype=torch.float64), rtol=0, atol=1e-8)
    if size > 1:
        shrunk = before / before.diagonal().mean()
        assert (shrunk - torch.eye(size)).abs().max() > 0.5  # they were not


def test_each_number_is_a_patch_along_an_eigenvector() -> None:
    """Against loops, border and floor included: the largest eigenvalue first, the image's border repeated outside."""
    x, side = images().double(), 3
    whitening = fitted(side)
    patches = patches_within(x, side)
    eigenvalues, vectors = torch.linalg.eigh(torch.cov(patches.T, correction=0))
    floor = 5e-4 * eigenvalues.mean()
    one = x[7]
    for row, column in ((0, 0), (0, 4), (7, 7), (3, 5)):
        patch = torch.stack(
            [
                one[channel, min(max(row + i, 0), 7), min(max(column + j, 0), 7)]
                for channel in range(3)
                for i in (-1, 0, 1)
                for j in (-1, 0, 1)
            ]
        )
        expected = vectors.T.flip(0) @ (patch - patches.mean(dim=0)) / (eigenvalues.flip(0) + floor).sqrt()
        ours = whitening(one[None])[0, :, row, column]
        torch.testing.assert_close(ours.abs(), expected.abs(), rtol=1e-6, atol=1e-9)


def test_directions_without_variance_are_not_blown_up() -> None:
    gray = images(channels=1).expand(-1, 3, -1, -1)  # of 27 directions 9 vary
    whitening = PatchWhitening(3)
    whitening.fit(gray)
    variance = inner(whitening(gray), 3).var(dim=0)
    assert (variance[:9] > 0.5).all()
    assert (variance[9:] < 1e-6).all()


def test_the_same_images_give_the_same_filters(monkeypatch: pytest.MonkeyPatch) -> None:
    """In another order too, which gives other roundings, and with eigenvectors of the other sign."""
    whitening, again, shuffled, flipped = (PatchWhitening(3) for _ in range(4))
    whitening.fit(images())
    again.fit(images())
    shuffled.fit(images()[torch.randperm(300, generator=keyed_generator(0, "order"))])
    assert torch.equal(whitening.filters, again.filters)
    assert torch.equal(whitening.offset, again.offset)
    torch.testing.assert_close(whitening.filters, shuffled.filters, rtol=1e-3, atol=1e-3)

    eigh, signs = torch.linalg.eigh, (-1.0) ** torch.arange(27)
    monkeypatch.setattr(torch.linalg, "eigh", lambda matrix: (eigh(matrix)[0], eigh(matrix)[1] * signs))
    flipped.fit(images())
    assert torch.equal(whitening.filters, flipped.filters)


def test_it_depends_on_no_other_image_and_on_no_mode() -> None:
    whitening, x = fitted().float(), images(6)
    together = whitening.train()(x)
    assert torch.equal(whitening.eval()(x), together)
    torch.testing.assert_close(torch.cat([whitening(one[None]) for one in x]), together, rtol=1e-5, atol=1e-5)
    assert not list(whitening.parameters())
    with autocast(torch.device("cpu"), "bfloat16"):
        assert torch.equal(whitening(x), together)
        torch.testing.assert_close(whitening(x.bfloat16()), together, rtol=0, atol=0.5)
        assert whitening(x.bfloat16()).dtype == torch.float32


def test_it_says_that_it_was_not_fitted() -> None:
    whitening, x = PatchWhitening(3), images(2)
    with pytest.raises(RuntimeError, match="fit it to training images, or load a checkpoint"):
        whitening(x)
    unfitted = deepcopy(whitening.state_dict())
    whitening.load_state_dict(fitted().float().state_dict())
    assert whitening(x).isfinite().all()
    assert deepcopy(whitening)(x).isfinite().all()
    whitening.load_state_dict(unfitted)
    with pytest.raises(RuntimeError, match="has no filters yet"):
        whitening(x)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((5, 1, 8, 8), r"needs images \[N, 3, H, W\] of at least 3 x 3 pixels, got \[5, 1, 8, 8\]"),
        ((5, 3, 2, 8), "at least 3 x 3 pixels"),
        ((5, 3, 8, 8), "images that vary"),
        ((0, 3, 8, 8), r"got \[0, 3, 8, 8\]"),
    ],
)
def test_images_that_it_cannot_be_fitted_to(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PatchWhitening(3).fit(torch.full(shape, 0.3))


@pytest.mark.parametrize("arguments", [(0, 3), (3, 0), (3, -2), (3, 3, 0.0)])
def test_numbers_that_it_cannot_have(arguments: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="whitening needs at least 1 channel"):
        PatchWhitening(*arguments)


def network(**options: object) -> LayerLocalNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = cnn6((3, *SIZE), **(OPTIONS | options))  # type: ignore[arg-type]
    next(iter(net)).norm.fit(as_floats(noise(12).images))
    return net


def test_the_first_block_alone_is_whitened() -> None:
    net = network()
    assert [type(block.norm).__name__ for block in net] == ["PatchWhitening", "BatchNorm2d", "BatchNorm2d"]
    assert [block.layer.in_channels for block in net] == [27, 4, 8]
    assert [tuple(a.shape[1:]) for a in net(torch.rand(2, 3, *SIZE))] == [(4, 8, 8), (8, 4, 4), (8, 4, 4)]
    with pytest.raises(ValueError, match="only images can be whitened, but 4 channels of the input are a label"):
        network(label_channels=4)


LEARNERS: dict[str, tuple[object, LabelGenerator]] = {
    "image": (RULES["ff"](), FOURIER),
    "bp": (RULES["bp"](), FOURIER),
    "output": (ForwardForward(label_at=AtOutput(4), gate=Softmax(scale=16.0)), NoLabels(4)),
    "stream": (ForwardForward(label_at=AtStream(num_classes=4), gate=Softmax(scale=30.0)), StreamLabels(FOURIER)),
}


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("learner", LEARNERS)
def test_a_training_leaves_it_as_it_was(learner: str, precision: str) -> None:
    rule, labels = LEARNERS[learner]
    net = network(skip=True)
    before = deepcopy(net.state_dict())
    for _ in Trainer(net, labels, rule, schedule=Schedule(batch_size=4), precision=precision).fit(noise()):
        pass
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name]) == name.startswith("blocks.0.norm."), name
    calibrate(net, contrast_of(rule, labels), noise(), batch_size=4)
    assert torch.equal(net.state_dict()["blocks.0.norm.filters"], before["blocks.0.norm.filters"])


def test_label_images_have_statistics_of_their_own() -> None:
    block: Block = next(iter(network()))
    labels, x = StreamLabels(FOURIER), torch.rand(5, 3, *SIZE)
    both = block.normalised(torch.cat([x, labels.label_images(x)]), stream=4)
    torch.testing.assert_close(both[:5], block.normalised(x))
    waves = block.norm(labels.label_images(x))
    of_stream = (waves - waves.mean(dim=(0, 2, 3), keepdim=True)) / (
        waves.var(dim=(0, 2, 3), keepdim=True, correction=0) + 1e-5
    ).sqrt()
    torch.testing.assert_close(both[5:], of_stream, rtol=1e-4, atol=1e-4)


def test_labels_that_learn_are_refused() -> None:
    with pytest.raises(ValueError, match="trainable labels need a first norm of BatchNorm2d, LengthNorm, got PatchWh"):
        Trainer(network(), LearnedLabels(4, SIZE), RULES["ff"]())


def test_a_checkpoint_holds_it(tmp_path: Path) -> None:
    net, x = network(skip=True), torch.rand(6, 3, *SIZE)
    path, options = tmp_path / "net.safetensors", OPTIONS | {"skip": True}
    save_checkpoint(path, Checkpoint("cnn6", (3, *SIZE), options, net))
    loaded = load_checkpoint(path).net
    assert torch.equal(block_goodness(net, x, FOURIER), block_goodness(loaded, x, FOURIER))
    rule, labels = LEARNERS["stream"]
    assert torch.equal(block_scores(net, x, labels, rule), block_scores(loaded, x, labels, rule))
