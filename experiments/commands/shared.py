"""What commands for trained networks share."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from convff import Classifier

DeviceName = str
PrecisionName = Literal["float32", "bfloat16", "auto"]


def opened(run: Path, device: str, precision: str) -> "Classifier":
    """Return the network of a run.

    Args:
        run: a run folder, or a checkpoint.
        device: as in `--device`.
        precision: as in `--precision`.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it cannot be used, or the device cannot.
    """
    from convff import load
    from experiments.run.torchrun import device_named

    return load(run, device=device_named(device), precision=precision)
