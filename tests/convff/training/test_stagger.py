"""Staggered blocks: each learns in its own part of the training, and rests outside of it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from convff import AtOutput, ForwardForward, ImageData, Schedule, Softmax, Trainer, cnn6, keyed_generator
from convff.outer import Outer
from labels import NoLabels


def data() -> ImageData:
    images = torch.randint(256, (40, 1, 6, 6), generator=keyed_generator(0, "images")).byte()
    return ImageData(images, torch.arange(40) % 3, ("a", "b", "c"), "noise")


def trainer(stagger: float, optimizer: str = "adam") -> Trainer:
    torch.manual_seed(0)
    net = cnn6((1, 6, 6), widths=(6, 6, 6), pool_after=())
    rule = ForwardForward(gate=Softmax(), label_at=AtOutput(3))
    schedule = Schedule(epochs=4, batch_size=10, stagger=stagger, optimizer=optimizer)
    return Trainer(net, NoLabels(3), rule, schedule=schedule)


def test_each_block_learns_in_its_own_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """With stagger 0.5, three blocks and 16 steps: block 0 until step 8, block 1 from 2 to 12, block 2 from 4 on."""
    training, moved = trainer(0.5), {0: [], 1: [], 2: []}
    computed = []
    dense = Outer.dense
    monkeypatch.setattr(Outer, "dense", lambda self, layer: computed.append(layer) or dense(self, layer))
    step = training.step

    def watched(batch: object, generator: object) -> dict[str, torch.Tensor]:
        before = [block.layer.weight.clone() for block in training.net]
        metrics = step(batch, generator)
        for index, block in enumerate(training.net):
            moved[index].append(not torch.equal(block.layer.weight, before[index]))
        return metrics

    watched.optimizers, watched.modules = step.optimizers, step.modules
    training.step = watched
    records = list(training.fit(data()))
    steps = {index: [number for number, it in enumerate(flags) if it] for index, flags in moved.items()}
    assert steps == {0: list(range(8)), 1: list(range(2, 12)), 2: list(range(4, 16))}
    assert len(computed) == 8 + 10 + 12  # no direction is computed for a block that rests
    assert all(len(record.metrics["loss"]) == 3 for record in records)


def test_without_stagger_all_learn_all_the_time() -> None:
    schedule = Schedule(lr=0.1)
    assert [schedule.window(block, 4) for block in range(4)] == [(0.0, 1.0)] * 4
    assert schedule.rate(0.3) == schedule.rate(0.3, window=(0.0, 1.0)) == 0.1


@given(st.floats(0, 0.99), st.integers(1, 12), st.floats(0, 1))
def test_windows_are_in_order_and_hold_their_whole_cooldown(stagger: float, blocks: int, inside: float) -> None:
    schedule = Schedule(lr=2.0, stagger=stagger)
    windows = [schedule.window(block, blocks) for block in range(blocks)]
    assert windows == sorted(windows)
    for begin, end in windows:
        assert 0 <= begin < end <= 1
        at = begin + inside * (end - begin)
        if begin <= at <= end:
            expected = 2.0 * min(1.0, 2.0 * (1.0 - (at - begin) / (end - begin)))
            assert schedule.rate(at, (begin, end)) == pytest.approx(expected)
    assert schedule.rate(0.0, (0.5, 1.0)) == schedule.rate(1.0, (0.0, 0.5)) == 0.0


@pytest.mark.parametrize("stagger", [-0.1, 1.0])
def test_a_stagger_out_of_range_is_refused(stagger: float) -> None:
    with pytest.raises(ValueError, match=r"stagger must be in \[0, 1\)"):
        Schedule(stagger=stagger)
