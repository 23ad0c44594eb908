"""Names of parts: a key of one of our tables, or `FILE.py:NAME` in the user's own file. Imports no torch."""

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

from tyro.constructors import PrimitiveConstructorSpec

from experiments.config.names import names_in


def own_file(name: str) -> Path | None:
    """Return the file of a part named `FILE.py:NAME`; None for a key of a table.

    Example:
        >>> own_file("./mine.py:MyRule"), own_file("hebbff")
        (PosixPath('mine.py'), None)
    """
    file, colon, attribute = name.rpartition(":")
    return Path(file) if colon and file.endswith(".py") and attribute.isidentifier() else None


def short(name: str) -> str:
    """Return the name of a part without its file, as in tables and in names of folders.

    Example:
        >>> short("./rules/mine.py:MyRule"), short("hebbff")
        ('MyRule', 'hebbff')
    """
    return name if own_file(name) is None else name.rpartition(":")[2]


def known(what: str, name: str, names: tuple[str, ...]) -> str:
    """Return the name if it is in the table or its file exists.

    Raises:
        ValueError: it is neither.

    Example:
        >>> known("rule", "hebff", ("ff", "hebbff"))
        Traceback (most recent call last):
        ...
        ValueError: rule hebff is unknown, did you mean hebbff? Known are ff, hebbff; or FILE.py:NAME of your own
    """
    file = own_file(name)
    if name not in names and file is None:
        close = "".join(f", did you mean {match}?" for match in get_close_matches(name, names, n=1)) or "."
        raise ValueError(f"{what} {name} is unknown{close} Known are {', '.join(names)}; or FILE.py:NAME of your own")
    try:
        found = file is None or file.is_file()
    except OSError:  # a name that is too long
        found = False
    if not found:
        raise ValueError(f"{what} {name}: there is no file {file}")
    return name


def part_of(what: str, file: str, table: str, also: tuple[str, ...] = ()) -> Any:
    """Return the type of a command-line option that names a part: a string with its own help and errors.

    Args:
        what: the part in words, for errors.
        file: path of the file that holds the table, below the folder of the packages.
        table: name of the table.
        also: further names.
    """
    names = (*also, *names_in(file, table))
    spec = PrimitiveConstructorSpec[str](
        nargs=1,
        metavar="{" + ",".join((*names, "FILE.py:NAME")) + "}",
        instance_from_str=lambda given: known(what, given[0], names),
        is_instance=lambda value: isinstance(value, str),
        str_from_instance=lambda value: [value],
    )
    return Annotated[str, spec]
