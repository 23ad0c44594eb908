"""Unsupervised Forward-Forward: layers learn to tell images from hybrids, then a readout learns the classes.

Example: `python experiments/unsupervised.py --preset smoke`. A hybrid is made of two images by a mask of large regions.
`--net local` (the default on 28 x 28 pixels) has local fields without shared weights, `--net dense` four dense layers;
`--model cnn6` and other networks learn from hybrids too. `--rule bp` trains the same network by backpropagation. See
`docs/hinton.md`.
"""

from experiments.config.command_line import parse_as
from experiments.config.peer import AskedWithPeer, with_peer
from experiments.config.presets.unsupervised_nets import net_of
from experiments.config.settings import Settings, SettingsError
from experiments.tools.command import exit_on

DEFAULT = Settings(dataset="mnist", label_at="nowhere")


def asked_for(arguments: list[str] | None = None) -> Settings:
    """Return the settings of a training; exit with 2 if they are invalid.

    Hinton's networks have peer normalisation unless told otherwise; networks for images have it if it is asked for.

    Args:
        arguments: the command line; the process's own if omitted.

    Example:
        >>> asked_for([]).stabilise, asked_for(["--model", "cnn6"]).stabilise, asked_for(["--rule", "bp"]).stabilise
        (('peer',), (), ())
    """
    asked, settings = parse_as(AskedWithPeer, DEFAULT, __doc__, arguments)
    if asked.peer is None and net_of(settings) is None:
        return settings
    with exit_on(SettingsError):
        return with_peer(settings, asked.peer)


if __name__ == "__main__":
    settings = asked_for()

    from experiments.run.errors import show_errors  # after the parsing: both import torch
    from experiments.run.train import main

    show_errors(main(settings))
