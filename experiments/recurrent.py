"""Hinton's recurrent networks: a label holds at the top, an image at the bottom, and the layers between them settle.

Example: `python experiments/recurrent.py --preset smoke`. The network learns at every iteration, and the label under
which it settles best is its answer. On MNIST it has two dense layers (`--widths`), on CIFAR-10 (`--dataset cifar10`)
two layers of fields of 11 x 11 places (`--depth`), with less activity for the right label (`--reduction minus_sum`).
`--rule bp` trains the same network by backpropagation, without top-down connections. See `docs/hinton.md`.
"""

from dataclasses import replace

from experiments.config.command_line import parse_as
from experiments.config.peer import AskedWithPeer, with_peer
from experiments.config.presets.recurrent_nets import model_of
from experiments.config.settings import Settings, SettingsError
from experiments.tools.command import exit_on

DEFAULT = Settings(dataset="mnist", rule="recurrent")


def asked_for(arguments: list[str] | None = None) -> Settings:
    """Return the settings of a training; exit with 2 if they are invalid.

    Args:
        arguments: the command line; the process's own if omitted.

    Example:
        >>> asked_for([]).model, asked_for(["--dataset", "cifar10", "--rule", "bp"]).model
        ('recurrent_mlp', 'recurrent_local')
    """
    asked, settings = parse_as(AskedWithPeer, DEFAULT, __doc__, arguments)
    with exit_on(SettingsError):
        return with_peer(replace(settings, model=model_of(settings)), asked.peer)


if __name__ == "__main__":
    settings = asked_for()

    from experiments.run.errors import show_errors  # after the parsing: both import torch
    from experiments.run.train import main

    show_errors(main(settings))
