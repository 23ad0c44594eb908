"""Draw figures of finished runs, among them the paper's figures 3 and 5. No display is needed.

Example: `python experiments/figures.py runs/* --out figures`. It writes, as PNG and PDF:

- `layers-RUN`: loss and discrimination of every block against epochs, and the accuracy (the paper's figures 3c, 3d);
- `discrimination-DATASET`: the discrimination of several runs side by side (figures 5a, 5b);
- `steps-DATASET`: accuracy on held-out images against steps, several runs in one panel;
- `minutes-DATASET`: the same against minutes of training, and when each run reached 75 %;
- `blocks-DATASET`: the accuracy of each block alone, and how many directions its features use;
- `confusion-RUN`: the confusion matrix (figure 3b), from the run's checkpoint and its data;
- `filters-DATASET`: accuracy against filters per layer (figure 3a), where runs differ in `--width`.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import tyro

from experiments.config.settings import SettingsError
from experiments.run import blocks, curves, figures, folder
from experiments.tools.command import exit_on, run_folders


@dataclass(frozen=True, kw_only=True)
class Options:
    """Draw the paper's figures 3 and 5 from finished runs."""

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Run folders."""

    out: Path = Path("figures")
    """Folder to write to."""

    confusion: bool = True
    """Also draw the confusion matrices, which needs the runs' data."""


def main(options: Options) -> list[Path]:
    """Draw every figure that the runs have numbers for; return the files, and print what could not be drawn."""
    runs = [folder.read(path) for path in run_folders(options.runs)]
    written = []
    for run in runs:
        written.append(options.out / f"layers-{run.name}.png")
        figures.draw_layers(run, written[-1])
    for dataset in sorted({run.settings.dataset for run in runs}):
        same = [run for run in runs if run.settings.dataset == dataset]
        local = [run for run in same if run.by_block("discrimination")]
        if len(local) > 1:
            written.append(options.out / f"discrimination-{dataset}.png")
            figures.draw_discrimination(local, written[-1])
            written.append(options.out / f"steps-{dataset}.png")
            curves.draw_accuracy_against_steps(local, written[-1])
        path = options.out / f"minutes-{dataset}.png"
        if len(same) > 1 and curves.draw_accuracy_against_minutes(same, path):
            written.append(path)
        path = options.out / f"blocks-{dataset}.png"
        if blocks.draw_blocks(same, path):
            written.append(path)
        path = options.out / f"filters-{dataset}.png"
        if figures.draw_accuracy_against_filters(same, path):
            written.append(path)
        else:
            print(f"{dataset}: no accuracy against filters, because no method has runs of different --width")
    for trained in folder.read_all_with_networks(runs) if options.confusion else []:
        predicted, inference = figures.predicted_classes(trained)
        data = trained.parts.judged
        share = (predicted == data.classes).double().mean().item()
        written.append(options.out / f"confusion-{trained.run.name}.png")
        title = f"{figures.title_of(trained.run)}\n{inference}: {100 * share:.2f} % of {len(data)} images"
        figures.draw_confusion_matrix(predicted, data, written[-1], title=title)
    for path in written:
        print(path)
    return written


if __name__ == "__main__":
    arguments = tyro.cli(Options, description=__doc__)
    if not arguments.runs:
        sys.exit("usage: python experiments/figures.py RUN [RUN ...] --out DIR")
    with exit_on(FileNotFoundError, SettingsError, ValueError):
        main(arguments)
