"""Images with planes beside them behave like the dense tensor, in a block, in a step and everywhere else."""

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import convff.labelling
from convff import (
    Autograd,
    Batch,
    Block,
    ForwardForward,
    HebbianForwardForward,
    LabelContrast,
    LayerLocalNet,
    Layout,
    LengthNorm,
    RandomNegatives,
    Schedule,
    Seen,
    Setup,
    Stabilised,
    cnn3,
    cnn6,
    keyed_generator,
    label_passes,
    mlp,
    start,
)
from convff.outer import input_product, outer_product
from convff.planar import WithPlanes
from convff.stabilisers import Decay, Oja, SlidingThreshold
from convff.training.halving import HalvingStep
from labels import ChannelLabels, FourierLabels, LayerwiseLabels

B, P, C, K, SIZE = 5, 3, 2, 4, (7, 6)


def noise(name: str, *shape: int) -> Tensor:
    return torch.randn(shape, generator=keyed_generator(0, name, *shape), dtype=torch.float64)


def inputs() -> WithPlanes:
    return WithPlanes(noise("images", B, C, *SIZE), noise("values", B * P, K))


class NoDense(WithPlanes):
    """One whose dense form must not be asked for."""

    def dense(self) -> Tensor:
        raise AssertionError("the planes were laid out")


def test_dense_is_images_then_planes_with_an_image_for_some_rows() -> None:
    x = inputs()
    assert x.shape == x.dense().shape == (B * P, C + K, *SIZE)
    for row in range(B * P):
        assert torch.equal(x.dense()[row, :C], x.images[row // P])
        for k in range(K):
            assert (x.dense()[row, C + k] == x.plane_values[row, k]).all()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("momentum", [0.1, None])
def test_batch_norm_and_its_running_statistics(training: bool, momentum: float | None) -> None:
    norms = [nn.BatchNorm2d(C + K, affine=False, momentum=momentum).double().train(training) for _ in range(2)]
    for norm in norms:
        norm.running_mean.copy_(noise("mean", C + K))  # type: ignore[union-attr]
        norm.running_var.copy_(noise("variance", C + K).square() + 0.1)  # type: ignore[union-attr]
    x = inputs()
    for _ in range(2):  # the second call averages
        found, expected = norms[0](x), norms[1](x.dense())
        assert isinstance(found, WithPlanes)
        assert (found.dense() - expected).abs().max() < 1e-12
        for name, buffer in norms[1].named_buffers():
            assert torch.allclose(norms[0].get_buffer(name), buffer, rtol=1e-12, atol=1e-12), name


def test_a_plane_of_one_value_stays_finite() -> None:
    x = WithPlanes(noise("images", B, C, *SIZE), torch.zeros(B * P, K, dtype=torch.float64))
    assert nn.BatchNorm2d(C + K, affine=False).double()(x).dense().isfinite().all()


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("bias", [True, False])
@torch.no_grad()
def test_convolution_and_outer_product(stride: int, padding: int, bias: bool) -> None:
    layer = nn.Conv2d(C + K, 3, 3, stride, padding, bias=bias).double()
    x = inputs()
    z = layer(NoDense(x.images, x.plane_values))
    assert type(z) is Tensor
    assert (z - layer(x.dense())).abs().max() < 1e-12
    post = noise("post", *z.shape)
    for found, expected in zip(outer_product(x, post, layer), outer_product(x.dense(), post, layer), strict=True):
        assert found.shape == expected.shape
        assert (found - expected).abs().max() < 1e-12
    assert torch.equal(input_product(x, post, layer), input_product(x.dense(), post, layer))


@torch.no_grad()
def test_what_is_not_cheap_takes_the_dense_tensor() -> None:
    x = inputs()
    grouped = nn.Conv2d(C + K, 6, 3, groups=2).double()
    assert torch.equal(grouped(x), grouped(x.dense()))
    post = noise("post", *grouped(x).shape)
    assert torch.equal(outer_product(x, post, grouped)[0], outer_product(x.dense(), post, grouped)[0])
    named = nn.Conv2d(C + K, 6, 3, padding="same").double()
    assert torch.equal(named(x), named(x.dense()))
    affine = nn.BatchNorm2d(C + K).double()
    assert torch.equal(affine(x), affine(x.dense()))
    for operation in (
        lambda t: t + 1,
        lambda t: torch.cat([t, t]),
        lambda t: t.flatten(1) @ t.flatten(1).T,
        lambda t: t[1:, -1],
        lambda t: torch.stack(tensors=[t]),
        lambda t: F.adaptive_avg_pool2d(t, 2),
        LengthNorm(),
        lambda t: t.to(torch.float32),
        lambda t: torch.ops.aten.add(t, 1.0),
    ):
        assert torch.equal(operation(x), operation(x.dense()))
    assert repr(x) == repr(x.dense())


def test_a_graph_is_that_of_the_dense_tensor() -> None:
    layer, x = nn.Conv2d(C + K, 3, 3, padding=1).double(), inputs()
    grads = [torch.autograd.grad(layer(given).square().sum(), layer.weight)[0] for given in (x, x.dense())]
    assert torch.equal(*grads)


def test_parts_are_rows_of_some_images() -> None:
    assert torch.equal(inputs().part(slice(1, 3)).dense(), inputs().dense()[P : 3 * P])


@pytest.mark.parametrize(
    ("images", "values", "message"),
    [
        ((3, 2, 4), (3, 2), r"need images \[B, C, H, W\] and values \[B P, K\], got \[3, 2, 4\]"),
        ((3, 2, 4, 4), (4, 2), r"got \[3, 2, 4, 4\] and \[4, 2\]"),
        ((3, 2, 4, 4), (6,), r"got \[3, 2, 4, 4\] and \[6\]"),
        ((0, 2, 4, 4), (0, 2), r"got \[0, 2, 4, 4\]"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(images: tuple[int, ...], values: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WithPlanes(torch.zeros(images), torch.zeros(values))


def test_two_dtypes_are_refused() -> None:
    with pytest.raises(ValueError, match="must have one dtype"):
        WithPlanes(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, dtype=torch.float64))


# --- a step ---------------------------------------------------------------------------------------------------------

LABELS = ChannelLabels(K, (8, 8))


def batch() -> Batch:
    return Batch(noise("batch", 6, 2, 8, 8), torch.arange(6) % K)


def test_label_channels_are_never_laid_out() -> None:
    labels = torch.tensor([[0, 1], [2, 3]])
    images = noise("some", 2, 2, 8, 8)
    found = label_passes(LABELS, images, labels)
    assert isinstance(found, WithPlanes)
    assert torch.equal(found.dense(), LABELS(images, labels).flatten(0, 1))
    for others in (ChannelLabels(K, (8, 8), planes="fourier"), FourierLabels(K, (8, 8)), LayerwiseLabels(K, (8, 8))):
        assert type(label_passes(others, images, labels)) is Tensor


def nets() -> dict[str, LayerLocalNet]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return {
            "cnn6": cnn6((2 + K, 8, 8), widths=(5, 6), pool_after=(1,)).double(),
            "cnn3": cnn3((2 + K, 8, 8), width=5, kernel=3).double(),
            "mlp": mlp((2 + K, 8, 8), widths=(7, 6)).double(),
            "strided": LayerLocalNet(
                [
                    Block(nn.BatchNorm2d(2 + K, affine=False), nn.Conv2d(2 + K, 5, 3, stride=2, padding=1)),
                    Block(nn.BatchNorm2d(5, affine=False), nn.Conv2d(5, 6, 3, padding=1)),
                ]
            ).double(),
        }


def steps(net: LayerLocalNet, rule: Any, dense: bool, monkeypatch: pytest.MonkeyPatch, **setup: Any) -> LayerLocalNet:
    """Take three steps, with the planes laid out or not."""
    net = copy.deepcopy(net)
    if dense:
        monkeypatch.setattr(convff.labelling, "WithPlanes", lambda *parts: WithPlanes(*parts).dense())
    contrast = LabelContrast(LABELS, RandomNegatives(2))
    step = start(rule, Setup(net=net, labels=LABELS, contrast=contrast, schedule=Schedule(lr=1e-2), **setup))
    for turn in range(3):
        step(batch(), keyed_generator(0, "draws", turn))
    monkeypatch.undo()
    return net


STABILISED = Stabilised(
    rule=HebbianForwardForward(), stabilisers=(Oja(strength=0.1), Decay(strength=0.1), SlidingThreshold(strength=0.1))
)


@pytest.mark.parametrize("net", ["cnn6", "cnn3", "mlp", "strided"])
@pytest.mark.parametrize(
    "rule", [ForwardForward(), Autograd(rule=ForwardForward()), HebbianForwardForward(), STABILISED], ids=str
)
def test_steps_are_those_with_planes_laid_out(net: str, rule: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = nets()[net]
    expected, found = (steps(made, rule, dense, monkeypatch) for dense in (True, False))
    for name, tensor in expected.state_dict().items():
        assert torch.allclose(found.state_dict()[name], tensor, rtol=1e-8, atol=1e-10), name
    assert not torch.equal(found.blocks[0].layer.weight, made.blocks[0].layer.weight)  # type: ignore[union-attr, arg-type]


@pytest.mark.slow
def test_a_compiled_step_runs_the_first_block_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WithPlanes, "dense", NoDense.dense)
    steps(nets()["cnn6"], ForwardForward(), False, monkeypatch, compiled=True)


def test_a_step_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    net, rule = nets()["cnn6"], ForwardForward()
    contrast = LabelContrast(LABELS, RandomNegatives(2))
    found = []
    for parts in (1, 2):
        step = start(rule, Setup(net=(other := copy.deepcopy(net)), labels=LABELS, contrast=contrast))
        assert isinstance(step.block_step, HalvingStep)  # type: ignore[attr-defined]
        step.block_step.parts = parts  # type: ignore[attr-defined]
        with monkeypatch.context() as patch:
            patch.setattr(WithPlanes, "dense", NoDense.dense)
            step(batch(), keyed_generator(0, "draws"))
        found.append(other.state_dict())
    for name, tensor in found[0].items():
        assert torch.allclose(found[1][name], tensor, rtol=1e-8, atol=1e-10), name


@torch.no_grad()
def test_bfloat16_is_as_close_as_the_dense_tensor() -> None:
    """Both differ from float32 by the rounding of bfloat16, the cheap form not more."""
    block = Block(nn.BatchNorm2d(2 + K, affine=False), nn.Conv2d(2 + K, 8, 3, padding=1))
    x = label_passes(LABELS, batch().inputs.float(), torch.tensor([[k % K, (k + 1) % K] for k in range(6)]))
    assert isinstance(x, WithPlanes)
    exact = block(x.dense())
    with torch.autocast("cpu", torch.bfloat16):
        errors = [(block(given).float() - exact).norm() for given in (x, x.dense())]
        assert block(x).dtype == torch.bfloat16
        layout = Layout(torch.arange(6) % K, passes=2)
        normalised = block.normalised(x)
        seen = Seen(block, normalised, block.activity(normalised), layout)
        update = ForwardForward().direction(seen, None).dense(block.layer)
    assert errors[0] <= 1.5 * errors[1]
    assert update["weight"].dtype == torch.float32
