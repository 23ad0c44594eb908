"""Phases: which passes learn when, bit-equal to the bare rule without phases, against a loop over passes."""

import pytest
import torch
from torch import Tensor

from convff import (
    AtNowhere,
    AtOutput,
    ForwardForward,
    HebbianForwardForward,
    InGroups,
    LayerLocalNet,
    Phased,
    Schedule,
    Stabilised,
    Threshold,
    Trainer,
    cnn6,
    keyed_generator,
    mlp,
)
from convff.rules.base import GatedRule
from convff.stabilisers import Decay, PeerNormalisation
from convff.testing import check_rule, local_rules
from labels import ChannelLabels, OneHotLabels
from tests.convff.samples import noise, passes, relative_error, seen_of

BARE = ForwardForward(gate=Threshold(scale=0.3))
RULES = {"ff": BARE, "hebbff": HebbianForwardForward(), "groups": ForwardForward(label_at=InGroups(2))}


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=keyed_generator(seed, "phases"), dtype=torch.float64)


def net_of(kind: str) -> LayerLocalNet:
    torch.manual_seed(0)
    return (
        mlp((3, 8, 8), widths=(12, 10))
        if kind == "dense"
        else cnn6((3, 8, 8), widths=(12, 10), kernel=3, pool_after=())
    )


def trained(rule: GatedRule, *, kind: str = "dense", **schedule: object) -> dict[str, Tensor]:
    net = net_of(kind)
    options = {"epochs": 2, "batch_size": 4} | schedule
    list(Trainer(net, OneHotLabels(5), rule, schedule=Schedule(**options)).fit(noise()))
    return net.state_dict()


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.mark.parametrize("kind", ["dense", "conv"])
@pytest.mark.parametrize("name", RULES)
def test_without_phases_it_is_the_bare_rule_to_the_bit(kind: str, name: str) -> None:
    rule = RULES[name]
    for schedule in ({"optimizer": "smoothed", "lr": 0.01}, {"optimizer": "sgd", "lr": 0.01, "momentum": 0.0}):
        bare = trained(rule, kind=kind, **schedule)
        assert equal(trained(Phased(rule=rule), kind=kind, **schedule), bare)
        assert equal(trained(Phased(rule=rule, sleepless_from=2), kind=kind, **schedule), bare)  # for 0 steps
        assert not equal(trained(Phased(rule=rule, length=1), kind=kind, **schedule), bare)


def test_labels_in_planes_beside_the_image_have_phases_too() -> None:
    torch.manual_seed(0)
    labels = ChannelLabels(5, (8, 8))
    net = cnn6((labels.channels(3), 8, 8), widths=(12, 10), kernel=3, pool_after=())
    before = {name: value.clone() for name, value in net.named_parameters()}
    list(Trainer(net, labels, Phased(rule=BARE, length=1), schedule=Schedule(epochs=1)).fit(noise()))
    assert all((value != before[name]).any() for name, value in net.named_parameters())


def directions(rule: Phased, steps: int) -> list[Tensor]:
    """The dense directions of a block for the same passes, step by step."""
    block, h = next(iter(net_of("dense").double())), drawn(9, 192)
    seen, state, found = seen_of(block, h, passes(3, 3)), rule.init(block), []
    for _ in range(steps):
        update = rule.direction(seen, state)
        state = update.state
        found.append(update.dense(block.layer)["weight"])
    return found


def by_loops(learning: slice) -> Tensor:
    """FF's direction as a loop over the passes that learn: `-2 s / (n B) c a x^T`."""
    block, h = next(iter(net_of("dense").double())), drawn(9, 192)
    x = block.normalised(h)
    total = torch.zeros_like(block.layer.weight)
    for image in range(3):
        for number in range(3)[learning]:
            row = x[3 * image + number]
            a = block.layer(row).relu()
            g = a.square().mean()
            c = torch.sigmoid(0.3 * (1 - g)) if number == 0 else -torch.sigmoid(0.3 * (g - 1)) / 2
            total -= 2 * 0.3 / (len(a) * 3) * c * torch.outer(a, row)
    return total.detach()


@torch.no_grad()
def test_each_phase_is_the_sum_over_its_own_passes() -> None:
    found = directions(Phased(rule=BARE, length=2), 6)
    right, wrong = by_loops(slice(0, 1)), by_loops(slice(1, 3))
    for step, direction in enumerate(found):
        assert relative_error(direction, wrong if step // 2 % 2 else right) <= 1e-12
    (both,) = directions(Phased(rule=BARE), 1)
    assert relative_error(both, right + wrong) <= 1e-12


@torch.no_grad()
def test_without_sleep_only_right_passes_learn_for_a_while() -> None:
    right = by_loops(slice(0, 1))
    both = right + by_loops(slice(1, 3))
    found = directions(Phased(rule=BARE, sleepless_from=1, sleepless=2), 4)
    for direction, expected in zip(found, (both, right, right, both), strict=True):
        assert relative_error(direction, expected) <= 1e-12


@torch.no_grad()
def test_a_baseline_is_the_mean_of_the_last_wrong_phase_and_weights_rest_meanwhile() -> None:
    rule, net = Phased(rule=BARE, length=2, baseline=True), net_of("dense").double()
    block = next(iter(net))
    state, found, measured = rule.init(block), [], []
    for step in range(8):
        seen = seen_of(block, drawn(6, 192, seed=step), passes(3, 2))
        update = rule.direction(seen, state)
        state = update.state
        found.append(update.dense(block.layer))
        c = BARE.direction(seen, None).terms[0]
        measured.append([part.T @ x for part, x in ((c.post[0::2], c.x[0::2]), (c.post[1::2], c.x[1::2]))])
    right, wrong = ([pair[side] for pair in measured] for side in (0, 1))
    expected = [right[0], right[1], None, None]
    expected += [right[step] + (wrong[2] + wrong[3]) / 2 for step in (4, 5)] + [None, None]
    for direction, wanted in zip(found, expected, strict=True):
        assert not direction["weight"].any() if wanted is None else relative_error(direction["weight"], wanted) <= 1e-12
        assert direction.keys() == {"weight", "bias"}
    assert relative_error(state.baseline["weight"], (wrong[6] + wrong[7]) / 2) <= 1e-12


@torch.no_grad()
def test_stabilisers_act_in_every_phase_on_either_side() -> None:
    pieces = (Decay(strength=0.1), PeerNormalisation(strength=0.1))
    bare = directions(Phased(rule=BARE, length=1), 2)
    around = directions(Stabilised(rule=Phased(rule=BARE, length=1), stabilisers=pieces), 2)
    inside = directions(Phased(rule=Stabilised(rule=BARE, stabilisers=pieces), length=1), 2)
    for alone, one, other in zip(bare, around, inside, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-15)
        assert relative_error(one, alone) > 1e-3


@pytest.mark.parametrize("baseline", [False, True])
def test_it_keeps_to_the_contract(baseline: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert local_rules.CHECKS[-1].__name__ == "_compiles"  # it is slow
    monkeypatch.setattr(local_rules, "CHECKS", local_rules.CHECKS[:-1])
    check_rule(Phased(rule=BARE, length=1, baseline=baseline), kinds=("dense",))


@pytest.mark.slow
@pytest.mark.parametrize("baseline", [False, True])
def test_it_compiles(baseline: bool) -> None:
    check_rule(Phased(rule=BARE, length=1, baseline=baseline), kinds=("dense",))


def test_bad_phases_are_refused() -> None:
    for option in ("length", "sleepless_from", "sleepless"):
        with pytest.raises(ValueError, match="must be at least 0, got"):
            Phased(rule=BARE, **{option: -1})
    with pytest.raises(ValueError, match="a baseline needs phases"):
        Phased(rule=BARE, baseline=True)
    with pytest.raises(ValueError, match="AtOutput compares all labels in one"):
        Phased(rule=ForwardForward(label_at=AtOutput(5)), length=1)
    Phased(rule=ForwardForward(label_at=AtNowhere()), length=1)
