"""Say what this machine and this installation have, and what is wrong with them; exit with 1 if anything is."""

import importlib.metadata
import os
import platform
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ENVIRONMENT = "CONVFF_DATA"
PROJECT = Path(__file__).parents[2] / "pyproject.toml"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Say what this machine and this installation have, and what is wrong with them."""


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Args:
        name: what was looked at.
        value: what was found.
        fault: what is wrong, and what to do; empty if nothing is.
    """

    name: str
    value: str
    fault: str = ""


def main(options: Options) -> int:
    """Print the findings; return 1 if anything is wrong, else 0."""
    found = list(findings())
    width = max(len(each.name) for each in found)
    for each in found:
        print(f"{each.name:{width}}  {each.value}")
    faults = [each for each in found if each.fault]
    for each in faults:
        print(f"wrong: {each.name}: {each.fault}", file=sys.stderr)
    if not faults:
        print("nothing is wrong")
    return 1 if faults else 0


def findings() -> Iterator[Finding]:
    """Yield everything that is looked at, one after another."""
    for look in (names, versions, machine, data):
        yield from look()


def names() -> Iterator[Finding]:
    """Yield whose packages `labels`, `cam` and `experiments` are."""
    from convff import ForeignNameError, require_ours

    for name in ("labels", "cam", "experiments"):
        try:
            require_ours(name)
            yield Finding(name, f"convff's own, {Path(str(sys.modules[name].__file__)).parent}")
        except ForeignNameError as error:
            yield Finding(name, "somebody else's", str(error))


def versions() -> Iterator[Finding]:
    """Yield the versions of Python, of this package, and of all that it depends on."""
    from convff import __version__

    yield Finding("python", platform.python_version())
    yield Finding("convff", __version__)
    for name, least in requirements().items():
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield Finding(name, "missing", f"it is not installed: pip install '{name}>={least}'")
            continue
        old = _numbers(version) < _numbers(least)
        yield Finding(name, version, f"it must be at least {least}: pip install -U {name}" if old else "")


def requirements() -> dict[str, str]:
    """Return the packages that this one needs, and the least version of each.

    They are those of the installed package; of a clone that is not installed, those of its pyproject.toml; empty
    if there is neither.

    Example:
        >>> all(requirements().values())
        True
    """
    try:
        needed = importlib.metadata.requires("convff") or []
    except importlib.metadata.PackageNotFoundError:  # a clone on the import path
        text = PROJECT.read_text(encoding="utf-8") if PROJECT.is_file() else ""
        needed = tomllib.loads(text).get("project", {}).get("dependencies", [])
    pairs = (re.fullmatch(r"([\w.-]+)\s*>=\s*([\d.]+)", each) for each in needed if "extra ==" not in each)
    return {pair[1]: pair[2] for pair in pairs if pair is not None}


def _numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version.

    Example:
        >>> _numbers("2.6.0+cpu") >= _numbers("2.5")
        True
    """
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()


def machine() -> Iterator[Finding]:
    """Yield device, precision, vector units, threads and free memory."""
    import torch

    from convff import fastest_precision, free_memory
    from experiments.run.torchrun import device_named
    from experiments.tools.machine import hardware

    device = device_named("auto")
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    yield Finding("device", f"{device}: {hardware(device)}")
    yield Finding("precision", f"{fastest_precision(device)} is the fastest one here")
    for name, key in (("AVX-512", "avx512_f"), ("AVX-512 BF16", "avx512_bf16"), ("AMX BF16", "amx_bf16")):
        known = {True: "yes", False: "no", None: "unknown"}
        yield Finding(name, known[capabilities.get(key)])
    free = free_memory(torch.device("cpu"))
    yield Finding("free memory", "unknown" if free is None else f"{free / 1e9:.1f} GB")


def data() -> Iterator[Finding]:
    """Yield the folders in which data are looked for, and what they hold."""
    named = os.environ.get(ENVIRONMENT)
    if named == "":
        yield Finding(f"${ENVIRONMENT}", "empty")
    elif named is not None:
        try:
            fault = "" if Path(named).expanduser().exists() else f"{named} does not exist: set it to a folder"
            yield Finding(f"${ENVIRONMENT}", _held(Path(named)), fault)
        except (OSError, RuntimeError) as error:  # no permission, a name too long, or the home of nobody
            yield Finding(f"${ENVIRONMENT}", named, f"{named} cannot be read ({error}): set it to a folder")
    yield Finding("./data", _held(Path("data")))


def _held(folder: Path) -> str:
    """Return the names in a folder, or that there is none."""
    place = folder.expanduser()
    if not place.is_dir():
        return f"{folder}, a file" if place.is_file() else f"{folder} does not exist"
    inside = sorted(path.name for path in place.iterdir())
    shown = ", ".join(inside[:8]) + (", ..." if len(inside) > 8 else "")
    return f"{place.resolve()} holds {shown or 'nothing'}"
