"""Runs side by side: groups over seeds, differences in words, and the tests that are named."""

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from experiments.commands import entry
from experiments.config.differences import ASIDE
from experiments.config.settings import SettingsError
from experiments.reports.comparison import compare
from experiments.reports.comparison_formats import FORMATS, as_table
from experiments.run.folder import RunRecord
from experiments.table import table
from tests.experiments.reports.pages import faults
from tests.experiments.reports.samples import record

OLD = sorted((Path(__file__).parent.parent.parent / "data" / "version-0.1").iterdir())


def three_seeds(start: float, **changes: object) -> list[RunRecord]:
    return [record(start + 0.01 * seed, seed=seed, images=500, **changes) for seed in range(3)]  # type: ignore[arg-type]


def test_seeds_make_one_row_and_are_paired() -> None:
    found = compare([*three_seeds(0.5), *three_seeds(0.6, rule="hebbff")])
    assert [(group.name, group.seeds) for group in found.groups] == [("A", (0, 1, 2)), ("B", (0, 1, 2))]
    assert found.groups[0].mean() == pytest.approx(0.51)
    assert found.groups[0].deviation() == pytest.approx(0.01)
    (only,) = found.comparisons
    assert only.words.startswith("B against A: rule: ff -> hebbff. +10.0 points, which exceeds the noise (Welch's t")
    assert only.words.endswith("Paired: +10.0 ± 0.0 points over seeds 0, 1, 2.")


def test_single_runs_are_compared_by_their_images() -> None:
    found = compare([record(0.50, images=500), record(0.52, images=500, lr=0.1)])
    assert found.comparisons[0].words == (
        "B against A: lr: default -> 0.1. +2.0 points, which is within the noise "
        "(standard error of a proportion, 500 images: 3.2 points)."
    )
    mixed = compare([*three_seeds(0.5), record(0.9, images=500, rule="bp", name="head")])
    assert "judged by goodness -> head" in mixed.comparisons[0].words
    assert "standard error of a proportion" in mixed.comparisons[0].words


def test_a_recipe_that_changed_between_versions_is_a_difference() -> None:
    found = compare([record(0.5), record(0.6, recipe={"lr": 0.02})])
    assert [str(each) for each in found.comparisons[0].differences] == ["lr: 0.01 -> 0.02"]


def test_one_seed_twice_is_two_rows() -> None:
    found = compare([record(0.5), record(0.6)])
    assert len(found.groups) == 2
    assert found.comparisons[0].words.startswith("B against A: no setting differs. +10.0 points")


def test_other_images_are_compared_with_none() -> None:
    found = compare([record(0.5), record(0.5, images=100)])
    assert found.comparisons == ()
    assert found.alone == ("A", "B")
    assert as_table(found).endswith("Compared with none: A, B.")


def on(digest: str, accuracy: float = 0.5, *, held_out: bool = False, **changes: Any) -> RunRecord:
    """A run on images with these digests, of the training and the test images."""
    run = record(accuracy, **changes)
    run.results["data"] = dict(zip(("train", "test"), digest, strict=True)) if digest else {}
    if held_out:
        run.results["judged_on"] = "38 validation images"
    return run


@pytest.mark.parametrize(
    ("digests", "seeds"),
    [
        (("ab", "ab"), [(0, 1)]),
        (("ab", "ac"), [(0,), (1,)]),  # other images judge
        (("ab", "cb"), [(0,), (1,)]),  # the network learnt from others
        (("ab", "ac", "ab"), [(0, 2), (1,)]),
        (("", "ab", "ab"), [(0, 1, 2)]),  # an earlier version saved no digests
        (("", "ab", "ac"), [(0,), (1,), (2,)]),
    ],
)
def test_runs_on_other_images_of_the_same_name_are_no_seeds_of_one_method(
    digests: tuple[str, ...], seeds: list[tuple[int, ...]]
) -> None:
    found = compare([on(digest, seed=seed, dataset="folder") for seed, digest in enumerate(digests)])
    assert [group.seeds for group in found.groups] == seeds


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (on("ab"), on("cb", lr=0.1), True),
        (on("ab"), on("ac", lr=0.1), False),
        (on("ab"), on("", lr=0.1), True),
        (on("ab", held_out=True), on("ac", lr=0.1, held_out=True), True),
        (on("ab", held_out=True), on("cb", lr=0.1, held_out=True), False),
        (on("ab"), on("cd", image_size=(32,)), True),  # the same photographs of another size
        (on("ab", images=38), on("ab", lr=0.1, images=40), False),
    ],
)
def test_only_rows_that_the_same_images_judge_are_compared(first: RunRecord, second: RunRecord, same: bool) -> None:
    found = compare([first, second])
    assert (len(found.groups), len(found.comparisons)) == (2, int(same))
    assert found.alone == (() if same else ("A", "B"))


def test_by_a_setting_compares_with_the_closest() -> None:
    runs = [record(0.5, lr=0.1), record(0.6, lr=0.2), record(0.7, lr=0.2, rule="hebbff"), record(0.8, rule="hebbff")]
    found = compare(runs, by="rule")
    assert [group.first.settings.rule for group in found.groups] == ["ff", "ff", "hebbff", "hebbff"]
    assert [(each.other.name, each.reference.name) for each in found.comparisons] == [("C", "B"), ("D", "A")]
    assert [str(each) for each in found.comparisons[0].differences] == ["rule: ff -> hebbff"]


@pytest.mark.parametrize(
    ("by", "message"),
    [("rulle", "--by must be a setting .* got rulle; did you mean rule"), ("width", "it is None in all of these runs")],
)
def test_a_setting_that_tells_nothing_apart_is_refused(by: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        compare([record(0.5), record(0.6, lr=0.1)], by=by)


@pytest.mark.parametrize("by", ASIDE)
def test_what_is_no_part_of_a_method_orders_no_rows(by: str) -> None:
    message = f"--by {by} cannot be used: runs that differ only in it are of one method"
    with pytest.raises(SettingsError, match=message):
        compare([record(0.5), record(0.6, seed=1)], by=f"--{by.replace('_', '-')}")


def test_without_an_accuracy_there_is_nothing_to_compare() -> None:
    found = compare([record(None), record(0.5, lr=0.1)])
    assert found.comparisons[0].words.endswith("There is no accuracy to compare.")
    assert found.comparisons[0].noise is None
    for written in FORMATS.values():
        assert written(found)


def test_the_formats_say_the_same() -> None:
    found = compare([*three_seeds(0.5), *three_seeds(0.6, rule="hebbff")])
    content = json.loads(FORMATS["json"](found))
    rows = list(csv.DictReader(io.StringIO(FORMATS["csv"](found))))
    assert [float(row["accuracy"]) for row in rows] == [group["accuracy"] for group in content["groups"]]
    assert [row["seeds"] for row in rows] == ["0 1 2", "0 1 2"]
    assert content["comparisons"][0]["settings"] == {"rule": ["ff", "hebbff"]}
    assert content["comparisons"][0]["exceeds_noise"] is True
    assert content["comparisons"][0]["paired"] == pytest.approx({"0": 0.1, "1": 0.1, "2": 0.1})
    assert "| A | scikit-learn digits | fourier | ff | 51.0 ± 1.0 % (3 seeds) |" in FORMATS["table"](found)
    page = FORMATS["html"](found)
    assert faults(page) == []
    assert "51.0 ± 1.0 % (3 seeds)" in page


def test_names_are_escaped() -> None:
    run = record(0.5)
    run.results["dataset"] = "<script>alert(1)</script>"
    page = FORMATS["html"](compare([run]))
    assert "<script" not in page
    assert faults(page) == []


def test_old_runs_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "compared.html"
    assert entry.main(["compare", *map(str, OLD), "--by", "rule", "--format", "html", "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert faults(out.read_text()) == []


def test_faults_are_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(OLD[0], tmp_path / "run")
    (tmp_path / "run" / "results.json").unlink()
    for arguments, message in (
        (["compare", str(tmp_path / "run")], "results.json does not exist: not a finished run"),
        (["compare", str(OLD[0]), "--by", "nothing"], "--by must be a setting"),
        (["compare"], "name at least one run folder"),
    ):
        with pytest.raises(SystemExit) as end:
            entry.main(arguments)
        assert end.value.code == 2
        assert message in capsys.readouterr().err


def test_files_beside_the_runs_are_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`runs/*` names the summaries of `--seeds` and of sweeps, too."""
    runs = [Path(shutil.copytree(each, tmp_path / each.name)) for each in OLD[:2]]
    (tmp_path / "x-seeds0-2.json").write_text('{"seeds": [0, 1, 2]}')
    (tmp_path / "sweeps.db").write_bytes(b"")
    assert entry.main(["compare", *map(str, runs)]) == 0
    alone = capsys.readouterr().out
    assert entry.main(["compare", *map(str, sorted(tmp_path.iterdir()))]) == 0
    assert capsys.readouterr().out == alone
    assert table(sorted(tmp_path.iterdir())) == table(sorted(runs))


@pytest.mark.parametrize("results", ["{}", "[]", '"x"', "3"])
@pytest.mark.parametrize("command", ["compare", "report"])
def test_results_of_no_run_are_refused(
    command: str, results: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(shutil.copytree(OLD[0], tmp_path / "run"))
    (run / "results.json").write_text(results)
    with pytest.raises(SystemExit):
        entry.main([command, str(run)])
    assert f"{run} does not hold a run of this package" in capsys.readouterr().err
