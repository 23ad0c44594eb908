"""Layers with local fields against dense layers with a mask, which do the same at a higher cost, in float64."""

import pytest
import torch
from torch import Tensor, nn

from convff import (
    INITIAL_WEIGHTS,
    OPTIMIZERS,
    Block,
    LayerLocalNet,
    LengthNorm,
    LocalLinear,
    Schedule,
    Threshold,
    Trainer,
)
from convff import ForwardForward as FF
from convff.local_linear import square_windows
from convff.outer import input_product, outer_product, outer_weight
from convff.randomness import keyed_generator
from convff.rules import Autograd
from labels import OneHotLabels
from tests.convff.samples import noise, passes, seen_of

SAMPLES, INPUTS, UNITS = 6, 48, 5
EXACT = 1e-12


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=keyed_generator(seed, "local"), dtype=torch.float64)


def windows(kind: str) -> tuple[Tensor, Tensor | None]:
    """Windows `[L, F]`, and which of their inputs each unit has."""
    sources = square_windows(4, 2, 1, 3)  # 9 windows of 12 of 48 inputs
    if "edge" in kind:  # some of a window is outside of the input, as at the border of a map
        sources = sources.where(sources % 5 > 0, -1)
    mask = torch.rand(9, UNITS, 12, generator=keyed_generator(1, "mask")) < 0.6 if "mask" in kind else None
    return sources, mask


def layer_of(kind: str, *, bias: bool = True) -> LocalLinear:
    sources, mask = windows(kind)
    layer = LocalLinear(sources, UNITS, INPUTS, mask=mask, bias=bias).double()
    with torch.no_grad():
        layer.weight.copy_(layer.connected(drawn(*layer.weight.shape, seed=2) / 4))
        if layer.bias is not None:
            layer.bias.copy_(drawn(*layer.bias.shape, seed=3) / 4)
    return layer


def oracle(kind: str, layer: LocalLinear) -> tuple[Tensor, Tensor]:
    """A dense weight `[L * O, I]`, entry by entry from the windows, and its mask."""
    sources, mask = windows(kind)
    dense, connected = torch.zeros(9 * UNITS, INPUTS, dtype=torch.float64), torch.zeros(9 * UNITS, INPUTS)
    for place in range(9):
        for unit in range(UNITS):
            for f, source in enumerate(sources[place].tolist()):
                if source >= 0 and (mask is None or mask[place, unit, f]):
                    dense[place * UNITS + unit, source] = layer.weight[place * UNITS + unit, f].item()
                    connected[place * UNITS + unit, source] = 1
    return dense, connected


KINDS = ("whole windows", "edge", "mask", "edge and mask")


@pytest.mark.parametrize("kind", KINDS)
def test_it_equals_a_masked_dense_layer(kind: str) -> None:
    layer, x, post = layer_of(kind), drawn(SAMPLES, INPUTS, seed=4), drawn(SAMPLES, 9 * UNITS, seed=5)
    weight, mask = oracle(kind, layer)
    assert torch.equal(layer.dense_weight(), weight)
    with torch.no_grad():
        expected = x @ weight.T + layer.bias
        assert (layer(x) - expected).abs().max() < EXACT
        direction, of_bias = outer_product(x, post, layer)
        assert torch.equal(outer_weight(x, post, layer), direction)
        of_input = input_product(x, post, layer)
    assert (of_bias - post.sum(dim=0)).abs().max() < EXACT
    assert (of_input - post @ weight).abs().max() < EXACT
    # The direction, laid out as a dense weight, is that of the masked dense layer.
    layer.weight.data.copy_(direction)
    assert (layer.dense_weight() - (post.T @ x) * mask).abs().max() < EXACT
    assert torch.equal(layer.connected(direction), direction)


@pytest.mark.parametrize("kind", KINDS)
def test_the_graph_of_the_layer_agrees_with_the_closed_forms(kind: str) -> None:
    layer, x, post = layer_of(kind), drawn(SAMPLES, INPUTS, seed=4).requires_grad_(), drawn(SAMPLES, 9 * UNITS, seed=5)
    (layer(x) * post).sum().backward()
    with torch.no_grad():
        weight, bias = outer_product(x, post, layer)
        of_input = input_product(x, post, layer)
    for got, expected in ((weight, layer.weight.grad), (bias, layer.bias.grad), (of_input, x.grad)):
        assert (got - expected).abs().max() < EXACT


@pytest.mark.parametrize("kind", ["whole windows", "edge and mask"])
@pytest.mark.parametrize("bias", [True, False])
def test_the_direction_of_a_rule_is_the_gradient_of_its_loss(kind: str, *, bias: bool) -> None:
    block = Block(LengthNorm(), layer_of(kind, bias=bias))
    rule = FF(gate=Threshold(scale=0.1), reduction="sum")
    with torch.no_grad():
        seen = seen_of(block, drawn(SAMPLES, INPUTS, seed=6), passes(SAMPLES // 2, 2))
        closed = rule.direction(seen, None).dense(block.layer)
        by_input = rule.input_direction(seen)
    found = Autograd(rule=rule).direction(seen, None).dense(block.layer)
    assert closed.keys() == found.keys() == ({"weight", "bias"} if bias else {"weight"})
    for name, direction in found.items():
        assert (closed[name] - direction).abs().max() < EXACT * max(1, direction.abs().max())
    assert (by_input - Autograd(rule=rule).input_direction(seen)).abs().max() < 1e-11


def test_what_is_outside_a_window_changes_nothing() -> None:
    layer, x = layer_of("whole windows"), drawn(SAMPLES, INPUTS, seed=4)
    other = x.clone()
    other[:, 0] += 1  # the first place: only the first window has it
    with torch.no_grad():
        one, two = layer(x), layer(other)
    assert torch.equal(one[:, UNITS:], two[:, UNITS:])
    assert not torch.isclose(one[:, :UNITS], two[:, :UNITS]).any()


def test_a_dense_layer_is_one_location() -> None:
    dense = nn.Linear(7, 4).double()
    layer = LocalLinear(torch.arange(7)[None], 4, 7).double()
    layer.load_state_dict(dense.state_dict())
    x = drawn(3, 7)
    assert (layer(x) - dense(x)).abs().max() < EXACT
    assert list(layer.state_dict()) == ["weight", "bias"]


@pytest.mark.parametrize("kind", ["mask", "edge"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_no_optimiser_makes_connections(kind: str, optimizer: str) -> None:
    sources, mask = windows(kind)
    layer = LocalLinear(sources, UNITS, INPUTS, mask=mask)
    missing = ~layer.connections.expand(9, UNITS, 12).reshape(layer.weight.shape)
    net = LayerLocalNet([Block(LengthNorm(), layer)])
    net.blocks[0].norm.forward = lambda x: x.flatten(1)[:, :INPUTS] * 3.0
    before = layer.weight.detach().clone()
    assert missing.any()
    assert not before[missing].any()
    assert before[~missing].all()
    schedule = Schedule(optimizer=optimizer, lr=0.01, momentum=0.9, epochs=2, batch_size=6)
    trainer = Trainer(net, OneHotLabels(5), FF(), schedule=schedule)
    list(trainer.fit(noise()))
    assert not torch.equal(layer.weight, before)
    assert not layer.weight[missing].any()


@pytest.mark.parametrize("kind", ["whole windows", "mask"])
def test_initial_weights_are_those_of_a_dense_layer_with_as_many_inputs(kind: str) -> None:
    torch.manual_seed(0)
    sources, mask = torch.arange(4800).view(4, 1200), None
    if kind == "mask":
        mask = (torch.arange(1200) % 2 == 0).expand(4, 50, 1200)
    layer = LocalLinear(sources, 50, 4800, mask=mask)
    inputs = 1200 if mask is None else 600
    weights = layer.weight[layer.weight != 0]
    assert weights.numel() == 200 * inputs
    assert layer.weight.abs().max() <= inputs**-0.5
    assert weights.var().item() == pytest.approx(1 / (3 * inputs), rel=0.02)
    assert layer.bias.abs().max() <= inputs**-0.5


def test_normal_initial_weights_make_no_connections() -> None:
    sources, mask = windows("mask")
    layer = LocalLinear(sources, UNITS, INPUTS, mask=mask)
    INITIAL_WEIGHTS["normal"](LayerLocalNet([Block(LengthNorm(), layer)]))
    assert torch.equal(layer.weight != 0, mask.reshape(layer.weight.shape))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_activity_has_the_precision_of_a_dense_layer(precision: str) -> None:
    layer = LocalLinear(torch.tensor([[0, 1], [1, 2]]), units=1, in_features=3)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        assert layer(torch.rand(2, 3)).dtype == nn.Linear(3, 2)(torch.rand(2, 3)).dtype == getattr(torch, precision)
        post = torch.rand(2, 2).to(getattr(torch, precision))
        assert {each.dtype for each in outer_product(torch.rand(2, 3), post, layer)} == {post.dtype}
        assert input_product(torch.rand(2, 3), post, layer).dtype == post.dtype


def test_windows_are_in_the_order_of_the_units() -> None:
    channels, grid = 3, 4
    places = torch.arange(grid * grid * channels).view(grid, grid, channels)
    found = square_windows(grid, 2, 2, channels)
    expected = [places[r : r + 2, c : c + 2].reshape(-1).tolist() for r in (0, 2) for c in (0, 2)]
    assert found.tolist() == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sources": torch.tensor([0, 1])}, r"must be int64 indices \[locations, inputs\], got torch.int64 \[2\]"),
        ({"sources": torch.tensor([[0.0, 1.0]])}, "got torch.float32"),
        ({"sources": torch.zeros(0, 2, dtype=torch.int64)}, r"got torch.int64 \[0, 2\]"),
        ({"sources": torch.tensor([[0, 3]])}, "from 0 to 2, or -1, got 0 to 3"),
        ({"sources": torch.tensor([[-2, 1]])}, "got -2 to 1"),
        ({"units": 0}, "at least 1 unit, got 0"),
        ({"mask": torch.ones(2, 2, dtype=torch.bool)}, r"mask must be bool \[1, 4, 2\], got torch.bool \[2, 2\]"),
        ({"mask": torch.ones(1, 4, 2)}, r"got torch.float32 \[1, 4, 2\]"),
    ],
)
def test_what_is_no_layer_is_refused(arguments: dict[str, object], message: str) -> None:
    defaults: dict[str, object] = {"sources": torch.tensor([[0, 1]]), "units": 4, "in_features": 3}
    with pytest.raises(ValueError, match=message):
        LocalLinear(**(defaults | arguments))  # type: ignore[arg-type]


def test_windows_that_do_not_fill_a_map_are_refused() -> None:
    with pytest.raises(ValueError, match="windows of 10 with stride 6 fill maps of 10 \\+ 6 k, got 27"):
        square_windows(27, 10, 6, 1)


def test_what_a_file_holds_outside_a_window_is_not_loaded() -> None:
    layer = LocalLinear(torch.tensor([[0, 1], [1, -1]]), units=1, in_features=3)
    with torch.no_grad():
        layer.load_state_dict({"weight": torch.ones(2, 2), "bias": torch.zeros(2)})
        assert layer.weight.tolist() == [[1, 1], [1, 0]]
        seen = layer(torch.tensor([[1.0, 2.0, 4.0]]))
    torch.testing.assert_close(layer(torch.tensor([[1.0, 2.0, 4.0]])), seen)
