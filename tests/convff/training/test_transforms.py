"""Transforms of torchvision as augmentation: the key decides, and nothing else notices."""

import pytest
import torch
from torch import Tensor, nn
from torchvision.transforms import v2

from convff import (
    AtOutput,
    Block,
    ForwardForward,
    ImageData,
    LayerLocalNet,
    LengthNorm,
    Schedule,
    Trainer,
    from_torchvision,
)
from labels import NoLabels

CHANGED = v2.Compose([v2.RandomHorizontalFlip(), v2.RandomCrop(8, padding=2), v2.ColorJitter(0.4, 0.4)])


def images(count: int = 6) -> Tensor:
    return torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(5))


def key(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("per_image", [True, False])
def test_the_key_alone_decides(per_image: bool) -> None:
    augment = from_torchvision(CHANGED, per_image=per_image)
    torch.manual_seed(0)
    first = augment(images(), key(1))
    torch.manual_seed(99)
    torch.rand(7)
    assert torch.equal(augment(images(), key(1)), first)
    assert not torch.equal(augment(images(), key(2)), first)


def test_the_global_generator_is_restored() -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    from_torchvision(CHANGED)(images(), key(1))
    assert torch.equal(torch.rand(4), expected)


def test_it_is_restored_after_an_error() -> None:
    def fails(image: Tensor) -> Tensor:
        raise RuntimeError(f"{torch.rand(1)}")

    before = torch.get_rng_state()
    with pytest.raises(RuntimeError):
        from_torchvision(fails)(images(), key(1))
    assert torch.equal(torch.get_rng_state(), before)


def test_each_image_has_draws_of_its_own() -> None:
    same = images(1).expand(64, -1, -1, -1)
    alone = from_torchvision(v2.RandomHorizontalFlip())(same, key(0))
    mirrored = [torch.equal(image, same[0].flip(-1)) for image in alone]
    assert 16 < sum(mirrored) < 48
    together = from_torchvision(v2.RandomHorizontalFlip(), per_image=False)(same, key(0))
    assert len({image.sum((0, 1)).argmax().item() for image in together}) == 1


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (v2.Resize((4, 4)), r"must keep shape and type of images, \[6, 3, 8, 8\] .* got \[6, 3, 4, 4\]"),
        (v2.ToDtype(torch.float64), "got .* torch.float64"),
    ],
)
def test_what_changes_shape_or_type_is_refused(transform: nn.Module, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_torchvision(transform)(images(), key(0))


def trained(augment: object) -> Tensor:
    data = ImageData.from_arrays(images(12), torch.arange(12) % 2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = LayerLocalNet([Block(LengthNorm(), nn.Conv2d(3, 4, 3))])
    rule = ForwardForward(label_at=AtOutput(2))
    schedule = Schedule(epochs=2, batch_size=4)
    trainer = Trainer(net, NoLabels(2), rule, schedule=schedule, augment=augment, seed=7)  # type: ignore[arg-type]
    for number in range(2):
        torch.rand(number)  # draws elsewhere in the process
        trainer.epoch(data, number)
    return next(iter(net)).layer.weight.detach().clone()


def test_a_training_is_the_same_whatever_else_is_drawn() -> None:
    torch.manual_seed(1)
    first = trained(from_torchvision(CHANGED))
    torch.manual_seed(2)
    assert torch.equal(trained(from_torchvision(CHANGED)), first)
    assert not torch.equal(trained(from_torchvision(v2.Identity())), first)
