"""The next character of Aesop's fables: hidden layers learn to tell real text from text that the network generates.

Example: `python experiments/next_character.py` trains by each regime of negatives in turn, and draws figure 5 of
Hinton 2022 beside n-grams; `--negatives combined` trains by one of them. See `docs/hinton.md`.
"""

import tyro

from experiments.characters.refusals import check
from experiments.characters.settings import NextCharacter
from experiments.config.settings import SettingsError
from experiments.tools.command import exit_on


def asked_for(arguments: list[str] | None = None) -> NextCharacter:
    """Return what the command line asks for; exit with 2 if it cannot be run.

    Args:
        arguments: the command line; the process's own if omitted.

    Example:
        >>> asked_for(["--negatives", "combined", "--updates", "5"]).updates
        5
    """
    asked = tyro.cli(NextCharacter, args=arguments, description=__doc__)
    with exit_on(SettingsError):
        check(asked)
    return asked


if __name__ == "__main__":
    settings = asked_for()

    from experiments.characters.run import main  # after the parsing: it imports torch

    main(settings)
