"""The figure of each block alone: what is drawn of which run."""

from dataclasses import replace
from pathlib import Path

import pytest

from experiments.config.settings import Settings
from experiments.run.blocks import accuracy_by_block, draw_blocks
from experiments.run.curves import names_of
from experiments.run.folder import RunRecord

USED = {"trained": [3.0, 4.0], "untrained": [5.0, 6.0]}


def run_of(results: dict[str, object], optimizer: str = "adam") -> RunRecord:
    settings = Settings(label_at="output")
    return RunRecord(Path("run"), settings, {"optimizer": optimizer}, {"dataset": "drawn", **results}, [{}])


def test_names_tell_the_optimiser_where_methods_are_the_same() -> None:
    first, second = run_of({}), run_of({}, "orthogonal")
    other = replace(first, settings=Settings(rule="bp"))
    assert names_of([first, second, other]) == ["output ff, adam", "output ff, orthogonal", other.method]


def test_accuracy_by_block() -> None:
    assert accuracy_by_block(run_of({"per_layer": {"accuracy": [0.1, 0.2]}})) == [0.1, 0.2]
    assert accuracy_by_block(run_of({"per_layer": {}})) == []


@pytest.mark.draws
def test_the_figure_has_a_line_per_run_and_measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.axes import Axes

    drawn = []
    plot = Axes.plot
    monkeypatch.setattr(
        Axes,
        "plot",
        lambda self, *xs, **options: drawn.append((list(xs[1]), options["label"])) or plot(self, *xs, **options),
    )
    local = run_of({"per_layer": {"accuracy": [0.5, 0.75]}, "participation": USED})
    whole = replace(run_of({"per_layer": {}, "participation": USED}), settings=Settings(rule="bp"))
    assert draw_blocks([local, whole, run_of({})], tmp_path / "blocks.png")
    assert drawn == [
        ([50.0, 75.0], "output ff"),
        ([3.0, 4.0], None),
        ([5.0, 6.0], None),
        ([3.0, 4.0], whole.method),
        ([5.0, 6.0], None),
    ]
    assert {path.name for path in tmp_path.iterdir()} == {"blocks.png", "blocks.pdf"}
    assert not draw_blocks([run_of({})], tmp_path / "none.png")
