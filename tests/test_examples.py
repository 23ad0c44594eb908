"""The examples say what the package does: their equations are held against it, and both learn."""

from types import ModuleType

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convff import ImageData, goodness_scores, mlp
from convff.functional import length_normalise, mean_goodness, symmetric_gate
from convff.optimizers import RelativeStep
from convff.outer import outer_conv2d, outer_linear
from examples import conv_hebbff, forward_forward
from experiments.datasets import Dataset, load_dataset
from labels import FourierLabels, OneHotLabels

EXAMPLES = [forward_forward, conv_hebbff]
B = 6


@pytest.fixture(autouse=True)
def _double() -> object:
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def _dense() -> tuple[Tensor, Tensor, Tensor]:
    return torch.rand(2 * B, 20), torch.randn(7, 20), torch.randn(7)


def _conv() -> tuple[Tensor, Tensor, Tensor]:
    return torch.rand(2 * B, 2, 8, 8), torch.randn(4, 2, 5, 5), torch.randn(4)


@pytest.mark.parametrize(("example", "shape"), [(forward_forward, (B, 20)), (conv_hebbff, (B, 2, 8, 8))])
def test_goodness_and_normalisation_are_the_packages(example: ModuleType, shape: tuple[int, ...]) -> None:
    x = torch.rand(shape)
    torch.testing.assert_close(example.goodness(x), mean_goodness(x))
    torch.testing.assert_close(example.normalised(x), length_normalise(x), atol=1e-7, rtol=1e-7)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_gate_is_the_symmetric_one(example: ModuleType) -> None:
    g = torch.rand(B, 2) / example.SCALE
    expected = symmetric_gate(g, scale=example.SCALE)
    torch.testing.assert_close(example.gate(g[:, 0], g[:, 1]), expected[:, 0])
    assert (expected[:, 0] == -expected[:, 1]).all()


def test_the_dense_direction_is_the_packages_and_the_gradient_of_the_loss() -> None:
    x, weight, bias = _dense()
    weight.requires_grad_()
    a = forward_forward.activity(x, weight, bias)
    g_right, g_wrong = forward_forward.goodness(a).chunk(2)
    c = forward_forward.gate(g_right, g_wrong)
    of_weight, of_bias = forward_forward.direction(x, a, c)
    packages = outer_linear(x, a * torch.cat([c, -c])[:, None])
    torch.testing.assert_close(of_weight * B, packages[0])
    torch.testing.assert_close(of_bias * B, packages[1])
    loss = F.softplus(-forward_forward.SCALE * (g_right - g_wrong)).mean()
    (gradient,) = torch.autograd.grad(loss, weight)
    torch.testing.assert_close(-gradient, of_weight * 2 * forward_forward.SCALE / len(weight))


@pytest.mark.parametrize("stride", [1, 2])
def test_the_convolutions_direction_is_the_packages(stride: int) -> None:
    x, weight, bias = _conv()
    layer = nn.Conv2d(2, 4, 5, stride, 2)
    a = conv_hebbff.activity(x, weight, bias, stride)
    c = conv_hebbff.gate(*conv_hebbff.goodness(a).chunk(2))
    found = conv_hebbff.direction(x, a, c, weight.shape, stride)
    expected = outer_conv2d(x, a * torch.cat([c, -c])[:, None, None, None], layer)
    for mine, packages in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, packages)


def test_the_hebbian_step_is_the_relative_one() -> None:
    layer, moved = (torch.randn(3, 4), torch.randn(3)), [torch.zeros(3, 4), torch.zeros(3)]
    parameters = [nn.Parameter(w.clone()) for w in layer]
    optimiser = RelativeStep(parameters, lr=0.1, momentum=conv_hebbff.MOMENTUM)
    for _ in range(3):
        toward = torch.randn(3, 4), torch.randn(3)
        conv_hebbff.step(layer, moved, toward, 0.1)
        for parameter, d in zip(parameters, toward, strict=True):
            parameter.grad = -d
        optimiser.step()
    for w, parameter in zip(layer, parameters, strict=True):
        torch.testing.assert_close(w, parameter.data)


def test_labels_are_the_packages() -> None:
    x, k = torch.rand(B, 1, 28, 28), torch.randint(0, 10, (B,))
    onehot = forward_forward.with_label(x.flatten(1), k)
    torch.testing.assert_close(onehot, OneHotLabels(10)(x, k).flatten(1))
    bank = conv_hebbff.waves()
    assert bank.min() >= 0
    assert bank.max() <= 1
    labels = FourierLabels(10, (28, 28), intensity=conv_hebbff.INTENSITY)
    labels._bank.patterns = bank[:, 0]  # the same mixing, of other waves
    torch.testing.assert_close(conv_hebbff.with_label(x, k, bank), labels(x, k))


@torch.no_grad()
def test_prediction_is_the_packages() -> None:
    torch.set_default_dtype(torch.float32)
    images = torch.rand(20, 1, 28, 28)
    net = mlp((1, 28, 28), widths=(30, 20))
    layers = [(block.layer.weight, block.layer.bias) for block in net]
    expected = goodness_scores(net, images, OneHotLabels(10), first=0).argmax(dim=1)
    assert expected.unique().numel() > 1
    assert torch.equal(forward_forward.predict(images.flatten(1), layers), expected)


@pytest.fixture
def small_digits() -> Dataset:
    """1,500 digits of 8 x 8 pixels, as large as those of MNIST."""
    whole = load_dataset("digits", None)

    def enlarged(data: ImageData) -> ImageData:
        images = F.interpolate(data.images.float(), size=(28, 28), mode="bilinear").to(torch.uint8)
        return ImageData(images, data.classes, data.class_names, data.name)

    return Dataset(enlarged(whole.train), enlarged(whole.test), source="digits", is_stand_in=False)


@pytest.mark.parametrize(("example", "epochs", "least"), [(forward_forward, 8, 0.8), (conv_hebbff, 3, 0.25)])
def test_an_example_learns(
    example: ModuleType,
    epochs: int,
    least: float,
    small_digits: Dataset,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    torch.set_default_dtype(torch.float32)
    monkeypatch.setattr(example, "load_dataset", lambda name, data_dir: small_digits)
    accuracy = example.main(1500, epochs)
    assert accuracy > least  # at random: 0.1
    assert f"{100 * accuracy:.1f} %" in capsys.readouterr().out


@pytest.mark.parametrize(("example", "lines"), [(forward_forward, 100), (conv_hebbff, 120)])
def test_an_example_is_short_and_needs_torch_and_a_loader_alone(example: ModuleType, lines: int) -> None:
    assert example.__file__ is not None
    with open(example.__file__, encoding="utf-8") as file:
        text = file.read()
    assert len(text.splitlines()) <= lines
    ours = [line for line in text.splitlines() if line.startswith(("from convff", "from labels", "from cam"))]
    assert ours == []
