"""How a script ends on an expected error."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def exit_on(*errors: type[Exception], message: Callable[[Exception], object] = str) -> Iterator[None]:
    """Print `error: ...` to stderr and exit with 2 if the block raises one of these errors.

    Args:
        errors: the errors that end the script.
        message: returns the text to print for an error; by default the error's own text.

    Example:
        >>> with exit_on(ValueError):
        ...     int("seven")
        Traceback (most recent call last):
        ...
        SystemExit: 2
    """
    try:
        yield
    except errors as error:
        print(f"error: {message(error)}", file=sys.stderr)
        sys.exit(2)


def no_run(error: Exception) -> str:
    """Return the message for an error of reading a run: a file that is missing shows that it is not finished.

    Example:
        >>> no_run(FileNotFoundError(2, "No such file or directory", "runs/a/results.json"))
        'runs/a/results.json does not exist: not a finished run'
    """
    if isinstance(error, FileNotFoundError) and error.filename:
        return f"{error.filename} does not exist: not a finished run"
    return str(error)
