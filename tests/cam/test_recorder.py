"""The recorder refuses layers that do not run once."""

import pytest
from torch import nn

from cam import GradCAM
from tests.cam.helpers import head_model, hooks, images


def test_layers_that_do_not_run_or_run_twice_are_refused() -> None:
    head = head_model()
    with pytest.raises(RuntimeError, match="did not run"):
        GradCAM(head, [nn.ReLU()])(images())
    relu = nn.ReLU()
    twice = nn.Sequential(nn.Conv2d(1, 4, 3), relu, relu, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(RuntimeError, match="more than once"):
        GradCAM(twice, [relu])(images())
    assert hooks(twice) == 0
