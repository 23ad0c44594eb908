"""The command line that leads to given settings. Imports no torch."""

import shlex
from collections.abc import Iterator
from typing import Any

from experiments.config.command_line import Asked, settings_asked_for
from experiments.config.differences import names_in_order
from experiments.config.ranges import option
from experiments.config.settings import Settings

SCRIPTS = ("mnist", "fashion_mnist", "cifar10", "cifar100")
DECIDED = ("labels", "label_at")  # options that other options decide if they are omitted


def command_of(settings: Settings) -> str | None:
    """Return a command that makes a run with these settings; None if no command does.

    Example:
        >>> print(command_of(Settings(dataset="mnist", labels="morph", epochs=3, widths=(8, 16), model="mlp")))
        python experiments/mnist.py --labels morph --model mlp --widths 8 16 --epochs 3
        >>> print(command_of(Settings(dataset="digits", label_at="output")))
        python experiments/cifar10.py --dataset digits
    """
    script = settings.dataset if settings.dataset in SCRIPTS else "cifar10"
    default = Settings(dataset=script)
    values = {name: getattr(settings, name) for name in names_in_order() if name != "resume"}
    changed = {name: value for name, value in values.items() if value != getattr(default, name)}
    for named in _choices():
        given = {name: values[name] for name in values if name in changed.keys() - set(DECIDED) or name in named}
        if settings_asked_for(Asked(**({"dataset": script} | given))) == settings:
            words = [f"experiments/{script}.py", *(word for name in given for word in _words(name, values[name]))]
            return f"python {shlex.join(words)}"
    return None


def _choices() -> Iterator[tuple[str, ...]]:
    """Yield which of the options that others decide are written, the fewest first."""
    yield ()
    for name in DECIDED:
        yield (name,)
    yield DECIDED


def _words(name: str, value: Any) -> list[str]:
    """Return an option as it is typed.

    Example:
        >>> _words("skip", True), _words("redraw", False), _words("report", False), _words("pool_after", ())
        (['--skip'], ['--redraw', 'False'], ['--no-report'], ['--pool-after'])
    """
    if isinstance(getattr(Settings, name), bool):
        return [option(name) if value else option(f"no_{name}")]
    return [option(name), *(map(str, value) if isinstance(value, tuple) else [str(value)])]
