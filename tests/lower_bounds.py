"""Print the oldest versions that `pyproject.toml` allows, as pip's constraints: `python tests/lower_bounds.py`."""

import re
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parent.parent / "pyproject.toml"


def lower_bounds(extras: tuple[str, ...] = ("test", "search")) -> list[str]:
    """`name==version` for every dependency, and for those of the extras.

    Example:
        >>> [pin for pin in lower_bounds() if pin.startswith("pytest=")]
        ['pytest==8']
    """
    project = tomllib.loads(PROJECT.read_text())["project"]
    wanted = [*project["dependencies"], *(each for name in extras for each in project["optional-dependencies"][name])]
    pins = (re.fullmatch(r"([A-Za-z0-9-]+)>=([\d.]+)", each) for each in wanted)
    return [f"{pin[1]}=={pin[2]}" for pin in pins if pin]


if __name__ == "__main__":
    print("\n".join(lower_bounds()))
