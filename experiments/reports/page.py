"""The report of a run as one HTML file: its model, and how it is written."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convff import EVALUATIONS, write_atomically
from experiments.config.own import short
from experiments.reports import charts
from experiments.reports.charts import Chart, charts_of
from experiments.reports.confusions import Confusion, Row, most_frequent, table_of
from experiments.reports.facts import Facts, facts_of
from experiments.reports.headline import Headline, headline
from experiments.reports.labels_seen import LabelsSeen, labels_seen
from experiments.reports.surest import Answer, surest_answers
from experiments.reports.writing import as_html
from experiments.run.alike import judged_by
from experiments.run.folder import RunRecord
from experiments.run.predictions import Predictions

if TYPE_CHECKING:
    from convff import Classifier

NO_PREDICTIONS = (
    "This run has saved no predictions, as runs before this version: which images it got right and wrong, and the "
    "classes that it confuses, are left away. `python experiments/rejudge.py RUN` adds them where its data are at hand."
)
PER_BLOCK = {
    "accuracy": ("accuracy of the block alone", True),
    "discrimination": ("right label over wrong one", True),
    "label_bias": ("effect of a label on a blank image (0 is ideal)", False),
}
DIRECTIONS = {"trained": "directions that features use", "untrained": "the same, untrained network"}


@dataclass(frozen=True)
class Block:
    """A row of figures, one for each block of the network.

    Args:
        name: what they are.
        values: in words.
        shares: the figures in [0, 1], for bars; None where they are no shares.
    """

    name: str
    values: tuple[str, ...]
    shares: tuple[float, ...] | None


@dataclass(frozen=True)
class Page:
    """All that a report shows.

    Args:
        headline: the first lines.
        by: the evaluation that gave the answers, in words; empty without predictions.
        stand_in: whether the images are drawn ones, not the data that were asked for.
        charts: curves against epochs.
        blocks: figures of every block.
        matrix: the table of classes; empty for many classes, or without predictions.
        confusions: the most frequent confusions.
        answers: the images that the run is surest of.
        no_pictures: why there are none, or no maps; empty if there are.
        no_predictions: what is missing without predictions; empty if there are some.
        labels: where the label is, and how it looks.
        facts: command, settings, versions and so on.
        class_names: the classes, if known.
    """

    headline: Headline
    by: str
    stand_in: bool
    charts: tuple[Chart, ...]
    blocks: tuple[Block, ...]
    matrix: tuple[Row, ...]
    confusions: tuple[Confusion, ...]
    answers: tuple[Answer, ...]
    no_pictures: str
    no_predictions: str
    labels: LabelsSeen
    facts: Facts
    class_names: tuple[str, ...]

    @property
    def right_and_wrong(self) -> tuple[tuple[str, list[Answer]], ...]:
        """The answers under two headings, those of which there are any."""
        kinds = (
            ("Right, and sure of it", [answer for answer in self.answers if answer.correct]),
            ("Wrong, and sure of it", [answer for answer in self.answers if not answer.correct]),
        )
        return tuple((title, answers) for title, answers in kinds if answers)


def page_of(run: RunRecord, predictions: Predictions | None, model: "Classifier | None", no_model: str = "") -> Page:
    """Return all that the report of a run shows.

    Args:
        run: the run.
        predictions: its answers; None if it has not saved them.
        model: its network; None for a report without maps.
        no_model: why there is none.
    """
    results = run.results
    answers, no_pictures = ([], "") if predictions is None else surest_answers(predictions, model)
    images = () if predictions is None else predictions.images
    names = predictions.class_names if predictions is not None else () if model is None else model.class_names
    titles = {name: evaluation.title for name, evaluation in EVALUATIONS.items()}
    return Page(
        headline=headline(run, predictions, titles),
        by="" if predictions is None else titles.get(predictions.by, short(predictions.by)),
        stand_in=bool(results.get("is_stand_in")),
        charts=tuple(charts_of(run)),
        blocks=tuple(blocks_of(results)),
        matrix=() if predictions is None else tuple(table_of(predictions)),
        confusions=() if predictions is None else tuple(most_frequent(predictions)),
        answers=tuple(answers),
        no_pictures=no_pictures or (no_model if answers else ""),
        no_predictions=NO_PREDICTIONS if predictions is None else "",
        labels=labels_seen(
            run.settings,
            None if model is None else model.run.labels,  # type: ignore[arg-type]
            names,
            images,  # type: ignore[arg-type]
            tried=judged_by(results) != "head",
        ),
        facts=facts_of(run),
        class_names=tuple(names),
    )


def blocks_of(results: dict[str, Any]) -> list[Block]:
    """Return the figures of every block.

    Example:
        >>> [(row.name, row.values) for row in blocks_of({"per_layer": {"accuracy": [0.5, 0.75]}})]
        [('accuracy of the block alone', ('50.0 %', '75.0 %'))]
    """
    found = []
    measured = results.get("per_layer", {}) | results.get("label_only_probe", {})
    for key, (name, shares) in PER_BLOCK.items():
        if values := measured.get(key):
            words = tuple(f"{100 * value:.1f} %" if shares else f"{value:.3f}" for value in values)
            found.append(Block(name, words, tuple(min(1.0, max(0.0, v)) for v in values) if shares else None))
    for key, name in DIRECTIONS.items():
        if values := (results.get("participation") or {}).get(key):
            found.append(Block(name, tuple(f"{value:.1f}" for value in values), None))
    return found


def report_text(page: Page) -> str:
    """Return a report as HTML."""
    return as_html("report.html", page=page, charts=charts)


def write_page(page: Page, path: Path) -> None:
    """Write a report, atomically; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, report_text(page).encode())
