"""Judge finished runs again, from their checkpoints, and rewrite their `results.json` and `predictions.npz`.

Example: `python experiments/rejudge.py runs/*`. Nothing is trained. Useful after a change of the evaluation, or where
the data are at another place.
"""

import sys
from pathlib import Path
from typing import Any

from experiments.config.settings import SettingsError
from experiments.datasets import DataError
from experiments.run import folder as run_folder
from experiments.run.evaluate import scores_as_json
from experiments.run.predictions import keep_predictions
from experiments.tools import machine
from experiments.tools.command import exit_on, run_folders


def rejudge(folder: Path) -> dict[str, Any]:
    """Judge one run again.

    Args:
        folder: a run folder, with its checkpoint.

    Returns:
        the new content of `results.json`. `git_commit` stays the training's; `judged_commit` is the current one.

    Raises:
        FileNotFoundError: a file of the run is missing.
        DataError: the run's data cannot be found.
        SettingsError: the data that are found are not the run's.
    """
    run = run_folder.read(folder)
    trained = run_folder.read_with_network(run, device=run.settings.device)
    parts = trained.parts
    found = parts.evaluator().everything(trained.net, trained.modules, parts.untrained)
    results = run.results | {
        "accuracy": run.results["accuracy"] | found.accuracy,
        "control": found.control,
        "per_layer": found.per_layer,
        "label_only_probe": found.label_only_probe,
        "participation": found.participation,
        "scores": run.results.get("scores", {}) | scores_as_json(found),
        "judged_commit": machine.git_commit(),
    }
    keep_predictions(found, parts.judged, folder)
    run_folder.write_json(folder / "results.json", results)
    return results


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python experiments/rejudge.py RUN [RUN ...]")
    for folder in run_folders([Path(argument) for argument in sys.argv[1:]]):
        with exit_on(FileNotFoundError, DataError, SettingsError):
            judged = rejudge(folder)
        print(folder, judged["accuracy"], judged["control"])
