"""Put the trained network of a run among those that ship with the package, with how it was made and what it reached.

Example: `python experiments/ship.py runs/mnist-fourier-ff-quick-seed0 --name mnist-fourier`. The scores are those of
the run, on test images; a run that was judged on validation images, or on drawn images, is refused.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from experiments.config.names import ROOT
from experiments.tools.command import exit_on

NETS = ROOT / "convff" / "nets"


@dataclass(frozen=True, kw_only=True)
class Ship:
    """Put the trained network of a run among those that ship with the package."""

    run: tyro.conf.Positional[Path]
    """The run folder."""

    name: str
    """The name by which `convff.pretrained` finds it."""


def ship(asked: Ship) -> str:
    """Write the network and its entry in the index; return a sentence about them.

    Raises:
        FileNotFoundError: there is no finished run.
        ValueError: the run was not judged on test images of real data.
    """
    from convff import load, write_atomically
    from experiments.config.earlier import earlier_settings
    from experiments.config.written import command_of, without_paths

    settings, _ = earlier_settings(asked.run)
    results: dict[str, Any] = json.loads((asked.run / "results.json").read_text(encoding="utf-8"))
    if results["is_stand_in"] or settings.evaluate_on != "test":
        raise ValueError(f"{asked.run} was not judged on test images of real data")
    file = f"{asked.name}.safetensors"
    load(asked.run).save(NETS / file)
    index = json.loads((NETS / "index.json").read_text(encoding="utf-8"))
    index["nets"][asked.name] = {
        "file": file,
        "command": command_of(without_paths(settings)),
        "data": results["dataset"],
        "judged_on": results["judged_on"],
        "accuracy": {name: round(value, 4) for name, value in results["accuracy"].items() if value is not None},
        "control": {name: round(value, 4) for name, value in results["control"].items() if value is not None},
        "minutes": round(results["seconds"]["training"] / 60, 1),
        "hardware": results["hardware"],
        "git_commit": results["git_commit"],
    }
    write_atomically(NETS / "index.json", (json.dumps(index, indent=2) + "\n").encode())
    return f"{NETS / file}: {(NETS / file).stat().st_size / 2**20:.2f} MiB, {index['nets'][asked.name]['accuracy']}"


if __name__ == "__main__":
    shipping = tyro.cli(Ship, description=__doc__)
    with exit_on(FileNotFoundError, ValueError):
        print(ship(shipping))
