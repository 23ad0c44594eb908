"""Checkpoints: weights as safetensors, with everything needed to build the network again.

Nothing is unpickled, and no file can ask for more memory than it has: untrusted files are safe to open. Writing is
atomic, and reading verifies every byte: see `convff.tensor_files`.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from convff.models import MODELS
from convff.network import LayerLocalNet
from convff.tensor_files import HOSTILE, USE_ANOTHER, load_tensors, save_tensors
from convff.version import __version__

CHECKPOINT = "checkpoint.safetensors"  # in the folder of a run, and on the Hub
KIND = "network"
OLDER = ("convff-1",)  # version 0.1 wrote it, without a digest
LARGEST_SIDE = 2**16  # pixels of an input; its size bounds no tensor of a convolution
# Limits that no network of ours comes near, so that a false description ends at once.
SMALL_OPTION = 1024  # a number up to this one is harmless, whatever it counts
TIMES_LARGEST = 16  # a larger number may be this many times the largest tensor's side
SPARE_NUMBERS = 2**20  # what a network may hold beyond twice the numbers in the file: buffers that are not saved
CALLS_PER_TENSOR = 50  # calls of PyTorch that build a network; ours need up to 7
OWN = "own "  # how the name of a network begins that is not in `MODELS`


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trained network and how it was made.

    Args:
        model: name in `MODELS`; `OWN` and a name for a network of one's own.
        input_shape: channels, height and width of the network's input, label channels included.
        options: the model's options.
        net: the network.
        extra: further tensors by name, e.g. the readout's.
        notes: anything else that JSON can hold: the labels' `spec()`, class names, settings.
    """

    model: str
    input_shape: tuple[int, int, int]
    options: dict[str, Any]
    net: LayerLocalNet
    extra: dict[str, Tensor] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)

    def tensors_of(self, module: str) -> dict[str, Tensor]:
        """Return the further tensors of one module by their names within it; empty if it was not saved."""
        return _with_prefix(self.extra, f"{module}.")


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint atomically, with a digest of all its bytes.

    Raises:
        NoSpaceError: there is no room; the earlier file is unchanged.

    Example:
        >>> import tempfile
        >>> options = {"width": 4, "kernel": 3}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "net.safetensors"
        ...     save_checkpoint(path, Checkpoint("cnn3", (1, 8, 8), options, MODELS["cnn3"]((1, 8, 8), **options)))
        ...     load_checkpoint(path).model
        'cnn3'
    """
    tensors = {f"net.{name}": tensor for name, tensor in checkpoint.net.state_dict().items()}
    tensors |= {f"extra.{name}": tensor for name, tensor in checkpoint.extra.items()}
    about = {
        "model": checkpoint.model,
        "input_shape": list(checkpoint.input_shape),
        "options": checkpoint.options,
        "notes": checkpoint.notes,
        "convff": __version__,
    }
    save_tensors(path, tensors, about, kind=KIND)


def load_checkpoint(path: Path, net: LayerLocalNet | None = None) -> Checkpoint:
    """Read a checkpoint, verify it and build its network, on the CPU and in evaluation mode.

    Checkpoints of version 0.1 can be read too; they have no digest to verify.

    Args:
        path: the file.
        net: a network of the same kind, which gets the tensors of the file; needed for one that is not in `MODELS`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not a checkpoint of this package, or is damaged; it needs a network, or another one.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}")
    tensors, about = load_tensors(path, kind=KIND, older=OLDER)
    try:
        channels, height, width = about["input_shape"]
        shape, options, notes = (channels, height, width), dict(about["options"]), dict(about["notes"])
        own = _with_prefix(tensors, "net.")
        net = _built(about["model"], shape, options, own) if net is None else _filled(net, own)
    except NeedsNetError as error:
        raise ValueError(f"{path} {error}") from error
    except HOSTILE as error:
        raise ValueError(
            f"{path} does not describe a network of this package: {str(error)[:1000]}; {USE_ANOTHER}"
        ) from error
    return Checkpoint(about["model"], shape, options, net, _with_prefix(tensors, "extra."), notes)


class NeedsNetError(ValueError):
    """A network of the user's own, which no file can build, or a network that the file does not fit."""


def _filled(net: LayerLocalNet, tensors: dict[str, Tensor]) -> LayerLocalNet:
    """Load tensors into a network."""
    try:
        net.load_state_dict(tensors)
    except RuntimeError as error:
        raise NeedsNetError(f"does not fit the network that was given: {str(error)[:1000]}") from error
    return net.eval()


def _built(
    model: str, shape: tuple[int, int, int], options: dict[str, Any], tensors: dict[str, Tensor]
) -> LayerLocalNet:
    """Build a network and load its tensors, after a check that it needs no more than they hold."""
    if str(model).startswith(OWN):
        name = str(model).removeprefix(OWN)
        raise NeedsNetError(f"holds {name:.80}, a network of your own: build it, and pass it as `net=`")
    if model not in MODELS:
        raise ValueError(f"`model` must be one of {', '.join(MODELS)}, got {model!r}")
    _check_numbers("input_shape", shape, most=LARGEST_SIDE)
    largest = max((side for tensor in tensors.values() if tensor.numel() for side in tensor.shape), default=0)
    for name, option in options.items():
        _check_numbers(name, option, most=max(SMALL_OPTION, TIMES_LARGEST * largest))
    calls = CALLS_PER_TENSOR * (1 + len(tensors))
    # On "meta" nothing is allocated. A refusal may interrupt the end of PyTorch's own `no_grad`: the outermost `with`
    # gives gradients back.
    with torch.set_grad_enabled(torch.is_grad_enabled()), torch.device("meta"), _FewCalls(calls):
        sketch = MODELS[model](shape, **options)
    asked, held = _numbers([*sketch.parameters(), *sketch.buffers()]), _numbers(tensors.values())
    if asked > 2 * held + SPARE_NUMBERS:
        raise ValueError(f"the file must hold the {asked:,} numbers of the network, got {held:,}")
    net = MODELS[model](shape, **options)
    net.load_state_dict(tensors)
    return net.eval()


def _check_numbers(name: str, value: object, most: int) -> None:
    """Raise if a whole number of an option, or of the lists in it, is too large to be meant."""
    if isinstance(value, list | tuple):
        for each in value:
            _check_numbers(name, each, most)
    elif isinstance(value, int) and abs(value) > most:
        raise ValueError(f"`{name}` must be at most {most:,} in this file, got {value:,}")


class _FewCalls(TorchFunctionMode):
    """Raises after a number of calls of PyTorch in this thread: a network cannot have more layers than tensors."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.left = most

    def __torch_function__(self, function: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.left -= 1
        if self.left < 0:
            raise ValueError("the network must not have many more layers than the file has tensors")
        return function(*args, **(kwargs or {}))


class FewNumbers(TorchFunctionMode):
    """Raises, in this thread, before a tensor of more numbers than a limit is made; a file chose its sizes.

    Args:
        held: the numbers in the file.

    Example:
        >>> with FewNumbers(1000):
        ...     torch.zeros(2**20, 2**20)
        Traceback (most recent call last):
        ...
        ValueError: a tensor must have at most 1,050,576 numbers beside this file, got 1,099,511,627,776
    """

    MAKE: ClassVar[frozenset[Any]] = frozenset(
        {torch.zeros, torch.ones, torch.empty, torch.rand, torch.randn, torch.eye}
    )

    def __init__(self, held: int) -> None:
        super().__init__()
        self.most = 2 * held + SPARE_NUMBERS

    def __torch_function__(self, function: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function in self.MAKE:
            sizes = args[0] if len(args) == 1 and isinstance(args[0], tuple | list) else args
            sizes = (kwargs or {}).get("size", sizes)
            asked = math.prod(side for side in sizes if isinstance(side, int))
            if asked > self.most:
                raise ValueError(f"a tensor must have at most {self.most:,} numbers beside this file, got {asked:,}")
        return function(*args, **(kwargs or {}))


def _numbers(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() for tensor in tensors)


def _with_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
