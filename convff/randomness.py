"""Keyed randomness: every draw has its own generator, named by what it is for.

No global state is read or written, so the number of workers, a resumed run or another draw
somewhere else cannot change what a draw gives.
"""

import hashlib

import torch


def keyed_generator(seed: int, purpose: str, *key: int) -> torch.Generator:
    """A CPU generator that depends on `(seed, purpose, key)` and on nothing else.

    Example:
        >>> first = torch.rand(2, generator=keyed_generator(0, "order", 3))
        >>> torch.equal(first, torch.rand(2, generator=keyed_generator(0, "order", 3)))
        True
        >>> torch.equal(first, torch.rand(2, generator=keyed_generator(0, "order", 4)))
        False
    """
    digest = hashlib.blake2b(repr((seed, purpose, *key)).encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)
