"""Hinton's supervised Forward-Forward network on MNIST: the label in ten pixels, hard negatives, two inferences.

Example: `python experiments/hinton_mlp.py` trains the 3 x 1000 units of his released code, and `--preset paper` the 4 x
2000 of the paper. `--negatives-from all` draws wrong labels at random, `--augment shifts_zero` shifts images as in the
paper, `--rule bp` trains the same network by backpropagation. See `experiments/config/presets/hinton_nets.py`, and
`docs/hinton.md`.
"""

from experiments.config.command_line import parse_as
from experiments.config.peer import AskedWithPeer, with_peer
from experiments.config.settings import Settings, SettingsError
from experiments.tools.command import exit_on

DEFAULT = Settings(dataset="mnist", net="hinton", labels="onehot")


def asked_for(arguments: list[str] | None = None) -> Settings:
    """Return the settings of a training; exit with 2 if they are invalid.

    Args:
        arguments: the command line; the process's own if omitted.

    Example:
        >>> asked_for([]).stabilise, asked_for(["--peer", "0"]).stabilise, asked_for(["--rule", "bp"]).stabilise
        (('peer',), (), ())
    """
    asked, settings = parse_as(AskedWithPeer, DEFAULT, __doc__, arguments)
    with exit_on(SettingsError):
        return with_peer(settings, asked.peer)


if __name__ == "__main__":
    settings = asked_for()

    from experiments.run.errors import show_errors  # after the parsing: both import torch
    from experiments.run.train import main

    show_errors(main(settings))
