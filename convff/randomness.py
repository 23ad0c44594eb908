"""Keyed randomness: every draw has its own generator, named by its purpose.

No global state is read or written, so a draw does not depend on the number of workers, on
resuming a run, or on any other draw.
"""

import hashlib

import torch


def keyed_generator(seed: int, purpose: str, *key: int) -> torch.Generator:
    """Return a CPU generator that depends on `(seed, purpose, key)` and nothing else.

    Example:
        >>> first = torch.rand(2, generator=keyed_generator(0, "order", 3))
        >>> torch.equal(first, torch.rand(2, generator=keyed_generator(0, "order", 3)))
        True
        >>> torch.equal(first, torch.rand(2, generator=keyed_generator(0, "order", 4)))
        False
    """
    digest = hashlib.blake2b(repr((seed, purpose, *key)).encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)
