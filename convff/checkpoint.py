"""Checkpoints: weights as safetensors, with everything needed to build the network again.

Nothing is unpickled, so untrusted files are safe to open. Writing is atomic: a file is complete or absent.
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from convff.models import MODELS
from convff.network import LayerLocalNet
from convff.version import __version__

FORMAT = "convff-1"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trained network and how it was made.

    Args:
        model: name in `MODELS`.
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
    """Write a checkpoint atomically: to a temporary file in the same folder, flushed to disk, then renamed.

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
    payload = save(
        {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
        metadata={"format": FORMAT, "about": json.dumps(about)},
    )
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as file:
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint and build its network, on the CPU and in evaluation mode.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not a checkpoint of this package, or is damaged.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is not a safetensors file, or is damaged: {error}") from error
    if metadata.get("format") != FORMAT:
        raise ValueError(f"{path} must be a checkpoint of format {FORMAT!r}, got format {metadata.get('format')!r}")
    try:
        about = json.loads(metadata["about"])
        channels, height, width = about["input_shape"]
        net = MODELS[about["model"]]((channels, height, width), **about["options"])
        net.load_state_dict(_with_prefix(tensors, "net."))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path} does not describe a network of this package: {error}") from error
    net.eval()
    extra = _with_prefix(tensors, "extra.")
    return Checkpoint(about["model"], (channels, height, width), about["options"], net, extra, about["notes"])


def _with_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
