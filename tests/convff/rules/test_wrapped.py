"""What a rule around another rule passes on, and what it adds."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch

from convff import AtOutput, Backpropagation, ForwardForward, LinearReadout, LocalStep, Setup, Stabilised, cnn3, start
from convff.rules import Autograd
from convff.stabilisers import SlidingThreshold, WeightNorm
from labels import FourierLabels, NoLabels
from tests.convff.rules.test_rules import BLOCKS, IMAGES, PASSES, case
from tests.convff.samples import passes, relative_error, seen_of


def test_a_rule_wrapped_twice_keeps_all_its_pieces() -> None:
    inner = Stabilised(rule=ForwardForward(), stabilisers=(SlidingThreshold(), WeightNorm()))
    for outer in (Stabilised(rule=inner), Autograd(rule=inner)):
        assert outer.needs_whole_batch
        block, _ = case("dense")
        state = outer.init(block)
        lengths = [parameter.norm().item() for parameter in block.layer.parameters()]
        with torch.no_grad():
            for parameter in block.layer.parameters():
                parameter.mul_(3)
            outer.constrain(block, state)
        assert [parameter.norm().item() for parameter in block.layer.parameters()] == pytest.approx(lengths)


@dataclass(frozen=True, kw_only=True)
class OnZ(ForwardForward):
    """FF whose loss reads `z`."""

    wants_z: ClassVar[bool] = True

    def loss(self, seen: object) -> torch.Tensor:
        assert seen.z is not None
        return super().loss(seen._replace(a=torch.relu(seen.z)))


@pytest.mark.parametrize("kind", BLOCKS)
def test_automatic_differentiation_of_a_rule_that_wants_z(kind: str) -> None:
    block, h = case(kind)
    with torch.no_grad():
        seen = seen_of(block, h, passes(IMAGES, PASSES))
        seen = seen._replace(z=block.layer(seen.x))
    by_graph = Autograd(rule=OnZ()).direction(seen, None).dense(block.layer)
    closed = ForwardForward().direction(seen, None).dense(block.layer)
    for name, direction in closed.items():
        assert relative_error(by_graph[name], direction) <= 1e-12


def test_groups_for_another_number_of_classes_are_refused() -> None:
    net, rule = cnn3((1, 8, 8), width=20, kernel=3), ForwardForward(label_at=AtOutput(5))
    with pytest.raises(ValueError, match="the groups of channels are for 5 classes, got 10"):
        LocalStep(rule, Setup(net=net, labels=NoLabels(10)))


def test_heads_and_readouts_start_without_a_draw() -> None:
    net, labels = cnn3((1, 8, 8), width=4, kernel=3), FourierLabels(3, (8, 8))
    before = torch.get_rng_state()
    start(Backpropagation(), Setup(net=net, labels=labels))
    LinearReadout(net, labels, (1, 8, 8))
    assert torch.equal(torch.get_rng_state(), before)
