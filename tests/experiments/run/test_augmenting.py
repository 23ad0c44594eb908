"""Augmentations from the user's own file: functions, and transforms of torchvision."""

from pathlib import Path

import pytest
import torch

from convff import AUGMENTATIONS
from experiments.config.command_line import parse
from experiments.config.ranges import own_files
from experiments.config.settings import Settings, SettingsError
from experiments.run.augmenting import augmentation_of
from experiments.run.parts import prepare

MINE = """
from torchvision.transforms import v2

HALF_MIRRORED = v2.Compose([v2.RandomHorizontalFlip(), v2.RandomErasing()])
SMALLER = v2.Resize((4, 4))


def darker(images, generator):
    import torch
    return images * torch.rand(len(images), 1, 1, 1, generator=generator)


def negative(image):
    return 1 - image


class Upside:
    def __call__(self, image):
        return image.flip(-2)
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path / "mine.py"


def test_a_name_of_ours_is_that_of_the_table() -> None:
    for name, augment in AUGMENTATIONS.items():
        assert augmentation_of(name) is augment


@pytest.mark.parametrize("name", ["HALF_MIRRORED", "darker", "negative", "Upside"])
def test_an_own_one_depends_on_its_key(mine: Path, name: str) -> None:
    augment, images = augmentation_of(f"{mine}:{name}"), torch.rand(8, 3, 8, 8)
    first, again, other = (augment(images, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert torch.equal(first, other) == (name in ("negative", "Upside"))
    expected = {"negative": 1 - images, "Upside": images.flip(-2)}.get(name, first)
    assert torch.equal(first, expected)


def test_the_command_line_takes_it(mine: Path) -> None:
    settings = parse(Settings(), None, ["--dataset", "digits", "--augment", f"{mine}:HALF_MIRRORED"])
    assert settings.augment == f"{mine}:HALF_MIRRORED"
    assert own_files(settings) == {mine}


def test_one_that_changes_the_size_is_refused_before_any_training(mine: Path, tmp_path: Path) -> None:
    settings = Settings(dataset="digits", label_at="output", width=10, device="cpu", augment=f"{mine}:SMALLER")
    with pytest.raises(SettingsError, match=r"the transform must keep shape and type of images, \[2, 1, 8, 8\]"):
        prepare(settings)


def test_a_name_that_the_file_lacks_is_refused(mine: Path) -> None:
    with pytest.raises(SettingsError, match="holds no missing"):
        augmentation_of(f"{mine}:missing")
