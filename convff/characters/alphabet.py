"""The characters that a text is made of, and text as numbers and back."""

from dataclasses import dataclass

import torch
from torch import Tensor

LETTERS = "abcdefghijklmnopqrstuvwxyz ,;."


@dataclass(frozen=True)
class Alphabet:
    r"""The characters of a text, in the order of their numbers.

    Args:
        letters: each character once, in lower case; those of Hinton 2022, section 4.1, by default.

    Raises:
        ValueError: there is none, one stands twice, or one is in upper case.

    Example:
        >>> Alphabet().clean("The Fox -  and\nthe Grapes!")
        'the fox and the grapes'
        >>> Alphabet("abc ").decode(Alphabet("abc ").encode("cab a"))
        'cab a'

    Reference:
        Hinton 2022, section 4.1: "the 30 symbol alphabet consisting of the lower case letters, space, comma,
        semi-colon, and full stop"; all other characters are deleted.
    """

    letters: str = LETTERS

    def __post_init__(self) -> None:
        if not self.letters:
            raise ValueError("an alphabet must have at least one letter, got none")
        twice = sorted({letter for letter in self.letters if self.letters.count(letter) > 1})
        if twice:
            raise ValueError(
                f"an alphabet must have each letter once, got {', '.join(map(repr, twice))} more than once"
            )
        if self.letters != self.letters.lower():
            raise ValueError(f"an alphabet must be in lower case, as texts will be, got {self.letters!r}")

    def __len__(self) -> int:
        """Return the number of characters."""
        return len(self.letters)

    def clean(self, text: str) -> str:
        """Return a text in lower case without characters of others, and with single spaces.

        Runs of white space become one space before anything is deleted, so that words at the ends of lines stay apart,
        and again after it, where what stood between two spaces is gone.
        """
        lowered = " ".join(text.lower().split())
        return " ".join("".join(letter for letter in lowered if letter in self.letters).split())

    def encode(self, text: str) -> Tensor:
        """Return the numbers `[len(text)]`, int64, of a clean text.

        Raises:
            ValueError: a character is not of the alphabet.
        """
        numbers = {letter: number for number, letter in enumerate(self.letters)}
        try:
            return torch.tensor([numbers[letter] for letter in text], dtype=torch.int64)
        except KeyError as error:
            raise ValueError(f"a text must be of the letters {self.letters!r}, got {error.args[0]!r}") from error

    def decode(self, numbers: Tensor) -> str:
        """Return the text of numbers `[n]`."""
        return "".join(self.letters[number] for number in numbers.tolist())
