"""Runs that take a second, for tests of what is done with a run."""

from pathlib import Path

import pytest

from experiments.config.settings import Settings
from experiments.run import figures
from experiments.run import train as training


def train(settings: Settings) -> None:
    """A run without the figures of its own, which are not what is tested here."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("draw_learning_curve", "draw_confusion_matrix"):
            patch.setattr(figures, name, lambda *arguments, **options: None)
        training.main(settings)


def trained_by(out: Path, **options: object) -> Path:
    train(Settings(dataset="digits", preset="smoke", device="cpu", train_images=300, out=out, **options))
    (folder,) = out.iterdir()
    return folder
