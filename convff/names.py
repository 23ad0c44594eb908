"""A guard of our top-level names: `labels`, `cam` and `experiments` may be somebody else's file or package."""

from importlib import import_module
from pathlib import Path

from convff.version import __version__

HERE = Path(__file__).resolve().parent.parent


class ForeignNameError(ImportError):
    """A package of ours is hidden by another one of the same name."""


def require_ours(*names: str) -> None:
    """Raise unless packages of these names are those that belong to this one.

    Args:
        names: of top-level packages: "labels", "cam", "experiments".

    Raises:
        ForeignNameError: one is missing, or somebody else's; the message says whose it is, and what to do.

    Example:
        >>> require_ours("labels")
        >>> try:
        ...     require_ours("json")
        ... except ForeignNameError as error:
        ...     print(str(error).partition(" is ")[0])
        `json`
    """
    for name in names:
        try:
            found = import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            raise ForeignNameError(
                f"`{name}` is missing, which belongs to convff {__version__}: install it again"
            ) from error
        if not hasattr(found, "__convff__"):
            where = getattr(found, "__file__", None) or ", ".join(getattr(found, "__path__", [])) or "built in"
            raise ForeignNameError(
                f"`{name}` is {where}, not convff's, which lies in {HERE / name}: rename it, start Python from another "
                "folder, or install convff into an environment of its own"
            )
