"""The model card of a run: what it reached beside the untrained network, and how it was made."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from convff import EVALUATIONS, model_card
from experiments.config.written import without_paths
from experiments.reports.facts import facts_of
from experiments.run.alike import COLUMN_READOUTS, judged_by
from experiments.run.folder import RunRecord, read

if TYPE_CHECKING:
    from convff import Classifier


def card_of(run: Path | RunRecord, model: "Classifier", repository: str) -> str:
    """Return the model card of a finished run, in Markdown.

    Paths of this machine are not in it, but for the name of a folder of images.

    Args:
        run: the run folder, or what it holds.
        model: its network.
        repository: "user/name".

    Raises:
        FileNotFoundError: the run is not finished, or there is none.
        SettingsError: a file was not written by a run.
    """
    run = read(run) if isinstance(run, Path) else run
    return model_card(model, repository, about="\n".join(_about(run)))


def _about(run: RunRecord) -> Iterator[str]:
    results = run.results
    facts = facts_of(replace(run, settings=without_paths(run.settings)), files=False)
    yield "## What it reached"
    if results["is_stand_in"]:
        yield "**On drawn stand-in images**, for the data were not found: these numbers say nothing about real ones.\n"
    yield f"{results['dataset']}, {results['judged_on']}, seed {results['seed']}:\n"
    yield "| scores | accuracy |\n|---|---|"
    yield from _rows(run)
    yield ""
    yield from (f"- {warning}" for warning in facts.warnings)
    yield "\n## How it was made"
    if facts.command:
        yield f"```bash\n{facts.command}\n```\n"
    minutes = results["seconds"]["training"] / 60
    made = (f"{minutes:.1f} minutes of training on {results['hardware']}", facts.about["versions"])
    yield f"{'; '.join(made)}; commit {facts.about['commit']}.\n"
    yield f"## Cite\n```bibtex\n{facts.citations}\n```"


def _rows(run: RunRecord) -> Iterator[str]:
    """Yield a row for each accuracy, the one that judges the run first, and one for the untrained network."""
    accuracy = {name: value for name, value in run.results["accuracy"].items() if value is not None}
    first = judged_by(run.results)
    for name in sorted(accuracy, key=lambda name: (name != first, name in COLUMN_READOUTS)):
        title = EVALUATIONS[name].title if name in EVALUATIONS else name
        yield f"| {title} | {100 * accuracy[name]:.2f} % |"
    control = run.results["control"].get("untrained_linear")
    shown = "not measured" if control is None else f"{100 * control:.2f} %"
    yield f"| the same fitted readout of the untrained network (control) | {shown} |"
