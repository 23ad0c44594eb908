"""Hard negatives from the neutral pass: their frequencies, and what is refused."""

from itertools import permutations

import pytest
import torch
from torch import Tensor

from convff import (
    Batch,
    ForwardForward,
    LabelContrast,
    LinearReadout,
    NeutralNegatives,
    Schedule,
    SoftmaxReadout,
    Trainer,
    keyed_generator,
)
from labels import EchoLabels, LabelGenerator, MorphLabels
from tests.convff.samples import ADDITIVE, SIZE, Two, network, noise

SCORES = torch.tensor([2.0, 0.5, -1.0, 1.0])


def drawn(right: int, count: int = 1, temperature: float = 1.0, draws: int = 200_000) -> Tensor:
    negatives = NeutralNegatives(count, temperature)
    classes = torch.full((draws,), right)
    return negatives(classes, 4, keyed_generator(0, "draws", right, count), SCORES.expand(draws, -1))


@pytest.mark.parametrize(("right", "count", "temperature"), [(0, 1, 1.0), (2, 1, 1.0), (2, 1, 3.0), (1, 2, 1.0)])
def test_frequencies_are_those_of_the_masked_softmax(right: int, count: int, temperature: float) -> None:
    found = drawn(right, count, temperature)
    weights = (SCORES.double() / temperature).exp().tolist()
    total = 0.0
    for order in permutations([j for j in range(4) if j != right], count):
        left, p = {j: weights[j] for j in range(4) if j != right}, 1.0
        for j in order:  # one after another, from those that are left
            p *= left[j] / sum(left.values())
            left.pop(j)
        share = (found == torch.tensor(order)).all(dim=1).double().mean().item()
        assert abs(share - p) <= 5 * (p * (1 - p) / len(found)) ** 0.5, (order, p, share)
        total += p
    assert total == pytest.approx(1)


@pytest.mark.parametrize("scale", [1.0, 1e4])
@pytest.mark.parametrize("num_classes", [2, 10])
def test_never_the_right_label_in_a_million_draws(num_classes: int, scale: float) -> None:
    right = torch.arange(1_000_000) % num_classes
    scores = scale * torch.eye(num_classes)[right]  # the right one is by far the likeliest
    wrong = NeutralNegatives()(right, num_classes, keyed_generator(0, "draws"), scores)[:, 0]
    assert not (wrong == right).any()
    assert ((wrong >= 0) & (wrong < num_classes)).all()


def test_scores_of_zero_draw_every_wrong_label_alike() -> None:
    """As before the first update, when the softmax's weights are 0."""
    right = torch.arange(90_000) % 10
    wrong = NeutralNegatives()(right, 10, keyed_generator(0, "draws"), torch.zeros(len(right), 10))[:, 0]
    counts = torch.bincount((wrong - right) % 10, minlength=10)[1:].double()
    assert ((counts - 10_000) ** 2 / 10_000).sum() <= 8 + 5 * 4


def test_the_same_generator_draws_the_same_labels_and_they_differ() -> None:
    one, other = (drawn(1, 3, draws=1000) for _ in range(2))
    assert torch.equal(one, other)
    assert torch.equal(one.sort(dim=1).values, torch.tensor([0, 2, 3]).expand(1000, -1))


def test_scores_in_bfloat16_are_drawn_from_in_float32() -> None:
    classes = torch.zeros(1000, dtype=torch.int64)
    draws = [
        NeutralNegatives()(classes, 4, keyed_generator(0, "draws"), SCORES.to(dtype).expand(1000, -1))
        for dtype in (torch.bfloat16, torch.float32)
    ]
    assert torch.equal(*draws)


def test_what_is_out_of_range_is_refused() -> None:
    classes, generator = torch.tensor([0, 1]), torch.Generator()
    with pytest.raises(ValueError, match="need the scores of a readout"):
        NeutralNegatives()(classes, 4, generator)
    with pytest.raises(ValueError, match="4 wrong labels per image, but there are 3"):
        NeutralNegatives(4)(classes, 4, generator, torch.zeros(2, 4))
    with pytest.raises(ValueError, match="at least 1 wrong label, got 0"):
        NeutralNegatives(0)
    for temperature in (0.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"temperature must be positive and finite, got {temperature}"):
            NeutralNegatives(temperature=temperature)


FAMILIES = ADDITIVE | {"morph": MorphLabels(5), "echo": EchoLabels(5)}


class Noting(LabelContrast):
    """Notes the wrong labels of each step."""

    def __call__(self, batch: Batch, *arguments: object, **options: object) -> object:  # type: ignore[override]
        passes = super().__call__(batch, *arguments, **options)  # type: ignore[arg-type]
        self.__dict__.setdefault("wrong", []).append(passes.layout.labels[:, 1])
        return passes


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("model", ["cnn3", "cnn6"])
def test_convolutions_take_them_with_every_kind_of_label(model: str, family: str) -> None:
    labels: LabelGenerator = FAMILIES[family]
    net = network(model, labels)
    contrast = Noting(labels, NeutralNegatives())
    make = SoftmaxReadout if model == "cnn6" else LinearReadout
    readout = make(net, labels, (3, *SIZE), grid=2)
    schedule = Schedule(batch_size=12)
    list(Trainer(net, labels, ForwardForward(), schedule=schedule, contrast=contrast, readout=readout).fit(noise()))
    assert len(contrast.wrong) == 1
    assert readout.linear.weight.any()


def test_a_confident_readout_decides() -> None:
    labels = ADDITIVE["onehot"]
    net, contrast = network("cnn3", labels), Noting(labels, NeutralNegatives())
    readout = SoftmaxReadout(net, labels, (3, *SIZE), grid=None, lr=1e-9)
    with torch.no_grad():
        readout.linear.weight[2] += 100  # activity is not negative
    list(Trainer(net, labels, ForwardForward(), contrast=contrast, readout=readout).fit(noise()))
    (wrong,) = contrast.wrong
    right = noise().classes
    assert (wrong == 2).sum() == (right != 2).sum()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"readout": None}, "need a readout that is trained beside the blocks"),
        ({"order": "one_by_one"}, "need blocks that learn together, got one_by_one"),
        ({"processes": Two()}, "need one process, got 2"),
    ],
)
def test_a_trainer_refuses_what_gives_no_scores(options: dict[str, object], message: str) -> None:
    labels = ADDITIVE["fourier"]
    net = network("cnn3", labels)
    given = {"readout": LinearReadout(net, labels, (3, *SIZE)), **options}
    with pytest.raises(ValueError, match=message):
        Trainer(net, labels, ForwardForward(), contrast=LabelContrast(labels, NeutralNegatives()), **given)
