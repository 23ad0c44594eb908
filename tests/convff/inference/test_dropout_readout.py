"""SoftHebb's classifier: a linear readout of frozen features, with dropout."""

import pytest
import torch
from torch import nn

from convff import EVALUATIONS, Context, ImageData, LinearReadout, SoftHebb, cnn6, fit_with_dropout, keyed_generator
from convff.inference import dropout_readout
from convff.inference.dropout_readout import cross_entropy_direction
from labels import NoLabels


def stripes(count: int, seed: int = 0) -> ImageData:
    images = torch.rand(count, 1, 8, 8, generator=keyed_generator(seed, "images")) * 0.5
    classes = torch.arange(count) % 3
    for n, k in enumerate(classes):
        images[n, 0, int(k) :: 3] += 0.5
    return ImageData((images * 255).byte(), classes, ("a", "b", "c"), "stripes")


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return cnn6((1, 8, 8), widths=(8, 8), pool_after=())


def readout() -> LinearReadout:
    return LinearReadout(network(), NoLabels(3), (1, 8, 8), first=1, grid=4)  # type: ignore[arg-type]


def test_it_learns_and_repeats_itself() -> None:
    found = []
    for key in (0, 0, 1):
        made = readout()
        fit_with_dropout(made, stripes(60), seed=key)
        found.append(made)
    assert (found[0].predict(stripes(60, seed=1)) == stripes(60).classes).float().mean() > 0.75
    assert torch.equal(found[0].linear.weight, found[1].linear.weight)
    assert not torch.equal(found[0].linear.weight, found[2].linear.weight)


def test_nothing_but_the_linear_layer_learns() -> None:
    made = readout()
    before = {name: value.clone() for name, value in made.net.state_dict().items()}
    fit_with_dropout(made, stripes(20), epochs=2)
    assert all(torch.equal(value, before[name]) for name, value in made.net.state_dict().items())


def test_the_start_and_the_rate_are_the_published_ones() -> None:
    made = readout()
    fit_with_dropout(made, stripes(20), epochs=0)
    assert 0 <= made.linear.weight.min() < 0.01 < 0.1 < made.linear.weight.max() < 0.1105
    assert [dropout_readout.rate_at(epoch) * 1000 for epoch in (9, 10, 17, 18, 24, 25, 45)] == [
        1, 1 / 2, 1 / 2, 1 / 4, 1 / 4, 1 / 8, 1 / 128,
    ]  # fmt: skip


def test_features_that_do_not_fit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(needed: int, device: object, what: str) -> None:
        assert needed == 20 * 8 * 4 * 4 * 2
        raise ValueError("too large")

    monkeypatch.setattr(dropout_readout, "require_memory", refuse)
    with pytest.raises(ValueError, match="too large"):
        fit_with_dropout(readout(), stripes(20))


def test_it_judges_a_network() -> None:
    run = Context(rule=SoftHebb(), labels=NoLabels(3), train=stripes(60), seed=3)
    score = EVALUATIONS["dropout"](network(), run, stripes(30, seed=1))  # type: ignore[arg-type]
    assert score.value > 0.75
    assert "dropout readout" in run.seconds


def test_the_direction_is_the_gradient_of_the_cross_entropy() -> None:
    generator = torch.Generator().manual_seed(0)
    linear = nn.Linear(7, 4).double()
    x = torch.randn(9, 7, generator=generator, dtype=torch.float64)
    classes = torch.randint(4, (9,), generator=generator)
    loss = nn.functional.cross_entropy(linear(x), classes)
    expected = torch.autograd.grad(loss, [linear.weight, linear.bias])
    for found, gradient in zip(cross_entropy_direction(linear, x, classes), expected, strict=True):
        torch.testing.assert_close(found, gradient, rtol=1e-12, atol=1e-14)
