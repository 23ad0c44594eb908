"""The figure of what the first units of a dense layer look for."""

from pathlib import Path

import pytest
import torch

from experiments.run.fields_figure import COLUMNS, SHARE, draw_fields, mosaic


def test_units_have_their_own_scales_and_stand_in_rows() -> None:
    weights = torch.randn(COLUMNS + 1, 1, 3, 4)
    sizes = weights.abs().flatten(1).quantile(SHARE, dim=1)
    whole = mosaic(weights)
    assert whole.shape == (2 * 3 + 1, COLUMNS * 5 - 1)
    torch.testing.assert_close(whole[:3, 5:9], (weights[1, 0] / sizes[1] + 1).clamp(0, 2) / 2)
    torch.testing.assert_close(whole[4:, :4], (weights[COLUMNS, 0] / sizes[COLUMNS] + 1).clamp(0, 2) / 2)
    assert (whole[3] == 1).all()  # between two rows
    assert (whole[4:, 5:] == 1).all()  # where there is no unit
    assert mosaic(torch.randn(2, 3, 3, 4)).shape == (3, 9, 3)
    assert mosaic(torch.randn(2, 13, 3, 4)).shape == (3, 9)
    assert mosaic(torch.zeros(1, 1, 2, 2)).unique().tolist() == [0.5]


@pytest.mark.draws
def test_colours_are_drawn(tmp_path: Path) -> None:
    draw_fields(torch.randn(3, 3, 4, 4), tmp_path / "new" / "colours.png", title="colours")
    assert (tmp_path / "new" / "colours.pdf").stat().st_size > 1000
