"""The house style: any text can be drawn, and no formula is written where there is none."""

from pathlib import Path

import pytest
import torch
from matplotlib.text import Text
from PIL import Image

from convff import ImageData
from experiments.run import figures
from experiments.tools import style


@pytest.mark.draws
def test_names_with_dollars_are_drawn_as_they_are(tmp_path: Path) -> None:
    classes = torch.tensor([0, 1, 1])
    data = ImageData(torch.zeros(3, 1, 8, 8, dtype=torch.uint8), classes, ("$5_$10", "$\\frac$"), "$1_$2")
    path = tmp_path / "confusion.png"
    figures.draw_confusion_matrix(classes, data, path, title=data.name)
    with Image.open(path) as image:
        assert image.width > 100


@pytest.mark.parametrize("scale", ["log", "symlog"])
def test_ticks_of_logarithmic_axes_are_numbers(scale: str, tmp_path: Path) -> None:
    with style.new_figure(tmp_path / "a.png", width=style.COLUMN, height=2) as figure:
        axes = figure.add_subplot(title="$a_$b")
        axes.plot([1, 10, 1000], [0.25, 0.5, 0.75])
        axes.set(xscale=scale, yscale=scale)
    shown = [text.get_text() for text in figure.findobj(Text)]
    assert {"10", "100", "1000"} <= {*shown}
    assert [text for text in shown if "$" in text] == ["$a_$b"]
