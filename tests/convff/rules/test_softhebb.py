"""SoftHebb: its equations by slow loops, its fixed points, and what it must not look at."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convff import (
    Block,
    ImageData,
    LayerLocalNet,
    Layout,
    LengthNorm,
    LocalStep,
    PaddedNorm,
    Schedule,
    Seen,
    Setup,
    SoftHebb,
    Trainer,
    cnn6,
    deephebb,
    keyed_generator,
)
from convff.competition import by_largest, oja_direction, soft_winners
from convff.rules.base import see
from convff.testing import check_rule
from labels import NoLabels
from tests.convff.samples import Two

CLASSES = 3


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=keyed_generator(seed, "softhebb"), dtype=torch.float64)


def seen_of(rule: SoftHebb, *, kernel: int = 3, stride: int = 1, bias: bool = False) -> Seen:
    layer = nn.Conv2d(2, 4, kernel, stride=stride, bias=bias).double()
    block = Block(PaddedNorm(nn.BatchNorm2d(2, affine=False).double(), kernel // 2), layer)
    with torch.no_grad():
        layer.weight.copy_(drawn(*layer.weight.shape, seed=1) / 2)
        return see(block, rule, block.normalised(drawn(3, 2, 6, 6)), Layout(torch.tensor([0, 1, 2])))


def by_loops(seen: Seen, temperature: float) -> Tensor:
    """The published direction, divided by its largest entry: images, positions and channels one by one."""
    layer, weight = seen.block.layer, seen.block.layer.weight.detach()
    direction = torch.zeros_like(weight)
    k_h, k_w = layer.kernel_size
    for x in seen.x:
        for top in range(0, x.shape[1] - k_h + 1, layer.stride[0]):
            for left in range(0, x.shape[2] - k_w + 1, layer.stride[1]):
                patch = x[:, top : top + k_h, left : left + k_w]
                u = [float((w * patch).sum()) for w in weight]
                total = sum(math.exp(temperature * value) for value in u)
                y = [math.exp(temperature * value) / total for value in u]
                for k, w in enumerate(weight):
                    s = 1 if y[k] == max(y) else -1
                    direction[k] += s * y[k] * (patch - u[k] * w)
    return direction / direction.abs().max()


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2)])
def test_the_direction_is_the_published_one(kernel: int, stride: int) -> None:
    rule = SoftHebb(temperature=0.65)
    seen = seen_of(rule, kernel=kernel, stride=stride)
    got = -rule.direction(seen, rule.init(seen.block)).dense(seen.block.layer)["weight"]
    expected = by_loops(seen, 0.65)
    assert (got - expected).norm() <= 1e-12 * expected.norm()
    assert got.abs().max() == 1


@pytest.mark.usefixtures("without_compiler")  # tests/convff/testing compiles it
def test_it_keeps_the_contract() -> None:
    check_rule(SoftHebb(temperature=0.7))


def test_without_losers_it_is_the_plain_competition() -> None:
    """What Global-guided Hebbian learning takes as its local part, up to the absolute value."""
    rule = SoftHebb(losers="none")
    seen = seen_of(rule)
    got = -rule.direction(seen, 1.0).dense(seen.block.layer)["weight"]
    plain = oja_direction(seen.x, seen.z, soft_winners(seen.z, 1.0), seen.block.layer)
    assert torch.equal(got, by_largest(plain)[0])


def test_a_dead_channel_stays() -> None:
    """A channel that never wins anything and is not pushed away by its share of the softmax does not move."""
    rule = SoftHebb(temperature=1.0)
    layer = nn.Linear(3, 3, bias=False).double()
    layer.weight.data.copy_(torch.tensor([[40.0, 0, 0], [0, 40.0, 0], [-800.0, -800.0, 0]]))
    block = Block(LengthNorm(), layer)
    with torch.no_grad():
        seen = see(block, rule, torch.tensor([[1.0, 0.2, 0], [0.1, 1.0, 0]]).double(), Layout(torch.tensor([0, 1])))
        got = rule.direction(seen, 1.0).dense(layer)["weight"]
    assert torch.equal(got[2], torch.zeros(3, dtype=torch.float64))
    assert got[:2].abs().max() == 1


def test_zeros_give_no_direction_and_no_nan() -> None:
    rule = SoftHebb()
    seen = seen_of(rule)
    zeros = seen._replace(x=torch.zeros_like(seen.x), z=torch.zeros_like(seen.z))
    update = rule.direction(zeros, 1.0)
    got = update.dense(seen.block.layer)["weight"]
    assert torch.equal(got, torch.zeros_like(got))
    assert all(metric.isfinite() for metric in update.metrics.values())


def test_a_bias_neither_learns_nor_competes() -> None:
    rule = SoftHebb()
    with_bias, without = seen_of(rule, bias=True), seen_of(rule)
    got, expected = (rule.direction(seen, 1.0).dense(seen.block.layer) for seen in (with_bias, without))
    torch.testing.assert_close(got["weight"], expected["weight"], rtol=1e-10, atol=1e-12)
    assert torch.equal(got["bias"], torch.zeros(4, dtype=torch.float64))


def test_one_neuron_alone_comes_to_the_mean_of_its_input_at_length_1() -> None:
    """With one channel y is 1, whatever u: the fixed point of `sum (x - u w)` is the mean of x, at length 1."""
    mean = torch.tensor([2.0, -1.0, 0.5]).double()
    block = Block(nn.Identity(), nn.Linear(3, 1, bias=False).double())
    block.layer.weight.data.copy_(torch.tensor([[-0.5, 0.5, 1.5]]))
    rule = SoftHebb()
    for step in range(400):
        x = mean + drawn(10, 3, seed=10 + step)
        with torch.no_grad():
            u = block.layer(x)
            update = rule.direction(Seen(block, x, u.relu(), Layout(torch.zeros(10).long()), z=u), 1.0)
            block.layer.weight -= 0.05 * update.dense(block.layer)["weight"] / (1 + step / 20)
    weight = block.layer.weight.detach()[0]
    assert float(weight @ mean) / (weight.norm() * mean.norm()) > 0.999
    assert weight.norm() == pytest.approx(1, abs=0.05)


def noise(count: int, size: int = 12) -> ImageData:
    images = torch.randint(256, (count, 3, size, size), generator=keyed_generator(1, "images")).byte()
    return ImageData(images, torch.arange(count) % CLASSES, ("a", "b", "c"), "noise")


def small(widths: tuple[int, ...] = (6, 8, 10), radius: float = 25.0) -> LayerLocalNet:
    torch.manual_seed(0)
    return deephebb((3, 12, 12), widths=widths, activation="triangle", padding="reflect", init_radius=radius)


def trained(data: ImageData, net: LayerLocalNet, epochs: int = 1) -> list[dict[str, list[float]]]:
    schedule = Schedule(
        optimizer="norm_dependent", lr=0.08, momentum=0.0, batch_size=8, epochs=epochs, decay="constant"
    )
    return [record.metrics for record in Trainer(net, NoLabels(CLASSES), SoftHebb(), schedule=schedule).fit(data)]


def weights(net: LayerLocalNet) -> list[Tensor]:
    return [block.layer.weight.detach() for block in net]


def test_lengths_go_to_1() -> None:
    metrics = trained(noise(80), small((6,)), epochs=40)
    assert metrics[0]["norm_error"][0] > 20
    assert metrics[-1]["norm_error"][0] < 0.01
    assert metrics[-1]["converged"][0] > 0.9
    assert 0 < metrics[-1]["winner_entropy"][0] <= 1


def test_no_class_is_looked_at() -> None:
    data, one, other = noise(40), small(), small()
    trained(data, one)
    trained(ImageData(data.images, data.classes.flip(0), data.class_names, data.name), other)
    assert all(map(torch.equal, weights(one), weights(other)))


def test_a_block_learns_the_same_whatever_is_above_it() -> None:
    """Two blocks and three of the same network: the pools of the first two are set to be the same."""
    nets = [small() for _ in range(2)]
    two = LayerLocalNet(list(nets[0])[:2])
    trained(noise(40), two)
    trained(noise(40), nets[1])
    assert all(map(torch.equal, weights(two), weights(nets[1])))


def test_every_block_has_its_own_temperature() -> None:
    net = small()
    rule = SoftHebb(temperature=(1.0, 0.65, 0.25))
    step = LocalStep(rule, Setup(net=net, labels=NoLabels(CLASSES), schedule=Schedule(lr=1e-3)))
    assert step.states == [1.0, 0.65, 0.25]
    assert rule.init(next(iter(net))) == 1.0
    assert SoftHebb(temperature=0.5).init_all(net) == [0.5] * 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0.0}, "temperatures must be positive and finite, got 0.0"),
        ({"temperature": (1.0, -1.0)}, r"temperatures must be positive and finite, got \(1.0, -1.0\)"),
        ({"temperature": ()}, "temperatures must be positive and finite"),
        ({"losers": "soft"}, "losers must be one of anti, none, hard, got 'soft'"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SoftHebb(**options)  # type: ignore[arg-type]


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="has 3 layers, so as many temperatures are needed, got 2"):
        SoftHebb(temperature=(1.0, 1.0)).check(small(), CLASSES)
    with pytest.raises(ValueError, match="needs the whole batch: use one process"):
        LocalStep(SoftHebb(), Setup(net=small(), labels=NoLabels(CLASSES), processes=Two()))
    rule = SoftHebb()
    seen = seen_of(rule)
    with pytest.raises(ValueError, match="one pass and no label images, got 3 passes"):
        rule.direction(seen._replace(layout=Layout(torch.tensor([0]), passes=3)), 1.0)


def test_it_learns_features_that_tell_stripes_apart() -> None:
    """Two filters and two kinds of stripes in noise: each filter comes to prefer one kind."""
    images = torch.rand(80, 1, 8, 8, generator=keyed_generator(3, "stripes")) * 0.3
    images[::2, 0, :, ::2] += 0.7
    images[1::2, 0, ::2] += 0.7
    torch.manual_seed(0)
    net = cnn6((1, 8, 8), widths=(4,), pool_after=())
    data = ImageData((images * 255).byte(), torch.arange(80) % 2, ("v", "h"), "stripes")
    schedule = Schedule(optimizer="norm_dependent", lr=0.08, momentum=0.0, batch_size=8, epochs=20, decay="constant")
    for _ in Trainer(net, NoLabels(2), SoftHebb(), schedule=schedule).fit(data):
        pass
    with torch.no_grad():
        a = F.adaptive_avg_pool2d(net(images)[0], 1).flatten(1)
    gap = (a[::2].mean(dim=0) - a[1::2].mean(dim=0)).abs()
    assert (gap > 2 * a[::2].std(dim=0)).any()
