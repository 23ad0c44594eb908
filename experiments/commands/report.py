"""Write the report of a finished run again: one HTML file with everything in it, and no data set needed.

Example: `convff report RUN --out report.html`. A run writes its own at its end, as `report.html` in its folder. Maps
need nothing but the run folder; a run of an earlier version has saved no predictions, and its report says so.
"""

from dataclasses import dataclass
from pathlib import Path

import tyro

from experiments.tools.command import exit_on, no_run


@dataclass(frozen=True, kw_only=True)
class Options:
    """Write the report of a finished run again."""

    run: tyro.conf.Positional[Path]
    """A run folder."""

    out: Path | None = None
    """The file to write. Default: report.html in the run folder."""


def main(options: Options) -> int:
    """Write the report; print its path."""
    from experiments.reports.of_run import write_report

    with exit_on(OSError, ValueError, message=no_run):
        if not options.run.is_dir():
            raise ValueError(f"{options.run} is not a run folder")
        path = write_report(options.run, options.out)
    print(path)
    return 0
