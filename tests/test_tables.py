"""Every table of measured figures in the README and the pages says what the committed results say."""

import json
import re
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from experiments.characters.settings import NAMES, NextCharacter, recipe_of
from experiments.run import folder
from experiments.run.curves import minutes_to
from experiments.table import table
from tests.pages import DOCS, README, ROOT

RESULTS = ROOT / "experiments" / "results"


def committed(file: str) -> dict[str, Any]:
    """A file of the committed results."""
    content: dict[str, Any] = json.loads((RESULTS / file).read_text(encoding="utf-8"))
    return content


def runs_in(files: str) -> list[dict[str, Any]]:
    """The committed runs whose files match a pattern, in their order; there is at least one."""
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob(files))]
    assert runs, files
    return runs


def minutes_of(runs: list[dict[str, Any]]) -> str:
    """The mean minutes of training of runs."""
    return f"{statistics.mean(run['seconds']['training'] for run in runs) / 60:.1f}"


def learnt_from(row: dict[str, Any]) -> str:
    """The number of images that a row of an ablation learnt from, each as often as it was seen."""
    return f"{row['epochs'] * row['images_per_epoch']:,}"


def refuse_missing(rows: Iterator[str] | list[str], page: str) -> None:
    """Fail if a row is not in the page."""
    rows = list(rows)
    assert rows
    assert [row for row in rows if row not in page] == []


@pytest.mark.parametrize(
    "folder", ["quick", "one-pass", "long", "hundred", "hundred-long", "hundred-image", "image-long"]
)
def test_accuracies(folder: str) -> None:
    lines = table(sorted((RESULTS / folder).glob("*.json"))).splitlines()
    assert len(lines) > 2
    refuse_missing(lines, DOCS["results.md"])


def test_candidates() -> None:
    rows = [
        f"| {row['labels tried']} | {100 * row['accuracy']:.1f} % | {row['points lost']:.2f} |"
        f" {row['times as fast']:.1f} |"
        for row in committed("benchmark/candidates.json")["rows"]
    ]
    refuse_missing(rows, DOCS["results.md"])


def test_sizes_of_the_papers_settings() -> None:
    numbers = ("million weights", "minutes per epoch", "hours in all", "MiB of a step")
    rows = [row for name in ("sizes", "depth") for row in committed(f"benchmark/paper-{name}.json")["rows"]]
    cells = ((f"`{row['run']}`", row["epochs"], *(f"{row[name]:.3g}" for name in numbers)) for row in rows)
    refuse_missing([f"| {' | '.join(map(str, row))} |" for row in cells], DOCS["cost.md"])


def test_accuracy_against_filters() -> None:
    rows = {row["name"]: row for row in committed("ablation/mnist_filters-0.75min-seed0.json")["rows"]}
    lines = []
    for width in (16, 32, 64, 128):
        two = [rows[f"{rule}, {width}"] for rule in ("ff", "bp")]
        shares = " | ".join(f"{100 * row[name]:.1f} %" for row in two for name in ("accuracy", "readout"))
        seen = ", ".join(map(learnt_from, two))
        lines.append(f"| {width} | {shares} | {seen} |")
    refuse_missing(lines, DOCS["results.md"])


def test_accuracies_of_the_readme() -> None:
    """Each number of the first table stands in the row of its runs in `docs/results.md`."""
    found = _cells(README, "accuracy")
    assert len(found) >= 5
    known = [_cells_of(line) for line in DOCS["results.md"].splitlines() if line.startswith("|")]
    for row in found:
        numbers = {_bare(cell).strip("*") for cell in row[2:] if cell.strip("*")[0].isdigit()}
        assert any(numbers <= set(map(_bare, cells)) for cells in known), row


def _cells(page: str, heading: str) -> list[list[str]]:
    """The rows of the first table of a page that has this heading."""
    lines = page.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("|") and heading in line)
    rows = []
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(_cells_of(line))
    return rows


def _cells_of(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def _bare(cell: str) -> str:
    """A cell without what stands in brackets: `82.3 ± 0.5 % (groups) (3 seeds)` is `82.3 ± 0.5 %`."""
    return cell.split(" (", maxsplit=1)[0]


def test_trials() -> None:
    rows = []
    for path in (RESULTS / "trials").glob("*.json"):
        run = committed(f"trials/{path.name}")
        rows.append(f"| `{run['labels']}` | {100 * run['accuracy']['goodness']:.1f} % |")
    refuse_missing(rows, DOCS["results.md"])


def test_ablation() -> None:
    """The table is in the page as `experiments/ablation.py` writes it, without the columns of settings and sizes."""
    content = committed("ablation/cifar10_ablation-2min-seed0.json")
    first = content["rows"][0]["accuracy"]
    rows = []
    for row in content["rows"]:
        points = "-" if row is content["rows"][0] else f"{100 * (row['accuracy'] - first):+.1f}".replace("-", "−")
        alone = row["per_block"].get("accuracy") if row["per_block"] else None
        blocks = ", ".join(f"{100 * value:.0f}" for value in alone) if alone else "-"
        cells = (row["name"], f"{100 * row['accuracy']:.1f} %", points, blocks, f"{row['images_per_second']:,.0f}")
        rows.append(f"| {' | '.join(cells)} |")
    refuse_missing(rows, DOCS["places.md"])


def test_steps() -> None:
    named = ("as preset", "adam", "hebbff, relative", "hebbff, per neuron", "hebbff, sign")
    rows = {row["name"]: row for row in committed("ablation/cifar10_ablation-2min-seed0.json")["rows"]}
    expected = []
    for name in named:
        row, recipe = rows[name], rows[name]["recipe"]
        rule = row["settings"].get("rule", "ff")
        blocks = ", ".join(f"{100 * value:.0f}" for value in row["per_block"]["accuracy"])
        accuracy = f"{100 * row['accuracy']:.1f} %"
        cells = (
            f"`{recipe['optimizer']}`, by {rule}",
            f"{recipe['lr']:g}",
            accuracy,
            blocks,
            f"{row['images_per_second']:,.0f}",
        )
        expected.append(f"| {' | '.join(cells)} |")
    refuse_missing(expected, DOCS["steps.md"])


def test_five_minutes() -> None:
    rows = []
    for path in (RESULTS / "minutes").iterdir():
        run = committed(f"minutes/{path.name}/results.json")
        accuracy = next(value for name, value in run["accuracy"].items() if value is not None and name != "linear")
        alone = ", ".join(f"{100 * value:.0f}" for value in run["per_layer"].get("accuracy", [])) or "-"
        used = (", ".join(f"{v:.0f}" for v in run["participation"][when]) for when in ("trained", "untrained"))
        rows.append(f" | {100 * accuracy:.1f} % | {alone} | {' | '.join(used)} |")
    assert len(rows) == 7
    refuse_missing(rows, DOCS["method.md"])


def test_minutes_to_three_quarters() -> None:
    """The sentence below the figure says what the figure's legend says."""
    reached = {path.name: minutes_to(folder.read(path), 0.75) for path in (RESULTS / "minutes").iterdir()}
    page = " ".join(DOCS["method.md"].split())
    assert f"after {reached['backpropagation']:.1f} minutes by backpropagation" in page
    assert f"{reached['local-head']:.1f} by local classifiers" in page
    others = sorted(reached[name] for name in ("output-adam", "output-orthogonal", "blocks"))
    assert f"{others[0]:.1f} to {others[-1]:.1f} by the label at the output and in every block" in page
    assert reached["label-in-image"] is None
    assert reached["stream"] is None


CAM_RUNS = {
    "mnist-fourier-ff-quick-seed0": "MNIST ff",
    "mnist-fourier-hebbff-quick-seed0": "MNIST hebbff",
    "mnist-fourier-bp-smoke-seed0": "MNIST bp (smoke; 114 images)",
    "cifar10-fourier-ff-quick-seed0": "CIFAR-10 ff",
    "cifar10-fourier-hebbff-quick-seed0": "CIFAR-10 hebbff",
    "cifar10-fourier-bp-quick-seed0": "CIFAR-10 bp (117 images)",
    "cifar10-output-ff-quick-seed0": "CIFAR-10 output ff (512 images)",
}


@pytest.mark.parametrize("file", ["mnist-fourier", "cifar10-fourier", "cifar10-output", "cifar10-bp"])
def test_maps(file: str) -> None:
    rows = []
    for name, run in committed(f"cam/{file}.json")["runs"].items():
        shown = "CIFAR-10 bp, today's preset (466 of 512 images)" if file == "cifar10-bp" else CAM_RUNS[name]
        for method in ("LinearCAM", "CentredCAM", "GradCAM"):
            found = run["metrics"].get(method)
            if found is not None:
                road, difference = (f["road_combined"] for f in (found, found["minus_random"]))
                rows.append(f"| {shown} | `{method}` | {_interval(road)} | {_interval(difference)} |")
    refuse_missing(rows, DOCS["maps.md"])


def _interval(found: dict[str, float]) -> str:
    return f"{found['mean']:.3f} [{found['low']:.3f}, {found['high']:.3f}]".replace("-", "−")


@pytest.mark.parametrize("labels", ["fourier", "morph", "channel", "onehot"])
def test_label_gallery(labels: str) -> None:
    rows = []
    for path in sorted((RESULTS / "labels").glob(f"{labels}-*.json")):
        rows.append(_gallery_row(committed(f"labels/{path.name}")))
    refuse_missing(rows, DOCS["labels.md"])


def _gallery_row(found: dict[str, Any]) -> str:
    readable, at_random = found["readability"], found["random_max_abs_correlation"]
    cells = (
        found["labels"],
        found["select"],
        f"{found['max_abs_correlation']:.3f}",
        "-" if at_random is None else f"{at_random:.3f}",
        f"{readable['distinct_windows']['unreadable_pairs']:,}",
        *(f"{100 * readable['one_window'][seen]['energy']:.1f} %" for seen in ("on_images", "on_blank")),
    )
    return f"| {' | '.join(cells)} |"


def test_cost_of_labelling() -> None:
    shares = {
        row["labels"]: 100 * row["share of a training step"] for row in committed("benchmark/cpu.json")["labelling"]
    }
    names = {
        "onehot": "one-hot",
        "fourier": "Fourier",
        "morph": "morphology",
        "morph (optimised)": "morphology, optimised",
    }
    rows = [
        f"| {shown} | {shares[f'{name}, 10 classes']:.1f} | {shares[f'{name}, 100 classes']:.1f} |"
        for name, shown in names.items()
    ]
    rows.append(f"| channel | {shares['channel, 10 classes']:.1f} | {shares['channel, 100 classes']:.1f}, ")
    refuse_missing(rows, DOCS["labels.md"])


def test_cost_of_a_step() -> None:
    steps: dict[str, dict[str, dict[str, float]]] = {}
    for row in committed("benchmark/cpu.json")["step"]:
        steps.setdefault(row["network"], {})[row["step"]] = row
    rows = []
    for network, by_step in steps.items():
        ff, hebbff, compiled, exact = (by_step[name] for name in ("ff", "hebbff", "ff, compiled", "ff, float32"))
        cells = (
            network.replace("(", "")
            .replace(")", "")
            .replace(", fourier", " · fourier")
            .replace(", morph", " · morph")
            .replace(", onehot", " · onehot"),
            f"{ff['images/s']:,.0f}",
            f"{ff['over floor']:.2f} / {hebbff['over floor']:.2f}",
            f"{ff['over bp']:.2f} / {hebbff['over bp']:.2f}",
            f"{compiled['over floor']:.2f} / {compiled['over bp']:.2f}",
            f"{ff['autograd over it']:.1f}",
            f"{exact['autograd over it']:.2f}",
        )
        rows.append(f"| {' | '.join(cells)} |")
    refuse_missing(rows, DOCS["cost.md"])


def test_cost_on_paper() -> None:
    rows = []
    for row in committed("benchmark/cpu.json")["model"]:
        rows.append(
            f"| {row['GFLOP per step']:.3g} | {row['GB moved']:.3g} | {row['ms on paper, arithmetic']:.3g} ms "
            f"| {row['ms of the floor']:.3g} ms | {row['ms on paper, with memory']:.3g} ms "
            f"| {row['ms of the step']:.3g} ms | {row['measured over paper']:.2f} |"
        )
    refuse_missing(rows, DOCS["cost.md"])


def test_one_pass_steps() -> None:
    measured = {row["label at"]: row for row in committed("benchmark/one-pass.json")["one_pass"] if row["batch"] == 128}
    over = {name: row["step over floor"] for name, row in measured.items()}
    claim = (
        f"{over['output']:.2f} at the output, {over['stream']:.2f} with a stream, "
        f"{over['local_head']:.2f} with local heads, {over['blocks']:.1f} with the label in every block"
    )
    assert claim in " ".join(DOCS["cost.md"].split())


def test_results_name_no_place_on_a_machine() -> None:
    for path in RESULTS.rglob("*.json"):
        text = path.read_text(encoding="utf-8")
        assert "/tmp/" not in text, path
        assert "/home/" not in text, path


HINTONS = [  # a row, its files in experiments/results/hinton, and the scores of its columns
    ("`hinton_mlp.py`, 3 seeds", "mnist-hinton-quick-seed*", ("goodness", "softmax_joint", "linear")),
    ("`--epochs 25`", "mnist-hinton-25-epochs", ("goodness", "softmax_joint", "linear")),
    ("`--negatives-from all --epochs 48`", "mnist-hinton-random-48-epochs", ("goodness", "softmax_joint", "linear")),
    ("`--peer 0`", "mnist-hinton-peer-0", ("goodness", "softmax_joint", "linear")),
    ("`--preset long`", "mnist-hinton-long", ("goodness", "softmax_joint", "linear")),
    ("`--epochs 20`", "mnist-unsupervised-local-20-epochs", ("linear", "control")),
    ("`unsupervised.py`, 3 seeds", "mnist-unsupervised-local-seed*", ("linear", "control")),
    ("`--model cnn3`", "mnist-unsupervised-cnn3", ("linear", "control")),
    ("`--dataset cifar10 --model cnn6`", "cifar10-unsupervised-cnn6", ("linear", "control")),
    ("`--first-block 0`", "mnist-unsupervised-local-first-block-0", ("linear", "control")),
    ("`--peer 0`", "mnist-unsupervised-local-peer-0", ("linear", "control")),
    ("`--preset paper`", "mnist-unsupervised-local-paper", ("linear", "control", "softmax_joint")),
]


def error_of(runs: list[dict[str, Any]], *scores: str, places: int = 2) -> str:
    """The error of runs in per cent by the first of some scores that each has, over seeds if they are several."""
    found = [{**run["accuracy"], "control": (run["control"] or {}).get("untrained_linear")} for run in runs]
    shares = [next((of[score] for score in scores if of.get(score) is not None), None) for of in found]
    return in_per_cent([None if share is None else 1 - share for share in shares], places=places)


@pytest.mark.parametrize(("command", "files", "scores"), HINTONS)
def test_hintons_networks(command: str, files: str, scores: tuple[str, ...]) -> None:
    runs = runs_in(f"hinton/{files}.json")
    supervised = () if "control" in scores else (error_of(runs, "control"),)
    unsupervised = ("-",) if scores[-1] == "control" else ()
    cells = (command, *(error_of(runs, score) for score in scores), *supervised, *unsupervised, minutes_of(runs))
    assert f"| {' | '.join(cells)} |" in DOCS["hinton.md"]


@pytest.mark.parametrize("path", sorted((RESULTS / "extras").glob("*.json")), ids=lambda path: path.stem)
def test_small_experiments(path: Path) -> None:
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    lines = (each for each in DOCS["hinton.md"].splitlines() if each.startswith(f"| `{path.stem}` | "))
    (line,) = (each for each in lines if each.count("|") == 3)
    found = {number for number in re.findall(r"[0-9]+\.[0-9]", line) if number not in ("0.3", "0.1")}  # shares of jumps
    percents = ("goodness %", "readout %", "accuracy %")
    known = {f"{row[name][0]:.1f}" for row in rows for name in percents if name in row}
    assert found
    assert found <= known
    if path.stem not in ("sleep", "fast"):  # whose other rows are not in the line
        assert found == known


def test_backpropagation_of_hintons_networks() -> None:
    dense, fields = (committed(f"hinton/mnist-{kind}-bp.json") for kind in ("hinton", "unsupervised-local"))
    (head, linear), (its_head, its) = (
        [error_of([run], score) for score in ("head", "linear")] for run in (dense, fields)
    )
    controls = [error_of([run], "control") for run in (dense, fields)]
    minutes = [minutes_of([run]) for run in (dense, fields)]
    assert f"| `--rule bp` | - | {head} (head) | {linear} | {controls[0]} | {minutes[0]} |" in DOCS["hinton.md"]
    assert f"| `--rule bp` | {its} | {controls[1]} | {its_head} (head) | {minutes[1]} |" in DOCS["hinton.md"]


@pytest.mark.parametrize("data", ["cifar10", "mnist"])
def test_hard_negatives_of_convolutions(data: str) -> None:
    hard, random = committed(f"hinton/{data}-fourier-hard-negatives.json"), committed(f"quick/{data}-fourier-ff.json")
    shares = [run["accuracy"][score] for run in (hard, random) for score in ("goodness", "linear")]
    shares.append(hard["control"]["untrained_linear"])
    cells = " | ".join(f"{100 * share:.1f}" for share in shares)
    assert f"| `{data}.py --labels fourier --negatives-from neutral --stabilise peer` | {cells} |" in DOCS["hinton.md"]


def test_local_fields() -> None:
    rows = committed("benchmark/local-fields.json")["local_fields"]
    faster = {row["precision"]: row["times as fast as masked dense"] for row in rows if row["layers"] == "local, step"}
    page = " ".join(DOCS["hinton.md"].split())
    assert f"in float32 is {faster['float32']:.1f} times as fast" in page
    assert f"and {faster['bfloat16']:.1f} times in bfloat16" in page


@pytest.mark.parametrize(
    ("command", "files"),
    [
        ("softhebb.py", "cifar10-quick-seed*.json"),
        ("softhebb.py --preset paper", "cifar10-paper.json"),
        ("softhebb.py --preset long --inference dropout", "cifar10-long.json"),
        ("softhebb.py --dataset cifar100", "cifar100-quick.json"),
    ],
)
def test_softhebb(command: str, files: str) -> None:
    runs = runs_in(f"softhebb/{files}")
    first, dropout = runs[0], [run["accuracy"]["dropout"] for run in runs]
    assert [run["seed"] for run in runs] == list(range(len(runs)))
    shares = (first["accuracy"]["linear"], first["control"]["untrained_linear"])
    cells = [in_per_cent(dropout), *(in_per_cent([share]) for share in shares), minutes_of(runs)]
    assert f"| `{command}` | {' | '.join(cells)} |" in DOCS["softhebb.md"]


@pytest.mark.parametrize("regime", NAMES)
def test_next_characters(regime: str) -> None:
    fixed, runs = quick_characters("random-features"), quick_characters(regime)
    text, held_out = (
        spread_of([run[measure] for run in runs.values()], places=2)
        for measure in ("perplexity", "held_out_perplexity")
    )
    below = [100 * (1 - run["perplexity"] / fixed[seed]["perplexity"]) for seed, run in runs.items()]
    minutes = f"{statistics.mean(run['seconds'] for run in runs.values()) / 60:.0f}"
    cells = [text, "-" if regime == "random-features" else spread_of(below), held_out, minutes]
    assert f"| {regime} | {' | '.join(cells)} |" in DOCS["hinton.md"]


def quick_characters(regime: str) -> dict[int, dict[str, float]]:
    """What a regime of negatives reached, by seed; the regimes of a seed may be of several commands."""
    found: dict[int, dict[str, float]] = {}
    for run in runs_in("characters/quick-*seed*.json"):
        assert (run["updates"], run["precision"], run["widths"]) == (350, "float32", [500, 500, 500])
        if regime in run["regimes"]:
            found[run["seed"]] = run["regimes"][regime]
    assert sorted(found) == ([2] if regime == "teacher" else [0, 1, 2])
    return found


def test_the_paper_preset_of_next_characters() -> None:
    (run,) = runs_in("characters/paper-seed0.json")
    recipe = recipe_of(NextCharacter(preset="paper"))
    assert (run["updates"], run["widths"]) == (recipe.updates, list(recipe.widths))
    for regime, reached in run["regimes"].items():
        cells = [f"{reached[text]:.2f}" for text in ("perplexity", "held_out_perplexity")]
        cells.append(f"{reached['seconds'] / 60:.0f}")
        assert f"| {regime} | {' | '.join(cells)} |" in DOCS["hinton.md"]


def test_the_choice_of_labels() -> None:
    rows = {row["name"]: row for row in committed("ablation/cifar100_selection-2min-seed0.json")["rows"]}
    for place, prefix in (("image, waves", "waves"), ("image, chains", "chains"), ("stream, waves", "stream of waves")):
        kinds = ("optimised", "random", "fixed set")
        cells = " | ".join(f"{100 * rows[f'{prefix}, {kind}']['accuracy']:.1f} %" for kind in kinds)
        assert f"| {place} | {cells} |" in DOCS["labels.md"]


GHL_RUNS = {
    "`ghl.py`": "cifar10-quick-seed*.json",
    "`ghl.py --preset long`": "cifar10-long.json",
    "`ghl.py --rule bp`": "cifar10-bp.json",
    "`ghl.py --signal sign --lr 0.003 --rest-factor 1.6 --weight-decay 0.15`": "cifar10-sign.json",
    "`ghl.py --model resnet_he --depth 8 --epochs 1`": "cifar10-resnet8.json",
    "`ghl.py --model resnet_he --epochs 1`": "cifar10-resnet20.json",
    "`ghl.py --dataset cifar100`": "cifar100-quick.json",
}


@pytest.mark.parametrize("command", GHL_RUNS)
def test_global_hebbian_learning(command: str) -> None:
    runs = runs_in(f"ghl/{GHL_RUNS[command]}")
    scores = [[run["accuracy"].get(name) for run in runs] for name in ("head", "linear")]
    scores.append([(run["control"] or {}).get("untrained_linear") for run in runs])
    row = f"| {command} | {' | '.join(map(in_per_cent, scores))} | {minutes_of(runs)} |"
    assert row in DOCS["ghl.md"], row


def in_per_cent(shares: list[float | None], *, places: int = 1) -> str:
    """A mean with its standard deviation, if there are several shares; a dash if there are none."""
    return spread_of([100 * share for share in shares if share is not None], places=places)


def spread_of(values: list[float], *, places: int = 1) -> str:
    """A mean with its standard deviation, if there are several values; a dash if there are none."""
    if len(values) > 1:
        return f"{statistics.mean(values):.{places}f} ± {statistics.stdev(values):.{places}f}"
    return f"{values[0]:.{places}f}" if values else "-"


def test_signals_of_global_hebbian_learning() -> None:
    tables = [committed(f"ablation/cifar10_ghl-2min-seed{seed}.json")["rows"] for seed in range(3)]
    for name in ("both", "sign", "local", "gradient", "backpropagation"):
        rows = [row for table in tables for row in table if row["name"] == name]
        images = statistics.mean(row["images_per_epoch"] for row in rows)
        line = f"| {name} | {in_per_cent([row['accuracy'] for row in rows])} | {images:,.0f} |"
        assert line in DOCS["ghl.md"], line


RECURRENT_RUNS = {
    "`recurrent.py`": "mnist-quick-seed*.json",
    "`recurrent.py --preset long`": "mnist-long.json",
    "`recurrent.py --rule bp`": "mnist-bp.json",
    "feed-forward, the same step": "mnist-forward-same-seed*.json",
    "feed-forward, Hinton's step": "mnist-forward-seed*.json",
    "`recurrent.py --dataset cifar10`": "cifar10-quick-seed*.json",
    "`recurrent.py --dataset cifar10 --reduction minus_sum`": "cifar10-minus.json",
    "`recurrent.py --dataset cifar10 --preset long`": "cifar10-long.json",
    "`recurrent.py --dataset cifar10 --rule bp`": "cifar10-bp.json",
}


@pytest.mark.parametrize("command", RECURRENT_RUNS)
def test_recurrent_networks(command: str) -> None:
    runs = runs_in(f"recurrent/{RECURRENT_RUNS[command]}")
    assert [run["seed"] for run in runs] == list(range(len(runs)))
    places = 1 if "cifar10" in command else 2
    columns = (("settled", "goodness"), ("softmax_joint", "head"), ("linear",))
    cells = [*(error_of(runs, *scores, places=places) for scores in columns), minutes_of(runs)]
    assert f"| {command} | {' | '.join(cells)} |" in DOCS["hinton.md"], cells


def test_steps_of_networks_that_settle() -> None:
    rows = committed("ablation/mnist_recurrent-1min-seed0.json")["rows"]
    cells = ((row["name"], f"{100 * (1 - row['accuracy']):.1f}", learnt_from(row)) for row in rows)
    refuse_missing([f"| {' | '.join(each)} |" for each in cells], DOCS["hinton.md"])


def test_orders_of_blocks() -> None:
    rows = committed("ablation/cifar10_order-5min-seed0.json")["rows"]
    cells = (
        (
            row["name"],
            f"{100 * row['accuracy']:.1f} %",
            " ".join(f"{100 * share:.1f}" for share in row["per_block"]["accuracy"]),
            learnt_from(row),
        )
        for row in rows
    )
    refuse_missing([f"| {' | '.join(each)} |" for each in cells], DOCS["greedy.md"])


GREEDY_RUNS = {
    "`greedy.py --preset paper`": "mnist-paper.json",
    "`greedy.py`, one by one": "mnist-quick-one-by-one-seed*.json",
    "`greedy.py --compare`, together": "mnist-quick-together-seed*.json",
}


@pytest.mark.parametrize("command", GREEDY_RUNS)
def test_greedy_networks(command: str) -> None:
    runs = runs_in(f"greedy/{GREEDY_RUNS[command]}")
    found = [run["scores"] for run in runs]
    errors = [
        [1 - scores["goodness_from"]["per_block"]["accuracy_from"][0] for scores in found],
        [1 - scores["goodness_from"]["per_block"]["accuracy_from"][1] for scores in found],
        [1 - scores["goodness"]["per_block"]["accuracy"][0] for scores in found],
        [1 - scores["goodness_train"]["per_block"]["accuracy_from"][0] for scores in found],
    ]
    cells = " | ".join(in_per_cent(each, places=2) for each in errors)  # type: ignore[arg-type]
    row = f"| {command} | {cells} | {minutes_of(runs)} |"
    assert row in DOCS["greedy.md"], row
