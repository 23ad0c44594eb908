"""The report of a run folder, at the end of the run or later."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.config.settings import SettingsError
from experiments.run.folder import read
from experiments.run.predictions import FILE, read_predictions

if TYPE_CHECKING:
    from convff import Classifier

REPORT = "report.html"


def write_report(folder: Path, out: Path | None = None, *, rule: Any = None, labels: Any = None) -> Path:
    """Write the report of a finished run; no data set is needed, and no code of the folder is run.

    Args:
        folder: the run folder.
        out: the file to write; `report.html` in the folder by default.
        rule: the run's rule, if it is at hand; a rule of the user's own is needed for maps.
        labels: the run's labels; the same.

    Returns:
        the file.

    Raises:
        FileNotFoundError: the run is not finished, or there is none.
        ValueError: a file was not written by a run.
    """
    run = read(folder)
    predictions = read_predictions(folder / FILE)
    from experiments.reports.page import page_of, write_page  # imports torch

    model, reason = None, ""
    if predictions is not None:
        model, reason = _network(folder, rule, labels)
    path = folder / REPORT if out is None else out
    try:
        write_page(page_of(run, predictions, model, reason), path)
    except (KeyError, TypeError, AttributeError) as error:  # a results.json that is JSON, but not of a run
        raise SettingsError(f"{folder} does not hold a run of this package: {error!r}") from error
    return path


def _network(folder: Path, rule: Any, labels: Any) -> "tuple[Classifier | None, str]":
    """Return the network of a run, or why it cannot be used."""
    from convff import load

    try:
        return load(folder), ""
    except (FileNotFoundError, ValueError) as error:
        reason = str(error)
    if rule is not None:  # it, or the labels, may be of the user's own
        try:
            return load(folder, rule=rule, labels=labels), ""
        except (FileNotFoundError, ValueError) as error:
            reason = str(error)
    return None, f"There are no maps: {reason}."


def report_run(folder: Path, *, rule: Any = None, labels: Any = None) -> None:
    """Write the report of a run that has just ended, and say where; a failure is printed, and never ends the run.

    Args:
        folder: the run folder.
        rule: the run's rule.
        labels: the run's labels.
    """
    try:
        print(f"  report: {write_report(folder, rule=rule, labels=labels)}")
    except Exception as error:  # whatever it is, the run and its results are whole
        print(f"  note: there is no {REPORT}: {type(error).__name__}: {error}")
