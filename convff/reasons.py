"""Why another package could not do something, in the words of its error."""


def reason(error: Exception) -> str:
    """Return the kind of an error and the start of its message, on one line.

    Example:
        >>> reason(OSError("no network"))
        'OSError: no network'
    """
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
