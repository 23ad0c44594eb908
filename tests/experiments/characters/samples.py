"""A small text for tests, in the form of fables."""

import torch

from convff import keyed_generator

WORDS = (
    "the",
    "a",
    "fox,",
    "crow;",
    "lion",
    "saw",
    "and",
    "ate",
    "said.",
    "grapes",
    "of",
    "in",
    "hen",
    "was",
    "by",
    "wolf",
)


def fables(count: int, *, words: int = 60, seed: int = 0) -> str:
    """Return fables of random words: a title line, a paragraph, and a blank line between two."""
    drawn = torch.randint(len(WORDS), (count, words), generator=keyed_generator(seed, "fables")).tolist()
    parts = (f"Fable {number}\n{' '.join(WORDS[word] for word in row)}" for number, row in enumerate(drawn))
    return "\n\n".join(parts) + "\n"
