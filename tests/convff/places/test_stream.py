"""A stream of labels: against autograd and the equation written out, against leaks, and in one pass of inference."""

import pytest
import torch
from torch import Tensor, nn

from convff import (
    AtStream,
    Autograd,
    Batch,
    Block,
    ForwardForward,
    HebbianForwardForward,
    LabelStream,
    Layout,
    LengthNorm,
    LocalStep,
    Schedule,
    Seen,
    Setup,
    Softmax,
    Symmetric,
    Threshold,
    block_scores,
    cnn6,
    keyed_generator,
)
from convff.gates import Gate
from labels import ChannelLabels, EchoLabels, FourierLabels, LearnedLabels, StreamLabels, labels_from_spec
from tests.convff.samples import relative_error

CLASSES, IMAGES = 3, 5
GATES: list[Gate] = [Softmax(scale=3.0), Symmetric(scale=2.0), Threshold(theta=0.4, scale=1.5)]
PLACE = AtStream(num_classes=CLASSES)
WAVES = StreamLabels(FourierLabels(CLASSES, (8, 8)))


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=keyed_generator(seed, "stream"), dtype=torch.float64)


def seen_of(kind: str) -> Seen:
    dense = kind == "dense"
    block = Block(LengthNorm(), nn.Linear(6, 4) if dense else nn.Conv2d(2, 4, 3, padding=1)).double()
    with torch.no_grad():
        for index, parameter in enumerate(block.parameters()):
            parameter.copy_(drawn(*parameter.shape, seed=index + 1) / 2)
        rows = IMAGES + CLASSES
        x = block.normalised(drawn(rows, 6, seed=7) if dense else drawn(rows, 2, 4, 4, seed=7))
        return Seen(block, x, block.activity(x), Layout(torch.tensor([0, 1, 2, 1, 0]), stream=CLASSES))


def by_hand(seen: Seen, a: Tensor) -> Tensor:
    """Agreement `[B, K]`, pair by pair: the mean over units of the product."""
    images, labels = a[:IMAGES], a[IMAGES:]
    pairs = [[(image * label).mean() for label in labels] for image in images]
    return torch.stack([torch.stack(row) for row in pairs])


@pytest.mark.parametrize("kind", ["dense", "convolutional"])
def test_scores_are_the_agreement_written_out(kind: str) -> None:
    seen = seen_of(kind)
    got = ForwardForward(label_at=PLACE).scores(seen)
    assert torch.allclose(got, by_hand(seen, seen.a), rtol=1e-12, atol=1e-12)
    sums = ForwardForward(label_at=PLACE, reduction="sum").scores(seen)
    assert torch.allclose(sums, got * seen.a[0].numel(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("gate", GATES[:1])
@pytest.mark.parametrize("kind", ["dense", "convolutional"])
def test_the_loss_is_that_of_the_agreement_written_out(kind: str, gate: Gate) -> None:
    seen = seen_of(kind)
    g = by_hand(seen, seen.a)
    expected = nn.functional.cross_entropy(3.0 * g, seen.layout.targets)
    assert torch.allclose(ForwardForward(gate=gate, label_at=PLACE).loss(seen), expected)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("kind", ["dense", "convolutional"])
def test_the_closed_form_is_the_gradient(kind: str, reduction: str) -> None:
    seen = seen_of(kind)
    scale = 3.0 if reduction == "mean" else 0.05
    rule = ForwardForward(gate=Softmax(scale=scale), label_at=PLACE, reduction=reduction)
    got = rule.direction(seen, None).dense(seen.block.layer)
    wanted = Autograd(rule=rule).direction(seen, None).dense(seen.block.layer)
    assert got.keys() == wanted.keys() == {"weight", "bias"}
    for name, direction in wanted.items():
        assert direction.norm() > 0
        assert relative_error(got[name], direction) < 1e-12
    assert relative_error(rule.input_direction(seen), Autograd(rule=rule).input_direction(seen)) < 1e-12


@pytest.mark.parametrize("gate", GATES)
def test_hebbff_points_where_ff_points(gate: Gate) -> None:
    seen = seen_of("convolutional")
    ff = ForwardForward(gate=gate, label_at=PLACE).direction(seen, None).dense(seen.block.layer)
    hebbff = HebbianForwardForward(gate=gate, label_at=PLACE).direction(seen, None).dense(seen.block.layer)
    for name, direction in ff.items():
        unit = hebbff[name] / hebbff[name].norm()
        assert torch.allclose(unit, direction / direction.norm(), atol=1e-12)


def test_images_and_labels_have_statistics_of_their_own() -> None:
    block = cnn6((1, 8, 8), widths=(4,), pool_after=()).blocks[0].double()
    images, labels = drawn(6, 1, 8, 8, seed=1), 5 + 3 * drawn(3, 1, 8, 8, seed=2)
    x = block.normalised(torch.cat([images, labels]), stream=3)
    for part in (x[:6], x[6:]):
        assert abs(part.mean().item()) < 1e-6
        assert abs(part.std(correction=0).item() - 1) < 1e-3
    assert torch.allclose(block.norm.running_mean, 0.1 * images.mean())
    alone = block.normalised(images)
    assert torch.equal(alone, x[:6])


def test_in_evaluation_an_image_is_judged_alone_and_labels_as_in_training() -> None:
    net, rule = cnn6((1, 8, 8), widths=(6, 6), pool_after=(1,)), ForwardForward(label_at=PLACE)
    images = torch.rand(4, 1, 8, 8, generator=keyed_generator(0, "images"))
    together = block_scores(net, images, WAVES, rule)
    assert together.shape == (2, 4, CLASSES)
    alone = torch.cat([block_scores(net, image[None], WAVES, rule) for image in images], dim=1)
    assert torch.allclose(together, alone, atol=1e-6)
    assert together.std() > 0


def batch_of(targets: list[int]) -> Batch:
    images = torch.rand(len(targets), 1, 8, 8, generator=keyed_generator(3, "images"))
    return Batch(images, torch.tensor(targets))


def test_a_step_learns_to_agree() -> None:
    """On images that are their label's wave under noise, the agreement with the right label grows."""
    torch.manual_seed(0)
    net, rule = (
        cnn6((1, 8, 8), widths=(12, 12), pool_after=(1,)),
        ForwardForward(gate=Softmax(scale=30.0), label_at=PLACE),
    )
    step = LocalStep(rule, Setup(net=net, labels=WAVES, schedule=Schedule(lr=3e-3)))
    first = last = None
    for turn in range(60):
        draws = keyed_generator(turn, "noise")
        targets = torch.arange(12) % CLASSES
        clean = WAVES.label_images(torch.zeros(1, 1, 8, 8))[targets]
        metrics = step(Batch((clean + 0.3 * torch.rand(12, 1, 8, 8, generator=draws)).clamp(0, 1), targets), draws)
        first, last = first if first is not None else metrics, metrics
    assert (last["loss"] < 0.5 * first["loss"]).all()
    assert (last["discrimination"] > 0.95).all()


def test_refusals_name_what_is_wrong() -> None:
    seen = seen_of("dense")
    with pytest.raises(ValueError, match="takes one pass per image and 3 label images, got 1 and 0"):
        ForwardForward(label_at=PLACE).scores(seen._replace(layout=Layout(torch.tensor([0] * 8))))
    with pytest.raises(ValueError, match="at least 2 classes, got 1"):
        AtStream(num_classes=1)
    with pytest.raises(ValueError, match="for 3 classes, got 4"):
        PLACE.check(cnn6((1, 8, 8)), 4)
    with pytest.raises(ValueError, match="label channels"):
        PLACE.check(cnn6((4, 8, 8), label_channels=3), 3)
    with pytest.raises(TypeError, match=r"FourierLabels has no image of each label: wrap it in labels\.StreamLabels"):
        LabelStream(FourierLabels(3, (8, 8)))(batch_of([0, 1]), torch.Generator())  # type: ignore[arg-type]


@pytest.mark.parametrize("family", [ChannelLabels(3, (8, 8)), EchoLabels(3), LearnedLabels(3, (8, 8))])
def test_labels_without_a_fixed_image_of_as_many_channels_are_refused(family: object) -> None:
    with pytest.raises(ValueError, match=f"which {type(family).__name__} does not have"):
        StreamLabels(family)  # type: ignore[arg-type]


def test_labels_come_back_from_their_spec() -> None:
    images = torch.rand(2, 3, 8, 8)
    again = labels_from_spec(WAVES.spec())
    assert torch.equal(again.label_images(images), WAVES.label_images(images))  # type: ignore[attr-defined]
    assert torch.equal(again(images, torch.tensor([2, 0])), WAVES.label_images(images)[[2, 0]])
    assert torch.equal(again.patterns(images[0])[1] * 0.3, WAVES.label_images(images)[1])
