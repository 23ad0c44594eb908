"""Small tables of settings, and images that the package draws."""

import json
from pathlib import Path
from typing import Any

from convff import ImageData
from experiments.datasets import Dataset, stand_in

ROOT = Path(__file__).parent.parent.parent.parent
BASE = """
[base]
dataset = "digits"
model = "mlp"
width = 20
label_at = "output"
batch_size = 16
precision = "float32"
seed = 3
"""
ADAM = """
[[row]]
name = "adam"
about = "the usual optimiser | of all"
optimizer = "adam"
lr = 1e-3
"""
TWO = BASE + '[[row]]\nname = "as preset"\n' + ADAM


def drawn(count: int, shape: tuple[int, int, int]) -> Dataset:
    names = tuple("0123456789")
    images = [ImageData(*stand_in.draw(count, shape, 10, split), names, "drawn") for split in ("train", "test")]
    return Dataset(*images, source="/a/place of this machine", is_stand_in=False)


def content(path: Path) -> dict[str, Any]:
    table: dict[str, Any] = json.loads(path.read_text())
    return table
