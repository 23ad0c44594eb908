"""The rules against slow oracles written from the papers' equations, in float64."""

import itertools
import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from convff import RULES, Block, ForwardForward, HebbianForwardForward, LengthNorm, Softmax, Symmetric, Threshold
from convff.gates import Gate
from convff.network import LayerLocalNet
from convff.rules import LocalUpdate
from convff.rules.reductions import REDUCTIONS
from tests.convff.samples import ON_ANY_NETWORK, passes, relative_error, seen_of

IMAGES, PASSES = 4, 3
GATES: list[Gate] = [Threshold(theta=0.7, scale=1.5), Threshold(scale=0.3), Symmetric(scale=4.0), Softmax(scale=2.0)]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def dense_block() -> Block:
    block = Block(LengthNorm(), nn.Linear(7, 5)).double()
    return fill(block)


def conv_block() -> Block:
    block = Block(nn.BatchNorm2d(3, affine=False), nn.Conv2d(3, 5, 3, padding=1, stride=2)).double()
    return fill(block)


def fill(block: Block) -> Block:
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator(parameter.ndim), dtype=torch.float64) / 2)
    return block


BLOCKS = {
    "dense": (dense_block, (IMAGES * PASSES, 7)),
    "conv": (conv_block, (IMAGES * PASSES, 3, 6, 5)),
}


def case(kind: str) -> tuple[Block, Tensor]:
    make, shape = BLOCKS[kind]
    return make(), torch.randn(shape, generator=generator(7), dtype=torch.float64)


def directions(rule: object, block: Block, h: Tensor) -> LocalUpdate:
    with torch.no_grad():
        return rule.direction(seen_of(block, h, passes(IMAGES, PASSES)), rule.init(block))


@pytest.mark.parametrize("kind", BLOCKS)
@pytest.mark.parametrize("gate", GATES, ids=repr)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_ff_direction_is_the_gradient_of_its_loss(kind: str, gate: Gate, reduction: str) -> None:
    block, h = case(kind)
    if "sum" in reduction:  # goodness is of the order of 40, and torch's softplus is exact only up to 20
        gate = replace(gate, scale=gate.scale / 20)
    update = directions(ForwardForward(gate=gate, reduction=reduction), block, h)

    a = block(h)
    of_units = (a if "activity" in reduction else a.square()).flatten(1)
    g = of_units.sum(dim=1) if "sum" in reduction else of_units.mean(dim=1)
    unit_goodness = float(a[0].numel()) if "sum" in reduction else 1.0
    if "minus" in reduction:
        g, unit_goodness = -g, -unit_goodness
    gate.loss(g.view(IMAGES, PASSES), unit_goodness).mean().backward()

    for name, parameter in block.layer.named_parameters():
        assert parameter.grad.norm() > 0
        assert relative_error(update.dense(block.layer)[name], parameter.grad) <= 1e-12


def hebbff_by_the_paper(block: Block, x: Tensor, theta: float) -> tuple[Tensor, Tensor]:
    """Equations 1 to 4 of the HebbFF paper as loops over samples, units and positions."""
    W, b = block.layer.weight, block.layer.bias
    dW, db = torch.zeros_like(W), torch.zeros_like(b)
    for n in range(len(x)):
        patches = list(receptive_fields(block.layer, x[n]))
        a = [[max(0.0, (W[k] * patch).sum().item() + b[k].item()) for k in range(len(W))] for patch in patches]
        units = len(W) * len(patches)
        g = sum(a_k**2 for position in a for a_k in position) / units  # equation 1
        right = n % PASSES == 0
        w = sigmoid(theta - g) if right else -sigmoid(g - theta) / (PASSES - 1)  # equation 2
        for patch, position in zip(patches, a, strict=True):
            for k, a_k in enumerate(position):
                dW[k] += w * a_k * patch  # equation 3
                db[k] += w * a_k  # equation 4
    return dW, db


def sigmoid(t: float) -> float:
    return 1 / (1 + math.exp(-t))


def receptive_fields(layer: nn.Module, x: Tensor):
    """What each position of a layer sees: the whole input if it is dense, else one window of the padded image."""
    if isinstance(layer, nn.Linear):
        yield x
        return
    (pad, _), (stride, _), (height, width) = layer.padding, layer.stride, layer.kernel_size
    padded = torch.zeros(x.shape[0], x.shape[1] + 2 * pad, x.shape[2] + 2 * pad, dtype=x.dtype)
    padded[:, pad : pad + x.shape[1], pad : pad + x.shape[2]] = x
    rows = range(0, padded.shape[1] - height + 1, stride)
    columns = range(0, padded.shape[2] - width + 1, stride)
    for row, column in itertools.product(rows, columns):
        yield padded[:, row : row + height, column : column + width]


@pytest.mark.parametrize("kind", BLOCKS)
@torch.no_grad()
def test_hebbff_equals_the_papers_equations(kind: str) -> None:
    block, h = case(kind)
    update = directions(HebbianForwardForward(gate=Threshold(theta=0.6)), block, h)
    dW, db = hebbff_by_the_paper(block, block.norm(h), theta=0.6)
    assert relative_error(-update.dense(block.layer)["weight"], dW) <= 1e-12
    assert relative_error(-update.dense(block.layer)["bias"], db) <= 1e-12


@pytest.mark.parametrize("kind", BLOCKS)
def test_hebbff_is_ff_up_to_a_factor(kind: str) -> None:
    block, h = case(kind)
    gate = Threshold(theta=0.6)
    ff = directions(ForwardForward(gate=gate), block, h)
    hebb = directions(HebbianForwardForward(gate=gate), block, h)
    units = block(h)[0].numel()
    of_ff, of_hebbff = (update.dense(block.layer)["weight"] for update in (ff, hebb))
    torch.testing.assert_close(of_ff, of_hebbff * 2 / (units * IMAGES), rtol=1e-12, atol=0)


@pytest.mark.parametrize("gate", GATES, ids=repr)
def test_gate_strengthens_right_and_weakens_wrong_labels(gate: Gate) -> None:
    g = torch.rand(50, PASSES, generator=generator()) * 2
    c = gate(g, unit_goodness=1.0)
    assert (c[:, 0] > 0).all()
    assert (c[:, 1:] < 0).all()


@pytest.mark.parametrize("gate", GATES, ids=repr)
def test_gate_is_the_derivative_of_its_loss(gate: Gate) -> None:
    g = torch.rand(6, PASSES, generator=generator(), dtype=torch.float64).requires_grad_()
    (derivative,) = torch.autograd.grad(gate.loss(g, 2).sum(), g)
    torch.testing.assert_close(gate(g.detach(), 2) * gate.scale, -derivative, rtol=1e-12, atol=1e-15)


@given(
    st.sampled_from(GATES),
    st.lists(st.lists(st.floats(0, 1e4), min_size=3, max_size=3), min_size=1, max_size=5),
)
@settings(deadline=None, derandomize=True)
def test_gates_stay_bounded_for_any_goodness(gate: Gate, goodness: list[list[float]]) -> None:
    c = gate(torch.tensor(goodness), 1.0)
    assert c.isfinite().all()
    assert (c[:, 0] >= 0).all()
    assert (c[:, 0] <= 1).all()
    assert (c[:, 1:] <= 0).all()
    assert (c[:, 1:].sum(dim=1) >= -1 - 1e-6).all()
    if not isinstance(gate, Threshold):
        assert c.sum(dim=1).abs().max() < 1e-5


def test_symmetric_is_softmax_of_two_passes() -> None:
    g = torch.rand(6, 2, generator=generator(), dtype=torch.float64)
    torch.testing.assert_close(Symmetric(scale=3.0)(g, 1), Softmax(scale=3.0)(g, 1))


def test_discrimination_counts_decisions() -> None:
    g = torch.tensor([[3.0, 1.0, 5.0], [1.0, 0.0, 0.0]])
    assert Symmetric().discriminates(g, 1).tolist() == [[1, 0], [1, 1]]
    assert Threshold(theta=2.0).discriminates(g, 1).tolist() == [[1, 1, 0], [0, 1, 1]]


GOODNESS_RULES = [name for name, rule in ON_ANY_NETWORK.items() if hasattr(rule, "goodness")]


@pytest.mark.parametrize("name", GOODNESS_RULES)
@pytest.mark.parametrize("kind", BLOCKS)
class TestContract:
    """What every goodness rule of the table keeps to, beside the contract that `convff.testing.check_rule` checks."""

    def test_shows_what_its_gates_do(self, name: str, kind: str) -> None:
        block, h = case(kind)
        metrics = directions(RULES[name](), block, h).metrics
        of_gates = {"saturation", "gate_right", "gate_wrong"}
        assert set(metrics) >= {"loss", "discrimination", "goodness", "silent"} | of_gates
        assert all(value.ndim == 0 and not value.requires_grad for value in metrics.values())

    def test_a_step_along_the_direction_parts_right_from_wrong(self, name: str, kind: str) -> None:
        block, h = case(kind)
        rule = RULES[name]()

        def gap() -> float:
            g = rule.goodness(block(h)).view(IMAGES, PASSES)
            return (g[:, 0] - g[:, 1:].mean(dim=1)).mean().item()

        before = gap()
        update = directions(rule, block, h)
        with torch.no_grad():
            size = sum(grad.norm() for grad in update.dense(block.layer).values())
            for key, parameter in block.layer.named_parameters():
                parameter.sub_(1e-3 * update.dense(block.layer)[key] / size)
        assert gap() > before


def test_block_refuses_what_the_closed_form_cannot_do() -> None:
    with pytest.raises(TypeError, match="Conv1d"):
        Block(LengthNorm(), nn.Conv1d(1, 1, 1))
    with pytest.raises(ValueError, match="affine=False"):
        Block(nn.BatchNorm2d(3), nn.Conv2d(3, 5, 3))
    with pytest.raises(ValueError, match="reflect"):
        Block(LengthNorm(), nn.Conv2d(3, 5, 3, padding=1, padding_mode="reflect"))
    with pytest.raises(ValueError, match="at least one block"):
        LayerLocalNet([])
