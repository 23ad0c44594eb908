"""Decays of the rate and of the weights, and rates of blocks in a fixed ratio."""

import math

import pytest
import torch
from torch import nn

from convff import ImageData, Schedule, Trainer, cnn6, keyed_generator
from convff.rules import HebbianForwardForward
from labels import NoLabels, OneHotLabels


@pytest.mark.parametrize(("progress", "share"), [(0.0, 1.0), (0.25, (1 + math.sqrt(0.5)) / 2), (0.5, 0.5), (1.0, 0.0)])
def test_cosine(progress: float, share: float) -> None:
    assert Schedule(lr=0.2, decay="cosine").rate(progress) == pytest.approx(0.2 * share)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_decay_is_part_of_the_direction(optimizer: str) -> None:
    start, grad = torch.tensor([1.0, -2.0, 3.0]), torch.tensor([0.3, 0.1, -0.2])
    ends = []
    for decay, direction in ((0.5, grad), (0.0, grad + 0.5 * start)):
        weight = nn.Parameter(start.clone())
        schedule = Schedule(optimizer=optimizer, lr=0.1, momentum=0.0, weight_decay=decay)
        weight.grad = direction.clone()
        schedule.make_optimizer([weight]).step()
        ends.append(weight.detach().clone())
    torch.testing.assert_close(*ends)
    assert not torch.equal(ends[0], start)


def test_a_decay_takes_no_short_cut_past_the_optimiser() -> None:
    assert Schedule(optimizer="sgd", momentum=0.0).is_plain
    assert not Schedule(optimizer="sgd", momentum=0.0, weight_decay=0.1).is_plain


def test_the_rates_of_blocks_keep_their_ratio() -> None:
    images = torch.randint(256, (8, 1, 8, 8), generator=keyed_generator(0, "images")).byte()
    data = ImageData(images, torch.arange(8) % 2, ("a", "b"), "noise")
    net = cnn6((1, 8, 8), widths=(3, 4), pool_after=())
    schedule = Schedule(lr=0.1, decay="cosine", epochs=2, batch_size=4, block_factors=(1.0, 0.25))
    trainer = Trainer(net, OneHotLabels(2), HebbianForwardForward(), schedule=schedule)
    rates = []
    for _ in trainer.fit(
        data, progress=lambda _: rates.append([o.param_groups[0]["lr"] for o in trainer.step.optimizers])
    ):
        pass
    assert len(rates) == 4
    assert [rate[0] for rate in rates] == pytest.approx([0.1 * (1 + math.cos(math.pi * t / 4)) / 2 for t in range(4)])
    assert [rate[1] for rate in rates] == pytest.approx([rate[0] / 4 for rate in rates])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight_decay": -0.1, "optimizer": "sgd"}, "weight_decay must be at least 0 and finite, got -0.1"),
        ({"weight_decay": math.inf, "optimizer": "sgd"}, "at least 0 and finite, got inf"),
        (
            {"weight_decay": 0.1, "optimizer": "orthogonal"},
            "an optimizer of sgd, adam, smoothed, got 'orthogonal'",
        ),
        ({"block_factors": (1.0, 0.0)}, r"factors of the rate must be positive and finite, got \(1.0, 0.0\)"),
        ({"rest_factor": -1.0}, "factors of the rate must be positive"),
    ],
)
def test_wrong_numbers_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Schedule(**options)  # type: ignore[arg-type]


def test_factors_must_be_one_per_block() -> None:
    with pytest.raises(ValueError, match="none or one per block, 2, got 3"):
        Trainer(
            cnn6((1, 8, 8), widths=(3, 4), pool_after=()),
            NoLabels(2),
            HebbianForwardForward(),
            schedule=Schedule(block_factors=(1.0, 1.0, 1.0)),
        )
