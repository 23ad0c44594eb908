"""Counted n-grams against counts in dictionaries."""

from collections import Counter

import pytest
import torch

from convff.characters import Alphabet, WittenBell
from tests.convff.characters.samples import CHARACTERS, drawn_strings

TEXT, OTHER, FIRST = drawn_strings(8, 15), drawn_strings(4, 12, seed=1), 4


def by_hand(text: list[list[int]], history: list[int], character: int, order: int) -> float:
    """The probability of a character after a history, by Witten and Bell's formula, one context at a time."""
    probability = 1 / CHARACTERS
    for context in range(order):
        wanted = tuple(history[len(history) - context :])
        followers = Counter(
            string[at]
            for string in text
            for at in range(context, len(string))
            if tuple(string[at - context : at]) == wanted
        )
        total, kinds = sum(followers.values()), len(followers)
        if total:
            probability = (followers[character] + kinds * probability) / (total + kinds)
    return probability


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_probabilities_are_those_of_the_formula(order: int) -> None:
    counted = WittenBell(order, TEXT, first=FIRST, characters=CHARACTERS)
    for strings in (TEXT, OTHER):
        found = counted.probabilities(strings)
        for string, row in zip(strings.tolist(), found.tolist(), strict=True):
            wanted = [by_hand(TEXT.tolist(), string[:at], string[at], order) for at in range(FIRST, len(string))]
            assert row == pytest.approx(wanted, rel=1e-12)
        assert counted.perplexity(strings) == pytest.approx((-found.log().mean()).exp().item())


def test_probabilities_of_all_characters_sum_to_one() -> None:
    counted = WittenBell(3, TEXT, first=FIRST, characters=CHARACTERS)
    ends = OTHER[:, : FIRST + 1].repeat_interleave(CHARACTERS, dim=0)
    ends[:, -1] = torch.arange(CHARACTERS).repeat(len(OTHER))
    sums = counted.probabilities(ends).view(len(OTHER), CHARACTERS).sum(dim=1)
    torch.testing.assert_close(sums, torch.ones(len(OTHER), dtype=torch.float64))


def test_a_text_by_hand() -> None:
    """After "a" came "b" twice: (2 + 1 p) / (2 + 1), with p = (2 + 2/2) / (4 + 2) for a bigram."""
    alphabet = Alphabet("ab")
    text = torch.stack([alphabet.encode("ab"), alphabet.encode("ab")])
    (probability,) = WittenBell(2, text[:1].repeat(2, 1), first=1, characters=2).probabilities(text[:1]).tolist()[0]
    assert probability == pytest.approx((2 + 0.5) / 3)


def test_an_order_that_does_not_fit_is_refused() -> None:
    for order in (0, FIRST + 2):
        with pytest.raises(ValueError, match=r"order must be in \[1, 5\] with 4 characters before the first, got"):
            WittenBell(order, TEXT, first=FIRST, characters=CHARACTERS)
