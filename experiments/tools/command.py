"""How a script ends on an expected error."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


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


def check_file(option: str, path: Path | None) -> None:
    """Raise, before any work is done, for a file that cannot be written.

    Args:
        option: the option that names it, for the message.
        path: the file; None for none.

    Raises:
        ValueError: it is a folder, or its folder is missing.

    Example:
        >>> check_file("--out", Path("no/such/folder/page.html"))
        Traceback (most recent call last):
        ...
        ValueError: --out no/such/folder/page.html cannot be written: there is no folder no/such/folder
    """
    if path is not None and (path.is_dir() or not path.parent.is_dir()):
        reason = "it is a folder" if path.is_dir() else f"there is no folder {path.parent}"
        raise ValueError(f"{option} {path} cannot be written: {reason}")


def run_folders(paths: Sequence[Path]) -> list[Path]:
    """Return paths without the files that lie beside runs: the summaries of `--seeds` and of sweeps.

    Example:
        >>> [path.name for path in run_folders([Path("no/such/run"), Path(__file__)])]
        ['run']
    """
    return [path for path in paths if path.is_dir() or not path.exists()]
