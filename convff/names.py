"""A guard of our top-level names: `labels`, `cam` and `experiments` may be somebody else's file or package."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from convff.version import __version__

HERE = Path(__file__).resolve().parent.parent
MARK = "__convff__"  # what each package of ours defines


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
            if error.name == name:
                what = f"`{name}` is missing, which belongs to convff {__version__}: install it again"
                raise ForeignNameError(what) from error
            spec = find_spec(name)
            if spec is None or spec.origin is None or MARK in Path(spec.origin).read_text(encoding="utf-8"):
                raise  # ours, and a dependency is missing
            raise ForeignNameError(_foreign(name, spec.origin)) from error
        if not hasattr(found, MARK):
            where = getattr(found, "__file__", None) or ", ".join(getattr(found, "__path__", [])) or "built in"
            raise ForeignNameError(_foreign(name, where))


def _foreign(name: str, where: str) -> str:
    return (
        f"`{name}` is {where}, not convff's, which lies in {HERE / name}: rename it, start Python from another "
        "folder, or install convff into an environment of its own"
    )
