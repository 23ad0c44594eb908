"""Automatic differentiation and the closed form are one method."""

import pytest
import torch

from convff import RULES, Autograd, Schedule, Softmax, Symmetric, Threshold, Trainer
from tests.convff.samples import ADDITIVE, network, noise


@pytest.mark.parametrize("gate", [Threshold(theta=0.7), Symmetric(scale=8.0), Softmax(scale=8.0)], ids=repr)
@pytest.mark.parametrize("rule", ["ff", "hebbff"])
def test_automatic_differentiation_trains_as_the_closed_form_does(rule: str, gate: object) -> None:
    nets = []
    for engine in (RULES[rule](gate=gate), Autograd(rule=RULES[rule](gate=gate))):
        net = network("cnn6", ADDITIVE["fourier"]).double()
        schedule = Schedule(epochs=2, batch_size=4, optimizer="relative", lr=0.01)
        doubled = lambda images, generator: images.double()  # noqa: E731
        list(Trainer(net, ADDITIVE["fourier"], engine, schedule=schedule, augment=doubled).fit(noise()))
        nets.append(net)
    for closed, by_graph in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        torch.testing.assert_close(closed, by_graph, rtol=1e-6, atol=1e-9)
