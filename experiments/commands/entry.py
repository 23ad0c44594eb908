"""`convff COMMAND ...` and `python -m convff COMMAND ...`. Imports a command only when it is called."""

import sys
from collections.abc import Sequence
from importlib import import_module

from experiments.commands import COMMANDS


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
    import tyro

    command = import_module(f"experiments.commands.{name}")
    options = tyro.cli(command.Options, args=rest, prog=f"convff {name}", description=command.__doc__)
    status: int = command.main(options)
    return status
