"""How archives are named that can be read. Imports no torch, so that the command line can ask."""

from pathlib import Path

SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".zip")


def is_archive(path: Path) -> bool:
    """Return whether a path is named like an archive that can be read.

    Example:
        >>> is_archive(Path("photos.tar.gz")), is_archive(Path("photos.rar"))
        (True, False)
    """
    return path.name.lower().endswith(SUFFIXES)
