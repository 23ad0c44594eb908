"""Stabilisers against plain loops in float64, beside their rule, and what they are for: weights that stay bounded."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from convff import (
    RULES,
    STABILISERS,
    Block,
    HebbianForwardForward,
    ImageData,
    LayerLocalNet,
    LengthNorm,
    Schedule,
    Seen,
    Stabilised,
    Threshold,
    Trainer,
)
from convff.machine.processes import OneProcess, Shard
from convff.models import MODELS
from convff.rules import Autograd, LocalUpdate
from convff.rules.base import ConstrainingRule, GatedRule, InputRule
from convff.stabilisers import Decay, GatedStep, Oja, SlidingThreshold, Stabiliser, WeightNorm
from labels import FourierLabels, LearnedLabels
from tests.convff.samples import passes

IMAGES, PASSES = 4, 3
GATED_RULES = ["ff", "hebbff"]
TERMS = ["decay", "oja", "bcm"]
ALL = tuple(make(strength=0.7) for make in STABILISERS.values())


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def dense_block(*, bias: bool = True) -> Block:
    return fill(Block(LengthNorm(), nn.Linear(7, 5, bias=bias)))


def conv_block(*, bias: bool = True) -> Block:
    return fill(Block(LengthNorm(), nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2, bias=bias)))


def fill(block: Block) -> Block:
    block.double()
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.copy_(drawn(*parameter.shape, seed=parameter.ndim) / 2)
    return block


BLOCKS = {"dense": (dense_block, (7,)), "conv": (conv_block, (4, 6, 5))}


@torch.no_grad()
def step_of(kind: str, *, bias: bool = True, seed: int = 7, open_weight: float = 1.0) -> GatedStep:
    make, shape = BLOCKS[kind]
    block = make(bias=bias)
    x = block.normalised(drawn(IMAGES * PASSES, *shape, seed=seed))
    return GatedStep(block, x, block.activity(x), drawn(IMAGES * PASSES, seed=seed + 1), open_weight, PASSES)


def responses(step: GatedStep) -> Iterator[tuple[int, int, Tensor, float]]:
    """Pass, unit, what the unit sees and its activity, at every position of a layer; by loops over all of them."""
    layer, b = step.block.layer, step.block.layer.bias
    for n, x in enumerate(step.x):
        for k, w in enumerate(layer.weight.detach()):
            for patch in fields(layer, x, k):
                yield n, k, patch, max(0.0, (w * patch).sum().item() + (b[k].item() if b is not None else 0.0))


def fields(layer: nn.Module, x: Tensor, k: int) -> Iterator[Tensor]:
    if isinstance(layer, nn.Linear):
        yield x
        return
    side, stride, pad = layer.kernel_size[0], layer.stride[0], layer.padding[0]
    channels, group = layer.weight.shape[1], k // (layer.out_channels // layer.groups)
    padded = torch.zeros(channels, x.shape[1] + 2 * pad, x.shape[2] + 2 * pad, dtype=x.dtype)
    padded[:, pad:-pad, pad:-pad] = x[group * channels : (group + 1) * channels]
    for row in range(0, padded.shape[1] - side + 1, stride):
        for column in range(0, padded.shape[2] - side + 1, stride):
            yield padded[:, row : row + side, column : column + side]


def oja_by_loops(step: GatedStep, strength: float) -> dict[str, Tensor]:
    terms = {name: torch.zeros_like(w) for name, w in step.block.layer.named_parameters()}
    for n, k, _, a in responses(step):
        for name, w in step.block.layer.named_parameters():
            terms[name][k] -= strength * abs(step.c[n].item()) * a**2 * w[k].detach()
    return terms


def thresholds_by_loops(step: GatedStep, before: list[float] | None, momentum: float) -> list[float]:
    seen: list[list[float]] = [[] for _ in step.block.layer.weight]
    for _, k, _, a in responses(step):
        seen[k].append(a**2)
    means = [sum(squares) / len(squares) for squares in seen]
    if before is None:
        return means
    return [momentum * old + (1 - momentum) * new for old, new in zip(before, means, strict=True)]


def bcm_by_loops(step: GatedStep, strength: float, theta: list[float]) -> dict[str, Tensor]:
    terms = {name: torch.zeros_like(w) for name, w in step.block.layer.named_parameters()}
    for n, k, patch, a in responses(step):
        weight = strength * abs(step.c[n].item()) * a * (a - theta[k])
        terms["weight"][k] += weight * patch
        if "bias" in terms:
            terms["bias"][k] += weight
    return terms


def assert_equal(got: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert got.keys() == expected.keys()
    for name, tensor in expected.items():
        assert tensor.norm() > 0
        assert ((got[name] - tensor).norm() / tensor.norm()).item() <= 1e-12


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", BLOCKS)
class TestEquations:
    def test_oja(self, kind: str, bias: bool) -> None:
        step = step_of(kind, bias=bias)
        assert_equal(Oja(strength=0.3).term(step, None)[0], oja_by_loops(step, 0.3))

    def test_bcm_and_its_threshold_over_two_steps(self, kind: str, bias: bool) -> None:
        piece, first, second = (
            SlidingThreshold(strength=0.3, momentum=0.8),
            step_of(kind, bias=bias),
            step_of(kind, bias=bias, seed=20),
        )
        state, theta = piece.init(first.block), None
        for step in (first, second):
            terms, state = piece.term(step, state)
            theta = thresholds_by_loops(step, theta, momentum=0.8)
            assert_equal({"theta": state}, {"theta": torch.tensor(theta, dtype=torch.float64)})
            assert_equal(terms, bcm_by_loops(step, 0.3, theta))

    @pytest.mark.parametrize("open_weight", [0.02, IMAGES])
    def test_decay(self, kind: str, bias: bool, open_weight: float) -> None:
        step = step_of(kind, bias=bias, open_weight=open_weight)
        expected = {name: -0.3 * open_weight * w.detach() for name, w in step.block.layer.named_parameters()}
        assert_equal(Decay(strength=0.3).term(step, None)[0], expected)

    @torch.no_grad()
    def test_weight_norm(self, kind: str, bias: bool) -> None:
        block, piece = BLOCKS[kind][0](bias=bias), WeightNorm(strength=0.25)
        lengths = lengths_by_loops(block)
        state = piece.init(block)
        for parameter in block.parameters():
            parameter.add_(drawn(*parameter.shape, seed=9))
        moved = {name: w.clone() for name, w in block.layer.named_parameters()}
        factors = [(old / new) ** 0.25 for old, new in zip(lengths, lengths_by_loops(block), strict=True)]
        piece.constrain(block, state)
        expected = {
            name: torch.stack([f * row for f, row in zip(factors, w, strict=True)]) for name, w in moved.items()
        }
        assert_equal(dict(block.layer.named_parameters()), expected)


def lengths_by_loops(block: Block) -> list[float]:
    parameters = list(block.layer.parameters())
    return [sum(v**2 for w in parameters for v in w[k].flatten().tolist()) ** 0.5 for k in range(len(parameters[0]))]


def test_a_unit_without_weights_is_left_without() -> None:
    block = dense_block()
    with torch.no_grad():
        for parameter in block.parameters():
            parameter[0] = 0
        state = WeightNorm().init(block)
        WeightNorm().constrain(block, state)
        assert all(not parameter[0].any() and parameter.isfinite().all() for parameter in block.parameters())


def test_terms_of_bfloat16_activity_are_float32_and_near() -> None:
    exact = step_of("conv")
    narrow = GatedStep(exact.block.float(), exact.x.bfloat16(), exact.a.bfloat16(), exact.c.float(), 1)
    exact = exact._replace(block=conv_block())
    for piece in (Oja(strength=1.0), SlidingThreshold(strength=1.0)):
        (terms, state), (expected, _) = (piece.term(step, piece.init(step.block)) for step in (narrow, exact))
        for name, term in terms.items():
            assert term.dtype == torch.float32
            assert (term - expected[name]).norm() <= 0.02 * expected[name].norm()
        assert state is None or state.dtype == torch.float32


def seen_at(block: Block, x: Tensor) -> Seen:
    """What a rule sees of a block for input that is normalised already."""
    return Seen(block, x, block.activity(x), passes(len(x) // PASSES, PASSES))


@torch.no_grad()
def directions(rule: GatedRule, block: Block, x: Tensor, state: object) -> LocalUpdate:
    return rule.direction(seen_at(block, x), state)


@torch.no_grad()
def gates(rule: GatedRule, step: GatedStep) -> Tensor:
    """The signed weight of each pass, gate times gain."""
    c = rule.gating(seen_at(step.block, step.x)).c
    assert c.shape == (IMAGES * PASSES,)
    return c


@pytest.mark.parametrize("name", GATED_RULES)
@pytest.mark.parametrize("kind", BLOCKS)
class TestStabilised:
    """What a stabilised rule keeps to, over all pieces at once."""

    def test_keeps_the_contracts_of_rules(self, name: str, kind: str) -> None:
        block, x = (step := step_of(kind)).block, step.x
        rule = Stabilised(rule=RULES[name](), stabilisers=ALL)
        for protocol in (GatedRule, InputRule, ConstrainingRule):
            assert isinstance(rule, protocol)
        before = {key: value.clone() for key, value in block.state_dict().items()}
        state = rule.init(block)
        update = directions(rule, block, x, state)
        assert all(torch.equal(before[key], value) for key, value in block.state_dict().items())
        expected = {key: (p.shape, p.dtype) for key, p in block.layer.named_parameters()}
        assert {key: (grad.shape, grad.dtype) for key, grad in update.dense(block.layer).items()} == expected
        bare = directions(RULES[name](), block, x, None).metrics
        assert update.metrics.keys() - {"peer_spread"} == bare.keys() >= {"loss", "discrimination", "saturation"}
        assert state.stabilisers[2].isnan().all()
        assert update.state.stabilisers[2].isfinite().all()

    def test_terms_add_up(self, name: str, kind: str) -> None:
        block, x = (step := step_of(kind)).block, step.x
        bare = RULES[name]()
        rule = Stabilised(rule=bare, stabilisers=ALL)
        together = directions(rule, block, x, rule.init(block)).dense(block.layer)
        seen = step._replace(
            c=gates(bare, step),
            open_weight=IMAGES if name == "hebbff" else 2 * bare.gate.scale / step.a[0].numel(),
        )
        expected = directions(bare, block, x, None).dense(block.layer)
        for piece in ALL:
            for key, term in piece.term(seen, piece.init(block))[0].items():
                assert term.norm() > 0
                expected[key] = expected[key] - term
        assert_equal(together, expected)

    def test_weights_are_those_of_the_direction(self, name: str, kind: str) -> None:
        """Without stabilisers, the direction is the Hebbian outer product with just these weights, by loops."""
        step = step_of(kind)
        rule = Stabilised(rule=RULES[name]())
        c = gates(rule, step)
        expected = torch.zeros_like(step.block.layer.weight)
        for n, k, patch, a in responses(step):
            expected[k] -= c[n] * a * patch
        grads = directions(rule, step.block, step.x, rule.init(step.block)).dense(step.block.layer)
        assert_equal({"weight": grads["weight"]}, {"weight": expected})

    def test_shares_of_a_batch_add_up_to_the_whole(self, name: str, kind: str) -> None:
        """As several processes add them, one with 1 image of 4 and one with 3; the pieces that may run there."""
        block, x = (step := step_of(kind)).block, step.x
        rule = Stabilised(rule=RULES[name](), stabilisers=(Decay(strength=0.7), Oja(strength=0.7)))
        shares = [Shard(slice(0, 1), 1 / IMAGES, 1.0), Shard(slice(1, None), 1 - 1 / IMAGES, 1.0)]
        summed = {key: torch.zeros_like(p) for key, p in block.layer.named_parameters()}
        for share in shares:
            part = x.view(IMAGES, PASSES, *x.shape[1:])[share.rows].flatten(0, 1)
            for key, grad in directions(rule, block, part, rule.init(block)).dense(block.layer).items():
                summed[key] += share.weight(rule.batch_reduction) * grad
        assert_equal(directions(rule, block, x, rule.init(block)).dense(block.layer), summed)


@pytest.mark.parametrize("piece", TERMS)
@pytest.mark.parametrize("kind", BLOCKS)
def test_a_strength_is_as_strong_beside_ff_as_beside_hebbff(kind: str, piece: str) -> None:
    """FF's direction is HebbFF's times 2 s / (n B); so is every term beside it, and an optimiser sees one method."""
    step = step_of(kind)
    gate, made = Threshold(theta=1.0, scale=3.0), STABILISERS[piece](strength=0.3)
    ff, hebbff = (
        directions(rule, step.block, step.x, rule.init(step.block)).dense(step.block.layer)
        for rule in (Stabilised(rule=RULES[name](gate=gate), stabilisers=(made,)) for name in GATED_RULES)
    )
    factor = 2 * gate.scale / (step.a[0].numel() * IMAGES)
    assert_equal(ff, {name: factor * grad for name, grad in hebbff.items()})


@dataclass(frozen=True)
class Open:
    """A gate that strengthens right passes whatever their goodness, and does nothing else."""

    scale: float = 1.0

    def __call__(self, g: Tensor, unit_goodness: float) -> Tensor:
        return torch.cat([torch.ones_like(g[:, :1]), torch.zeros_like(g[:, 1:])], dim=1)

    def loss(self, g: Tensor, unit_goodness: float) -> Tensor:
        return -g[:, 0]

    def discriminates(self, g: Tensor, unit_goodness: float) -> Tensor:
        return torch.ones_like(g[:, :1])


@torch.no_grad()
def lengths_at(steps: list[int], kind: str, *pieces: Stabiliser, rate: float = 0.02) -> list[Tensor]:
    """Lengths of the weights before and at some steps of Hebbian learning that only strengthens, for units that live.

    Also holds that no unit dies: a dead one would look stable.
    """
    make, shape = BLOCKS[kind]
    block = make()
    x = block.normalised(drawn(IMAGES * PASSES, *shape, seed=3))
    rule = Stabilised(rule=HebbianForwardForward(gate=Open()), stabilisers=pieces)
    state, positions = rule.init(block), block.activity(x)[0, 0].numel()
    alive = active_units(block, x)
    assert alive.sum() >= 4
    lengths = [torch.tensor(lengths_by_loops(block))[alive]]
    for step in range(1, max(steps) + 1):
        update = directions(rule, block, x, state)
        state = update.state
        for name, parameter in block.layer.named_parameters():
            parameter.sub_(rate / (IMAGES * positions) * update.dense(block.layer)[name])
        rule.constrain(block, state)
        if step in steps:
            lengths.append(torch.tensor(lengths_by_loops(block))[alive])
    assert active_units(block, x)[alive].all()
    return lengths


def active_units(block: Block, x: Tensor) -> Tensor:
    """Which units are active for a right pass, the only ones that are learned from."""
    return block.activity(x)[::PASSES].transpose(0, 1).flatten(1).amax(dim=1) > 0


@pytest.mark.parametrize("kind", BLOCKS)
class TestBounded:
    """Positive-only Hebbian learning with the gate held open: the weights of a bare rule grow exponentially."""

    def test_bare_weights_explode(self, kind: str) -> None:
        start, early, late = lengths_at([150, 300], kind)
        assert (early > 3 * start).all()
        assert (late > 10 * early).all()
        assert late.max() > 1e4

    @pytest.mark.parametrize("strength", [1.0, 0.25])
    def test_oja_brings_every_unit_to_its_length(self, kind: str, strength: float) -> None:
        start, late = lengths_at([250], kind, Oja(strength=strength))
        rest = strength**-0.5
        assert (start / rest - 1).abs().max() > 0.1
        assert (late / rest - 1).abs().max() < 0.01

    def test_bcm_brings_every_unit_to_rest(self, kind: str) -> None:
        """Not at a length but at an activity, and the rarer a unit is active the stronger."""
        start, early, late = lengths_at([300, 400], kind, SlidingThreshold(strength=1.0, momentum=0.2))
        assert (early / start - 1).abs().max() > 0.1
        assert late.max() < 50
        assert (late / early - 1).abs().max() < 0.01

    def test_decay_holds_only_if_it_is_stronger_than_learning(self, kind: str) -> None:
        """The Hebbian term is linear in the weights, so decay has no length to rest at: it loses, or all fades."""
        positions = 1 if kind == "dense" else 9
        most = positions * (1 + 4 * 9)  # more than the squared length of a patch, constant 1 included, at each position
        start, late = lengths_at([100], kind, Decay(strength=most), rate=0.001 * positions)
        assert (late < 0.8 * start).all()
        start, late = lengths_at([300], kind, Decay(strength=0.1))
        assert (late > 10 * start).all()

    def test_weight_norm_keeps_them(self, kind: str) -> None:
        start, late = lengths_at([100], kind, WeightNorm())
        assert (late / start - 1).abs().max() < 1e-9
        start, late = lengths_at([300], kind, WeightNorm(strength=0.5))
        assert (late < 1.5 * start).all()


SIZE = (8, 8)
LABELS = FourierLabels(4, SIZE)
SMALL = {"cnn6": {"widths": (4, 6, 6), "pool_after": (1,)}, "mlp": {"widths": (9, 8)}}


def noise() -> ImageData:
    images = torch.randint(256, (18, 3, *SIZE), generator=torch.Generator().manual_seed(1)).byte()
    return ImageData(images, torch.arange(18) % 4, ("a", "b", "c", "d"), "noise")


def network(model: str = "cnn6", channels: int = 3) -> LayerLocalNet:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MODELS[model]((channels, *SIZE), **SMALL[model])


def train(rule: object, model: str = "cnn6", labels: object = LABELS, **options: object) -> LayerLocalNet:
    net = network(model, labels.channels(3))
    schedule = Schedule(epochs=2, batch_size=8, optimizer="relative", lr=0.05)
    records = list(Trainer(net, labels, rule, schedule=schedule, **options).fit(noise()))
    assert all(torch.tensor(values).isfinite().all() for record in records for values in record.metrics.values())
    return net


def same(one: LayerLocalNet, other: LayerLocalNet) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


@pytest.mark.parametrize("name", GATED_RULES)
@pytest.mark.parametrize("model", SMALL)
@pytest.mark.parametrize("piece", STABILISERS)
def test_a_piece_changes_a_training_unless_its_strength_is_zero(name: str, model: str, piece: str) -> None:
    bare = train(RULES[name](), model)
    without = Stabilised(rule=RULES[name](), stabilisers=(STABILISERS[piece](strength=0.0),))
    assert same(train(without, model), bare)
    assert not same(train(Stabilised(rule=RULES[name](), stabilisers=(STABILISERS[piece](),)), model), bare)


@pytest.mark.parametrize("model", SMALL)
def test_weight_norm_keeps_every_length_through_a_training(model: str) -> None:
    start = [torch.tensor(lengths_by_loops(block)) for block in network(model)]
    rule = Stabilised(rule=HebbianForwardForward(), stabilisers=(Oja(strength=0.1), WeightNorm()))
    for block, lengths in zip(train(rule, model), start, strict=True):
        assert (torch.tensor(lengths_by_loops(block)) / lengths - 1).abs().max() <= 1e-6
    for block, lengths in zip(train(HebbianForwardForward(), model), start, strict=True):
        assert (torch.tensor(lengths_by_loops(block)) / lengths - 1).abs().max() > 1e-3


@pytest.mark.parametrize("name", GATED_RULES)
def test_all_pieces_together_in_bfloat16_with_labels_that_learn(name: str) -> None:
    labels = LearnedLabels(4, SIZE)
    before = labels.maps.detach().clone()
    train(Stabilised(rule=RULES[name](), stabilisers=tuple(make() for make in STABILISERS.values())), labels=labels)
    assert not torch.equal(labels.maps, before)
    train(Stabilised(rule=RULES[name](), stabilisers=ALL), precision="bfloat16")


@pytest.mark.parametrize("name", GATED_RULES)
def test_automatic_differentiation_can_be_stabilised_too(name: str) -> None:
    block, x = (step := step_of("conv")).block, step.x
    closed, by_graph = (
        Stabilised(rule=rule, stabilisers=ALL) for rule in (RULES[name](), Autograd(rule=RULES[name]()))
    )
    assert_equal(
        directions(by_graph, block, x, by_graph.init(block)).dense(block.layer),
        directions(closed, block, x, closed.init(block)).dense(block.layer),
    )


@pytest.mark.parametrize("piece", STABILISERS)
def test_only_a_piece_that_needs_the_whole_batch_is_refused_in_several_processes(piece: str) -> None:
    two = OneProcess()
    two.size = 2
    rule = Stabilised(rule=HebbianForwardForward(), stabilisers=(Decay(), STABILISERS[piece]()))
    if piece in ("bcm", "peer"):
        with pytest.raises(ValueError, match="needs the whole batch: use one process"):
            Trainer(network(), LABELS, rule, processes=two)
    else:
        Trainer(network(), LABELS, rule, processes=two)


@pytest.mark.parametrize("piece", STABILISERS)
@pytest.mark.parametrize("strength", [-0.1, float("inf"), float("nan")])
def test_strengths_out_of_range_are_refused(piece: str, strength: float) -> None:
    with pytest.raises(ValueError, match=f"got {strength}"):
        STABILISERS[piece](strength=strength)


def test_a_momentum_of_1_is_refused() -> None:
    with pytest.raises(ValueError, match=r"momentum must be in \[0, 1\), got 1.0"):
        SlidingThreshold(momentum=1.0)
