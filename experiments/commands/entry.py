"""`convff COMMAND ...` and `python -m convff COMMAND ...`. Imports a command only when it is called."""

import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

from experiments.commands import COMMANDS
from experiments.tools.streams import escape_what_cannot_be_shown


def usage() -> str:
    """Return the help of all commands.

    Example:
        >>> print(usage().splitlines()[0])
        usage: convff COMMAND ... (convff COMMAND --help for its options)
    """
    width = max(map(len, COMMANDS))
    rows = [f"  {name:{width}}  {what}" for name, what in COMMANDS.items()]
    return "\n".join(["usage: convff COMMAND ... (convff COMMAND --help for its options)", "", *rows])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status, or exit with 2 for what cannot be parsed.

    Args:
        arguments: the command line without the program; the process's own if omitted.
    """
    escape_what_cannot_be_shown()
    name, *rest = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if name in ("-h", "--help"):
        print(usage())
        return 0
    if name == "--version":
        from convff import __version__  # imports torch

        print(__version__)
        return 0
    if name not in COMMANDS:
        print(f"error: there is no command {name!r}\n{usage()}", file=sys.stderr)
        return 2
    try:
        command = import_module(f"experiments.commands.{name}")
        status: int = command.main(_parsed(command, rest, f"convff {name}"))
    except ImportError as error:
        from convff import ForeignNameError  # imports torch

        if not isinstance(error, ForeignNameError):
            raise
        print(f"error: {error}", file=sys.stderr)
        return 2
    return status


def _parsed(command: ModuleType, arguments: list[str], prog: str) -> Any:
    """Return the options of a command, by its own `parse` if it has one."""
    if hasattr(command, "parse"):
        return command.parse(arguments, prog)
    import tyro

    return tyro.cli(command.Options, args=arguments, prog=prog, description=command.__doc__)
