"""The table of an ablation: as JSON with every number, and as Markdown. Imports no torch."""

import json
from pathlib import Path
from typing import Any

from experiments.config.ablation import Ablation, Plan
from experiments.config.own import own_file
from experiments.config.settings import SettingsError
from experiments.tools.intervals import standard_error
from experiments.tools.markdown import plain_table

MAY_DIFFER = ("split",)  # what a new table cannot know before the data are loaded
CHOSEN = ("epochs", "train_images")  # set by the speed


class Table:
    """The rows that are trained, kept on disk.

    Args:
        asked: the options of the command line; with `--resume` an earlier table is continued.
        plan: the content of the settings file.

    Raises:
        SettingsError: a table exists, and `--resume` is not given or the table has other settings.
    """

    def __init__(self, asked: Ablation, plan: Plan) -> None:
        name = f"{asked.file.stem}-{asked.minutes:g}min-seed{plan.settings.seed}"
        self.path = asked.out / f"{name}.json"
        self.order = [row.name for row in plan.rows]
        self.head: dict[str, Any] = {
            "file": asked.file.name,
            "minutes": asked.minutes,
            "seed": plan.settings.seed,
            "readout": asked.readout,
            "base": _recorded(plan.base),
            "split": None,
        }
        self.rows: dict[str, dict[str, Any]] = {}
        if self.path.exists():
            if not asked.resume:
                raise SettingsError(f"{self.path} exists: continue it with --resume, or give another --out")
            self._go_on(plan)

    def _go_on(self, plan: Plan) -> None:
        """Take over the rows of the existing table, if it has the same settings."""
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            rows = {row["name"]: row for row in content["rows"]}
            settings = {name: row["settings"] for name, row in rows.items()}
            same = {name: content[name] for name in self.head}
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise SettingsError(f"--resume: {self.path} is not a table of this script ({error!r})") from error
        for name, value in self.head.items():
            if name not in MAY_DIFFER and value != same[name]:
                raise SettingsError(f"--resume: {self.path} has another {name}: {same[name]}, but now it is {value}")
        for row in plan.rows:
            if row.name in settings and settings[row.name] != _recorded(row.changes):
                raise SettingsError(
                    f'--resume: row "{row.name}" of {self.path} was trained with {settings[row.name]}, and the file '
                    f"now says {_recorded(row.changes)}: give the row another name"
                )
        self.head["split"], self.rows = same["split"], rows
        for row in plan.rows:  # the sentence may have changed
            if row.name in self.rows:
                self.rows[row.name]["about"] = row.about

    def judged_by(self, split: dict[str, Any]) -> None:
        """Set which images judge the rows.

        Raises:
            SettingsError: the earlier rows were judged by others.
        """
        if self.head["split"] not in (None, split):
            raise SettingsError(
                f"--resume: the rows of {self.path} were judged by {self.head['split']}, the others would be by {split}"
            )
        self.head["split"] = split

    def refuse_other_numbers(self, name: str, recipe: dict[str, Any]) -> None:
        """Raise if a trained row would have other numbers now, because a preset has changed.

        Args:
            name: name of the row; ignored if it is not trained yet.
            recipe: its numbers now.
        """
        trained = self.rows.get(name, {"recipe": {}})["recipe"]
        for number, value in json.loads(json.dumps(recipe)).items():
            if number not in CHOSEN and number in trained and trained[number] != value:
                raise SettingsError(
                    f'--resume: row "{name}" of {self.path} was trained with {number} {trained[number]}, and would be '
                    f"with {value} now: a preset has changed, so start a new table with another --out"
                )

    def add(self, row: dict[str, Any]) -> None:
        """Add a trained row, and write both files."""
        self.rows[row["name"]] = row | {"settings": _recorded(row["settings"])}
        self.write()

    def write(self) -> None:
        """Write both files; an interruption leaves the older ones intact."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        content = self.head | {"rows": self.in_order()}
        for path, text in (
            (self.path, json.dumps(content, indent=2)),
            (self.path.with_suffix(".md"), markdown(self.head, self.in_order(), self.order[0])),
        ):
            unfinished = path.with_name(path.name + ".part")
            unfinished.write_text(text + "\n", encoding="utf-8")
            unfinished.replace(path)

    def in_order(self) -> list[dict[str, Any]]:
        """Return the trained rows in the order of the file, then those that it no longer has."""
        names = [name for name in self.order if name in self.rows]
        return [self.rows[name] for name in (*names, *(name for name in self.rows if name not in self.order))]


def markdown(head: dict[str, Any], rows: list[dict[str, Any]], first: str) -> str:
    """Write the table in Markdown.

    Args:
        head: what holds for all rows.
        rows: the rows.
        first: name of the row that the others are compared with.
    """
    split = head["split"]
    base = next((row["accuracy"] for row in rows if row["name"] == first), None)
    lines = [
        f"# {Path(head['file']).stem}: {head['minutes']:g} minutes of training per row",
        f"{split['dataset']}, judged by {split['judged']:,} validation images, seed {head['seed']}. "
        f"All rows, unless a row says otherwise: {_settings(head['base']) or 'the preset'}.",
        plain_table([_cells(row, base, first, head["readout"]) for row in rows]),
    ]
    return "\n\n".join(lines + _remarks(rows, base, split))


def _remarks(rows: list[dict[str, Any]], base: float | None, split: dict[str, Any]) -> list[str]:
    remarks = []
    if base is not None:
        points = 100 * standard_error(base, split["judged"])
        remarks.append(
            f"Standard error of an accuracy of {100 * base:.1f} % on {split['judged']:,} images: {points:.2f} points. "
            "It covers the choice of images; the seed adds to it."
        )
    hardware, commits = (dict.fromkeys(row[key] or "unknown" for row in rows) for key in ("hardware", "git_commit"))
    remarks.append(f"Hardware: {'; '.join(hardware)}. Commit: {'; '.join(commits)}.")
    remarks += [f"{row['name']}: {found}." for row in rows for found in (*row["findings"], row["diverged"]) if found]
    if split["is_stand_in"]:
        remarks.append("These are DRAWN STAND-IN images, not the requested data set: no number here is comparable.")
    return remarks


def _cells(row: dict[str, Any], base: float | None, first: str, readout: bool) -> dict[str, str]:
    accuracy = row["accuracy"]
    compared = base is not None and accuracy is not None and row["name"] != first
    cells = {
        "row": row["name"],
        "settings": _settings(row["settings"]) or "-",
        "accuracy": "diverged" if accuracy is None else f"{_percent(accuracy)} ({row['evaluation']})",
        f"points against {first}": f"{100 * (accuracy - base):+.1f}" if compared else "-",
        "block by block": " ".join(f"{100 * each:.1f}" for each in row["per_block"].get("accuracy", ())) or "-",
        "readout": _percent(row["readout"]),
        "images/s": f"{row['images_per_second']:.0f}",
        "epochs x images": f"{row['epochs']} x {row['images_per_epoch']:,}",
        "seconds": f"{row['seconds']:.0f}",
        "what it tries": row["about"],
    }
    if not readout:
        del cells["readout"]
    return {name.replace("|", "\\|"): cell.replace("|", "\\|") for name, cell in cells.items()}


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _settings(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items())


def _recorded(value: Any) -> Any:
    """Return settings as JSON reads them back, with the user's own files without their folder."""
    if isinstance(value, dict):
        return {name: _recorded(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_recorded(each) for each in value]
    file = own_file(value) if isinstance(value, str) else None
    return value if file is None else f"{file.name}:{value.rpartition(':')[2]}"
