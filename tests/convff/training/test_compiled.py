"""A compiled step is the same step, and a compiler that fails costs a warning."""

import warnings

import pytest
import torch

from convff import RULES, Schedule, Trainer
from tests.convff.samples import ADDITIVE, network, noise


def test_a_compiler_that_fails_costs_a_warning_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object, **options: object) -> object:
        def raises(*arguments: object) -> object:
            raise RuntimeError("no compiler here\nand more")

        return raises

    monkeypatch.setattr(torch, "compile", broken)
    nets = []
    for compiled in (False, True):
        net = network("cnn6", ADDITIVE["fourier"])
        trainer = Trainer(net, ADDITIVE["fourier"], RULES["ff"](), compiled=compiled)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            list(trainer.fit(noise()))
        assert [str(w.message) for w in caught] == [
            "torch.compile failed, going on without it: no compiler here"
        ] * compiled
        nets.append(net)
    for eager, fallen_back in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        assert torch.equal(eager, fallen_back)


def test_every_block_of_every_network_is_compiled_once() -> None:
    """torch.compile keeps 8 variants of a function: three networks of 3 blocks are more, and so is a long session."""
    from torch._dynamo.testing import CompileCounter

    from convff.training.compiled import CompiledBlockStep

    labels = ADDITIVE["fourier"]
    for _ in range(3):
        net, counter = network("cnn6", labels), CompileCounter()
        trainer = Trainer(net, labels, RULES["ff"](), schedule=Schedule(epochs=2, batch_size=6), compiled=True)
        trainer.step.block_step = CompiledBlockStep(backend=counter)
        list(trainer.fit(noise()))
        assert counter.frame_count == len(net)


@pytest.mark.slow
def test_compiled_training_ends_where_the_other_does() -> None:
    nets = []
    for compiled in (False, True):
        net = network("cnn6", ADDITIVE["fourier"])
        schedule = Schedule(epochs=2, batch_size=5)  # the last batch of 2 is not compiled
        list(Trainer(net, ADDITIVE["fourier"], RULES["ff"](), schedule=schedule, compiled=compiled).fit(noise()))
        nets.append(net)
    for eager, fused in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        torch.testing.assert_close(eager, fused, rtol=0, atol=1e-5)
