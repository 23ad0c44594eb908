"""The superclasses of CIFAR-100, against its published coarse labels, and how data carry them."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from convff import ImageData
from convff.data import check_superclasses
from experiments.datasets import cifar10, cifar100
from experiments.datasets.known import load_known
from experiments.datasets.superclasses import CIFAR100, superclasses_of
from tests.experiments.datasets.test_datasets import png

# The names in torchvision's `meta` file, in the order of its fine labels.
NAMES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish
forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle
mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale
willow_tree wolf woman worm
"""
FINE = NAMES.split()
# The coarse label of each fine label, as the images of the published batches carry them.
COARSE = [
    *(4, 1, 14, 8, 0, 6, 7, 7, 18, 3, 3, 14, 9, 18, 7, 11, 3, 9, 7, 11, 6, 11, 5, 10, 7, 6, 13, 15, 3, 15, 0, 11, 1),
    *(10, 12, 14, 16, 9, 11, 5, 5, 19, 8, 8, 15, 13, 14, 17, 18, 10, 16, 4, 17, 4, 2, 0, 17, 4, 18, 17, 10, 3, 2, 12),
    *(12, 16, 12, 1, 9, 19, 2, 10, 0, 1, 16, 12, 9, 13, 15, 13, 16, 19, 2, 4, 6, 19, 5, 5, 8, 19, 18, 1, 2, 15, 6, 0),
    *(17, 8, 14, 13),
]


def test_the_table_gives_the_published_coarse_labels() -> None:
    assert sorted(FINE) == FINE, "class folders, which are read in alphabetical order, have the published order"
    assert superclasses_of(FINE, CIFAR100) == tuple(COARSE)
    assert Counter(COARSE) == dict.fromkeys(range(20), 5)
    assert [len(set(members)) for members in CIFAR100.values()] == [5] * 20


@pytest.mark.parametrize(
    "names", [FINE[:99], [*FINE[:99], "apple"], [*FINE, "extra"], [f"class {k}" for k in range(100)]]
)
def test_other_classes_have_no_superclasses(names: list[str]) -> None:
    assert superclasses_of(names, CIFAR100) is None


def small_cifar100(root: Path, names: list[str]) -> Path:
    for split in ("train", "test"):
        for name in names:
            png(root / "cifar100" / split / name / "0.png", torch.zeros(32, 32, 3, dtype=torch.uint8).numpy())
    return root


def test_loaded_images_carry_them(tmp_path: Path) -> None:
    dataset = load_known(cifar100.KNOWN, small_cifar100(tmp_path, FINE), require=True)
    for data in (dataset.train, dataset.test):
        assert data.superclasses == tuple(COARSE)
        assert data.part(0, 3).superclasses == data.to("cpu").superclasses == tuple(COARSE)
    assert cifar10.KNOWN.superclasses is None


def test_a_copy_with_other_names_has_none(tmp_path: Path) -> None:
    names = [f"{k:03}" for k in range(100)]
    assert load_known(cifar100.KNOWN, small_cifar100(tmp_path, names), require=True).train.superclasses is None


def data(**changes: Any) -> ImageData:
    made = ImageData(torch.zeros(4, 1, 2, 2, dtype=torch.uint8), torch.arange(4) % 3, ("a", "b", "c"), "toy")
    return replace(made, **changes)


def test_superclasses_are_one_index_per_class() -> None:
    assert data().superclasses is None
    assert data(superclasses=(1, 0, 1)).superclasses == (1, 0, 1)
    assert check_superclasses((1, 0, 1), 3) == 2
    for wrong in ((0, 1), (0, 1, 0, 1), (0, 2, 0), (-1, 0, 1)):
        with pytest.raises(ValueError, match="superclasses must be an index for each of 3 classes"):
            data(superclasses=wrong)
