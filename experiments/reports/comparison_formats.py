"""A comparison of runs as a table for the terminal, CSV, JSON or HTML."""

import csv
import io
import json
from collections.abc import Callable

from experiments.reports.comparison import Compared, as_numbers
from experiments.table import COLUMNS

LISTS = ("seeds", "accuracy_by_seed", "runs")  # whose values CSV joins


def headings() -> list[str]:
    """Return the headings of the table: those of `experiments/table.py` behind the group's letter."""
    return ["", *COLUMNS.split(" | ")]


def as_table(compared: Compared) -> str:
    """Return the table in Markdown, and a paragraph per comparison."""
    rows = [headings(), ["---"] * len(headings()), *([group.name, *group.cells] for group in compared.groups)]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([*lines, "", *sentences(compared)])


def sentences(compared: Compared) -> list[str]:
    """Return the comparisons in sentences, and which groups have none."""
    found = [comparison.words for comparison in compared.comparisons]
    if compared.alone:
        found.append(f"Compared with none: {', '.join(compared.alone)}.")
    return found


def as_csv(compared: Compared) -> str:
    """Return a row per group; accuracies are in [0, 1]."""
    text = io.StringIO()
    rows = [
        {
            name: " ".join(map(str, value.values() if isinstance(value, dict) else value)) if name in LISTS else value
            for name, value in as_numbers(group).items()
        }
        for group in compared.groups
    ]
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().removesuffix("\n")


def as_json(compared: Compared) -> str:
    """Return groups and comparisons; accuracies and differences are in [0, 1]."""
    content = {
        "groups": [as_numbers(group) for group in compared.groups],
        "comparisons": [
            {
                "reference": each.reference.name,
                "other": each.other.name,
                "settings": {one.name: [one.before, one.after] for one in each.differences},
                "difference": None if each.noise is None else each.noise.difference,
                "exceeds_noise": None if each.noise is None else each.noise.clear,
                "test": None if each.noise is None else each.noise.test,
                "paired": None if each.paired is None else each.paired.by_seed,
                "words": each.words,
            }
            for each in compared.comparisons
        ],
    }
    return json.dumps(content, indent=2, default=str)


def as_page(compared: Compared) -> str:
    """Return one HTML file."""
    from experiments.reports.writing import as_html

    folders = {group.name: [run.name for run in group.runs] for group in compared.groups}
    rows = [(group.name, group.cells) for group in compared.groups]
    content = {"headings": headings(), "rows": rows, "comparisons": compared.comparisons, "folders": folders}
    return as_html("comparison.html", alone=compared.alone, **content)


FORMATS: dict[str, Callable[[Compared], str]] = {
    "table": as_table,
    "csv": as_csv,
    "json": as_json,
    "html": as_page,
}
