"""Text as numbers, windows, the network, and generated text."""

import pytest
import torch
from scipy import stats

from convff import DivergedError, Outer, keyed_generator
from convff.characters import LETTERS, Alphabet, CharacterNet, generate, measure, targets_of, windows_of
from convff.characters.layers import WindowLinear
from convff.characters.net import normalised
from convff.characters.rollout import draw_next, rollout, uniforms_for
from convff.characters.windows import with_last
from convff.functional import length_normalise, sum_goodness
from tests.convff.characters.samples import CHARACTERS, WINDOW, drawn_strings, filled_net, logits_by_hand


def test_text_goes_to_numbers_and_back() -> None:
    alphabet = Alphabet()
    assert len(alphabet) == len(LETTERS) == 30
    assert alphabet.decode(alphabet.encode(LETTERS)) == LETTERS
    assert alphabet.encode("ab").dtype == torch.int64
    with pytest.raises(ValueError, match=r"a text must be of the letters .*, got '!'"):
        alphabet.encode("fox!")


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("The END.\r\nOf\tit", "the end. of it"),  # words at the ends of lines stay apart
        ('"Well!" — he said; 3 times,  no', "well he said; times, no"),  # what is deleted leaves one space
        ("grocer's co-op été", "grocers coop t"),
        ("  ", ""),
    ],
)
def test_cleaning_keeps_the_alphabet_and_single_spaces(raw: str, clean: str) -> None:
    assert Alphabet().clean(raw) == clean
    assert Alphabet().clean(clean) == clean


@pytest.mark.parametrize(
    ("letters", "message"), [("", "at least one"), ("abca", "'a' more than once"), ("aB", "in lower case")]
)
def test_an_alphabet_that_cannot_be_is_refused(letters: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Alphabet(letters)


def test_windows_and_predictions_are_as_many_as_in_the_paper() -> None:
    strings = torch.zeros(248, 100, dtype=torch.int64)
    assert windows_of(strings, 10).shape == (248, 91, 10)
    assert targets_of(strings, 10).numel() == 22_320
    for window in (0, 100):
        with pytest.raises(ValueError, match=f"less than the 100 characters, got {window}"):
            windows_of(strings, window)


def test_a_target_follows_its_window_and_a_negative_differs_in_the_last_character_at_most() -> None:
    strings = torch.arange(12)[None]
    windows, targets = windows_of(strings, 4), targets_of(strings, 4)
    assert torch.equal(windows[0, :-1, -1] + 1, targets[0])
    replaced = with_last(windows[:, 1:], targets + 100)
    assert torch.equal(replaced[..., :-1], windows[:, 1:, :-1])
    assert torch.equal(replaced[..., -1], targets + 100)
    assert torch.equal(with_last(windows[:, 1:], targets), windows[:, 1:])


def test_rows_are_a_dense_layer_on_normalised_onehots() -> None:
    layer = WindowLinear(WINDOW, CHARACTERS, 6).double()
    generator = keyed_generator(0, "rows")
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(generator=generator)
    windows = torch.randint(CHARACTERS, (20, WINDOW), generator=generator)
    onehot = torch.nn.functional.one_hot(windows, CHARACTERS).double().flatten(1)
    x = length_normalise(onehot, eps=0.0)
    with torch.no_grad():
        torch.testing.assert_close(layer(windows), x @ layer.weight + layer.bias, rtol=1e-12, atol=1e-12)
    post = torch.randn(20, 6, generator=generator, dtype=torch.float64)
    dense = torch.nn.Linear(CHARACTERS * WINDOW, 6).double()
    found, wanted = layer.direction(windows, post), Outer(x, post).dense(dense)
    torch.testing.assert_close(found["weight"], wanted["weight"].T, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found["bias"], wanted["bias"], rtol=1e-12, atol=1e-12)


def test_the_network_is_the_one_written_by_hand() -> None:
    net, windows = filled_net(), drawn_strings()[:, :WINDOW]
    with torch.no_grad():
        wanted = torch.stack([logits_by_hand(net, window) for window in windows.tolist()])
        torch.testing.assert_close(net(windows), wanted, rtol=1e-7, atol=1e-9)
    a = torch.rand(3, 4)
    assert torch.equal(normalised(a, sum_goodness(a)), length_normalise(a))


def test_an_untrained_network_knows_nothing_and_depends_on_its_seed_alone() -> None:
    torch.rand(3)
    nets = [CharacterNet(characters=CHARACTERS, window=WINDOW, widths=(200,), seed=seed) for seed in (1, 1, 2)]
    assert measure(nets[0], drawn_strings())["perplexity"] == pytest.approx(CHARACTERS)
    assert torch.equal(nets[0].layers[0].weight, nets[1].layers[0].weight)
    assert not torch.equal(nets[0].layers[0].weight, nets[2].layers[0].weight)
    goodness = nets[0].see(drawn_strings()[:, :WINDOW])[0].g
    assert goodness.mean().item() == pytest.approx(100, rel=0.3)  # half of the units
    for sizes in ({"widths": ()}, {"widths": (3, 0)}, {"window": 0}, {"characters": 0}):
        with pytest.raises(ValueError, match="all sizes must be at least 1"):
            CharacterNet(**sizes)


@torch.no_grad()
def test_no_prediction_sees_what_it_predicts_or_what_follows() -> None:
    net, strings = filled_net(), drawn_strings()
    for at in range(WINDOW, strings.shape[1]):
        changed = strings.clone()
        changed[:, at:] = (changed[:, at:] + 1) % CHARACTERS
        one, other = (
            net(windows_of(each, WINDOW).flatten(0, 1)).view(6, -1, CHARACTERS) for each in (strings, changed)
        )
        predicted = at - WINDOW + 1  # windows that end before `at`, which predict characters up to it
        assert torch.equal(one[:, :predicted], other[:, :predicted])
        assert not torch.equal(one[:, predicted], other[:, predicted])


def biased_net(probabilities: torch.Tensor) -> CharacterNet:
    net = CharacterNet(characters=len(probabilities), window=2, widths=(3,))
    with torch.no_grad():
        net.softmax.bias.copy_(probabilities.log())
    return net


def test_generated_text_follows_the_softmax() -> None:
    probabilities = torch.tensor([0.1, 0.4, 0.3, 0.2], dtype=torch.float64)
    text = generate(biased_net(probabilities), torch.zeros(400, 2, dtype=torch.int64), 25, seed=1)
    counts = torch.bincount(text[:, 2:].flatten(), minlength=4)
    assert stats.chisquare(counts.numpy(), 10_000 * probabilities.numpy()).pvalue > 1e-3
    other = [1300, 3700, 3000, 2000]  # the test would see a small difference
    assert stats.chisquare(counts.numpy(), other).pvalue < 1e-6


def test_generated_text_begins_with_its_context_and_follows_from_its_seed() -> None:
    net, context = filled_net(), drawn_strings()[:, :WINDOW]
    first, again, other = (generate(net, context, 20, seed=seed) for seed in (4, 4, 5))
    torch.rand(3)
    assert first.shape == (6, WINDOW + 20)
    assert torch.equal(first[:, :WINDOW], context)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_low_temperature_takes_the_most_probable_character() -> None:
    logits = torch.randn(50, CHARACTERS, generator=keyed_generator(0, "logits"))
    uniforms = torch.rand(50, generator=keyed_generator(0, "uniforms"), dtype=torch.float64)
    assert torch.equal(draw_next(logits, uniforms, temperature=1e-9), logits.argmax(dim=1))
    assert not torch.equal(draw_next(logits, uniforms), logits.argmax(dim=1))


def test_a_character_without_probability_is_never_drawn() -> None:
    logits = torch.tensor([[-1e4, 0.0, -1e4, 0.0, -1e4]])
    for uniform, drawn in ((0.0, 1), (0.5 - 1e-12, 1), (0.5, 3), (1 - 1e-16, 3)):
        assert draw_next(logits, torch.tensor([uniform], dtype=torch.float64)).item() == drawn


def test_what_cannot_be_drawn_from_is_refused() -> None:
    logits, uniforms = torch.zeros(1, 3), torch.zeros(1, dtype=torch.float64)
    for temperature in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="temperature must be positive and finite"):
            draw_next(logits, uniforms, temperature)
    for bad in (float("nan"), float("inf")):
        with pytest.raises(DivergedError, match="logits must be finite"):
            draw_next(torch.tensor([[0.0, bad, 0.0]]), uniforms)
    net, context = filled_net(), drawn_strings()[:, :WINDOW]
    for wrong in ({"length": 0}, {"context": context[:, 1:]}):
        with pytest.raises(ValueError, match="length must be at least 1 and a context have 3 characters"):
            generate(net, **({"context": context, "length": 5} | wrong))


@torch.no_grad()
def test_a_rollout_sees_each_window_that_it_draws() -> None:
    net, context = filled_net(), drawn_strings()[:, :WINDOW]
    uniforms = uniforms_for(len(context), 4, 0, "generated text")
    text = generate(net, context, 4, seed=0)
    for place, (window, seen) in enumerate(rollout(net, context, uniforms)):
        assert torch.equal(window, text[:, place : place + WINDOW])
        assert torch.equal(seen[2].g, net.see(window)[2].g)
