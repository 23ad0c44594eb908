"""What commands for trained networks share."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from convff import Classifier

DeviceName = str
PrecisionName = Literal["float32", "bfloat16", "auto"]


def opened(run: Path, device: str, precision: str) -> "Classifier":
    """Return the network of a run, or one that ships with the package.

    Args:
        run: a run folder, a checkpoint, the name of a pretrained network, or hf://user/name.
        device: as in `--device`.
        precision: as in `--precision`.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it cannot be used, or the device cannot.
    """
    from convff import load, pretrained, pretrained_names
    from experiments.run.torchrun import device_named

    if not run.exists() and str(run) in pretrained_names():
        return pretrained(str(run), device=device_named(device), precision=precision)
    return load(run, device=device_named(device), precision=precision)
