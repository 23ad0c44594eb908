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
