"""Print a script that lets the shell complete commands and options.

Example: `eval "$(convff completion bash)"` in `~/.bashrc`, or `convff completion zsh > ~/.zfunc/_convff` in a folder of
`$fpath`.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any, Literal, Union

import tyro

from experiments.commands import COMMANDS


@dataclass(frozen=True, kw_only=True)
class Options:
    """Print a script that lets the shell complete commands and options."""

    shell: tyro.conf.Positional[Literal["bash", "zsh"]]
    """The shell."""


def main(options: Options) -> int:
    """Print the script; return 0."""
    others = [name for name in COMMANDS if name != "completion"]
    commands: Any = Union[tuple(_subcommand(name) for name in (*others, "completion"))]  # noqa: UP007 (made at run time)
    try:
        tyro.cli(commands, prog="convff", args=["--tyro-print-completion", options.shell])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def _subcommand(name: str) -> Any:
    command = import_module(f"experiments.commands.{name}")
    return Annotated[command.Options, tyro.conf.subcommand(name, description=COMMANDS[name])]
