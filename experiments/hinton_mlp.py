"""Hinton's supervised Forward-Forward network on MNIST: the label in ten pixels, hard negatives, two inferences.

Example: `python experiments/hinton_mlp.py` trains the 3 x 1000 units of his released code, and `--preset paper` the 4 x
2000 of the paper. `--negatives-from all` draws wrong labels at random, `--augment shifts_zero` shifts images as in the
paper, `--rule bp` trains the same network by backpropagation. See `experiments/config/presets/hinton_nets.py`, and
`docs/hinton.md`.
"""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from experiments.config.command_line import Asked, parse_as
from experiments.config.conflicts import PLACED_RULES
from experiments.config.settings import Settings, SettingsError
from experiments.tools.command import exit_on

if TYPE_CHECKING:
    from experiments.run.results import Results

DEFAULT = Settings(dataset="mnist", net="hinton", labels="onehot")
PEER = 0.03  # of the released code


@dataclass(frozen=True, kw_only=True)
class Hinton(Asked):
    """Train dense layers by Hinton's step, and print the errors by goodness and by the softmax."""

    peer: float | None = None
    """Strength of peer normalisation, which keeps units about equally active; 0 for none. Default: 0.03, unless
    --stabilise names other stabilisers."""


def asked_for(arguments: list[str] | None = None) -> Settings:
    """Return the settings of a training; exit with 2 if they are invalid.

    Args:
        arguments: the command line; the process's own if omitted.

    Example:
        >>> asked_for([]).stabilise, asked_for(["--peer", "0"]).stabilise, asked_for(["--rule", "bp"]).stabilise
        (('peer',), (), ())
    """
    asked, settings = parse_as(Hinton, DEFAULT, __doc__, arguments)
    with exit_on(SettingsError):
        return _with_peer(settings, asked.peer)


def _with_peer(settings: Settings, peer: float | None) -> Settings:
    """Return the settings with peer normalisation, where the rule can have it and nothing else is asked for.

    Raises:
        SettingsError: a strength that is out of range, or that nothing would take.
    """
    if peer is not None and not (0 <= peer < math.inf):
        raise SettingsError(f"--peer must be finite and at least 0, got {peer}")
    takes_it = settings.rule in PLACED_RULES and not settings.stabilise and settings.resume is None
    if peer is not None and not takes_it:
        why = (
            "--resume, which takes the settings of the run"
            if settings.resume is not None
            else "--stabilise, which names the stabilisers"
            if settings.stabilise
            else f"--rule {settings.rule}, which has none"
        )
        raise SettingsError(f"--peer {peer:g} cannot be used with {why}")
    strength = PEER if peer is None else peer
    if not takes_it or strength == 0:
        return settings
    return replace(settings, stabilise=("peer",), stabiliser_strength=strength)


def show(results: "list[Results]") -> None:
    """Print the errors of a training by each inference, over its seeds, and that of the untrained network."""
    from experiments.run.errors import inference_errors

    if results:
        print(f"\n{inference_errors([run.accuracy | run.control for run in results])}")


if __name__ == "__main__":
    settings = asked_for()

    from experiments.run.train import main  # after the parsing: it imports torch

    show(main(settings))
