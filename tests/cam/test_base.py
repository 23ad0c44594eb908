"""What every method keeps to: what its calls leave behind (nothing), and what they refuse, with a reason."""

import gc
from copy import deepcopy

import numpy as np
import pytest
import torch
from pytorch_grad_cam.utils.image import show_cam_on_image
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from cam import CentredCAM, GradCAM, LinearCAM, NoEvidenceWarning, SignedCAM
from tests.cam.helpers import KINDS, head_model, hooks, images, judged, readout_model


def every_method() -> list[SignedCAM]:
    linear, head = readout_model(), head_model()
    of_scores = [judged(kind).explain() for kind in KINDS]
    return [LinearCAM(linear, linear.layers), *of_scores, GradCAM(head, head.blocks[1:])]


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


def tensors_after(method: SignedCAM, calls: int) -> int:
    """The number of tensors that are there after some calls of a method."""
    for _ in range(calls):
        method(images())
        method.maps(images())
    gc.collect()
    return sum(issubclass(type(thing), Tensor) for thing in gc.get_objects())


@pytest.mark.parametrize("method", every_method(), ids=lambda method: type(method).__name__)
def test_nothing_is_left_behind(method: SignedCAM) -> None:
    model = method.model
    model.train()
    next(iter(model.net)).eval()  # a mode of its own, which is its own again afterwards
    modes = [module.training for module in model.modules()]
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    gc.freeze()  # what other tests hold, garbage or not, would take most of the time
    try:
        alive = [tensors_after(method, calls) for calls in (1, 20)]
    finally:
        gc.unfreeze()
    assert alive[1] <= alive[0]
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
    with pytest.raises(ValueError, match="NaN or inf"):
        LinearCAM(model, model.layers)(images() * torch.nan)


def test_what_cannot_be_explained_is_refused() -> None:
    model = readout_model()
    with pytest.raises(ValueError, match="none twice"):
        LinearCAM(model, [model.layers[0], model.layers[0]])
    with pytest.raises(ValueError, match="one usual activity for each of 3 layers"):
        CentredCAM(model, model.layers, usual=[])
    with pytest.raises(ValueError, match="at least one layer"):
        LinearCAM(model, [])
    with pytest.raises(ValueError, match="reshape_transform"):
        LinearCAM(model, model.layers, lambda a: a)
    with pytest.raises(ValueError, match="no parameters"):
        GradCAM(nn.Identity(), [nn.ReLU()])
    with pytest.raises(ValueError, match="one target for each of 3 images, got 1"):
        LinearCAM(model, model.layers)(images(), [ClassifierOutputTarget(0)])
    with pytest.raises(ValueError, match="neither the signs nor the sums"):
        LinearCAM(model, model.layers)(images(), eigen_smooth=True)


@pytest.mark.parametrize("kind", [LinearCAM, CentredCAM, *KINDS])
def test_layers_that_do_not_count_are_refused(kind: str | type[LinearCAM]) -> None:
    """By the place that they have among the target layers; a layer is known by what it is, not by what it is like."""
    found = judged(kind) if isinstance(kind, str) else None
    model = readout_model() if found is None else found.model
    make = kind if found is None else found.cam
    options = {"usual": [torch.zeros(1)] * 3} if make is CentredCAM else {}
    first = next(iter(model.net))
    for place, layers in ((0, [first]), (1, [model.layers[0], first]), (0, [deepcopy(model.layers[0])])):
        with pytest.raises(
            ValueError, match=rf"target layer {place} \(Block\) must be one of the 3 layers of model\.layers"
        ):
            make(model, layers, **options)
