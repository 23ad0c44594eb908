"""A box between two blocks: what learns around it does not know its derivative, nor whether there is one."""

import pytest
import torch
from torch import Tensor, nn

from convff import (
    Autograd,
    Batch,
    BlackBox,
    Block,
    ForwardForward,
    LayerLocalNet,
    LengthNorm,
    Schedule,
    Setup,
    Trainer,
    keyed_generator,
    start,
)
from convff.training.blockwise import is_pure
from labels import OneHotLabels
from tests.convff.samples import noise, passes, relative_error, seen_of


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=keyed_generator(seed, "box"), dtype=torch.float64)


def steep(h: Tensor) -> Tensor:
    """The identity, with a derivative of 7."""
    return h.detach() + 7 * (h - h.detach())


def net_with(box: object) -> LayerLocalNet:
    torch.manual_seed(0)
    first = Block(LengthNorm(), nn.Linear(64, 8))
    flat = nn.Sequential(nn.Flatten(), LengthNorm())
    return LayerLocalNet([Block(flat, first.layer), Block(BlackBox(LengthNorm(), box), nn.Linear(8, 6))])


def test_a_direction_depends_on_what_the_box_puts_out_but_not_on_its_derivative() -> None:
    torch.manual_seed(0)
    layer, h = nn.Linear(5, 4).double(), drawn(6, 5)
    found = {}
    for name, box in {"none": lambda h: h, "steep": steep, "other": torch.tanh}.items():
        seen = seen_of(Block(BlackBox(LengthNorm(), box), layer), h, passes(3, 2))
        for rule in (ForwardForward(), Autograd(rule=ForwardForward())):
            found[name, type(rule)] = rule.direction(seen, None).dense(layer)["weight"]
    for kind in (ForwardForward, Autograd):
        assert torch.equal(found["steep", kind], found["none", kind])
        assert relative_error(found["other", kind], found["none", kind]) > 0.01


def test_blocks_learn_the_same_whatever_the_derivative() -> None:
    nets = []
    for box in (lambda h: h, steep):
        net = net_with(box)
        list(Trainer(net, OneHotLabels(5), ForwardForward(), schedule=Schedule(epochs=2)).fit(noise(channels=1)))
        nets.append(net.state_dict())
    for name, value in nets[0].items():
        assert torch.equal(value, nets[1][name]), name


def test_a_stochastic_box_is_asked_again_in_every_step() -> None:
    draws = keyed_generator(0, "stochastic")
    asked = []

    def box(h: Tensor) -> Tensor:
        asked.append(len(h))
        return h * torch.rand(h.shape, generator=draws)

    net = net_with(box)
    schedule = Schedule(epochs=1, batch_size=12, repeats=3)
    trainer = Trainer(net, OneHotLabels(5), ForwardForward(), schedule=schedule, order="one_by_one")
    list(trainer.fit(noise(channels=1)))
    assert len(asked) == 3
    assert not is_pure(BlackBox(LengthNorm(), box))
    assert is_pure(nn.Sequential(LengthNorm()))


def test_no_gradient_leaves_a_box() -> None:
    net = net_with(torch.tanh)
    net(torch.rand(2, 1, 8, 8), detach=False)[-1].sum().backward()
    below, above = (block.layer.weight.grad for block in net)
    assert below is None
    assert above.norm() > 0


def test_the_tensors_of_a_box_are_saved_with_the_network() -> None:
    class Shift(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("shift", torch.tensor(3.0))

        def forward(self, h: Tensor) -> Tensor:
            return h + self.shift

    assert net_with(Shift()).state_dict()["blocks.1.norm.box.shift"] == 3
    with pytest.raises(ValueError, match="no learned parameters"):
        net_with(nn.Linear(8, 8))


def test_what_is_no_box_is_refused() -> None:
    with pytest.raises(TypeError, match="a function or a module, got float"):
        BlackBox(LengthNorm(), 0.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="must return a tensor, got int"):
        BlackBox(LengthNorm(), len)(torch.rand(2, 3))
    with pytest.raises(ValueError, match="as many samples as it is given, 2, got 1"):
        BlackBox(LengthNorm(), lambda h: h[:1])(torch.rand(2, 3))


def test_label_images_have_statistics_of_their_own_behind_a_box() -> None:
    norm = nn.BatchNorm2d(2, affine=False).double()
    block = Block(BlackBox(norm, torch.tanh), nn.Conv2d(2, 3, 3).double())
    images, stream = drawn(4, 2, 6, 6), drawn(3, 2, 6, 6, seed=1)
    together = block.normalised(torch.cat([images, stream]), stream=3)
    torch.testing.assert_close(together[4:], nn.BatchNorm2d(2, affine=False).double()(stream.tanh()))


def test_a_step_runs_with_a_box() -> None:
    step = start(ForwardForward(), Setup(net=net_with(torch.sign), labels=OneHotLabels(5)))
    metrics = step(Batch(torch.rand(4, 1, 8, 8), torch.arange(4)), keyed_generator(0, "x"))
    assert metrics["loss"].shape == (2,)
