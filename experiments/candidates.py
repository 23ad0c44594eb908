"""What it costs, and what it saves, to try only the readout's candidates: inference by goodness of a finished run.

Example: `python experiments/candidates.py runs/RUN --tried 20 10 5`. Every label is tried first, then only the labels
that the run's readout takes for likeliest. Printed are the accuracy and the time of each, and how many points are lost.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from experiments.config.settings import SettingsError
from experiments.run import folder as run_folder
from experiments.tools.command import check_file, exit_on, no_run

if TYPE_CHECKING:
    from torch import Tensor

WARMED = 64  # images of a first call, which makes room in memory and is not timed


@dataclass(frozen=True, kw_only=True)
class Options:
    """Compare inference over all labels with inference over the readout's candidates."""

    run: tyro.conf.Positional[Path]
    """Run folder, of a rule that is judged by goodness and has a readout."""

    tried: tuple[int, ...] = (20, 10, 5)
    """Numbers of candidates."""

    images: int | None = None
    """Number of images, from the first on; all that judged the run if omitted."""

    device: str = "auto"
    """cpu, cuda, mps or auto."""

    json: Path | None = None
    """File to write the table to."""


def check(options: Options) -> Options:
    """Raise for numbers out of range.

    Raises:
        SettingsError: there is no number of candidates, or one below 1, or no image.

    Example:
        >>> check(Options(run=Path("runs/a"))).tried
        (20, 10, 5)
    """
    if not options.tried or min(options.tried) < 1:
        raise SettingsError(f"--tried takes numbers from 1 on, got {' '.join(map(str, options.tried)) or 'none'}")
    if options.images is not None and options.images < 1:
        raise SettingsError(f"--images must be at least 1, got {options.images}")
    check_file("--json", options.json)
    return options


def main(options: Options) -> list[dict[str, Any]]:
    """Measure, print and write the table; return its rows."""
    check(options)
    run = run_folder.read(options.run)
    trained = run_folder.read_with_network(run, device=options.device)
    parts, net, readout = trained.parts, trained.net, trained.readout
    if readout is None or "goodness" not in run.results["scores"]:
        raise SettingsError(
            f"{options.run} is judged by {', '.join(run.results['scores'])}: candidates need goodness and a readout"
            " (--inference goodness linear)"
        )

    from convff import block_goodness_of, predictions

    context = parts.evaluator().run
    data, classes = parts.judged.part(0, options.images), context.labels.num_classes
    blocks = range(context.first_scored_of(net), len(net))

    def predicted(tried: int, images: int | None = None) -> "Tensor":
        some = data.part(0, images)
        candidates = readout.candidates(some, tried, precision=context.precision) if tried < classes else None
        by_block = block_goodness_of(
            net,
            some,
            context.labels,
            candidates=candidates,
            goodness=context.rule.goodness,
            precision=context.precision,
        )
        return predictions(by_block, blocks, candidates)

    asked = [tried for tried in options.tried if tried < classes]
    rows = compared(predicted, data.classes, [classes, *asked])
    print(f"{run.name}: {len(data)} images, {classes} classes")
    print(as_table(rows))
    if options.json is not None:
        about = {"run": run.name, "dataset": data.name, "images": len(data), "on": run.results["judged_on"]}
        run_folder.write_json(options.json, about | {"rows": rows})
    return rows


def compared(
    predicted: "Callable[[int, int | None], Tensor]", classes: "Tensor", tried: list[int]
) -> list[dict[str, Any]]:
    """Return accuracy and time for each number of labels tried; the first is what the others are compared with.

    Args:
        predicted: returns the predicted classes `[N]` for a number of labels, of the first images or, if None, of all.
        classes: the true ones `[N]`.
        tried: numbers of labels.

    Example:
        >>> import torch
        >>> rows = compared(lambda tried, images: torch.tensor([0, tried])[:images], torch.tensor([0, 2]), [2, 1])
        >>> [(row["labels tried"], row["accuracy"], row["points lost"]) for row in rows]
        [(2, 1.0, 0.0), (1, 0.5, 50.0)]
    """
    rows: list[dict[str, Any]] = []
    for count in tried:
        predicted(count, WARMED)
        start = time.perf_counter()
        found = predicted(count, None)
        seconds = time.perf_counter() - start
        accuracy = float((found == classes).float().mean())
        rows.append({"labels tried": count, "accuracy": accuracy, "seconds": seconds})
    for row in rows:
        row["points lost"] = 100 * (rows[0]["accuracy"] - row["accuracy"])
        row["times as fast"] = rows[0]["seconds"] / row["seconds"]
    return rows


def as_table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as text.

    Example:
        >>> row = {"labels tried": 9, "accuracy": 0.5, "points lost": 0.0, "seconds": 2.0, "times as fast": 1.0}
        >>> print(as_table([row]))
        labels tried  accuracy  points lost  seconds  times as fast
                   9    50.0 %         0.00      2.0            1.0
    """
    lines = ["labels tried  accuracy  points lost  seconds  times as fast"]
    for row in rows:
        accuracy = f"{100 * row['accuracy']:.1f} %"
        lines.append(
            f"{row['labels tried']:12}  {accuracy:>8}  {row['points lost']:11.2f}  {row['seconds']:7.1f}"
            f"  {row['times as fast']:13.1f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    with exit_on(ValueError, FileNotFoundError, message=no_run):
        main(tyro.cli(Options, description=__doc__))
