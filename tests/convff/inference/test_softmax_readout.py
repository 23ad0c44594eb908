"""Hinton's softmax beside the blocks: against numpy in float64, its rate, and when it reads the network."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from convff import Batch, ForwardForward, LayerLocalNet, LinearReadout, Schedule, SoftmaxReadout, Trainer, cnn6, mlp
from convff.machine.processes import OneProcess
from convff.training.readout_beside import ReadoutBeside
from labels import FourierLabels, OneHotLabels
from tests.convff.samples import SIZE, noise

CLASSES = 5
LABELS = OneHotLabels(CLASSES)


def network() -> LayerLocalNet:
    torch.manual_seed(0)
    return mlp((3, *SIZE), widths=(9, 8, 7)).double()


def batch(count: int = 6, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(count, 3, *SIZE, generator=generator, dtype=torch.float64)
    return Batch(images, torch.randint(CLASSES, (count,), generator=generator))


def normalised(net: LayerLocalNet, images: Tensor) -> np.ndarray:
    """The normalised activity of the second and third block, side by side."""
    found = []
    for a in net(LABELS.neutral(images))[1:]:
        rows = a.detach().numpy()
        found.append(rows / np.sqrt((rows**2).mean(axis=1, keepdims=True) + 1e-8))
    return np.concatenate(found, axis=1)


def test_three_steps_are_those_of_the_recurrence() -> None:
    net = network()
    readout = SoftmaxReadout(net, LABELS, (3, *SIZE), lr=0.3, momentum=0.8, weight_decay=0.01)
    weight, mean = np.zeros((CLASSES, 15)), np.zeros((CLASSES, 15))
    for step, gain in enumerate((1.0, 1.0, 0.5)):
        images, classes = batch(seed=step)
        h = normalised(net, images)
        z = h @ weight.T
        np.testing.assert_allclose(readout(images).detach().numpy(), z, rtol=1e-12, atol=1e-13)
        q = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        error = np.eye(CLASSES)[classes] - q
        mean = 0.8 * mean + 0.2 * error.T @ h / 6
        weight = weight + gain * 0.3 * (mean - 0.01 * weight)
        readout.set_gain(gain)
        loss = readout.step(images, classes)
        assert loss.item() == pytest.approx(-np.log(q[np.arange(6), classes]).mean(), rel=1e-12)
        np.testing.assert_allclose(readout.linear.weight.detach().numpy(), weight, rtol=1e-12, atol=1e-15)
    assert readout.linear.bias is None
    assert readout.linear.weight.dtype == torch.float64


def test_maps_are_normalised_before_they_are_averaged() -> None:
    net = cnn6((3, *SIZE), widths=(4, 6, 6), pool_after=(1,)).eval()
    labels = FourierLabels(CLASSES, SIZE)
    readout = SoftmaxReadout(net, labels, (3, *SIZE), grid=2)
    images = torch.rand(4, 3, *SIZE)
    parts = []
    for a in net(labels.neutral(images))[1:]:
        scaled = a / a.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
        parts.append(scaled.unflatten(3, (2, -1)).unflatten(2, (2, -1)).mean(dim=(3, 5)).flatten(1))
    torch.testing.assert_close(readout.features(images), torch.cat(parts, dim=1), rtol=1e-4, atol=1e-5)


class Asked(LinearReadout):
    """Notes the weights of the network whose features it computes."""

    def features(self, images: Tensor) -> Tensor:
        if hasattr(self, "seen"):
            self.seen.append(self.net.blocks[0].layer.weight.sum().item())
        return super().features(images)


class AskedSoftmax(Asked, SoftmaxReadout):
    """The same for the softmax."""


@pytest.mark.parametrize("kind", [Asked, AskedSoftmax])
def test_the_softmax_reads_the_network_before_its_step_and_once(kind: type[Asked]) -> None:
    net, data = network().float(), noise(8)
    readout = kind(net, LABELS, (3, *SIZE))
    readout.seen = []
    before = net.blocks[0].layer.weight.sum().item()
    list(Trainer(net, LABELS, ForwardForward(), schedule=Schedule(batch_size=8), readout=readout).fit(data))
    after = net.blocks[0].layer.weight.sum().item()
    assert readout.seen == [before if kind is AskedSoftmax else after]
    assert before != after


@pytest.mark.parametrize("kind", [LinearReadout, SoftmaxReadout])
def test_its_rate_falls_with_that_of_the_blocks(kind: type[LinearReadout]) -> None:
    net = network().float()
    readout = kind(net, LABELS, (3, *SIZE))
    (group,) = readout._optimizer.param_groups
    rate, rates = group["lr"], []
    schedule = Schedule(epochs=4, batch_size=12, lr=0.01)
    for _ in Trainer(net, LABELS, ForwardForward(), schedule=schedule, readout=readout).fit(noise(12)):
        rates.append(group["lr"] / rate)
    assert rates == pytest.approx([1, 1, 1, 0.5] if kind is SoftmaxReadout else [1, 1, 1, 1])


def test_its_loss_moves_no_hidden_weight() -> None:
    ends = []
    for lr in (1e-30, 0.1):
        net = network().float()
        readout = SoftmaxReadout(net, LABELS, (3, *SIZE), lr=lr)
        list(Trainer(net, LABELS, ForwardForward(), schedule=Schedule(batch_size=4), readout=readout).fit(noise(12)))
        ends.append(net.state_dict())
    assert all(torch.equal(value, ends[1][name]) for name, value in ends[0].items())


def test_scores_are_those_before_the_readouts_step() -> None:
    net = network()
    readout = SoftmaxReadout(net, LABELS, (3, *SIZE))
    nn.init.normal_(readout.linear.weight)
    beside, images = ReadoutBeside(readout, None, OneProcess()), batch().inputs
    expected = readout(images).detach()
    beside.look(images)
    nn.init.zeros_(readout.linear.weight)
    assert torch.equal(beside.scores(images), expected)
    assert not beside.scores(images.clone()).any()  # other images: a pass of their own
    beside.learn(batch())
    assert not torch.equal(beside.scores(images), expected)


def test_it_cannot_be_fitted_at_the_end() -> None:
    readout = SoftmaxReadout(network(), LABELS, (3, *SIZE))
    with pytest.raises(TypeError, match="learns beside the blocks"):
        readout.fit(noise(8))
