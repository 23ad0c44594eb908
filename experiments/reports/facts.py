"""The facts of a run: command, settings, versions, machine, times, warnings and citations."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from convff import Finding
from experiments.config.differences import changed_from_preset, shown
from experiments.config.ranges import option
from experiments.config.settings import SettingsError
from experiments.config.written import command_of
from experiments.reports.citations import bibtex
from experiments.run.folder import RunRecord
from experiments.run.tables import WARNING, remarks_of, remarks_on_images


@dataclass(frozen=True)
class Changed:
    """A setting that is not the preset's.

    Args:
        option: as it is typed.
        value: in words.
        usual: the preset's, in words.
    """

    option: str
    value: str
    usual: str


@dataclass(frozen=True)
class Facts:
    """The facts of a run, in words.

    Args:
        command: what starts it again; empty if no single command does.
        changed: the settings that are not the preset's.
        recipe: every number of the run.
        about: machine, versions, times and data, name to words.
        warnings: what the run warned of.
        citations: BibTeX.
    """

    command: str
    changed: tuple[Changed, ...]
    recipe: Mapping[str, str]
    about: Mapping[str, str]
    warnings: tuple[str, ...]
    citations: str


def facts_of(run: RunRecord, *, files: bool = True) -> Facts:
    """Return the facts of a run.

    Args:
        run: the run.
        files: whether warnings name files of images, with their paths on the machine of the run.
    """
    settings = replace(run.settings, report=True)
    try:
        command = command_of(settings) or ""
        changed = [Changed(option(c.name), shown(c.value), shown(c.usual)) for c in changed_from_preset(settings)]
    except (SettingsError, ValueError, LookupError):  # a run of an earlier version may have what this one does not know
        command, changed = "", []
    numbers = run.recipe | {name: getattr(settings, name) for name in ("rule", "label_at", "label_name")}
    return Facts(
        command=command,
        changed=tuple(changed),
        recipe={name.replace("_", " "): shown(value) for name, value in run.recipe.items()},
        about=dict(_about(run)),
        warnings=tuple(warnings_of(run, files=files)),
        citations=bibtex(numbers),
    )


def warnings_of(run: RunRecord, *, files: bool) -> list[str]:
    """Return what the run warned of, and what its closing table remarked; see `facts_of`."""
    results = run.results
    findings = [Finding(**found) if isinstance(found, dict) else found for found in results.get("findings", ())]
    found = remarks_of(results["accuracy"].get("linear"), results["control"].get("untrained_linear"), findings)
    found += remarks_on_images(results.get("notes", ()), results.get("excluded", ()), files=files)
    if results.get("preset") == "smoke":
        found.append("The preset smoke only shows that all parts work: its numbers mean little.")
    return found


def _about(run: RunRecord) -> Iterator[tuple[str, str]]:
    results = run.results
    seconds = results["seconds"]
    yield "run", run.name
    yield "judged on", str(results["judged_on"])
    if told := [note for note in results.get("notes", ()) if not note.startswith(WARNING)]:
        yield "images", "; ".join(told)
    yield "minutes", f"{seconds['training'] / 60:.1f} of training, {seconds['total'] / 60:.1f} in all"
    yield "speed", f"{results['images_per_second']:,.0f} images per second"
    if results.get("peak_memory_mib"):
        yield "memory", f"{results['peak_memory_mib']:,.0f} MiB at most"
    yield "hardware", str(results["hardware"])
    if results.get("processes", 1) > 1:
        yield "processes", str(results["processes"])
    yield "versions", ", ".join(f"{name} {version}" for name, version in results["versions"].items() if version)
    yield "commit", str(results["git_commit"] or "unknown")
    for name, digest in (results.get("data") or {}).items():
        yield f"digest of {name}", str(digest)
