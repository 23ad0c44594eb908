"""Files of tensors that are verified when they are read.

Such a file is a safetensors file whose header holds the SHA-256 digest of all its bytes. Reading one runs no code. The
digest finds damage; it is no signature, so it does not tell who wrote the file.
"""

import hashlib
import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from convff.files import write_atomically

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = "convff-{}-2"
MOST_HEADER = 8 * 2**20  # bytes; a larger one would take long to parse before anything can be verified
BLANK = b'{"__metadata__":{"sha256":"' + b"0" * 64  # how a header begins before the digest is known
HOSTILE = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What contents of wrong sizes, types and names raise; too deep a nesting is a RuntimeError."""
USE_ANOTHER = "copy it again, or use an earlier file"


def save_tensors(path: Path, tensors: "Mapping[str, Tensor]", about: Mapping[str, Any], *, kind: str) -> None:
    """Write tensors to a safetensors file with a digest, atomically. The same contents give the same bytes.

    Args:
        path: the file.
        tensors: of any shapes, on any device, by name.
        about: the rest, of what JSON can hold; nan and inf too.
        kind: what the file is for, such as "network"; it can be read as this kind only.

    Raises:
        ValueError: the names and `about` take more than 8 MiB, or a tensor is named "__metadata__".
        TypeError: JSON cannot hold `about`.
        NoSpaceError: there is no room; see `write_atomically`.

    Example:
        >>> import tempfile, torch
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "net.safetensors"
        ...     save_tensors(path, {"weight": torch.ones(2)}, {"epoch": 3}, kind="network")
        ...     load_tensors(path, kind="network")
        ({'weight': tensor([1., 1.])}, {'epoch': 3})
    """
    import torch  # noqa: PLC0415 (slow to import, and needed for no other file)
    from safetensors.torch import save  # noqa: PLC0415

    if "__metadata__" in tensors:
        raise ValueError("a tensor's name must not be '__metadata__', which safetensors keeps for itself: rename it")
    # Copies, because safetensors refuses tensors that share memory.
    own = {name: each.detach().cpu().clone(memory_format=torch.contiguous_format) for name, each in tensors.items()}
    plain = memoryview(save(own))
    begin = 8 + int.from_bytes(plain[:8], "little")
    # The header is written anew: safetensors puts metadata in a random order.
    metadata = {"sha256": "0" * 64, "format": FORMAT.format(kind), "about": json.dumps(about)}
    header = json.dumps({"__metadata__": metadata} | json.loads(bytes(plain[8:begin])), separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    if len(header) > MOST_HEADER:
        raise ValueError(f"{path} must have a header of at most {MOST_HEADER:,} bytes, got {len(header):,}: save less")
    length = len(header).to_bytes(8, "little")
    digest = _digest(length, header, plain[begin:])
    write_atomically(path, b"".join([length, BLANK[:-64], digest, header[len(BLANK) :], plain[begin:]]))


def load_tensors(path: Path, *, kind: str, older: Collection[str] = ()) -> "tuple[dict[str, Tensor], dict[str, Any]]":
    """Read a file of `save_tensors`, after a check of its digest; no code of the file is run.

    Args:
        path: the file.
        kind: what it must be for.
        older: formats without a digest that are read too.

    Returns:
        the tensors, on the CPU, and `about`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no safetensors file, of another kind, cut short, or damaged.
    """
    from safetensors import SafetensorError  # noqa: PLC0415 (slow to import, and needed for no other file)
    from safetensors.torch import load  # noqa: PLC0415

    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    with path.open("rb") as file:
        metadata = _read_metadata(path, file)
        found, wanted = metadata.get("format"), [FORMAT.format(kind), *older]
        if found not in wanted:
            raise ValueError(f"{path} must be of format {' or '.join(wanted)}, got {str(found)[:80]!r}: give another")
        file.seek(0)
        payload = file.read()
    if found not in older:
        _verify(path, memoryview(payload))
    try:
        about = json.loads(metadata["about"])
        if not isinstance(about, dict):
            raise TypeError(f"`about` must be an object, got {type(about).__name__}")
        return load(payload), about
    except (SafetensorError, *HOSTILE) as error:
        raise ValueError(f"{path} is damaged, or not of this package: {str(error)[:200]}; {USE_ANOTHER}") from error


def _digest(*parts: bytes | memoryview) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest().encode()


def _read_metadata(path: Path, file: BinaryIO) -> dict[str, Any]:
    """Return the header's metadata, after a check of all sizes: nothing large is read or allocated before it."""
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > min(size - 8, MOST_HEADER):
        raise ValueError(
            f"{path} is not a safetensors file, or was cut short: its header must be within its {size:,} bytes and "
            f"have at most {MOST_HEADER:,}, got {length:,}; {USE_ANOTHER}"
        )
    try:
        entries = json.loads(file.read(length))
        metadata = dict(entries.pop("__metadata__", {}))
        asked = max((entry["data_offsets"][1] for entry in entries.values()), default=0)
    except HOSTILE as error:
        raise ValueError(
            f"{path} is not a safetensors file, or is damaged: its header must describe tensors as JSON, "
            f"got {str(error)[:200]}; {USE_ANOTHER}"
        ) from error
    if asked != size - 8 - length:
        raise ValueError(
            f"{path} was cut short or is damaged: its header must describe the {size - 8 - length:,} bytes of tensors "
            f"that it holds, got {str(asked)[:80]}; {USE_ANOTHER}"
        )
    return metadata


def _verify(path: Path, payload: memoryview) -> None:
    """Raise unless the header begins with the digest of the payload, with zeros in place of the digest."""
    start, rest = payload[8 : 8 + len(BLANK)], payload[8 + len(BLANK) :]
    if start != BLANK[:-64] + _digest(payload[:8], BLANK, rest):
        raise ValueError(f"{path} is damaged: its bytes must have the digest in its header, got another; {USE_ANOTHER}")
