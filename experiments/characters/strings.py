"""A text as strings of equal length: to learn from, and held out."""

import hashlib
from typing import NamedTuple

import torch
from torch import Tensor

from convff import Alphabet
from experiments.characters.settings import Recipe
from experiments.datasets import DataError
from experiments.datasets.text import Text

ALPHABET = Alphabet()


class Corpus(NamedTuple):
    """The strings of a run.

    Args:
        train: to learn from `[S, T]`.
        held_out: never learnt from; at least one.
        source: where they are from, in words.
        is_stand_in: whether the text was written for this package.
        sha256: of all strings, as 64 hexadecimal digits.
    """

    train: Tensor
    held_out: Tensor
    source: str
    is_stand_in: bool
    sha256: str


def corpus_of(text: Text, recipe: Recipe, strings: str | None = None) -> Corpus:
    """Cut a text into strings.

    Args:
        text: the text.
        recipe: how many strings, and how long.
        strings: "first", the first characters of each part that has as many, or "stream", consecutive pieces of the
            joined text; if omitted, "stream" for the stand-in, and "first" for any other text.

    Raises:
        DataError: there are not enough strings: the message names how many there are.

    Example:
        >>> text = Text(("A fox saw grapes.", "A hen sang."), "made up", False, "0" * 64)
        >>> corpus = corpus_of(text, Recipe(train_strings=1, length=8, window=2))
        >>> [ALPHABET.decode(string) for string in (*corpus.train, *corpus.held_out)]
        ['a fox sa', 'a hen sa']
    """
    kind = strings or ("stream" if text.is_stand_in else "first")
    parts = [ALPHABET.clean(part) for part in text.parts]
    length = recipe.length
    if kind == "stream":
        joined = " ".join(part for part in parts if part)
        parts = [joined[start : start + length] for start in range(0, len(joined), length)]
    found = [part[:length] for part in parts if len(part) >= length]
    if len(found) <= recipe.train_strings:
        raise DataError(
            f"{text.source}: at least {recipe.train_strings + 1} strings of {length} characters are needed, one of "
            f"them held out, got {len(found)} (--strings {kind}); give --train-strings, or a longer text"
            + ("" if kind == "stream" else ", --strings stream, or --no-titles if the parts of --text have no titles")
        )
    found = found[: recipe.train_strings + recipe.held_out_strings]
    encoded = torch.stack([ALPHABET.encode(string) for string in found])
    return Corpus(
        encoded[: recipe.train_strings],
        encoded[recipe.train_strings :],
        f"{text.source}, --strings {kind}",
        text.is_stand_in,
        hashlib.sha256("\n".join(found).encode()).hexdigest(),
    )
