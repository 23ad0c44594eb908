"""Pooling maps: Grad-CAM of the last block, and complete."""

import torch
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn

from cam import GradCAM, HeadModel, PoolingCAM
from tests.cam.helpers import CLASSES, images, label_family, network


def test_pooling_cam_is_grad_cam_of_the_last_block_and_complete() -> None:
    model = HeadModel(network("cnn6", 1), nn.Linear(7, CLASSES), label_family("fourier"))
    targets = [ClassifierOutputTarget(k) for k in (0, 3, 2)]
    ours = PoolingCAM(model, model.layers).maps(images(), targets)
    theirs = GradCAM(model, model.layers).maps(images(), targets)
    torch.testing.assert_close(ours.summed(), theirs.summed(), rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(ours.shares().sum(dim=1) + ours.bias, ours.scores, rtol=1e-5, atol=1e-6)
