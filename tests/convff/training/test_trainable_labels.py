"""Labels that learn with the first block: by the gradient of its loss, and by nothing above it."""

import itertools

import pytest
import torch
from torch import Tensor, nn

from convff import (
    MODELS,
    RULES,
    Block,
    ForwardForward,
    ImageData,
    LayerLocalNet,
    LengthNorm,
    Schedule,
    Softmax,
    Symmetric,
    Threshold,
    Trainer,
)
from convff.functional import GOODNESS
from convff.gates import Gate
from convff.labelling import TrainableLabels
from convff.randomness import keyed_generator
from convff.rules import Autograd
from convff.training.trainable_labels import input_grad, norm_scale, trainable_labels
from labels import LABELS, FourierLabels, LearnedLabels
from tests.convff.samples import passes, seen_of

SIZE = (8, 8)
IMAGES, PASSES, CLASSES = 6, 3, 5
GATES: list[Gate] = [Threshold(theta=0.7, scale=1.5), Symmetric(scale=4.0), Softmax(scale=2.0)]
NO_SIZE = ("onehot", "morph", "echo")
SMALL = {
    "cnn3": {"width": 6, "kernel": 3, "stride": 2},
    "cnn6": {"widths": (4, 4, 6), "pool_after": (1,)},
    "mlp": {"widths": (9, 8)},
}


def noise(count: int = 32) -> ImageData:
    images = torch.randint(256, (count, 3, *SIZE), generator=keyed_generator(1, "images")).byte()
    return ImageData(images, torch.arange(count) % CLASSES, tuple("abcde"), "noise")


def network(model: str) -> LayerLocalNet:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MODELS[model]((4, *SIZE), **SMALL[model])


def doubles() -> tuple[LearnedLabels, Tensor, Tensor]:
    """Labels in float64, images, and the classes of their passes."""
    labels = LearnedLabels(CLASSES, SIZE, start="waves")
    labels.maps.data = labels.maps.data.double()
    images = torch.rand(IMAGES, 3, *SIZE, generator=keyed_generator(0, "images")).double()
    every = [torch.randperm(CLASSES, generator=keyed_generator(0, "classes", n))[:PASSES] for n in range(IMAGES)]
    return labels, images, torch.stack(every)


def map_grad(rule: object, block: Block, labels: LearnedLabels, classes: Tensor, h: Tensor) -> Tensor:
    """What an optimiser would subtract from the maps, for labelled images `[B*P, C', H, W]` as the raw input."""
    seen = seen_of(block, h, passes(IMAGES, PASSES))
    (grad,) = labels.grads(classes, input_grad(seen, rule, h).unflatten(0, classes.shape))
    return grad


def fixed_scale(norm: nn.Module, h: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and scale of a norm by its formula, as constants."""
    if isinstance(norm, nn.BatchNorm2d):
        variance, mean = torch.var_mean(h, dim=(0, 2, 3), correction=0, keepdim=True)
        return mean.detach(), (variance + norm.eps).rsqrt().detach()
    squares = h.square().mean(dim=(1, 2, 3), keepdim=True)
    return torch.zeros_like(squares), (squares + 1e-8).rsqrt().detach()


@pytest.mark.parametrize("model", SMALL)
@pytest.mark.parametrize("gate", GATES, ids=repr)
@pytest.mark.parametrize("reduction", GOODNESS)
def test_a_map_moves_along_the_gradient_of_the_first_loss(model: str, gate: Gate, reduction: str) -> None:
    """Autograd through labelling, the norm as a constant scaling, layer, ReLU, goodness and loss; in float64."""
    labels, images, classes = doubles()
    block = next(iter(network(model).double()))
    rule = ForwardForward(gate=gate, reduction=reduction)
    with torch.no_grad():
        h = labels(images, classes).flatten(0, 1)
        got = map_grad(rule, block, labels, classes, h)

    maps = labels.maps.detach().clone().requires_grad_()
    labelled = torch.cat([images[:, None].expand(-1, PASSES, -1, -1, -1), maps[classes]], dim=2).flatten(0, 1)
    mean, scale = fixed_scale(block.norm, labelled)
    normalised = (labelled - mean) * scale
    layer = block.layer
    a = torch.relu(layer(normalised.flatten(1) if isinstance(layer, nn.Linear) else normalised)).flatten(1)
    of_units = a if reduction == "activity" else a.square()
    goodness = of_units.sum(dim=1) if reduction == "sum" else of_units.mean(dim=1)
    unit_goodness = float(a[0].numel()) if reduction == "sum" else 1.0
    gate.loss(goodness.view(classes.shape), unit_goodness).mean().backward()

    assert maps.grad is not None
    assert maps.grad.norm() > 0
    assert ((got - maps.grad).norm() / maps.grad.norm()).item() <= 1e-10


@pytest.mark.parametrize("model", SMALL)
@pytest.mark.parametrize("rule", ["ff", "hebbff"])
def test_both_engines_move_the_maps_alike(model: str, rule: str) -> None:
    labels, images, classes = doubles()
    block, closed = next(iter(network(model).double())), RULES[rule]()
    with torch.no_grad():
        seen = seen_of(block, labels(images, classes).flatten(0, 1), passes(IMAGES, PASSES))
        by_graph = Autograd(rule=closed).input_direction(seen)
        torch.testing.assert_close(closed.input_direction(seen), by_graph, rtol=1e-9, atol=1e-15)


def test_the_scale_of_a_norm_is_read_off_its_output() -> None:
    h = (
        torch.rand(4, 3, *SIZE, generator=keyed_generator(0, "images")).double()
        * torch.tensor([1.0, 5.0, 0.1])[:, None, None].double()
    )
    trained = nn.BatchNorm2d(3, affine=False).double()
    trained(h)
    for norm in (nn.BatchNorm2d(3, affine=False).double(), LengthNorm()):
        _, scale = fixed_scale(norm, h)
        torch.testing.assert_close(norm_scale(norm, h, norm(h)), scale, rtol=1e-12, atol=0)
    running = (trained.eval().running_var + trained.eps).rsqrt().view(1, 3, 1, 1)
    torch.testing.assert_close(norm_scale(trained, h, trained(h)), running, rtol=1e-12, atol=0)
    flat = torch.full((2, 1, 2, 2), 0.5)
    assert not norm_scale(nn.BatchNorm2d(1, affine=False), flat, torch.zeros_like(flat)).any()


def train(net: LayerLocalNet, rule: object, labels: LearnedLabels, epochs: int = 2) -> LearnedLabels:
    for _ in Trainer(net, labels, rule, schedule=Schedule(epochs=epochs, batch_size=8)).fit(noise()):
        pass
    return labels


@pytest.mark.filterwarnings("ignore::convff.TrainingWarning")  # noise for weights is not a sane start
@pytest.mark.parametrize("rule", ["ff", "hebbff"])
@pytest.mark.parametrize("model", SMALL)
def test_maps_learn_the_same_whatever_is_above_the_first_block(model: str, rule: str) -> None:
    plain, disturbed = network(model), network(model)
    with torch.no_grad():
        for block in itertools.islice(disturbed, 1, None):
            for parameter in block.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=keyed_generator(3, "noise")))
    one, other = (train(net, RULES[rule](), LearnedLabels(CLASSES, SIZE)) for net in (plain, disturbed))
    assert torch.equal(one.maps, other.maps)
    assert torch.equal(plain.blocks[0].layer.weight, disturbed.blocks[0].layer.weight)
    moved = (one.maps - LearnedLabels(CLASSES, SIZE).maps).flatten(1).abs().amax(dim=1)
    assert (moved > 1e-4).all()


def test_a_small_step_of_the_maps_alone_lowers_the_loss_of_the_first_block() -> None:
    """The norm is not constant in truth: the direction must still lead down."""
    labels, images, classes = doubles()
    rule, net = ForwardForward(gate=Symmetric(scale=8.0)), network("cnn6").double()
    block = next(iter(net))

    def loss() -> Tensor:
        return rule.loss(seen_of(block, labels(images, classes).flatten(0, 1), passes(IMAGES, PASSES)))

    with torch.no_grad():
        before = loss()
        grad = map_grad(rule, block, labels, classes, labels(images, classes).flatten(0, 1))
        labels.maps.sub_(grad / grad.norm() * 1e-3)
        assert loss() < before


def test_only_trainable_labels_learn() -> None:
    made = {name: family(4, **({} if name in NO_SIZE else {"image_size": SIZE})) for name, family in LABELS.items()}
    assert [name for name, labels in made.items() if isinstance(labels, TrainableLabels)] == ["learned"]


def test_what_labels_cannot_learn_by_is_refused() -> None:
    class Silent:
        """A rule that says nothing of its input."""

    labels = LearnedLabels(CLASSES, SIZE)
    with pytest.raises(ValueError, match="Backpropagation is not a local rule: labels do not learn by it"):
        Trainer(network("cnn6"), labels, RULES["bp"]())
    with pytest.raises(ValueError, match="Silent gives no direction for its input, so labels cannot learn by it"):
        trainable_labels(labels, network("cnn6"), Silent())
    odd = LayerLocalNet([Block(nn.GroupNorm(1, 4, affine=False), nn.Conv2d(4, 4, 3))])
    with pytest.raises(ValueError, match="a first norm of BatchNorm2d, LengthNorm, got GroupNorm"):
        trainable_labels(labels, odd, ForwardForward())
    assert trainable_labels(FourierLabels(CLASSES, SIZE), odd, Silent()) is None
