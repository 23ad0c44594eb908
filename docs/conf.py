"""The documentation site: `make site`."""

import contextlib
import io
import os
import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from convff import __version__
from experiments.commands import COMMANDS
from experiments.commands.entry import main

project = "convff"
author = "the convff authors"
release = __version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
html_theme = "furo"
html_title = f"convff {release}"
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "dollarmath"]
autodoc_default_options = {"members": True, "imported-members": True, "show-inheritance": True}
autodoc_member_order = "groupwise"
autodoc_typehints = "signature"
autodoc_class_signature = "separated"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
exclude_patterns = ["_build", "notebooks"]
default_role = "code"  # our docstrings write `code` like Markdown


def setup(app: Sphinx) -> None:
    """Add what our pages and docstrings need."""
    app.connect("autodoc-process-docstring", escape_bars)
    app.connect("source-read", adapt)


def escape_bars(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Keep |x| from being read as a substitution, but for examples."""
    example = False
    for place, line in enumerate(lines):
        example = line.lstrip().startswith(">>>") or (example and bool(line.strip()))
        if not example:
            lines[place] = line.replace("|", "\\|")


def adapt(app: Sphinx, page: str, source: list[str]) -> None:
    """Append the help of every command to the page about the command line; links out of the site become text."""
    source[0] = re.sub(r"\[([^\]]+)\]\(\.\./[^)]*\)", r"\1", source[0])
    if page == "api/command-line":
        os.environ["COLUMNS"] = "100"
        for name, what in COMMANDS.items():
            source[0] += f"\n## `convff {name}`\n{what[0].upper()}{what[1:]}.\n\n```text\n{help_of(name)}\n```\n"


def help_of(command: str) -> str:
    """Return the help of a command."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
        main([command, "--help"])
    return text.getvalue().strip()
