"""Put the network of a run on the Hugging Face Hub, with a model card made of its results.

Example: `convff push RUN user/name`, after `pip install "convff[hub]"` and `hf auth login`. Two files travel: the
checkpoint and the card; no code, no images and no settings. `convff predict hf://user/name photo.png` uses it.
"""

from dataclasses import dataclass
from pathlib import Path

import tyro

from experiments.tools.command import check_file, exit_on, no_run


@dataclass(frozen=True, kw_only=True)
class Options:
    """Put the network of a run on the Hugging Face Hub."""

    run: tyro.conf.Positional[Path]
    """A folder of a finished run."""

    repository: tyro.conf.Positional[str]
    """The repository, user/name; it is made if there is none."""

    private: bool = False
    """Make a new repository private."""

    card: Path | None = None
    """Write the model card to this file, and put nothing on the Hub."""


def main(options: Options) -> int:
    """Push, or write the card; print the address, or the path."""
    with exit_on(OSError, ValueError, message=no_run):
        check_file("--card", options.card)
        from convff import load, push, write_atomically
        from experiments.reports.card import card_of

        model = load(options.run)
        card = card_of(options.run, model, options.repository)
        if options.card is not None:
            write_atomically(options.card, card.encode())
            print(options.card)
        else:
            print(push(model, options.repository, card=card, private=options.private))
    return 0
