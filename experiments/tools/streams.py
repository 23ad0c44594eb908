"""What a run prints, on terminals and in files of any encoding."""

import io
import sys


def escape_what_cannot_be_shown() -> None:
    """Print signs that the encoding of the output lacks as escapes, instead of raising UnicodeEncodeError.

    On Windows, output that goes to a file has the encoding of the country; that of Japan has no `·`, for example.

    Example:
        >>> escape_what_cannot_be_shown()
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
