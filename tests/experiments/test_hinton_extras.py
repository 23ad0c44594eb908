"""Hinton's small experiments: each runs and draws at a small size, and measures what it says."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from matplotlib.figure import Figure

from convff import ForwardForward, ImageData, Threshold, sum_goodness
from experiments.datasets import DataError, Dataset, load_dataset
from experiments.extras import EXTRAS, Images, base, black_box, fast, goodness, groups, mortal, phases, sleep, two_kinds
from experiments.extras.showing import dots, table
from experiments.hinton_extras import ExtraName, Extras, check, main, run

pytestmark = pytest.mark.filterwarnings("ignore::convff.training.health.TrainingWarning")
SMALL = base.Training(width=20, epochs=1, batch_size=20, seeds=2)
SIZES: dict[str, Any] = {
    "goodness": goodness.Goodness(training=SMALL, rates=(1e-3,)),
    "phases": phases.Phases(training=SMALL, lengths=(0, 5), tried=((0.01, 0.9),)),
    "sleep": sleep.Sleep(training=replace(SMALL, optimizer="smoothed", decay="constant"), steps=(0, 3), looked_at=20),
    "fast": fast.Fast(training=SMALL, cases=10, shares=(1.0, 0.1)),
    "black-box": black_box.Boxes(training=SMALL),
    "groups": groups.Groups(training=SMALL, groups=(1, 4)),
    "two-kinds": two_kinds.TwoKinds(training=SMALL),
    "mortal": mortal.Mortal(training=SMALL),
}


@pytest.fixture(scope="module")
def images() -> Images:
    digits = load_dataset("digits", None)
    parts = base.images_of(digits, 100, "validation")
    return parts._replace(validation=parts.validation.part(0, 30), judged=parts.judged.part(0, 40))


@pytest.mark.parametrize("name", EXTRAS)
def test_an_experiment_runs_and_draws(name: str, images: Images, tmp_path: Path) -> None:
    result = EXTRAS[name].run(SIZES[name], images)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    for row in result["rows"]:
        measures = [value for value in row.values() if isinstance(value, list)]
        assert measures
        assert all(len(value) == SMALL.seeds for value in measures)
        assert all(0 <= value <= 100 for name, values in row.items() if "%" in name for value in values)
    EXTRAS[name].draw(result, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 1000
    header, _, *lines = table(result["rows"]).splitlines()
    assert len(lines) == len(result["rows"])
    assert header == f"| {' | '.join(result['rows'][0])} |"
    for line, row in zip(lines, result["rows"], strict=True):
        kind = next(iter(row.values()))
        assert line.startswith((f"| {kind} |", f"| {kind:.3g} |" if isinstance(kind, float) else f"| {kind} |"))


def test_the_unsquared_sum_is_minus_the_sum_of_activities_against_the_number_of_units() -> None:
    rule = goodness.rule_of("unsquared", 6)
    a = torch.rand(4, 6, dtype=torch.float64) * 2
    g = rule.goodness(a).view(2, 2)
    gates = rule.gate(g, rule._reduction.of_ones(6))
    for image in range(2):
        right, wrong = (a[2 * image + number].sum() for number in (0, 1))
        torch.testing.assert_close(gates[image, 0], torch.sigmoid(right - 6))  # too active: to be made less so
        torch.testing.assert_close(gates[image, 1], -torch.sigmoid(6 - wrong))
    assert goodness.rule_of("minus_sum", 6) == ForwardForward(gate=Threshold(scale=1.0), reduction="minus_sum")


def test_phases_of_length_0_are_a_plain_training(images: Images) -> None:
    settings = SIZES["phases"]
    together, apart, remembered = phases.run(settings, images)["rows"]
    training = replace(settings.training, lr=0.01, momentum=0.9)
    net = base.learn(base.new_net(training, images, 1), base.plain_rule(), training, images, 1)
    assert together["goodness %"][1] == base.by_goodness(net, base.plain_rule(), images.judged)
    assert [row["baseline"] for row in (together, apart, remembered)] == ["no", "no", "yes"]
    assert apart["goodness %"] != remembered["goodness %"]


def test_phases_that_do_not_fit_are_excluded(images: Images) -> None:
    found = phases.run(replace(SIZES["phases"], lengths=(0, 3, 5)), images)  # of 10 steps
    assert [row["steps per phase"] for row in found["rows"]] == [0, 5, 5]
    assert found["note"] == "phases of [3] steps are excluded: 10 steps are no multiple of twice as many"


def test_before_the_deprivation_a_network_is_a_plain_one_and_then_both_labels_gain(images: Images) -> None:
    settings = replace(SIZES["sleep"], steps=(0, 5), looked_at=40)
    before, after = sleep.run(settings, images)["rows"]
    net = base.learn(base.new_net(settings.training, images, 0), base.plain_rule(), settings.training, images, 0)
    assert before["accuracy %"][0] == base.by_goodness(net, base.plain_rule(), images.judged)
    for name in ("right / N", "wrong / N"):
        assert after[name][0] > before[name][0]
    assert after["gate of right"][0] < before["gate of right"][0]


def test_a_jump_gives_every_layer_its_goodness_and_turns_no_output(images: Images) -> None:
    result = fast.run(SIZES["fast"], images)
    assert len(result["one jump"]) == SMALL.depth
    for row in result["one jump"]:
        assert row["after"] == pytest.approx(row["wanted"], rel=1e-3)
        assert abs(row["before"] - row["wanted"]) > 0.1
        assert row["output turned by"] < 1e-3


def test_a_jump_can_be_of_a_share_and_of_one_side_only(images: Images) -> None:
    net = fast.bias_free(base.new_net(SMALL, images, 0)).double()
    x = images.train.batch(torch.arange(1)).inputs.double()

    def per_unit() -> list[float]:
        return [(sum_goodness(a) / a.shape[1]).item() for a in net(x)]

    before = per_unit()
    fast.jump(net, x, 0.01, above=False)  # no layer is below
    fast.jump(net, x, 100.0, above=True)  # and none above
    assert per_unit() == before
    fast.jump(net, x, 4.0, share=0.25)
    for old, new in zip(before, per_unit(), strict=True):  # the length goes a quarter of the way
        assert new**0.5 == pytest.approx(old**0.5 + 0.25 * (2 - old**0.5), rel=1e-6)


def test_a_box_is_a_rotation_of_its_own_and_noise_differs_from_pass_to_pass(images: Images) -> None:
    plain, other = (black_box.Rotated(5, seed, torch.tanh) for seed in (0, 1))
    torch.testing.assert_close(plain.rotation @ plain.rotation.T, torch.eye(5), rtol=0, atol=1e-5)
    assert not torch.allclose(plain.rotation, other.rotation)
    h = torch.rand(3, 5)
    assert torch.equal(plain(h), plain(h))
    noisy = black_box.Rotated(5, 0, torch.tanh, noise=0.3)
    assert not torch.equal(noisy(h), noisy(h))
    net = black_box.boxed(base.new_net(replace(SMALL, depth=3), images, 0), "sign", 0)
    assert [type(block.norm).__name__ for block in net] == ["FlatLengthNorm", "BlackBox", "BlackBox"]
    bare = black_box.boxed(base.new_net(SMALL, images, 0), "no box", 0)
    assert all(type(block.norm).__name__ == "FlatLengthNorm" for block in bare)


def test_the_pupil_sees_no_class_and_the_teacher_only_its_own(images: Images) -> None:
    settings = replace(SIZES["mortal"], training=replace(SMALL, seeds=1))
    wrong = images.train.classes.clone()
    wrong[len(wrong) // 2 :] = 0
    blind = images._replace(train=replace(images.train, classes=wrong))
    found = mortal.run(settings, images)
    assert mortal.run(settings, blind) == found
    own, copied, distilled, untrained = (row["readout %"][0] for row in found["rows"])
    assert min(own, distilled) > copied
    assert own > 30
    assert distilled != untrained


def test_the_same_seed_gives_the_same_numbers_whatever_was_drawn_before(images: Images) -> None:
    first = groups.run(SIZES["groups"], images)
    torch.rand(3)
    assert groups.run(SIZES["groups"], images) == first


def test_images_are_split_without_overlap_and_too_few_are_refused() -> None:
    def data(count: int) -> Dataset:
        pictures = torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 4, 4)
        both = ImageData(pictures, torch.arange(count) % 2, ("a", "b"), "toy")
        return Dataset(both, both, source="made up", is_stand_in=False)

    parts = base.images_of(data(100), 1000, "test")
    assert (len(parts.train), len(parts.validation), parts.judged_on) == (80, 20, "100 test images")
    assert not set(parts.train.images.flatten().tolist()) & set(parts.validation.images.flatten().tolist())
    with pytest.raises(DataError, match="there are 49 training images; at least 50 are needed"):
        base.images_of(data(49), 10, "test")


def test_the_command_offers_the_table_and_refuses_what_does_not_fit(tmp_path: Path) -> None:
    assert set(get_args(ExtraName)) == {*EXTRAS, "all"}
    for name in ("images", "epochs", "width", "seeds"):
        with pytest.raises(ValueError, match=f"--{name} must be at least [0-9]+, got 0"):
            check(Extras(name="sleep", **{name: 0}))
    with pytest.raises(ValueError, match="--epochs cannot be used with fast"):
        check(Extras(name="fast", epochs=3))
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="--out must be a folder"):
        check(Extras(name="fast", out=tmp_path / "file"))
    for experiment, width in (("groups", 50), ("two-kinds", 51), ("all", 50)):
        with pytest.raises(ValueError, match="--width must be a multiple of"):
            run(Extras(name=experiment, width=width))


def test_the_command_writes_numbers_a_table_and_a_figure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    fake = replace(EXTRAS["two-kinds"], draw=lambda result, path: drawn.append(path))
    monkeypatch.setitem(EXTRAS, "two-kinds", fake)
    main(Extras(name="two-kinds", images=60, epochs=1, width=10, dataset="digits", out=tmp_path / "new"))
    found = json.loads((tmp_path / "new" / "two-kinds.json").read_text())
    assert found["settings"]["training"]["width"] == 10
    assert found["training_images"] == 60
    assert found["judged_on"] == "287 validation images"
    assert [row["layer"] for row in found["rows"]] == ["one group", "two alike", "two opposed"]
    assert "| two opposed |" in (tmp_path / "new" / "two-kinds.md").read_text()
    assert "| two opposed |" in capsys.readouterr().out
    assert drawn == [tmp_path / "new" / "two-kinds.png"]
    with pytest.raises(SystemExit, match="2"):
        main(Extras(name="fast", seeds=0))
    assert "error: --seeds must be at least 1, got 0" in capsys.readouterr().err


@pytest.mark.parametrize(("values", "drawn"), [([50.0], 0), ([49.0, 51.0], 1)])
def test_one_seed_has_no_spread(
    values: list[float], drawn: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *arguments, **options: figures.append(figure))
    rows = [{"kind": "a", "x %": values}, {"kind": "b", "x %": values}]
    dots(rows, "kind", ("x %",), tmp_path / "b.png", title="")
    (container,) = figures[0].axes[0].containers
    points, _, spreads = container.lines
    assert points.get_ydata().tolist() == [50.0, 50.0]
    assert len(spreads) == drawn
    if drawn:
        assert [segment[:, 1].tolist() for segment in spreads[0].get_segments()] == 2 * [
            [pytest.approx(50 - 2**0.5), pytest.approx(50 + 2**0.5)]
        ]


def test_a_table_of_unlike_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="all rows must have the columns a, got b"):
        table([{"a": 1}, {"b": 2}])
