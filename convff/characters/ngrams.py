"""The yardstick of counts: interpolated n-grams by Witten and Bell."""

from math import exp

import torch
from torch import Tensor


class WittenBell:
    """Probabilities of the next character from counts of what followed the last characters.

    `p(c | last j) = (n(last j, c) + t(last j) p(c | last j - 1)) / (n(last j) + t(last j))`, where n counts, and t is
    the number of different characters that followed. A context that never occurred is shortened. Without any context
    the formula falls back on `1 / A`.

    Args:
        order: n: characters that are counted together, at least 1.
        strings: the text that is counted `[S, T]`, each character that has a whole context before it.
        first: place of the first character that is predicted, at least n - 1.
        characters: A.

    Raises:
        ValueError: the order is less than 1, or there are fewer characters before the first one than a context has.

    Example:
        >>> text = torch.tensor([[0, 0, 1, 0, 1]])
        >>> WittenBell(1, text, first=1, characters=2).probabilities(text) * 7  # 3 + 2 / 2 or 2 + 2 / 2, of 5 + 2
        tensor([[4., 3., 4., 3.]], dtype=torch.float64)

    Reference:
        Witten & Bell 1991, "The zero-frequency problem", method C, interpolated.
    """

    def __init__(self, order: int, strings: Tensor, *, first: int = 10, characters: int = 30) -> None:
        if not 1 <= order <= first + 1:
            raise ValueError(f"order must be in [1, {first + 1}] with {first} characters before the first, got {order}")
        self.order, self.first, self.characters = order, first, characters
        self._known: list[tuple[Tensor, Tensor]] = []  # sequences of j + 1 characters as numbers, and their counts
        for context in range(order):
            self._known.append(torch.unique(self._numbers(strings, context, context), return_counts=True))

    def _numbers(self, strings: Tensor, context: int, first: int) -> Tensor:
        """Return each character from `first` on with the `context` ones before it, as one number: `[S, T - first]`."""
        numbers = torch.zeros_like(strings[:, first:])
        for back in range(context, -1, -1):
            numbers = numbers * self.characters + strings[:, first - back : strings.shape[1] - back]
        return numbers

    def probabilities(self, strings: Tensor) -> Tensor:
        """Return the probability of each character from `first` on, float64 `[S, T - first]`."""
        found = torch.full(strings[:, self.first :].shape, 1 / self.characters, dtype=torch.float64)
        for context, (known, counts) in enumerate(self._known):
            numbers = self._numbers(strings, context, self.first)
            contexts, kinds = torch.unique(known // self.characters, return_counts=True)
            totals = torch.zeros_like(kinds).index_add_(
                0, torch.searchsorted(contexts, known // self.characters), counts
            )
            n = _looked_up(known, counts, numbers)
            total = _looked_up(contexts, totals, numbers // self.characters)
            different = _looked_up(contexts, kinds, numbers // self.characters)
            found = torch.where(total > 0, (n + different * found) / (total + different), found)
        return found

    def perplexity(self, strings: Tensor) -> float:
        """Return the exponential of the mean negative log probability, in [1, infinity).

        Example:
            >>> text = torch.tensor([[0, 0, 1, 0, 1]])
            >>> round(WittenBell(1, text, first=1, characters=2).perplexity(text) ** 2, 6)  # 49 / 12
            4.083333
        """
        return exp(-self.probabilities(strings).log().mean().item())


def _looked_up(keys: Tensor, values: Tensor, wanted: Tensor) -> Tensor:
    """Return the value of each wanted key, float64; 0 where there is none."""
    places = torch.searchsorted(keys, wanted).clamp_(max=len(keys) - 1)
    return torch.where(keys[places] == wanted, values[places], 0).double()
