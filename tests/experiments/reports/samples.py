"""Runs as their files say them, without any training."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from experiments.config.settings import Settings
from experiments.reports.page import page_of, report_text
from experiments.run.folder import RunRecord
from experiments.run.predictions import Predictions

RECIPE = {"model": "cnn3", "epochs": 2, "batch_size": 32, "lr": 0.01, "gate": "symmetric", "rule_options": {}}
ROWS: list[dict[str, float]] = [
    {"epoch": 1, "loss_1": 0.7, "discrimination_1": 0.5, "validation_goodness_accuracy": 0.4},
    {"epoch": 2, "loss_1": 0.6, "discrimination_1": 0.6, "validation_goodness_accuracy": 0.5},
]


def record(
    accuracy: float | None = 0.76,
    *,
    readout: float | None = None,
    control: float | None = None,
    images: int = 38,
    name: str = "goodness",
    recipe: dict[str, Any] | None = None,
    **changes: Any,
) -> RunRecord:
    """A finished run with this accuracy; `changes` are settings."""
    settings = replace(Settings(dataset="digits"), **changes)
    results = {
        "dataset": "scikit-learn digits",
        "is_stand_in": False,
        "judged_on": f"{images} test images",
        "labels": settings.label_name,
        "label_selection": None,
        "rule": settings.rule,
        "preset": settings.preset,
        "seed": settings.seed,
        "accuracy": {"goodness": None, "linear": readout} | ({} if accuracy is None else {name: accuracy}),
        "control": {"untrained_linear": control},
        "per_layer": {"accuracy": [0.25, 0.75], "discrimination": [0.5, 1.0]},
        "label_only_probe": {"label_bias": [0.1, 0.2]},
        "images_per_second": 100.0,
        "peak_memory_mib": None,
        "seconds": {"training": 60.0, "total": 90.0},
        "hardware": "2 threads",
        "versions": {"python": "3.11", "torch": None},
        "git_commit": None,
        "findings": [],
        "scores": {},
    }
    folder = Path(f"runs/{settings.rule}-seed{settings.seed}")
    return RunRecord(folder, settings, RECIPE | (recipe or {}), results, ROWS)


def answers(count: int = 40, names: tuple[str, ...] = ("cat", "dog", "eel"), *, side: int = 8) -> Predictions:
    """Random answers with random pictures of some of them."""
    random = np.random.default_rng(0)
    scores = random.normal(size=(count, len(names)))
    best = np.argsort(-scores, axis=1)
    right = random.integers(len(names), size=count)
    kept = np.arange(4)
    images = random.integers(256, size=(4, 1, side, side)).astype(np.uint8)
    return Predictions("goodness", names, right, best, np.take_along_axis(scores, best, axis=1), kept, images)


def written(run: RunRecord, found: Predictions | None) -> str:
    """The report of a run, without its network."""
    return report_text(page_of(run, found, None, "no network"))
