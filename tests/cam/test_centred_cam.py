"""Centred maps: differences of linear maps."""

import pytest
import torch
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from cam import CentredCAM, LinearCAM, usual_activity
from tests.cam.helpers import TOLERANCE, every_class, images, readout_model


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("grid", [3, None])
def test_centred_maps_are_differences_of_linear_maps(grid: int | None, dtype: torch.dtype) -> None:
    """From the maps of the mean activity, which is not that of any image; with the bias they sum to the score."""
    model = readout_model("cnn6", grid=grid, dtype=dtype)
    others = torch.rand(7, 1, 14, 14, generator=torch.Generator().manual_seed(9)).to(dtype)
    usual = usual_activity(model, others, batch=3)
    scores = model(images(dtype)).detach()
    for k, targets in every_class():
        maps = CentredCAM(model, model.layers, usual=usual).maps(images(dtype), targets)
        error = (maps.summed().sum(dim=(1, 2)) + maps.bias - scores[:, k]).abs() / scores.abs().amax(dim=1)
        assert error.max() <= TOLERANCE[dtype]
        plain = LinearCAM(model, model.layers)
        theirs = plain.maps(others, [ClassifierOutputTarget(k)] * 7).summed().mean(dim=0)  # linear in the activity
        expected = plain.maps(images(dtype), targets).summed() - theirs
        torch.testing.assert_close(maps.summed(), expected, rtol=1e-4, atol=1e-5)
