"""Skips by concatenation: what each block sees, and that no block learns of those above it."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convff import (
    RULES,
    AtOutput,
    AtStream,
    Block,
    Checkpoint,
    ForwardForward,
    ImageData,
    LayerLocalNet,
    LinearReadout,
    Schedule,
    Softmax,
    Trainer,
    autocast,
    block_goodness,
    cnn6,
    keyed_generator,
    load_checkpoint,
    save_checkpoint,
)
from convff.functional import mean_goodness
from labels import FourierLabels, LabelGenerator, LayerwiseLabels, NoLabels, StreamLabels
from tests.convff.models.test_label_channels import LABELS as LAYERWISE
from tests.convff.models.test_label_channels import noise

SIZE = (8, 8)
OPTIONS = {"widths": (4, 8, 4, 8), "pool_after": (1, 3), "skip": True}
FOURIER = FourierLabels(4, SIZE)


def network(channels: int = 3, **options: object) -> LayerLocalNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = cnn6((channels, *SIZE), **(OPTIONS | options))  # type: ignore[arg-type]
    for block in net:  # statistics as after a training, far from 0 and 1
        nn.init.uniform_(block.norm.running_mean, -0.5, 0.5, generator=keyed_generator(0, "mean"))
        nn.init.uniform_(block.norm.running_var, 0.2, 2.0, generator=keyed_generator(0, "variance"))
    return net


def inputs_of(net: LayerLocalNet, x: Tensor) -> list[Tensor]:
    seen: list[Tensor] = []

    def visit(index: int, block: Block, h: Tensor) -> Tensor:
        seen.append(h)
        return block(h)

    net.route(x, visit)
    return seen


def by_hand(net: LayerLocalNet, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Input and activity of each of the four blocks, line by line."""
    one, two, three, four = net
    pool = nn.MaxPool2d(2)
    h1 = x
    a1 = one(h1)
    h2 = pool(a1)
    a2 = two(h2)
    h3 = torch.cat([a2, h2], dim=1)  # the activity of the last two blocks: a2, and a1 as the second block got it
    a3 = three(h3)
    h4 = torch.cat([pool(a3), pool(a2)], dim=1)
    return [h1, h2, h3, h4], [a1, a2, a3, four(h4)]


def test_each_block_sees_the_last_two_activities_and_goodness_sees_one() -> None:
    net, x = network().eval(), torch.rand(3, 3, *SIZE, generator=keyed_generator(0, "x"))
    inputs, activities = by_hand(net, x)
    assert [h.shape[1] for h in inputs] == [block.layer.in_channels for block in net] == [3, 4, 12, 12]
    for ours, theirs in zip(inputs_of(net, x), inputs, strict=True):
        assert torch.equal(ours, theirs)
    for ours, theirs in zip(net(x), activities, strict=True):
        assert torch.equal(ours, theirs)
    goodness = block_goodness(net, x, FOURIER)
    _, labelled = by_hand(net, FOURIER(x, torch.tensor([2, 2, 2])))
    expected = torch.stack([mean_goodness(a) for a in labelled])
    torch.testing.assert_close(goodness[:, :, 2], expected, rtol=1e-5, atol=1e-6)


def test_batch_norm_is_over_the_whole_concatenation() -> None:
    net, x = network(), torch.rand(6, 3, *SIZE)
    third = list(net)[2]
    (h3,) = (h for h in inputs_of(net, x) if h.shape[1] == 12 and h.shape[2] == 4)
    mean = third.normalised(h3).mean(dim=(0, 2, 3))
    torch.testing.assert_close(mean, torch.zeros(12), rtol=0, atol=1e-5)


def test_label_channels_stand_behind_both_activities() -> None:
    net, images, classes = network(7, label_channels=4).eval(), torch.rand(3, 3, *SIZE), torch.tensor([0, 3, 1])
    code = F.one_hot(classes, 4).float()[:, :, None, None]
    x = LayerwiseLabels(4, SIZE)(images, classes)
    inputs, activities = inputs_of(net, x), net(x)
    assert [h.shape[1] for h in inputs] == [7, 4 + 4, 12 + 4, 12 + 4]
    pool, (a1, a2, a3, _) = nn.MaxPool2d(2), activities
    for h, parts in ((inputs[2], [a2, pool(a1)]), (inputs[3], [pool(a3), pool(a2)])):
        label = code.expand(-1, -1, *h.shape[2:])
        assert torch.equal(h, torch.cat([*parts, label], dim=1))


def test_label_images_behind_the_images_leave_them_as_they_are() -> None:
    labels, images = StreamLabels(FOURIER), torch.rand(6, 3, *SIZE)

    def activities(stream: int) -> list[Tensor]:
        found: list[Tensor] = []

        def visit(index: int, block: Block, h: Tensor) -> Tensor:
            found.append(block.activity(block.normalised(h, stream)))
            return found[-1]

        with torch.no_grad():
            network().route(torch.cat([images, labels.label_images(images)]) if stream else images, visit)
        return found

    for alone, beside in zip(activities(0), activities(4), strict=True):
        torch.testing.assert_close(beside[:6], alone, rtol=1e-5, atol=1e-6)


LEARNERS: dict[str, tuple[object, LabelGenerator]] = {
    "ff": (RULES["ff"](), FOURIER),
    "hebbff": (RULES["hebbff"](), FOURIER),
    "layerwise": (RULES["ff"](), LAYERWISE),
    "output": (ForwardForward(label_at=AtOutput(4), gate=Softmax(scale=16.0)), NoLabels(4)),
    "stream": (ForwardForward(label_at=AtStream(num_classes=4), gate=Softmax(scale=30.0)), StreamLabels(FOURIER)),
}


def trained(net: LayerLocalNet, learner: str, data: ImageData) -> LayerLocalNet:
    rule, labels = LEARNERS[learner]
    for _ in Trainer(net, labels, rule, schedule=Schedule(batch_size=4, epochs=2)).fit(data):
        pass
    return net


def for_learner(learner: str) -> LayerLocalNet:
    repeated = getattr(LEARNERS[learner][1], "repeated_channels", 0)
    return network(3 + repeated, label_channels=repeated)


@pytest.mark.filterwarnings("ignore::convff.TrainingWarning")  # noise for weights is not a sane start
@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize("above", [1, 2, 3])
def test_no_block_learns_of_those_above_it(learner: str, above: int) -> None:
    plain, disturbed = for_learner(learner), for_learner(learner)
    with torch.no_grad():
        for block in list(disturbed)[above:]:
            for parameter in block.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=keyed_generator(3, "noise")))
    untouched = for_learner(learner)
    trained(plain, learner, noise(8))
    trained(disturbed, learner, noise(8))
    for ours, theirs, before in list(zip(plain, disturbed, untouched, strict=True))[:above]:
        for name, learnt in ours.state_dict().items():
            assert torch.equal(learnt, theirs.state_dict()[name])
        assert not torch.equal(ours.layer.weight, before.layer.weight)


def test_a_block_does_learn_of_the_skip() -> None:
    """The test above can fail: what the third block learns depends on the first, beside the second."""
    plain, without = trained(network(), "ff", noise(8)), network()
    third = list(without)[2].layer
    hidden: list[Tensor] = []
    third.register_forward_pre_hook(lambda _module, inputs: hidden.append(inputs[0][:, 8:]))
    trained(without, "ff", noise(8))
    assert all(h.any() for h in hidden)
    assert torch.equal(list(plain)[2].layer.weight, third.weight)
    moved = (third.weight - list(network())[2].layer.weight)[:, 8:]
    assert (moved != 0).any(dim=(0, 2, 3)).all()  # the weights of each channel of the skip


def test_no_gradient_crosses_a_skip() -> None:
    net = network()
    net(torch.rand(4, 3, *SIZE))[-1].sum().backward()
    assert [block.layer.weight.grad is not None for block in net] == [False, False, False, True]


def test_a_readout_sees_each_block_alone_under_bfloat16() -> None:
    net = network()
    readout = LinearReadout(net, FOURIER, (3, *SIZE), first=0, grid=1)
    assert readout.linear.in_features == sum(OPTIONS["widths"])  # type: ignore[arg-type]
    with autocast(torch.device("cpu"), "bfloat16"):
        assert {a.dtype for a in net(torch.rand(2, 3, *SIZE))} == {torch.bfloat16}


@pytest.mark.parametrize("channels", [0, 4])
def test_a_checkpoint_knows_of_the_skips(channels: int, tmp_path: Path) -> None:
    options = OPTIONS | ({"label_channels": channels} if channels else {})
    net, labels = network(3 + channels, label_channels=channels), LAYERWISE if channels else FOURIER
    images = noise().images / 255.0
    save_checkpoint(tmp_path / "net.safetensors", Checkpoint("cnn6", (3 + channels, *SIZE), options, net))
    loaded = load_checkpoint(tmp_path / "net.safetensors").net
    assert [block.layer.in_channels for block in loaded] == [block.layer.in_channels for block in net]
    assert torch.equal(block_goodness(net, images, labels), block_goodness(loaded, images, labels))


@pytest.mark.parametrize("depth", [1, 2])
def test_few_blocks_have_nothing_to_skip(depth: int) -> None:
    options = {"widths": (4, 8)[:depth], "pool_after": ()}
    with_skip, without = network(**options), network(**options, skip=False)
    x = torch.rand(2, 3, *SIZE)
    for ours, theirs in zip(with_skip.eval()(x), without.eval()(x), strict=True):
        assert torch.equal(ours, theirs)
