"""Presets fit data with few classes."""

from pathlib import Path

import pytest
import torch

from convff import ImageData, OneProcess
from experiments.config.settings import Settings, SettingsError
from experiments.datasets import Dataset
from experiments.run.parts import prepare


def two_classes() -> Dataset:
    images = torch.randint(256, (60, 3, 16, 16), generator=torch.Generator().manual_seed(0)).byte()
    data = ImageData(images, torch.arange(60) % 2, ("cat", "dog"), "noise")
    return Dataset(train=data.part(0, 40), test=data.part(40, None), source="noise", is_stand_in=False)


@pytest.mark.parametrize("labels", ["fourier", "morph", "learned", "channel"])
def test_a_preset_draws_no_more_wrong_labels_than_there_are(labels: str, tmp_path: Path) -> None:
    settings = Settings(labels=labels, preset="smoke", device="cpu", out=tmp_path, train_images=None)
    assert prepare(settings, two_classes(), OneProcess()).recipe.negatives == 1


def test_a_number_that_is_asked_for_is_refused() -> None:
    settings = Settings(labels="fourier", preset="smoke", device="cpu", negatives=2)
    with pytest.raises(SettingsError, match="2 wrong labels per image, but there are 1 wrong classes"):
        prepare(settings, two_classes(), OneProcess())
