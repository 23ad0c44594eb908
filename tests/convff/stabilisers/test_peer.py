"""Peer normalisation against a loop over cases, and what it is for: silent units come back."""

import pytest
import torch
from torch import Tensor, nn

from convff import Block, ForwardForward, HebbianForwardForward, LengthNorm, LocalLinear, Stabilised, Threshold
from convff.stabilisers import GatedStep, PeerNormalisation
from tests.convff.samples import passes, seen_of

IMAGES, PASSES = 4, 3


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def block_of(layer: nn.Linear | nn.Conv2d) -> Block:
    block = Block(LengthNorm(), layer).double()
    with torch.no_grad():
        for number, parameter in enumerate(block.parameters()):
            parameter.copy_(drawn(*parameter.shape, seed=number) - 0.6)
    return block


@torch.no_grad()
def step_of(layer: nn.Linear | nn.Conv2d, *shape: int, open_weight: float = 1.0, seed: int = 5) -> GatedStep:
    block = block_of(layer)
    x = block.normalised(drawn(IMAGES * PASSES, *shape, seed=seed))
    return GatedStep(block, x, block.activity(x), drawn(IMAGES * PASSES), open_weight, PASSES)


@torch.no_grad()
@pytest.mark.parametrize("bias", [True, False])
def test_a_dense_layer_is_a_loop_over_right_passes(bias: bool) -> None:
    piece = PeerNormalisation(strength=0.3, momentum=0.8)
    step = step_of(nn.Linear(7, 5, bias=bias), 7, open_weight=2.0)
    usual = [0.5] * 5
    state = piece.init(step.block)
    for seed in (5, 6, 7):
        step = step_of(nn.Linear(7, 5, bias=bias), 7, open_weight=2.0, seed=seed)
        term, state = piece.term(step, state)
        right = range(0, IMAGES * PASSES, PASSES)
        usual = [0.8 * m + 0.2 * sum(step.a[n, k].item() for n in right) / IMAGES for k, m in enumerate(usual)]
        mean = sum(usual) / 5
        weight, of_bias = torch.zeros(5, 7, dtype=torch.float64), torch.zeros(5, dtype=torch.float64)
        for k in range(5):
            for n in right:  # whether the unit is active or not
                weight[k] += 0.3 * (mean - usual[k]) * step.x[n] * 2.0 / IMAGES
                of_bias[k] += 0.3 * (mean - usual[k]) * 2.0 / IMAGES
        torch.testing.assert_close(term["weight"], weight, rtol=1e-12, atol=1e-14)
        assert ("bias" in term) == bias
        if bias:
            torch.testing.assert_close(term["bias"], of_bias, rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(state, torch.tensor(usual, dtype=torch.float64), rtol=1e-12, atol=0)
        assert torch.linalg.matrix_rank(term["weight"]) == 1


@torch.no_grad()
def test_a_layer_of_local_fields_is_the_dense_layer_with_its_mask() -> None:
    sources = torch.tensor([[0, 1, 2], [2, 3, 4], [5, 6, -1]])  # the last window reaches outside
    piece = PeerNormalisation(strength=0.3, momentum=0.8)
    fields = LocalLinear(sources, units=2, in_features=7).double()
    block = Block(LengthNorm(), fields).double()
    dense = nn.Linear(7, 6).double()
    dense.weight.copy_(fields.dense_weight())
    dense.bias.copy_(fields.bias)
    x = block.normalised(drawn(IMAGES * PASSES, 7))
    state, others = piece.init(block), piece.init(Block(LengthNorm(), dense))
    for seed in (1, 2):
        gates, x = drawn(IMAGES * PASSES, seed=seed), block.normalised(drawn(IMAGES * PASSES, 7, seed=seed))
        steps = [
            GatedStep(each, x, each.activity(x), gates, 2.0, PASSES) for each in (block, Block(LengthNorm(), dense))
        ]
        (term, state), (wanted, others) = piece.term(steps[0], state), piece.term(steps[1], others)
        assert state.shape == (6,)  # a mean per unit, not per place
        torch.testing.assert_close(state, others, rtol=1e-12, atol=0)
        torch.testing.assert_close(term["bias"], wanted["bias"], rtol=1e-12, atol=1e-14)
        whole = LocalLinear(sources, units=2, in_features=7).double()
        whole.weight.copy_(term["weight"])
        torch.testing.assert_close(
            whole.dense_weight(), wanted["weight"] * (fields.dense_weight() != 0), rtol=1e-12, atol=1e-14
        )


@pytest.mark.parametrize("start", [-0.1, float("nan"), float("inf")])
def test_usual_activities_start_at_a_number(start: float) -> None:
    with pytest.raises(ValueError, match="start must be at least 0 and finite"):
        PeerNormalisation(start=start)


@pytest.mark.parametrize(
    "options", [{"padding": 1}, {"stride": 2, "padding": 1, "groups": 2}, {"dilation": 2, "bias": False}]
)
def test_a_convolution_pushes_every_position_alike(options: dict[str, int]) -> None:
    """The term is the gradient of `sum over positions, mean over right passes of lambda (m - m_k) z`."""
    piece = PeerNormalisation(strength=0.3)
    step = step_of(nn.Conv2d(4, 6, 3, **options), 4, 6, 5)
    with torch.no_grad():
        term, means = piece.term(step, piece.init(step.block))
    expected = 0.9 * 0.5 + 0.1 * step.a[::PASSES].mean(dim=(0, 2, 3))
    torch.testing.assert_close(means, expected, rtol=1e-12, atol=0)
    push = 0.3 * (means.mean() - means)
    z = step.block.layer(step.x[::PASSES])
    (z.sum(dim=(2, 3)).mean(dim=0) * push).sum().backward()
    for name, parameter in step.block.layer.named_parameters():
        torch.testing.assert_close(term[name], parameter.grad, rtol=1e-11, atol=1e-13)


@torch.no_grad()
def test_a_convolution_of_one_position_is_a_dense_layer() -> None:
    conv = step_of(nn.Conv2d(7, 5, 1), 7, 1, 1)
    dense = GatedStep(block_of(nn.Linear(7, 5)), conv.x.flatten(1), conv.a.flatten(1), conv.c, 1.0, PASSES)
    piece = PeerNormalisation()
    (one, state), (other, same) = (piece.term(step, piece.init(step.block)) for step in (conv, dense))
    torch.testing.assert_close(one["weight"].flatten(1), other["weight"], rtol=1e-12, atol=1e-14)
    assert torch.equal(state, same)


@torch.no_grad()
@pytest.mark.parametrize("layer", [nn.Linear(7, 5), nn.Conv2d(7, 5, 1)])
def test_a_silent_unit_learns_and_equal_units_do_not(layer: nn.Linear | nn.Conv2d) -> None:
    step = step_of(layer, 7, *([] if isinstance(layer, nn.Linear) else [2, 2]))
    a = torch.ones_like(step.a)
    piece = PeerNormalisation()
    term, state = piece.term(step._replace(a=a), piece.init(step.block))
    assert not term["weight"].any()
    assert not term["bias"].any()
    assert piece.metrics(state)["peer_spread"] == 0
    a[:, 2] = 0  # although its gate is open, the rule would leave it where it is
    term, state = piece.term(step._replace(a=a), piece.init(step.block))
    assert (term["weight"][2] > 0).all()  # the input is positive
    assert term["bias"][2] > 0
    assert (term["weight"][[0, 1, 3, 4]] < 0).all()
    spread = piece.metrics(state)["peer_spread"]
    assert spread.item() == pytest.approx((state.var(correction=0).sqrt() / state.mean()).item())


@torch.no_grad()
def test_a_strength_means_the_same_for_both_rules() -> None:
    """FF's direction is a mean over images, with a factor, and HebbFF's a sum: the term has the scale of each."""
    block = block_of(nn.Linear(7, 5))
    seen = seen_of(block, drawn(2 * IMAGES, 7), passes(IMAGES, 2))
    piece = PeerNormalisation(strength=0.5)
    found = []
    for bare in (ForwardForward(gate=Threshold(), reduction="sum"), HebbianForwardForward()):
        rule = Stabilised(rule=bare, stabilisers=(piece,))
        whole = rule.direction(seen, rule.init(block)).dense(block.layer)["weight"]
        found.append(bare.direction(seen, None).dense(block.layer)["weight"] - whole)
    torch.testing.assert_close(found[0] / 2, found[1] / IMAGES, rtol=1e-10, atol=1e-13)  # Hinton's has no factor 2


def test_the_spread_is_a_metric_of_each_block() -> None:
    block = block_of(nn.Linear(7, 5))
    rule = Stabilised(rule=ForwardForward(), stabilisers=(PeerNormalisation(),))
    update = rule.direction(seen_of(block, drawn(2 * IMAGES, 7), passes(IMAGES, 2)), rule.init(block))
    assert update.metrics["peer_spread"].shape == ()
    assert update.metrics["peer_spread"] > 0


def test_a_momentum_of_1_is_refused() -> None:
    with pytest.raises(ValueError, match=r"momentum must be in \[0, 1\), got 1.0"):
        PeerNormalisation(momentum=1.0)
