"""The training of next characters: what updates report, resuming, and the convex problem of fixed features."""

import itertools
import math
import re
from dataclasses import replace

import pytest
import torch

from convff import Schedule, TrainingState
from convff.characters import REGIMES, CharacterNet, CharacterTrainer, generate, measure, windows_of
from convff.training.divergence import DivergedError
from tests.convff.characters.samples import CHARACTERS, WINDOW, drawn_strings, filled_net, loss_by_hand

TEXT = drawn_strings(12, 20)
STEPS = [
    Schedule(optimizer=name, lr=lr, decay="constant")
    for name, lr in (("adam", 1e-2), ("smoothed", 1e-2), ("orthogonal", 0.05))
]


def trainer_of(regime: str, hidden: Schedule = STEPS[0], **options: object) -> CharacterTrainer:
    net = CharacterNet(characters=CHARACTERS, window=WINDOW, widths=(12, 11, 10), seed=5)
    return CharacterTrainer(net, TEXT, regime=regime, hidden=hidden, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("hidden", STEPS, ids=lambda schedule: schedule.optimizer)
@pytest.mark.parametrize("regime", REGIMES)
def test_a_resumed_training_goes_on_to_the_bit(regime: str, hidden: Schedule) -> None:
    whole, first, second = (trainer_of(regime, hidden) for _ in range(3))
    wanted = [whole.update() for _ in range(6)]
    found = [first.update() for _ in range(3)]
    state = first.state()
    first.update()  # which the state does not see
    with torch.no_grad():
        second.net.layers[0].weight.mul_(2)  # nor that the resumed one was used before, with other weights
    second.update()
    second.resume(TrainingState(state.tensors, state.about))
    torch.rand(3)
    found += [second.update() for _ in range(3)]
    assert found == wanted
    assert second.updates == 6
    for one, other in zip(whole.net.parameters(), second.net.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_state_of_another_network_is_refused() -> None:
    other = CharacterTrainer(filled_net(), TEXT)
    with pytest.raises(ValueError, match="the state is of another network"):
        trainer_of("combined").resume(other.state())


@pytest.mark.parametrize("regime", REGIMES)
def test_an_update_reports_the_weights_before_it(regime: str) -> None:
    trainer = trainer_of(regime)
    trainer.update()
    before = trainer.measure()
    found = trainer.update()
    assert {name: found[name] for name in before} == before
    assert found["perplexity"] != trainer.measure()["perplexity"]
    assert ("p_generated_3" in found) == (regime != "random-features")
    assert all(0 <= value <= 1 for name, value in found.items() if name != "perplexity")


def test_what_is_reported_is_what_it_says() -> None:
    net, trainer = filled_net(), CharacterTrainer(filled_net(), TEXT, regime="teacher")
    found = trainer.update()
    with torch.no_grad():
        windows = windows_of(TEXT, WINDOW)
        log_probabilities = net(windows[:, :-1].flatten(0, 1)).log_softmax(dim=1)
        targets = TEXT[:, WINDOW:].flatten()
        nats = -log_probabilities[torch.arange(len(targets)), targets].mean()
        right = (log_probabilities.argmax(dim=1) == targets).double().mean()
        goodness = [layer.g for layer in net.see(windows[:, 1:].flatten(0, 1))]
    assert found["perplexity"] == pytest.approx(math.exp(nats))
    assert found["accuracy"] == right
    for number, (units, g) in enumerate(zip(net.widths, goodness, strict=True), start=1):
        assert found[f"p_real_{number}"] == pytest.approx(torch.sigmoid(g - units).mean().item())


def test_measures_do_not_depend_on_how_much_is_computed_at_once() -> None:
    net = filled_net()
    whole, parts = measure(net, TEXT), measure(net, TEXT, rows=1)
    assert parts == pytest.approx(whole, rel=1e-12)


def test_the_softmax_of_fixed_features_falls_steadily_to_the_bound_of_a_convex_problem() -> None:
    slow = Schedule(optimizer="sgd", lr=1e-3, momentum=0.0, decay="constant")
    trainer = trainer_of("random-features", softmax=slow)
    curve = [trainer.update()["perplexity"] for _ in range(30)]
    assert all(later < earlier for earlier, later in itertools.pairwise(curve))

    trainer = trainer_of("random-features", softmax=Schedule(optimizer="adam", lr=0.02, decay="constant"))
    for _ in range(1500):
        trainer.update()
    with torch.no_grad():
        seen = trainer.net.see(windows_of(TEXT, WINDOW)[:, :-1].flatten(0, 1))
        features = torch.cat([layer.h - layer.h.mean(dim=1, keepdim=True) for layer in seen], dim=1)
    weight = torch.zeros(CHARACTERS, features.shape[1] + 1, dtype=torch.float64, requires_grad=True)
    ones = torch.cat([features.double(), torch.ones(len(features), 1, dtype=torch.float64)], dim=1)
    bound = torch.optim.LBFGS([weight], max_iter=500, line_search_fn="strong_wolfe", tolerance_grad=1e-9)

    def loss() -> torch.Tensor:
        bound.zero_grad()
        value = torch.nn.functional.cross_entropy(ones @ weight.T, TEXT[:, WINDOW:].flatten())
        value.backward()
        return value

    bound.step(loss)
    least = math.exp(loss().item())
    assert least * (1 - 1e-6) <= trainer.measure()["perplexity"] <= 1.02 * least
    assert least < 0.8 * CHARACTERS


def test_bfloat16_learns_nearly_the_same() -> None:
    found = []
    for precision in ("float32", "bfloat16"):
        trainer = trainer_of("combined", precision=precision)
        for _ in range(20):
            trainer.update()
        found.append(trainer.measure()["perplexity"])
    assert found[0] < 0.97 * CHARACTERS
    assert found[1] == pytest.approx(found[0], rel=0.05)


def test_a_training_that_diverges_is_stopped() -> None:
    trainer = trainer_of("random-features", softmax=Schedule(optimizer="sgd", lr=1e38, decay="constant"))

    def train() -> None:
        for _ in range(4):
            trainer.update()

    with pytest.raises(DivergedError, match=r"perplexity is (nan|inf) in update"):
        train()


SOFTMAX = Schedule(optimizer="adam", lr=0.01, decay="constant")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rows": 0}, "rows must be at least 1, got 0"),
        ({"total": 0}, "total must be at least 1, got 0"),
        ({"temperature": 0.0}, "temperature must be positive and finite, got 0.0"),
        ({"temperature": math.nan}, "temperature must be positive and finite, got nan"),
        ({"precision": "float8"}, "precision must be one of"),
        ({"hidden": replace(SOFTMAX, optimizer="per_neuron")}, "the first layer has a row of weights per character"),
        ({"hidden": replace(SOFTMAX, optimizer="norm_dependent")}, "the first layer has a row of weights"),
        ({"hidden": replace(SOFTMAX, stagger=0.5)}, "stagger has no use here"),
        ({"hidden": replace(SOFTMAX, repeats=2)}, "repeats has no use here"),
        (
            {"softmax": replace(SOFTMAX, optimizer="orthogonal")},
            "needs an optimizer of adam, sgd, smoothed, got 'ortho",
        ),
        ({"softmax": replace(SOFTMAX, optimizer="relative")}, "the softmax begins at 0"),
        ({"softmax": replace(SOFTMAX, block_factors=(1.0, 1.0, 1.0))}, "block_factors has no use here"),
    ],
)
def test_what_cannot_be_learnt_with_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        trainer_of("combined", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("strings", "message"),
    [
        (TEXT[:, :WINDOW], "window must be at least 1 and less than the 3 characters, got 3"),
        (TEXT + 1, "characters must be numbers in [0, 5), got 1 to 5"),
        (TEXT - 1, "characters must be numbers in [0, 5), got -1 to 3"),
        (TEXT[0], "strings must be int64 [S, T] and not empty, got torch.int64 [20]"),
        (TEXT[:0], "and not empty, got torch.int64 [0, 20]"),
        (TEXT.float(), "strings must be int64 [S, T] and not empty, got torch.float32"),
    ],
)
def test_what_is_no_text_is_refused(strings: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        CharacterTrainer(filled_net(), strings)
    if "window" not in message:
        with pytest.raises(ValueError, match=re.escape(message)):
            generate(filled_net(), strings[:, :WINDOW] if strings.dim() == 2 and len(strings) else strings, 2)


def test_weights_of_the_softmax_decay_and_its_bias_does_not() -> None:
    lr, decay = 0.1, 0.5
    softmax = Schedule(optimizer="sgd", lr=lr, momentum=0.0, weight_decay=decay, decay="constant")
    net, start = filled_net(), filled_net()
    text = drawn_strings()
    CharacterTrainer(net, text, regime="random-features", softmax=softmax).update()
    loss = loss_by_hand(start, text, [])
    wanted = torch.autograd.grad(loss, [start.softmax.weight, start.softmax.bias])
    with torch.no_grad():
        weight = start.softmax.weight - lr * (wanted[0] + decay * start.softmax.weight)
        bias = start.softmax.bias - lr * wanted[1]
    torch.testing.assert_close(net.softmax.weight.detach(), weight, rtol=1e-11, atol=1e-13)
    torch.testing.assert_close(net.softmax.bias.detach(), bias, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("regime", ["teacher", "combined"])
def test_draws_differ_between_updates_and_seeds(regime: str) -> None:
    """With steps of nearly nothing, only the draws differ."""
    still = Schedule(optimizer="sgd", lr=1e-30, decay="constant")
    trainers = [
        CharacterTrainer(filled_net(), TEXT, regime=regime, hidden=still, softmax=still, seed=s) for s in (0, 1)
    ]
    found = [trainers[0].update(), trainers[0].update(), trainers[1].update()]
    assert len({each["perplexity"] for each in found}) == 1
    assert len({each["p_generated_1"] for each in found}) == 3


def test_layers_have_rates_of_their_own_which_fall() -> None:
    hidden = Schedule(optimizer="sgd", lr=0.1, momentum=0.0, decay="cooldown", block_factors=(1.0, 0.5, 0.25))
    trainer = trainer_of("teacher", hidden, total=4)
    rates = []
    for _ in range(4):
        trainer.update()
        rates.append([optimizer.param_groups[0]["lr"] for *_, optimizer in trainer._optimizers[:3]])
    assert rates == [[pytest.approx(share * factor) for factor in (0.1, 0.05, 0.025)] for share in (1, 1, 1, 0.5)]
    with pytest.raises(ValueError, match="block_factors must be none or one per block, 3, got 2"):
        trainer_of("teacher", replace(hidden, block_factors=(1.0, 0.5)))
