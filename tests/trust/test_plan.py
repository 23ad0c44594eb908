"""What a training sees depends on the seed, the epoch and the step alone: not on threads, resuming or other draws."""

import hashlib

import pytest
import torch

from convff import Batch, LabelContrast, RandomNegatives, keyed_generator
from convff.data import epoch_batches
from labels import FourierLabels
from tests.trust.report import report

IMAGES, BATCH = 100, 16


def plan(seed: int, epoch: int, *, start: int = 0, disturb: bool = False) -> list[str]:
    """A digest of the images, labels and negatives of each step of an epoch, from step `start` on."""
    images = torch.rand(IMAGES, 1, 8, 8, generator=torch.Generator().manual_seed(9))
    classes = torch.arange(IMAGES) % 5
    contrast = LabelContrast(FourierLabels(5, (8, 8)), RandomNegatives(2))
    found = []
    for step, indices in enumerate(epoch_batches(IMAGES, BATCH, seed=seed, epoch=epoch)):
        if disturb:
            torch.rand(3)  # a draw from global randomness
        if step >= start:
            passes = contrast(Batch(images[indices], classes[indices]), keyed_generator(seed, "negatives", epoch, step))
            assert passes.layout.labels is not None
            content = passes.inputs.numpy().tobytes() + passes.layout.labels.numpy().tobytes()
            found.append(hashlib.sha256(content).hexdigest())
    return found


def test_the_plan_depends_on_seed_and_epoch_alone() -> None:
    first = plan(0, 0)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        same = [plan(0, 0), plan(0, 0, disturb=True)]
        torch.set_num_threads(2)
        same.append(plan(0, 0))
    finally:
        torch.set_num_threads(threads)
    assert all(each == first for each in same)
    assert plan(0, 0, start=3) == first[3:]
    others = [plan(0, 1), plan(1, 0)]
    assert not any(digest in first for other in others for digest in other)
    report("data plan with other threads, draws between, a later start", "equal digests", f"{len(same) + 1} equal")


@pytest.mark.parametrize("batch", [32, 128])
def test_the_order_of_an_epoch_does_not_depend_on_the_batch_size(batch: int) -> None:
    orders = [torch.cat(list(epoch_batches(IMAGES, size, seed=3, epoch=2))) for size in (BATCH, batch)]
    assert torch.equal(*orders)
