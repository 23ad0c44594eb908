"""Train each row of a table of settings for equal minutes, judged by validation images, and write one table.

Example: `python experiments/ablation.py experiments/settings/cifar10_ablation.toml --minutes 2`. After every row the
table so far is in `--out`, as JSON and as Markdown; the same command with `--resume` trains the missing rows.
"""

from dataclasses import asdict
from pathlib import Path

import tyro

from experiments.ablations.table import Table
from experiments.config.ablation import Ablation, read_plan
from experiments.config.settings import SettingsError
from experiments.tools.command import exit_on


def ablate(asked: Ablation) -> Path:
    """Train the requested rows that are not trained yet.

    Returns:
        path of the table as JSON; the same table as Markdown is beside it.

    Raises:
        SettingsError: the request is invalid; nothing is trained then.
        DataError: the data cannot be found.
    """
    plan = read_plan(asked)
    table = Table(asked, plan)
    from experiments.ablations.training import prepared, split_of, trained_row, twins  # imports torch

    rows = plan.asked(asked.rows)
    parts = prepared(plan, rows)
    table.judged_by(split_of(parts[0]))
    for row, each in zip(rows, parts, strict=True):
        table.refuse_other_numbers(row.name, asdict(each.recipe))
    for earlier, later in twins(rows, parts):
        print(f'note: row "{later}" does the same as row "{earlier}"')
    for row, each in zip(rows, parts, strict=True):
        if row.name not in table.rows:
            found = trained_row(row, each, minutes=asked.minutes, readout=asked.readout)
            table.add(found)
            print(_line(found), flush=True)
    table.write()
    return table.path


def _line(found: dict[str, object]) -> str:
    """Return one line about a trained row."""
    accuracy = found["accuracy"]
    reached = f"{100 * accuracy:.2f} % ({found['evaluation']})" if isinstance(accuracy, float) else found["diverged"]
    return (
        f"{found['name']}: {reached}; {found['epochs']} x {found['images_per_epoch']} images "
        f"in {found['seconds']:.0f} s"
    )


def main(asked: Ablation) -> None:
    """Train the rows and print the path of the table; exit with 2 if something cannot be run."""
    with exit_on(SettingsError):
        read_plan(asked)  # before torch is imported, so that errors in the file appear at once
    from convff import keep_freed_memory
    from experiments.datasets import DataError

    keep_freed_memory()
    with exit_on(SettingsError, DataError):
        path = ablate(asked)
    print(f"the table is {path.with_suffix('.md')}")


if __name__ == "__main__":
    main(tyro.cli(Ablation, description=__doc__))
