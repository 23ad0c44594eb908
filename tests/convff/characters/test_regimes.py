"""Each regime's directions against autograd of plainly written losses, and what distinguishes the regimes."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from convff.characters import REGIMES, CharacterNet, CharacterTrainer, Directions, Lesson
from convff.characters.passes import learn_from_generated, learn_from_text
from convff.characters.regimes.combined import combined
from convff.characters.regimes.separated import separated
from convff.characters.training import HIDDEN
from convff.schedule import Schedule
from tests.convff.characters.samples import (
    WINDOW,
    draw_by_hand,
    drawn_strings,
    ends,
    filled_net,
    layers_by_hand,
    logits_by_hand,
    loss_by_hand,
)

TEXT = drawn_strings()
TEMPERATURE = 0.5  # of all drawn characters, so that leaving it out would show
PLAIN = Schedule(optimizer="sgd", lr=0.1, momentum=0.0, decay="constant")


def teacher_negatives(net: CharacterNet, uniforms: Tensor) -> list[list[int]]:
    found = []
    for number, string in enumerate(TEXT.tolist()):
        for place, at in enumerate(range(WINDOW, len(string))):
            logits = logits_by_hand(net, ends(string, at - 1)) / TEMPERATURE
            drawn = draw_by_hand(logits, uniforms[number, place].item())
            found.append([*ends(string, at)[:-1], drawn])
    return found


def generated_by_hand(net: CharacterNet, uniforms: Tensor) -> list[list[int]]:
    texts = [string[:WINDOW] for string in TEXT.tolist()]
    for number, text in enumerate(texts):
        for place in range(TEXT.shape[1] - WINDOW):
            logits = logits_by_hand(net, text[-WINDOW:]) / TEMPERATURE
            text.append(draw_by_hand(logits, uniforms[number, place].item()))
    return texts


def generated_negatives(net: CharacterNet, uniforms: Tensor) -> list[list[int]]:
    return [ends(text, at) for text in generated_by_hand(net, uniforms) for at in range(WINDOW, len(text))]


def gradients(net: CharacterNet, loss: Tensor) -> dict[str, Tensor]:
    names = [name for name, _ in net.named_parameters()]
    found = torch.autograd.grad(loss, list(net.parameters()), allow_unused=True)
    return {name: gradient for name, gradient in zip(names, found, strict=True) if gradient is not None}


def assert_equal(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    assert set(found) == set(wanted)
    for name, direction in found.items():
        torch.testing.assert_close(direction, wanted[name], rtol=1e-11, atol=1e-13)


def directions_of(regime: str, **options: int) -> list[dict[str, Tensor]]:
    with torch.no_grad():
        lesson = Lesson(filled_net(), TEXT, update=3, temperature=TEMPERATURE, **options)  # type: ignore[arg-type]
        return [each.by_name for each in REGIMES[regime](lesson)]


def test_teacher_forcing_is_the_gradient_of_its_losses() -> None:
    net = filled_net()
    negatives = teacher_negatives(net, Lesson(net, TEXT, update=3).uniforms("teacher forcing"))
    (found,) = directions_of("teacher")
    assert_equal(found, gradients(net, loss_by_hand(net, TEXT, negatives)))


def test_combined_is_the_gradient_of_its_losses() -> None:
    net = filled_net()
    negatives = generated_negatives(net, Lesson(net, TEXT, update=3).uniforms("generated negatives"))
    (found,) = directions_of("combined")
    assert_equal(found, gradients(net, loss_by_hand(net, TEXT, negatives)))


def test_random_features_are_the_gradient_of_the_softmax_alone() -> None:
    net = filled_net()
    (found,) = directions_of("random-features")
    wanted = gradients(net, loss_by_hand(net, TEXT, []))
    assert_equal(found, {name: wanted[name] for name in ("softmax.weight", "softmax.bias")})


def test_separated_takes_the_second_step_from_the_weights_after_the_first() -> None:
    net, by_hand = filled_net(), filled_net()
    options = {"hidden": PLAIN, "softmax": PLAIN, "seed": 7, "temperature": TEMPERATURE}
    trainer = CharacterTrainer(net, TEXT, regime="separated", **options)  # type: ignore[arg-type]
    trainer.updates = 5
    found = trainer.update()
    for phase in ("real", "generated"):
        uniforms = Lesson(by_hand, TEXT, update=5, seed=7).uniforms("generated negatives")
        negatives = generated_negatives(by_hand, uniforms) if phase == "generated" else []
        for number, units in enumerate(by_hand.widths) if negatives else ():
            with torch.no_grad():
                goodness = [layers_by_hand(by_hand, window)[0][number] for window in negatives]
            p = torch.sigmoid(torch.stack(goodness) - units).mean().item()
            assert found[f"p_generated_{number + 1}"] == pytest.approx(p, rel=1e-10)
        loss = loss_by_hand(by_hand, TEXT if phase == "real" else TEXT[:0], negatives)
        with torch.no_grad():
            for name, gradient in gradients(by_hand, loss).items():
                by_hand.get_parameter(name).sub_(gradient, alpha=0.1 if name.startswith("softmax") else 0.05)
    assert_equal(dict(net.named_parameters()), dict(by_hand.named_parameters()))


def test_without_negatives_separated_is_combined_at_half_the_rate_to_the_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (combined, separated):
        monkeypatch.setitem(module.__globals__, "learn_from_generated", lambda lesson, directions: None)
    nets = []
    for regime, lr in (("combined", HIDDEN.lr / 2), ("separated", HIDDEN.lr)):
        trainer = CharacterTrainer(filled_net(), TEXT, regime=regime, hidden=replace(HIDDEN, lr=lr))
        for _ in range(3):
            trainer.update()
        nets.append(trainer.net)
    assert not torch.equal(nets[0].layers[1].weight, filled_net().layers[1].weight)
    for one, other in zip(*(net.parameters() for net in nets), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("rows", [1, 10, 14])
def test_chunks_add_up_to_the_whole(regime: str, rows: int) -> None:
    whole, parts = directions_of(regime, rows=10_000), directions_of(regime, rows=rows)
    for one, other in zip(whole, parts, strict=True):
        assert set(one) == set(other)
        for name, direction in one.items():
            assert (direction - other[name]).abs().max() <= 1e-12


def test_only_random_features_leave_hidden_weights_alone_to_the_bit() -> None:
    for regime in REGIMES:
        net, start = filled_net(), filled_net()
        trainer = CharacterTrainer(net, TEXT, regime=regime)
        for _ in range(2):
            trainer.update()
        kept = [torch.equal(a, b) for a, b in zip(net.layers.parameters(), start.layers.parameters(), strict=True)]
        assert set(kept) == {regime == "random-features"}
        assert not torch.equal(net.softmax.weight, start.softmax.weight)


def test_no_hidden_weight_moves_by_the_softmax() -> None:
    """Another softmax changes which negatives are drawn; of the real text alone, it changes nothing."""
    changed = filled_net()
    with torch.no_grad():
        changed.softmax.weight.mul_(-2)
        found = []
        for net in (filled_net(), changed):
            directions = Directions()
            learn_from_text(Lesson(net, TEXT), directions, slice(None))
            found.append(directions.by_name)
    for name, direction in found[0].items():
        assert torch.equal(direction, found[1][name]) == name.startswith("layers")


def test_a_layer_learns_the_same_whatever_the_layers_above_hold() -> None:
    changed = filled_net()
    with torch.no_grad():
        changed.layers[2].weight.mul_(3)
        found = []
        for net in (filled_net(), changed):
            directions = Directions()
            learn_from_text(Lesson(net, TEXT), directions, slice(None))
            found.append(directions.by_name)
    for name, direction in found[0].items():
        if name.startswith("layers"):
            assert torch.equal(direction, found[1][name]) == (not name.startswith("layers.2"))


def test_the_first_window_of_generated_text_is_no_negative() -> None:
    lesson = Lesson(filled_net(), TEXT)
    with torch.no_grad():
        learn_from_generated(lesson, Directions())
    means = lesson.notes.means()
    assert lesson.notes._counts["p_generated_1"] == lesson.predictions == 36
    assert 0 < means["same_as_text"] < 1
    assert 0 < means["distinct_4grams"] <= 1


def test_what_is_said_of_generated_text_does_not_depend_on_how_much_is_computed_at_once() -> None:
    found = []
    for rows in (1, 2048):
        lesson = Lesson(filled_net(), TEXT, rows=rows)
        with torch.no_grad():
            learn_from_generated(lesson, Directions())
        found.append({name: lesson.notes.means()[name] for name in ("same_as_text", "distinct_4grams")})
    assert found[0] == found[1]


def test_a_regime_of_ones_own() -> None:
    def awake(lesson: Lesson) -> Iterator[Directions]:
        directions = Directions()
        for at in lesson.chunks():
            learn_from_text(lesson, directions, at)
        yield directions

    trainer = CharacterTrainer(filled_net(), TEXT, regime=awake)
    found = trainer.update()
    assert "p_real_3" in found
    assert "p_generated_3" not in found
    with pytest.raises(
        ValueError, match="regime must be one of random-features, teacher, combined, separated, got 'x'"
    ):
        CharacterTrainer(filled_net(), TEXT, regime="x")
