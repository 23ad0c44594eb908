"""Search any settings on validation images, by Optuna.

Example: `convff sweep mnist --epochs 2 --over lr=0.001..0.1 gate=softmax,threshold --trials 20`, after
`pip install "convff[search]"`. All other options are those of `convff train`. The trials go into `sweeps.db` under
`--out`; the same command continues the sweep, and more `--trials` add to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from experiments.commands import train
from experiments.config.command_line import settled
from experiments.config.settings import Settings, SettingsError
from experiments.config.sweep import dimensions
from experiments.run.sweep import Sweep, in_words
from experiments.tools.command import exit_on


@dataclass(frozen=True, kw_only=True)
class Options(train.Options):
    """Search any settings on validation images."""

    over: tuple[str, ...] = ()
    """What to search. NAME=LOW..HIGH: a range of numbers, on a logarithmic scale if LOW is positive; NAME=A,B,C: some
    values of any setting, such as label_at=output,blocks or skip=yes,no."""

    trials: int = 20
    """Number of trials in all, including those of earlier runs of the same command."""

    judged_images: int | None = None
    """Judge a trial by the first n validation images only."""

    evaluate_on: Literal["validation"] = "validation"
    """Always validation: test images must not choose settings."""

    def completed(self) -> Self:
        """Return the options with the data set that DATA names, and with what every sweep has.

        Raises:
            SettingsError: DATA is missing or unknown, or an option has no place in a sweep.
        """
        dimensions(self.over)
        for name in ("trials", "judged_images"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SettingsError(f"--{name.replace('_', '-')} must be at least 1, got {value}")
        if self.seeds != 1:
            raise SettingsError(f"--seeds {self.seeds} cannot be used: a trial is trained once, with --seed")
        return replace(super().completed(), require_data=True)  # stand-ins choose no settings


def parse(arguments: Sequence[str], prog: str) -> Sweep:
    """Read a sweep from a command line; exit with 2 and a message if it is invalid.

    Args:
        arguments: what stands after `convff sweep`.
        prog: the name of the program in its help.
    """
    with exit_on(SettingsError):
        if any(word.partition("=")[0] == "--resume" for word in arguments):
            raise SettingsError("--resume cannot be used: the same command continues a sweep")
    asked, base = train.read_options(Options, arguments, prog, __doc__, evaluate_on="validation")

    def settings(values: dict[str, Any]) -> Settings:
        return settled(replace(asked, **values))

    over = dimensions(asked.over)
    return Sweep(base=base, over=over, settings=settings, trials=asked.trials, judged_images=asked.judged_images)


def main(sweep: Sweep) -> int:
    """Run the missing trials; print the best settings, and the command that trains with them."""
    from convff import keep_freed_memory
    from experiments.datasets import DataError

    keep_freed_memory()
    with exit_on(SettingsError, DataError):
        found = sweep()
    share, count = 100 * found["accuracy"], len(found["trials"])
    print(f"best of {count} trials: {share:.2f} % of {found['judged_on']} with {in_words(found['best'])}")
    print(f"  all trials are in {sweep.file}")
    if found["train"] is not None:
        print(f"  train and report it: {found['train']}")
    return 0
