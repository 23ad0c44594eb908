"""Show a trained network at work: one page, made in seconds; nothing is trained or downloaded.

Example: `convff demo`. The page shows 16 digits, the goodness of all ten labels for each, and what speaks for the
answer.
"""

import webbrowser
from dataclasses import dataclass
from pathlib import Path

from experiments.tools.command import check_file, exit_on


@dataclass(frozen=True, kw_only=True)
class Options:
    """Show a trained network at work, on one page."""

    out: Path = Path("demo.html")
    """The page."""

    open: bool = False
    """Open it in a browser."""


def main(options: Options) -> int:
    """Write the page; return 0."""
    from experiments.reports.demo import write_demo

    with exit_on(OSError, ValueError):
        check_file("--out", options.out)
        demo = write_demo(options.out)
    print(f"{demo.right} of {len(demo.digits)} digits are right: {options.out}")
    if options.open:
        webbrowser.open(options.out.resolve().as_uri())
    return 0
