"""What the calls leave behind (nothing), and what they refuse, with a reason."""

import gc

import numpy as np
import pytest
import pytorch_grad_cam
import torch
from pytorch_grad_cam.metrics.cam_mult_image import CamMultImageConfidenceChange
from pytorch_grad_cam.utils.image import show_cam_on_image
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from cam import (
    CentredCAM,
    DetachedLayerError,
    GoodnessCAM,
    GoodnessModel,
    GradCAM,
    HeadModel,
    LinearCAM,
    NoEvidenceWarning,
    ReadoutModel,
    SignedCAM,
    overlay,
)
from convff import LinearReadout, mlp
from labels import OneHotLabels
from tests.cam.test_maps import CLASSES, images, label_family, network, positive_head, readout_model


def goodness_model() -> GoodnessModel:
    return GoodnessModel(network("cnn6", 1), label_family("fourier"))


def head_model() -> HeadModel:
    return HeadModel(network("cnn6", 1), positive_head(), label_family("fourier"))


def every_method() -> list[SignedCAM]:
    linear, good, head = readout_model(), goodness_model(), head_model()
    return [LinearCAM(linear, linear.layers), GoodnessCAM(good, good.layers), GradCAM(head, head.blocks[1:])]


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._backward_hooks) for module in model.modules())


@pytest.mark.parametrize("method", every_method(), ids=lambda method: type(method).__name__)
def test_maps_are_those_of_grad_cams_convention(method: SignedCAM) -> None:
    found = method(images(), [ClassifierOutputTarget(k) for k in (2, 0, 1)])
    assert found.shape == (3, 14, 14)
    assert found.dtype == np.float32
    assert found.min() == 0
    assert found.max() == pytest.approx(1, abs=1e-5)
    assert method(images()).shape == (3, 14, 14)
    assert method(images(), aug_smooth=True).shape == (3, 14, 14)
    gray = np.float32(images()[0, 0].numpy())[..., None].repeat(3, axis=2)
    assert show_cam_on_image(gray, found[0], use_rgb=True).shape == (14, 14, 3)


@pytest.mark.parametrize("method", every_method(), ids=lambda method: type(method).__name__)
def test_nothing_is_left_behind(method: SignedCAM) -> None:
    model = method.model
    model.train()
    next(iter(model.net)).eval()  # a mode of its own, which is its own again afterwards
    modes = [module.training for module in model.modules()]
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    method(images())
    gc.collect()
    alive = sum(issubclass(type(thing), Tensor) for thing in gc.get_objects())
    for _ in range(20):
        method(images())
        method.maps(images())
    gc.collect()
    assert sum(issubclass(type(thing), Tensor) for thing in gc.get_objects()) <= alive
    assert [module.training for module in model.modules()] == modes
    assert hooks(model) == 0
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("method", every_method(), ids=lambda method: type(method).__name__)
def test_nothing_is_left_behind_after_an_exception(method: SignedCAM) -> None:
    model = method.model
    model.train()
    with pytest.raises(RuntimeError), method:
        method(torch.rand(2, 5, 14, 14))  # five channels
    with pytest.raises(IndexError), method:  # grad-cam would swallow this one
        method(images(), [ClassifierOutputTarget(99)] * 3)
    assert all(module.training for module in model.modules())
    assert hooks(model) == 0
    assert not method.activations_and_grads.activations


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


def test_finer_cam_takes_linear_cam() -> None:
    model = readout_model()
    finer = pytorch_grad_cam.FinerCAM(model, model.layers, base_method=LinearCAM)
    assert finer(images()).shape == (3, 14, 14)
    assert hooks(model) == 0
    assert all(parameter.grad is None for parameter in model.parameters())


def test_grad_cams_metrics_take_our_maps_and_models() -> None:
    model = readout_model()
    targets = [ClassifierOutputTarget(0)] * 3
    change = CamMultImageConfidenceChange()(images(), LinearCAM(model, model.layers)(images(), targets), targets, model)
    assert change.shape == (3,)


def test_a_map_without_evidence_is_reported_and_not_scaled_up() -> None:
    model = readout_model()
    explain = LinearCAM(model, model.layers)
    nn.init.constant_(model.linear.weight, -1.0)
    with pytest.warns(NoEvidenceWarning, match="3 of 3 maps show nothing .all negative"):
        assert explain(images()).max() == 0
    nn.init.zeros_(model.linear.weight)
    with pytest.warns(NoEvidenceWarning, match="constant"):
        assert explain(images()).max() == 0


def test_maps_that_are_not_finite_are_refused() -> None:
    model = readout_model()
    with pytest.raises(ValueError, match="not finite"):
        LinearCAM(model, model.layers)(images() * torch.nan)


def test_what_cannot_be_explained_is_refused() -> None:
    model = readout_model()
    with pytest.raises(ValueError, match="none twice"):
        LinearCAM(model, [model.layers[0], model.layers[0]])
    with pytest.raises(ValueError, match="one usual activity for each of 3 layers"):
        CentredCAM(model, model.layers, usual=[])
    with pytest.raises(ValueError, match="at least one layer"):
        LinearCAM(model, [])
    with pytest.raises(ValueError, match=r"does not read target layer 0 .*model\.layers"):
        LinearCAM(model, [next(iter(model.net))])
    good = goodness_model()
    with pytest.raises(ValueError, match="does not count"):
        GoodnessCAM(good, [next(iter(good.net))])
    with pytest.raises(ValueError, match="at least one of 4 blocks"):
        GoodnessModel(good.net, good.labels, first=4)
    with pytest.raises(ValueError, match="reshape_transform"):
        LinearCAM(model, model.layers, lambda a: a)
    with pytest.raises(ValueError, match="no parameters"):
        GradCAM(nn.Identity(), [nn.ReLU()])
    with pytest.raises(ValueError, match="one target for each of 3 images, not 1"):
        LinearCAM(model, model.layers)(images(), [ClassifierOutputTarget(0)])
    with pytest.raises(ValueError, match="neither the signs nor the sums"):
        LinearCAM(model, model.layers)(images(), eigen_smooth=True)


def test_layers_that_do_not_run_or_run_twice_are_refused() -> None:
    head = head_model()
    with pytest.raises(RuntimeError, match="did not run"):
        GradCAM(head, [nn.ReLU()])(images())
    relu = nn.ReLU()
    twice = nn.Sequential(nn.Conv2d(1, 4, 3), relu, relu, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(RuntimeError, match="more than once"):
        GradCAM(twice, [relu])(images())
    assert hooks(twice) == 0


def test_dense_layers_have_no_map() -> None:
    labels = OneHotLabels(CLASSES)
    net = mlp((1, 14, 14), widths=(6, 5))
    model = ReadoutModel(LinearReadout(net, labels, (1, 14, 14)))
    assert model(images()).shape == (3, CLASSES)
    with pytest.raises(ValueError, match="no positions"):
        LinearCAM(model, model.layers)(images())


def test_overlay_shows_signs_and_the_image_beneath() -> None:
    image = np.zeros((1, 2, 2))
    image[0, 0, 1] = 1.0
    signed = np.array([[1.0, 0.0], [-1.0, 0.0]])
    drawn = overlay(image, signed, 1.0)
    red, blue = drawn[..., 0], drawn[..., 2]
    assert red[0, 0] > blue[0, 0] + 0.3  # orange helps
    assert blue[1, 0] > red[1, 0] + 0.3  # blue hurts
    assert np.ptp(drawn[0, 1]) == np.ptp(drawn[1, 1]) == 0  # gray where the map is zero
    assert drawn[0, 1, 0] > drawn[1, 1, 0] + 0.5  # and the image is seen there
    np.testing.assert_array_equal(overlay(image, 0 * signed, 0.0), overlay(image, 0 * signed, 1.0))
    with pytest.raises(ValueError, match="image's size"):
        overlay(image, np.zeros((3, 3)), 1.0)
