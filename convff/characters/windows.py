"""Strings of characters as windows, and what has to be predicted from them.

Legend: S strings of T characters `c_0 ... c_(T-1)`; k characters per window; n = T - k predictions per string. The
window that ends at t holds `c_(t-k+1) ... c_t`. The character `c_(t+1)` is predicted from the window that ends at t,
for t from k - 1 to T - 2. The windows that end at t from k to T - 1 are the positives; their negatives end in a
character that the network predicted.
"""

from torch import Tensor


def windows_of(strings: Tensor, window: int) -> Tensor:
    """Return all windows of strings: the first n predict a character, and the last n are positives.

    Args:
        strings: numbers of characters `[S, T]`.
        window: k, less than T.

    Returns:
        `[S, n + 1, k]`, a view.

    Raises:
        ValueError: the strings are not longer than the window.

    Example:
        >>> import torch
        >>> windows_of(torch.arange(4)[None], 2).tolist()
        [[[0, 1], [1, 2], [2, 3]]]
    """
    if not 1 <= window < strings.shape[1]:
        raise ValueError(f"window must be at least 1 and less than the {strings.shape[1]} characters, got {window}")
    return strings.unfold(1, window, 1)


def targets_of(strings: Tensor, window: int) -> Tensor:
    """Return the characters that are predicted, `[S, n]`.

    Example:
        >>> import torch
        >>> targets_of(torch.arange(4)[None], 2).tolist()
        [[2, 3]]
    """
    return strings[:, window:]


def with_last(windows: Tensor, last: Tensor) -> Tensor:
    """Return windows `[..., k]` whose last character is replaced by another, `[...]`: teacher-forced negatives.

    Example:
        >>> import torch
        >>> with_last(torch.tensor([[0, 1, 2]]), torch.tensor([7])).tolist()
        [[0, 1, 7]]
    """
    replaced = windows.clone()
    replaced[..., -1] = last
    return replaced
