"""Show several runs side by side: means over seeds, how their settings differ, and which differences exceed the noise.

Example: `convff compare runs/* --by rule --format html --out compared.html`. Runs that differ only in their seed make
one row. Each row is compared with the first one of the same data; with `--by SETTING`, with the row that has the first
run's value of this setting and differs least otherwise.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from experiments.tools.command import check_file, exit_on, no_run, run_folders


@dataclass(frozen=True, kw_only=True)
class Options:
    """Show several runs side by side."""

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Run folders."""

    by: str | None = None
    """A setting, such as rule or lr: compare runs that differ in it."""

    format: Literal["table", "csv", "json", "html"] = "table"
    """How to write the comparison."""

    out: Path | None = None
    """File to write to, instead of the terminal."""


def main(options: Options) -> int:
    """Compare and write."""
    with exit_on(OSError, ValueError, message=no_run):
        check_file("--out", options.out)
        folders = run_folders(options.runs)
        if not folders:
            raise ValueError("name at least one run folder: convff compare RUN RUN ...")
        from experiments.reports.comparison import compare
        from experiments.reports.comparison_formats import FORMATS
        from experiments.run.folder import read

        text = FORMATS[options.format](compare([read(path) for path in folders], by=options.by))
        if options.out is not None:
            from convff import write_atomically  # imports torch

            write_atomically(options.out, text.encode())
    print(text if options.out is None else options.out)
    return 0
