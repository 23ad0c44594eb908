"""Judge finished runs again, from their checkpoints, and rewrite their `results.json`; nothing is trained.

Example: `python experiments/rejudge.py runs/*`. For when the judging has changed, or with the data of another place.
"""

import sys
from pathlib import Path
from typing import Any

from experiments.config.settings import SettingsError
from experiments.datasets import DataError
from experiments.run import evaluate as judge
from experiments.run import results as report
from experiments.run.folder import load_run, read_run


def rejudge(folder: Path) -> dict[str, Any]:
    """Judge one run again.

    Args:
        folder: a run folder, with its checkpoint.

    Returns:
        the new content of `results.json`. `git_commit` stays that of the training; `judged_commit` is today's.

    Raises:
        FileNotFoundError: a file of the run is missing.
        SettingsError: the run cannot be judged again: it is of backpropagation, or its data are no longer there.
    """
    run = read_run(folder)
    if run.settings.rule == "bp":
        raise SettingsError(f"{folder} is a run of backpropagation; only local rules can be judged again")
    trained = load_run(run, device=run.settings.device)
    judgement = judge.everything(trained.parts, trained.net)
    results = run.results | {
        "accuracy": run.results["accuracy"] | judgement.accuracy,
        "control": judgement.control,
        "per_layer": judgement.per_layer,
        "label_only_probe": judgement.label_only_probe,
        "judged_commit": report.git_commit(),
    }
    report.write_json(folder / "results.json", results)
    return results


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python experiments/rejudge.py RUN [RUN ...]")
    for argument in sys.argv[1:]:
        try:
            judged = rejudge(Path(argument))
        except (FileNotFoundError, DataError, SettingsError) as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(2)
        print(argument, judged["accuracy"], judged["control"])
