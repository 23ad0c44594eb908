"""Gradient maps: grad-cam's own, signed, and refused where no gradient arrives."""

import numpy as np
import pytest
import pytorch_grad_cam
import torch
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from cam import DetachedLayerError, GradCAM, HeadModel
from convff import LinearReadout
from tests.cam.helpers import head_model, images, label_family, network, positive_head, readout_model


def test_grad_cam_is_grad_cams_own() -> None:
    model = HeadModel(network("cnn6", 1), positive_head(), label_family("fourier"))
    targets = [ClassifierOutputTarget(k) for k in (0, 3, 2)]
    theirs = pytorch_grad_cam.GradCAM(model, [model.blocks[0]])(images(), targets)  # at the image's size
    np.testing.assert_allclose(GradCAM(model, [model.blocks[0]])(images(), targets), theirs, atol=1e-5)


def test_frozen_weights_can_be_explained() -> None:
    model = head_model()
    expected = GradCAM(model, model.blocks[1:]).maps(images()).summed()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    torch.testing.assert_close(GradCAM(model, model.blocks[1:]).maps(images()).summed(), expected)


@pytest.mark.parametrize("raw", [False, True])
def test_a_gradient_cam_of_a_detached_layer_says_why(raw: bool) -> None:
    """The first block, which no readout reads; and any block of a bare readout, whose features have no graph."""
    model = readout_model()
    bare = LinearReadout(model.net, model.labels, (1, 14, 14))
    explain = GradCAM(bare, [model.layers[-1]]) if raw else GradCAM(model, [next(iter(model.net))])
    with pytest.raises(DetachedLayerError, match=r"detached.*learn on their own.*cam\.LinearCAM"):
        explain(images())
